# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway's templates: what a multicluster adds, and that a federation alone stays as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import yaml

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.gateways import gateway_addresses

ROLE = Path(__file__).parents[3] / "roles" / "ingressgateway"
STATE = {"revision": "default", "cluster_domain": "cluster-a.local", "network": "net-a"}
ADVERTISED = [{"address": "gw.example", "port": 443}]
SETTINGS = {"node_port": 30443, "metadata_node_port": 30444, "advertise": ADVERTISED}
MULTICLUSTER = {
    "multicluster_node_port": 30544,
    "api_node_port": 30644,
    "multicluster_advertise": [{"address": "gw.example", "port": 15444}],
}


def text(template: str, **changes: Any) -> str:
    """A template for a cluster, with the role's defaults where the inventory decides nothing."""
    own = {
        "ingressgateway_namespace": names.DEFAULT_NAMESPACE,
        "ingressgateway_settings": SETTINGS,
        "ingressgateway_multicluster": False,
        "ingressgateway_tls_secret": names.METADATA_TLS_SECRET,
        "preflight_state": STATE,
    }
    variables = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701
    environment.filters.update(to_json=json.dumps, bool=bool)
    made = environment.from_string((ROLE / "templates" / template).read_text())
    return made.render({**variables, **own, **changes})


def objects(template: str, **changes: Any) -> dict[tuple[str, str], dict[str, Any]]:
    found = [item for item in yaml.safe_load_all(text(template, **changes)) if item]
    return {(item["kind"], item["metadata"]["name"]): item for item in found}


def joined(template: str, **changes: Any) -> dict[tuple[str, str], dict[str, Any]]:
    settings = {**SETTINGS, **MULTICLUSTER}
    return objects(template, **{"ingressgateway_multicluster": True, "ingressgateway_settings": settings, **changes})


def test_nothing_of_a_multicluster_reaches_a_federation_alone() -> None:
    for template in ("address.yml.j2", "gateway.yml.j2"):
        plain = text(template)
        assert plain == text(template, ingressgateway_settings={**SETTINGS, **MULTICLUSTER})
        for word in ("15444", "6443", "multicluster", "NETWORK", "net-a"):
            assert word not in plain


def test_the_ports_and_addresses() -> None:
    service = joined("address.yml.j2")["Service", names.INGRESSGATEWAY]
    ports = {port["name"]: port for port in service["spec"]["ports"]}
    assert ports[names.MULTICLUSTER_PORT_NAME] == {
        "name": "tls-multicluster",
        "port": names.MULTICLUSTER_PORT,
        "targetPort": 15444,
        "nodePort": 30544,
    }
    assert ports[names.API_PORT_NAME] == {
        "name": "tls-api",
        "port": names.API_PORT,
        "targetPort": 6443,
        "nodePort": 30644,
    }
    plain = objects("address.yml.j2")["Service", names.INGRESSGATEWAY]["spec"]["ports"]
    assert [port for port in ports.values() if port in plain] == plain
    service["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}
    for name, number in ((names.MULTICLUSTER_PORT_NAME, 15444), (names.API_PORT_NAME, 6443)):
        ((address,), _findings) = gateway_addresses(service, [], [], None, port_name=name)
        assert (address.address, address.port) == ("192.0.2.7", number)


def test_what_is_advertised() -> None:
    def advertised(**settings: Any) -> dict[str, Any] | None:
        found = joined("address.yml.j2", ingressgateway_settings=settings)
        config_map = found.get(("ConfigMap", names.ADVERTISE_CONFIGMAP))
        return None if config_map is None else {key: json.loads(value) for key, value in config_map["data"].items()}

    joining = MULTICLUSTER["multicluster_advertise"]
    assert advertised() is None
    assert advertised(advertise=ADVERTISED) == {names.ADVERTISE_KEY: ADVERTISED}
    assert advertised(multicluster_advertise=joining) == {names.MULTICLUSTER_ADVERTISE_KEY: joining}
    assert advertised(advertise=ADVERTISED, multicluster_advertise=joining) == {
        names.ADVERTISE_KEY: ADVERTISED,
        names.MULTICLUSTER_ADVERTISE_KEY: joining,
    }


def test_the_gateways() -> None:
    found = joined("gateway.yml.j2")
    (server,) = found["Gateway", names.MULTICLUSTER_GATEWAY]["spec"]["servers"]
    assert server == {
        "port": {"number": names.MULTICLUSTER_PORT, "name": names.MULTICLUSTER_PORT_NAME, "protocol": "TLS"},
        "hosts": ["*.cluster-a.local"],
        "tls": {"mode": "AUTO_PASSTHROUGH"},
    }
    container = found["DaemonSet", names.INGRESSGATEWAY]["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "ISTIO_META_REQUESTED_NETWORK_VIEW", "value": "net-a"}]
    assert {port["containerPort"] for port in container["ports"]} == {15443, 8443, 15444, 6443}
    assert max(len(port["name"]) for port in container["ports"]) <= 15, "the API server takes no longer names"
    others = {key: item for key, item in objects("gateway.yml.j2").items() if key[0] != "DaemonSet"}
    assert {key: found[key] for key in others} == others
    assert set(found) - set(others) == {
        ("DaemonSet", names.INGRESSGATEWAY),
        ("Gateway", names.MULTICLUSTER_GATEWAY),
    }


def test_a_cluster_without_a_network_name_has_no_view_of_one() -> None:
    found = joined("gateway.yml.j2", preflight_state={**STATE, "network": ""})
    container = found["DaemonSet", names.INGRESSGATEWAY]["spec"]["template"]["spec"]["containers"][0]
    assert "env" not in container
