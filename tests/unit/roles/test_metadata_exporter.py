# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exporter's template: what it publishes is what a plan says that it will."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jinja2
import yaml

from ansible_collections.meshalliance.istio.exporter.options import parse
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import MEASURED_PORT
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import HEALTHCHECK_SERVICE
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published import (
    healthcheck_services,
    published_services,
)

ROLE = Path(__file__).parents[3] / "roles" / "metadata_exporter"
UUID = "11111111-1111-4111-8111-111111111111"
STATE = {"cluster_id": "cluster-a", "network": "net-a"}
NAMESPACE, DOMAIN = "istio-alliance", "cluster-a.local"


def _lookup(plugin: str, *terms: str) -> Any:
    return (ROLE / "files" / terms[0]).read_text() if plugin == "ansible.builtin.file" else []


def rendered(name: str = "exporter", **changes: Any) -> list[dict[str, Any]]:
    """The manifests of a template for a cluster, with the role's defaults."""
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
    environment.filters["from_yaml"] = yaml.safe_load
    environment.globals["lookup"] = _lookup
    template = environment.from_string((ROLE / "templates" / f"{name}.yml.j2").read_text())
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


ALL = {f"metadata_exporter_{what}": True for what in ("pod_monitor", "prometheus_rule", "dashboard")}


def monitoring(**changes: Any) -> dict[str, dict[str, Any]]:
    """What is made for Prometheus and Grafana, by kind."""
    return {item["kind"]: item for item in rendered("monitoring", **changes)}


def test_monitoring_is_made_when_asked_for() -> None:
    assert monitoring() == {}
    assert set(monitoring(**ALL)) == {"PodMonitor", "PrometheusRule", "ConfigMap"}
    for option, kind in zip(ALL, ("PodMonitor", "PrometheusRule", "ConfigMap"), strict=True):
        assert set(monitoring(**{option: True})) == {kind}
    for item in monitoring(**ALL).values():
        assert item["metadata"]["namespace"] == NAMESPACE


def test_what_is_not_served_is_left_out_by_the_task() -> None:
    tasks = yaml.safe_load((ROLE / "tasks" / "istio.yml").read_text())
    (task,) = [task["meshalliance.istio.applyset"] for task in tasks if "meshalliance.istio.applyset" in task]
    served = {f"{item['kind']}.{item['apiVersion'].partition('/')[0]}" for item in monitoring(**ALL).values()}
    assert set(task["when_served"]) == served - {"ConfigMap.v1"}
    assert "exporter.yml.j2" in task["definitions"]
    assert "monitoring.yml.j2" in task["definitions"]


def test_every_replica_is_scraped_at_the_port_outside_of_the_mesh() -> None:
    spec = monitoring(**ALL)["PodMonitor"]["spec"]
    (exporter,) = [item for item in rendered() if item["kind"] == "Deployment"]
    template = exporter["spec"]["template"]
    assert spec["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert template["metadata"]["labels"][spec["jobLabel"]] == "metadata-exporter"
    (endpoint,) = spec["podMetricsEndpoints"]
    ports = {port["name"]: port["containerPort"] for port in template["spec"]["containers"][0]["ports"]}
    excluded = template["metadata"]["annotations"]["traffic.sidecar.istio.io/excludeInboundPorts"]
    assert str(ports[endpoint["port"]]) == excluded == str(MEASURED_PORT)


def test_rules_and_dashboard_are_the_files() -> None:
    made = monitoring(**ALL)
    assert made["PrometheusRule"]["spec"] == yaml.safe_load((ROLE / "files" / "alliance.rules.yml").read_text())
    dashboard = json.loads(made["ConfigMap"]["data"]["meshalliance.json"])
    assert dashboard == json.loads((ROLE / "files" / "alliance-dashboard.json").read_text())


def test_labels_by_which_they_are_found() -> None:
    chosen = {"metadata_exporter_monitoring_labels": {"release": "prometheus"}}
    made = monitoring(**ALL, **chosen)
    assert made["PodMonitor"]["metadata"]["labels"] == {"release": "prometheus"}
    assert made["PrometheusRule"]["metadata"]["labels"] == {"release": "prometheus"}
    assert made["ConfigMap"]["metadata"]["labels"] == {"grafana_dashboard": "1"}


def test_of_the_endpoint_s_certificate_the_public_half_is_mounted() -> None:
    for changes, name in (({}, "alliance-metadata-tls"), ({"metadata_exporter_tls_secret": "mine"}, "mine")):
        (exporter,) = [item for item in rendered(**changes) if item["kind"] == "Deployment"]
        spec = exporter["spec"]["template"]["spec"]
        (volume,) = [volume["secret"] for volume in spec["volumes"] if volume["name"] == "metadata-tls"]
        assert volume == {"secretName": name, "optional": True, "items": [{"key": "tls.crt", "path": "tls.crt"}]}
        (mount,) = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "metadata-tls"]
        assert f"{mount['mountPath']}/tls.crt" == parse(arguments(), {}).certificate_file


def test_probes_can_be_switched_off() -> None:
    assert parse(arguments(), {}).probe_interval == 60
    assert parse(arguments(metadata_exporter_probe_interval=0), {}).probe_interval == 0


def test_alerts_say_what_to_do_and_link_to_a_section_that_there_is() -> None:
    headings = re.findall(r"^## (.+)$", (ROLE.parents[1] / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    rules = [rule for group in monitoring(**ALL)["PrometheusRule"]["spec"]["groups"] for rule in group["rules"]]
    for rule in rules:
        annotations = rule["annotations"]
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert "Remedy: " in annotations["description"], rule["alert"]
        page, _mark, section = annotations["runbook_url"].partition("#")
        assert page.endswith("/docs/troubleshooting.md")
        assert section in anchors, rule["alert"]
