# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus scrapes a real exporter at a real API server, loads the rules and answers the dashboard."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    federation_crd,
    federation_resource,
    federation_status,
    multicluster_crd,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import Measured
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import CRD, ISTIO_FEDERATION

from tests.integration.test_exporter import NEIGHBOUR_UUID, Cluster, Process, make_root, until
from tests.lab.controlplane import ControlPlane
from tests.monitoring.files import dashboard_queries
from tests.monitoring.prometheus import Prometheus, Target

# A domain of which nothing is ever resolved (RFC 6761), so that the probe fails wherever this runs.
DOMAIN = "cluster-b.invalid"
HOST = f"alliance-healthcheck.istio-alliance.svc.{DOMAIN}"
EDGE = '{neighbour="cluster-b", mode="federation"}'
SERVICES = [HOST, f"bar.xyz.svc.{DOMAIN}"]
EXPORTED = "meshalliance_exporter_"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ControlPlane("monitoring", domain="cluster-a.local") as plane:
        cluster = Cluster(plane, tmp_path_factory.mktemp("monitoring"))
        cluster.prepare()
        cluster.set_address("192.0.2.10")
        cluster.set_neighbour(cluster.neighbour)
        yield cluster


@pytest.fixture(scope="module")
def exporter(cluster: Cluster) -> Iterator[Process]:
    """One that is started before there is a definition of what neighbours are remembered in."""
    certificate = cluster.folder / "tls.crt"
    certificate.write_text(make_root())
    more = {"probe-interval": 1, "certificate-file": certificate}
    process = Process(cluster, cluster.kubeconfig(), "one", **more)
    process.key_file.write_text(cluster.own.public_pem)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def prometheus(exporter: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    target = Target(f"127.0.0.1:{exporter.metrics_port}", {"namespace": "istio-alliance", "pod": "one"})
    with Prometheus(tmp_path_factory.mktemp("prometheus"), [target]) as found:
        yield found


def remember_neighbour(cluster: Cluster) -> None:
    """As a run of the playbook leaves it."""
    for definition in (federation_crd(), multicluster_crd()):
        cluster.apply(definition)
        name = definition["metadata"]["name"]
        until(lambda name=name: _established(cluster, name), 60, f"{name} is served")
    resource = federation_resource("cluster-b", trust_domain=DOMAIN, endpoint="https://b.invalid/metadata/")
    cluster.apply(resource)
    ports = [{"name": "http", "port": 80, "protocol": "HTTP"}]
    offer = {
        "ingressGateways": [{"address": "192.0.2.20", "port": 15443}],
        "publicServices": [{"hostname": host, "ports": ports} for host in SERVICES],
    }
    status = federation_status(
        None,
        now_iso=rfc3339(time.time()),
        public=PublicMetadata.create(NEIGHBOUR_UUID, cluster.neighbour.public_pem, cluster.root, DOMAIN),
        private=FederationMetadata.from_dict(offer),
    )
    cluster.apply({**resource, "status": status}, "status")


def _established(cluster: Cluster, name: str) -> bool:
    conditions = ((cluster.client.get(CRD, name) or {}).get("status") or {}).get("conditions") or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


# The tests of this file tell one story, in their order.


def test_an_exporter_is_ready_before_neighbours_can_be_remembered(exporter: Process) -> None:
    until(exporter.ready, 60, "ready")
    assert Measured.parse(exporter.get("/status", port=exporter.metrics_port)[2]).neighbours == ()


def test_a_neighbour_is_seen_as_soon_as_it_is_remembered(cluster: Cluster, prometheus: Prometheus) -> None:
    prometheus.scraped()
    assert prometheus.query(f"{EXPORTED}neighbour_gateways") == []
    remember_neighbour(cluster)
    prometheus.until(f"{EXPORTED}neighbour_imported_services{EDGE}", len(SERVICES))
    prometheus.until(f"{EXPORTED}neighbour_healthcheck_published{EDGE}", 1)
    prometheus.until(f"{EXPORTED}neighbour_probe_success{EDGE}", 0)
    labels = f'{{alliance_kind="IstioFederation", name="cluster-b", remote_cluster_uuid="{NEIGHBOUR_UUID}"}}'
    prometheus.until(f"d8_istio_alliance_dataplane_health_check{labels}", 0)


def test_what_was_measured_is_told_as_data_too(exporter: Process) -> None:
    (found,) = Measured.parse(exporter.get("/status", port=exporter.metrics_port)[2]).neighbours
    assert (found.kind, found.name, found.outcome, found.host) == ("IstioFederation", "cluster-b", "unresolved", HOST)
    assert found.reason.startswith(f"{HOST} is not resolved")
    assert found.succeeded == 0


def test_the_rules_are_loaded_and_evaluated(prometheus: Prometheus) -> None:
    until(lambda: all(rule["health"] == "ok" for rule in prometheus.rules()), 60, "all rules were evaluated")
    assert prometheus.rules()
    until(lambda: "AllianceNeighbourUnreachable" in prometheus.alerts(), 60, "the neighbour that can't be reached")
    # Nothing lasts for minutes here.
    assert set(prometheus.alerts().values()) == {"pending"}


def test_every_query_of_the_dashboard_has_data(prometheus: Prometheus) -> None:
    for title, query in dashboard_queries(interval="10s").items():
        until(lambda query=query: prometheus.query(query), 60, f"data for {title}: {query}")


def test_who_is_removed_is_in_no_figure_any_more(cluster: Cluster, prometheus: Prometheus) -> None:
    assert cluster.client.delete(ISTIO_FEDERATION, "cluster-b")
    prometheus.until('count({neighbour="cluster-b"}) or vector(0)', 0)


def test_the_rights_were_enough(cluster: Cluster) -> None:
    assert [event for event in cluster.audit() if event["responseStatus"].get("code") in (401, 403)] == []
