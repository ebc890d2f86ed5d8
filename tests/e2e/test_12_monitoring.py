# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus scrapes every exporter of both clusters, and sees a neighbour go and come back."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import MEASURED_PORT, verdict
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.exporters import ask_exporters

from .alliance import CLUSTERS, NAMESPACE, A, Alliance, B, Run
from .faults import patched
from .test_02_publishing import until
from tests.definitions import definition
from tests.lab.layout import ClusterLayout
from tests.monitoring.files import dashboard_queries
from tests.monitoring.prometheus import Prometheus, Target, client_files

EXPORTER = "metadata-exporter"
SUCCESS = "meshalliance_exporter_neighbour_probe_success"
GROUP = "monitoring.coreos.com"
NOWHERE = {"spec": {"template": {"spec": {"nodeSelector": {"nobody": "has-this"}}}}}
ASKED_FOR = {
    "metadata_exporter_pod_monitor": True,
    "metadata_exporter_prometheus_rule": True,
    "metadata_exporter_dashboard": True,
    "metadata_exporter_monitoring_labels": {"release": "prometheus"},
}
MADE = {("PodMonitor", EXPORTER), ("PrometheusRule", "meshalliance"), ("ConfigMap", "meshalliance-dashboard")}


def layout(alliance: Alliance, cluster: str) -> ClusterLayout:
    return ClusterLayout(alliance.lab.layout, cluster, 0)


def replicas(alliance: Alliance, cluster: str) -> list[str]:
    """The exporter's pods that are not on their way out."""
    pods = alliance.get(cluster, "pods", "-n", NAMESPACE, "-l", f"app={EXPORTER}")["items"]
    return [pod["metadata"]["name"] for pod in pods if not pod["metadata"].get("deletionTimestamp")]


@pytest.fixture(scope="module")
def operator(alliance: Alliance) -> Iterator[None]:
    """Prometheus' operator has been installed in cluster-a, and in no other."""
    kinds = [definition(kind, GROUP) for kind in ("PodMonitor", "PrometheusRule")]
    names = [item["metadata"]["name"] for item in kinds]
    alliance.apply(A, *kinds)
    alliance.kubectl(A, "wait", "--for=condition=Established", "--timeout=60s", "crd", *names)
    yield
    alliance.kubectl(A, "delete", "crd", *names)


@pytest.fixture(scope="module")
def installed(alliance: Alliance, operator: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that is asked for all of it. Other tests may have parted the clusters: it joins them, too."""
    more = tmp_path_factory.mktemp("asked") / "variables.json"
    more.write_text(json.dumps(ASKED_FOR))
    run = alliance.run("-e", f"@{more}")
    assert run.status == 0, run.output
    return run


def monitored(run: Run, cluster: str, action: str) -> set[tuple[str, str]]:
    """What of it a run made, or removed."""
    return {(kind, name) for did, kind, _namespace, name in run.objects(cluster) if did == action} & MADE


@pytest.fixture(scope="module")
def prometheus(alliance: Alliance, installed: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It reaches the pods through the API servers."""
    folder = tmp_path_factory.mktemp("prometheus")
    targets = []
    for cluster in CLUSTERS:
        server, files = client_files(layout(alliance, cluster).kubeconfig, folder)
        for pod in replicas(alliance, cluster):
            path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:{MEASURED_PORT}/proxy/metrics"
            targets.append(Target(server, {"cluster": cluster, "namespace": NAMESPACE, "pod": pod}, path, files))
    with Prometheus(folder, targets, interval=2) as found:
        yield found


def test_what_is_asked_for_is_installed_where_it_can_be(alliance: Alliance, installed: Run) -> None:
    assert monitored(installed, A, "created") == MADE
    assert monitored(installed, B, "created") == {("ConfigMap", "meshalliance-dashboard")}
    assert "PodMonitor.monitoring.coreos.com, PrometheusRule.monitoring.coreos.com is asked for" in installed.output
    rule = alliance.get(A, "prometheusrule", "-n", NAMESPACE, "meshalliance")
    annotations = rule["spec"]["groups"][0]["rules"][0]["annotations"]
    assert "{{ $labels.neighbour }}" in annotations["summary"]
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    dashboard = alliance.get(A, "configmap", "-n", NAMESPACE, "meshalliance-dashboard")
    assert "{{neighbour}}" in dashboard["data"]["meshalliance.json"]


def test_every_exporter_gets_through_to_its_neighbour(alliance: Alliance, prometheus: Prometheus) -> None:
    prometheus.scraped()
    for cluster, neighbour in ((A, B), (B, A)):
        count = len(replicas(alliance, cluster))
        assert count == 2
        prometheus.until(f'{SUCCESS}{{cluster="{cluster}", neighbour="{neighbour}"}}', *[1.0] * count)
        prometheus.until(f'd8_istio_alliance_dataplane_health_check{{cluster="{cluster}"}}', *[1.0] * count)


def test_every_query_of_the_dashboard_has_data(prometheus: Prometheus) -> None:
    for title, query in dashboard_queries(interval="20s").items():
        until(lambda query=query: bool(prometheus.query(query)), f"data for {title}: {query}")


def test_an_alliance_that_works_raises_no_alert(prometheus: Prometheus) -> None:
    until(lambda: all(rule["health"] == "ok" for rule in prometheus.rules()), "all rules were evaluated")
    until(lambda: not prometheus.alerts(), f"no alert, instead of {prometheus.alerts()}")


def said(alliance: Alliance, cluster: str, neighbour: str) -> str:
    """What the status says of the traffic to a neighbour, from what the exporters measured."""
    client = Client.from_options({"kubeconfig": str(layout(alliance, cluster).operator_kubeconfig)}, cluster)
    try:
        found = verdict(ask_exporters(client, NAMESPACE), ("IstioFederation", neighbour))
        return found.level if found is not None else "nothing"
    finally:
        client.close()


def test_a_gateway_that_stops_is_seen_and_its_return_too(alliance: Alliance, prometheus: Prometheus) -> None:
    assert said(alliance, A, B) == "ok"
    worst = f'min({SUCCESS}{{cluster="{A}"}})'
    with patched(B, "daemonset", NAMESPACE, "alliance-ingressgateway", NOWHERE)(alliance):
        prometheus.until(worst, 0)
        until(lambda: "AllianceNeighbourUnreachable" in prometheus.alerts(), "the alert is pending")
        assert said(alliance, A, B) == "error"
        # The way back is another one.
        assert prometheus.values(f'min({SUCCESS}{{cluster="{B}"}})') == [1]
    prometheus.until(worst, 1)
    until(lambda: said(alliance, A, B) == "ok", "the status says so, too")


def test_what_is_not_asked_for_any_more_is_removed(alliance: Alliance) -> None:
    run = alliance.converge()
    assert monitored(run, A, "deleted") == MADE
    assert monitored(run, B, "deleted") == {("ConfigMap", "meshalliance-dashboard")}
