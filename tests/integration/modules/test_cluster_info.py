# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cluster_info: one cluster, from nothing in it to everything, without a write."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import derived_cluster_id
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.service_ports import unpack

from tests.integration.ansible_module import ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import Neighbour, make_root
from tests.integration.platform import ADDRESS, UUID, Platform

OURS, ISTIO = "info-alliance", "info-istio"
PLACE = {"namespace": OURS, "root_namespace": ISTIO}
ROOT = make_root("info.local")
PUBLIC_KEY = generate_key_pair().public_pem
CA = make_root("ca")


def obj(api_version: str, kind: str, namespace: str | None, name: str, **more: Any) -> dict[str, Any]:
    labels = more.pop("labels", None)
    metadata = {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        **({"labels": labels} if labels else {}),
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def istiod(name: str, *, revision: str | None = None, **more: str) -> dict[str, Any]:
    labels = {"app": "istiod", **({"istio.io/rev": revision} if revision else {})}
    env = [{"name": key, "value": value} for key, value in more.items()]
    container = {
        "name": "discovery",
        "image": "pilot:1.31.0",
        "args": ["discovery", "--domain", "info.local"],
        "env": env,
    }
    template = {"metadata": {"labels": {"istio": name}}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": {"istio": name}}, "template": template}
    return obj("apps/v1", "Deployment", ISTIO, name, labels=labels, spec=spec)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def codes(state: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in state["findings"]}


@pytest.fixture(scope="module", autouse=True)
def _namespaces(admin: Admin) -> None:
    admin.namespace(OURS, ISTIO, "info-xyz")


@pytest.mark.parametrize("check", [False, True])
def test_reads_only_an_empty_cluster(check: bool, run: ModuleRunner, admin: Admin) -> None:
    done = run("cluster_info", check=check, **PLACE)
    state = done.result["state"]
    assert (done.result["changed"], done.writes) == (False, ())
    kube_system = admin.get("Namespace", None, "kube-system")
    assert kube_system is not None
    assert state["uuid"] == kube_system["metadata"]["uid"]
    assert state["name"] == "cluster-t"
    assert state["kubernetes_version"].startswith("v1.")
    assert codes(state) == {"istiod-missing"}
    assert state["gateways"] is None
    assert state["published"] is None
    assert state["authn_key_pub"] is None
    assert state["roots"] == ""


def test_reads_only_a_whole_cluster(run: ModuleRunner, admin: Admin) -> None:
    ports = [
        {"name": "tls", "port": 15443},
        {"name": "https", "port": 443},
        {"name": "tls-multicluster", "port": 15444},
        {"name": "tls-api", "port": 6443},
    ]
    values = {"global": {"hub": "hub.example", "tag": "1.31.0", "network": "net-info"}}
    gateway = obj("v1", "Service", OURS, "alliance-ingressgateway")
    label = {"federation.istio.deckhouse.io/public-service": ""}
    admin.apply(
        istiod("istiod", SHARED_MESH_CONFIG="istio-federation", ISTIO_MULTIROOT_MESH="true", CLUSTER_ID="info"),
        obj(
            "v1",
            "ConfigMap",
            ISTIO,
            "istio",
            data={"mesh": "trustDomain: info.local\n", "meshNetworks": "networks: {net-x: {}}\n"},
        ),
        obj("v1", "ConfigMap", ISTIO, "istio-sidecar-injector", data={"values": json.dumps(values)}),
        obj("v1", "ConfigMap", ISTIO, "istio-ca-root-cert", data={"root-cert.pem": ROOT}),
        obj(
            "v1",
            "Secret",
            OURS,
            "alliance-authn-keypair",
            data={"pub.pem": encoded(PUBLIC_KEY), "priv.pem": "cHJpdg=="},
        ),
        obj("v1", "Secret", OURS, "named-tls", data={"ca.crt": encoded(CA)}),
        {**gateway, "spec": {"type": "LoadBalancer", "ports": ports}},
        obj("v1", "Service", "info-xyz", "bar", labels=label, spec={"ports": [{"name": "http", "port": 80}]}),
        obj("v1", "Service", "info-xyz", "hidden", spec={"ports": [{"name": "http", "port": 80}]}),
        obj("v1", "Service", "info-xyz", "outside", labels=label, spec={"type": "ExternalName", "externalName": "a.b"}),
        obj("v1", "Node", None, "info-node", spec={"podCIDR": "10.11.0.0/24", "podCIDRs": ["10.11.0.0/24"]}),
    )
    admin.apply({**gateway, "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}}, subresource="status")
    done = run("cluster_info", gather_published=True, tls_secret="named-tls", **PLACE)
    state = done.result["state"]
    assert (done.result["changed"], done.writes) == (False, ())
    assert state["trust_domain"] == state["cluster_domain"] == "info.local"
    assert state["roots"] == ROOT
    assert state["root_fingerprints"] == [fingerprint(ROOT)]
    assert state["authn_key_pub"] == PUBLIC_KEY
    assert state["metadata_ca"] == CA
    assert state["metadata_endpoint"] == "https://203.0.113.7/metadata/"
    assert state["gateways"] == [{"address": "203.0.113.7", "port": 15443}]
    assert state["multicluster_gateways"] == [{"address": "203.0.113.7", "port": 15444}]
    assert state["api_host"] == "203.0.113.7:6443"
    assert (state["cluster_id"], state["network"]) == ("info", "net-info")
    assert (state["proxy_image"], state["mesh_networks"]) == ("hub.example/proxyv2:1.31.0", ["net-x"])
    assert state["services"] == ""
    assert state["gateway_exists"] is True
    assert state["exporter_ready"] is False
    assert "10.11.0.0/24" in state["pod_cidrs"]
    assert [service["hostname"] for service in state["published"]] == ["bar.info-xyz.svc.info.local"]
    assert state["public_services"] == 1
    (revision,) = state["istio"]
    assert revision["version"] == "1.31.0"
    assert revision["multiroot"] is True
    assert revision["shared_mesh_config"] == "istio-federation"
    (finding,) = state["findings"]
    assert finding["object"] == "Service info-xyz/outside"
    assert "priv" not in done.output.replace("private", "")


def test_the_ports_of_all_services_are_gathered_when_asked_for(run: ModuleRunner) -> None:
    done = run("cluster_info", gather_services=True, **PLACE)
    services = unpack(done.result["state"]["services"])
    assert (done.result["changed"], done.writes) == (False, ())
    assert services["info-xyz/hidden"] == [["http", 80, "TCP"]]
    assert "default/kubernetes" in services
    assert "info-xyz/outside" not in services


def test_the_label_of_the_namespace_may_tell_the_network(run: ModuleRunner, admin: Admin) -> None:
    admin.apply(obj("v1", "ConfigMap", ISTIO, "istio-sidecar-injector", data={"values": "{}"}))
    label = {"topology.istio.io/network": "net-label"}
    admin.apply(obj("v1", "Namespace", None, ISTIO, labels=label), manager="network")
    assert run("cluster_info", **PLACE).result["state"]["network"] == "net-label"


def test_several_revisions_are_told(run: ModuleRunner, admin: Admin) -> None:
    admin.apply(
        istiod("istiod-canary", revision="canary"),
        obj("v1", "ConfigMap", ISTIO, "istio-canary", data={"mesh": "trustDomain: canary.local\n"}),
    )
    assert "several-revisions" in codes(run("cluster_info", **PLACE).result["state"])
    chosen = run("cluster_info", revision="canary", **PLACE).result["state"]
    assert (chosen["revision"], chosen["trust_domain"]) == ("canary", "canary.local")
    assert "several-revisions" not in codes(chosen)
    assert "revision-unknown" in codes(run("cluster_info", revision="none", **PLACE).result["state"])


def test_a_cluster_that_cannot_be_reached_is_named(run: ModuleRunner) -> None:
    message = run("cluster_info", fails=True, kubeconfig="/no/such/kubeconfig").result["msg"]
    assert message.startswith("cluster cluster-t: kubeconfig /no/such/kubeconfig does not exist")


def test_credentials_in_a_kubeconfig_given_as_a_dictionary_are_hidden(run: ModuleRunner) -> None:
    kubeconfig = yaml.safe_load(run.control_plane.operator_kubeconfig.read_text())
    (user,) = kubeconfig["users"]
    secrets = [user["user"][key] for key in ("client-key-data", "token") if key in user["user"]]
    assert secrets, "the test's own kubeconfig has no inline credential"
    done = run("cluster_info", **PLACE, kubeconfig=kubeconfig, by_ansible=True)
    assert '"kubeconfig": {' in done.output, "the output tells no options"
    assert done.result["state"]["name"] == "cluster-t"
    assert not [secret for secret in secrets if secret in done.output]


@pytest.fixture(scope="module")
def platform(admin: Admin, make_neighbour: Callable[[str], Neighbour]) -> Iterator[Platform]:
    made = Platform(admin, make_neighbour("platform"))
    made.install()
    yield made
    made.remove()


@pytest.mark.parametrize("check", [False, True])
def test_reads_only_a_platform_that_has_no_mesh_yet(check: bool, run: ModuleRunner, platform: Platform) -> None:
    """What is missing is awaited, and nothing of it is an error."""
    done = run("cluster_info", check=check, provider="deckhouse")
    state = done.result["state"]
    assert (done.result["changed"], done.writes) == (False, ())
    assert state["findings"] == []
    assert (state["provider"], state["uuid"], state["trust_domain"]) == ("deckhouse", UUID, "")
    assert state["module_config_version"] is None
    assert state["metadata_endpoint"] == "https://istio.platform.example/metadata/"
    missing = " ".join(state["awaiting"])
    for part in ("ModuleConfig istio", "root certificate", "key pair", "ingress gateway", "metadata-exporter"):
        assert part in missing
    # The definition itself is there: the tests of other modules need it.
    assert "IstioFederation" not in missing


def test_reads_only_a_platform_that_is_ready(run: ModuleRunner, admin: Admin, platform: Platform) -> None:
    platform.make_ready()
    label = {"federation.istio.deckhouse.io/public-service": ""}
    admin.apply(obj("v1", "Service", "info-xyz", "dkp", labels=label, spec={"ports": [{"name": "http", "port": 80}]}))
    done = run("cluster_info", provider="deckhouse", gather_published=True)
    state = done.result["state"]
    assert (done.result["changed"], done.writes) == (False, ())
    assert state["awaiting"] == []
    assert state["namespace"] == state["root_namespace"] == "d8-istio"
    assert state["trust_domain"] == state["cluster_domain"] == platform.exporter.domain
    assert state["revision"] == "v1x25"
    assert (state["roots"], state["root_fingerprints"]) == (platform.exporter.root, platform.exporter.fingerprints)
    assert state["authn_key_pub"] == platform.exporter.keys.public_pem
    assert state["gateways"] == [{"address": ADDRESS, "port": 15443}]
    assert (state["gateway_exists"], state["exporter_ready"]) == (True, True)
    assert state["metadata_endpoint"] == "https://istio-metadata.platform.example/metadata/"
    assert state["metadata_ca"] == platform.exporter.option()["metadata_ca"]
    assert state["module_config_version"] == 2
    assert f"dkp.info-xyz.svc.{platform.exporter.domain}" in {item["hostname"] for item in state["published"]}
    assert "not for us" not in done.output
    assert state["cluster_id"] == derived_cluster_id(platform.exporter.domain, UUID)
    assert state["network"] == f"network-{state['cluster_id']}"
    assert state["multicluster_gateways"] == state["gateways"]
    assert state["api_host"] == "istio-api-proxy.platform.example"


def test_the_inventory_may_name_the_endpoint_of_a_platform(run: ModuleRunner, platform: Platform) -> None:
    named = "https://metadata.example.com/metadata/"
    state = run("cluster_info", provider="deckhouse", metadata_endpoint=named).result["state"]
    assert state["metadata_endpoint"] == named


def test_reads_only_what_others_have_that_bears_on_the_alliance(run: ModuleRunner, admin: Admin) -> None:
    networking, security = "networking.istio.io/v1", "security.istio.io/v1"
    host = "bar.xyz.svc.elsewhere.local"
    ours = {"app.kubernetes.io/managed-by": "meshalliance.istio"}
    disabled = {"host": host, "trafficPolicy": {"tls": {"mode": "DISABLE"}}}
    entry = {
        "hosts": [host],
        "location": "MESH_INTERNAL",
        "resolution": "DNS",
        "ports": [{"number": 80, "name": "http"}],
    }
    server = {
        "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
        "hosts": ["*"],
        "tls": {"mode": "PASSTHROUGH"},
    }
    selecting = {"selector": {"app": "alliance-ingressgateway"}, "servers": [server]}
    allowed = {"action": "ALLOW", "rules": [{"from": [{"source": {"namespaces": ["shop"]}}]}]}
    remote = obj("v1", "Secret", ISTIO, "theirs", labels={"istio/multiCluster": "true"}, data={"b": encoded("hidden")})
    remote["metadata"]["annotations"] = {"networking.istio.io/cluster": "b"}
    admin.apply(
        obj(networking, "DestinationRule", "info-xyz", "theirs", spec=disabled),
        obj(networking, "DestinationRule", OURS, "ours", labels=ours, spec=disabled),
        obj(networking, "ServiceEntry", "info-xyz", "theirs", spec=entry),
        obj(networking, "ServiceEntry", "info-xyz", "platforms", labels={"heritage": "deckhouse"}, spec=entry),
        obj(networking, "Gateway", "info-xyz", "theirs", spec=selecting),
        obj(security, "AuthorizationPolicy", "info-xyz", "theirs", spec=allowed),
        remote,
    )
    done = run("cluster_info", gather_foreign=True, **PLACE)
    assert (done.result["changed"], done.writes) == (False, ())
    found = [item for item in done.result["state"]["foreign"] if item["namespace"] in ("info-xyz", OURS, ISTIO)]
    place = {"namespace": "info-xyz", "name": "theirs"}
    assert found == [
        {"kind": "AuthorizationPolicy", **place, "sources": [[["*"]]]},
        {"kind": "DestinationRule", **place, "host": host, "tls": ["DISABLE"]},
        {"kind": "Gateway", **place, "ports": [15443]},
        {"kind": "Secret", "namespace": ISTIO, "name": "theirs", "cluster": "b"},
        {"kind": "ServiceEntry", **place, "hosts": [host]},
    ]
    # The Secret was listed by its metadata alone.
    assert encoded("hidden") not in done.output
    assert unpack(done.result["state"]["public_ports"])["bar.info-xyz.svc.info.local"] == [["http", 80, "HTTP"]]
    assert run("cluster_info", **PLACE).result["state"]["foreign"] == []
