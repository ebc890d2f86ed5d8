# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exporter's template: what it publishes is what a plan says that it will."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import yaml

from ansible_collections.meshalliance.istio.exporter.options import parse
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import HEALTHCHECK_SERVICE
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published import (
    healthcheck_services,
    published_services,
)

ROLE = Path(__file__).parents[3] / "roles" / "metadata_exporter"
UUID = "11111111-1111-4111-8111-111111111111"
STATE = {"cluster_id": "cluster-a", "network": "net-a"}
NAMESPACE, DOMAIN = "istio-alliance", "cluster-a.local"


def rendered(**changes: Any) -> list[dict[str, Any]]:
    """The manifests for a cluster, with the role's defaults."""
    variables = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    state = {**STATE, "uuid": UUID, "cluster_domain": DOMAIN, "trust_domain": DOMAIN, "revision": "default"}
    # What the inventory decides is no multicluster here.
    off = {"metadata_exporter_multicluster": False, "metadata_exporter_api_host": ""}
    own = {
        **off,
        "metadata_exporter_namespace": NAMESPACE,
        "metadata_exporter_image": "image",
        "preflight_state": state,
    }
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701
    environment.filters["to_json"] = json.dumps
    environment.filters["bool"] = bool
    environment.globals["lookup"] = lambda *_terms: []
    template = environment.from_string((ROLE / "templates" / "exporter.yml.j2").read_text())
    return [item for item in yaml.safe_load_all(template.render({**variables, **own, **changes})) if item]


def services(**changes: Any) -> list[dict[str, Any]]:
    """The Services among them, as the API server completes them."""
    found = [item for item in rendered(**changes) if item["kind"] == "Service"]
    return [{**item, "spec": {**item["spec"], "clusterIP": "10.0.0.1"}} for item in found]


def test_the_healthcheck_is_published_as_planned() -> None:
    published, findings = published_services(services(), DOMAIN)
    assert findings == ()
    assert published == healthcheck_services(NAMESPACE, UUID, DOMAIN)


def test_the_healthcheck_leads_to_the_exporter() -> None:
    manifests = rendered()
    (exporter,) = [item for item in manifests if item["kind"] == "Deployment"]
    template = exporter["spec"]["template"]
    (port,) = [port for port in template["spec"]["containers"][0]["ports"] if port["containerPort"] == 8080]
    probed = [item for item in services() if item["metadata"]["name"].startswith(HEALTHCHECK_SERVICE)]
    assert len(probed) == 2
    for service in probed:
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": port["name"]}]


def test_the_healthcheck_can_be_left_out() -> None:
    assert [item["metadata"]["name"] for item in services(metadata_exporter_healthcheck=False)] == ["metadata-exporter"]
    with_it, without = rendered(), rendered(metadata_exporter_healthcheck=False)
    assert [item for item in with_it if item in without] == without
    assert len(with_it) == len(without) + 2


def arguments(**changes: Any) -> list[str]:
    (exporter,) = [item for item in rendered(**changes) if item["kind"] == "Deployment"]
    found: list[str] = exporter["spec"]["template"]["spec"]["containers"][0]["args"]
    return found


def test_a_multicluster_is_one_of_members_of_its_group() -> None:
    default = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())["metadata_exporter_multicluster"]
    assert default == "{{ inventory_hostname in (groups['istio_multicluster'] | default([])) }}"


def test_the_exporter_understands_its_arguments() -> None:
    plain = parse(arguments(), {})
    assert (plain.namespace, plain.cluster_domain, plain.cluster_id, plain.network_name) == (NAMESPACE, DOMAIN, "", "")
    joined = parse(arguments(metadata_exporter_multicluster=True), {})
    assert (joined.cluster_id, joined.network_name, joined.api_host) == ("cluster-a", "net-a", "")
    elsewhere = parse(arguments(metadata_exporter_multicluster=True, metadata_exporter_api_host="api.example"), {})
    assert elsewhere.api_host == "api.example"
    assert arguments() == [
        argument for argument in arguments(metadata_exporter_multicluster=True) if argument in arguments()
    ]


def test_a_cluster_without_a_name_stays_as_it_was() -> None:
    for missing in ("cluster_id", "network"):
        state = {**STATE, "uuid": UUID, "cluster_domain": DOMAIN, "trust_domain": DOMAIN, "revision": "default"}
        state[missing] = ""
        assert arguments(metadata_exporter_multicluster=True, preflight_state=state) == arguments()
