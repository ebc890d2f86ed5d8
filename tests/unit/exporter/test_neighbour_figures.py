# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary of a neighbour's resource, and the figures that are made of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from ansible_collections.meshalliance.istio.exporter.neighbour_metrics import NeighbourCollector
from ansible_collections.meshalliance.istio.exporter.neighbour_state import NeighbourState, first_end, neighbour_state
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    Failure,
    federation_resource,
    federation_status,
    multicluster_resource,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.healthcheck import (
    ANSWERED,
    LATE,
    NOT_PUBLISHED,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import KeyPair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import Key, Measured, Measurement
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import MulticlusterMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.staleness import Staleness
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339

from tests.unit.exporter.world import NEIGHBOUR_UUID, NOW

DOMAIN, ENDPOINT = "cluster-b.local", "https://b.example/metadata"
HEALTHCHECK = f"alliance-healthcheck.istio-alliance.svc.{DOMAIN}"
GATEWAY = {"address": "203.0.113.10", "port": 15443}
PORTS = [{"name": "http", "port": 80, "protocol": "HTTP"}]
OFFER = {
    "ingressGateways": [GATEWAY],
    "publicServices": [
        {"hostname": host, "ports": PORTS} for host in (HEALTHCHECK, f"bar.xyz.svc.{DOMAIN}", f"baz.xyz.svc.{DOMAIN}")
    ],
}
EDGE = {"neighbour": "b", "mode": "federation"}


def federation(neighbour: KeyPair, root: str, **more: Any) -> dict[str, Any]:
    """The resource of a neighbour, as a run leaves it."""
    public = PublicMetadata.create(NEIGHBOUR_UUID, neighbour.public_pem, root, DOMAIN)
    private = more.pop("private", FederationMetadata.from_dict(OFFER))
    status = federation_status(None, now_iso=rfc3339(NOW), public=public, private=private, **more)
    return {**federation_resource("b", trust_domain=DOMAIN, endpoint=ENDPOINT), "status": status}


def joint(neighbour: KeyPair, root: str, *, reached: bool) -> dict[str, Any]:
    public = PublicMetadata.create(NEIGHBOUR_UUID, neighbour.public_pem, root, DOMAIN)
    private = MulticlusterMetadata.from_dict(
        {"ingressGateways": [GATEWAY], "apiHost": "api.b.example:6443", "networkName": "b"}
    )
    api = True if reached else Failure("RemoteAPIUnreachable", "no answer")
    status = federation_status(None, now_iso=rfc3339(NOW), public=public, private=private, remote_api=api)
    return {**multicluster_resource("c", endpoint=ENDPOINT), "status": status}


class Figures:
    """What a scrape gets of some neighbours and probes of them."""

    def __init__(self, *neighbours: NeighbourState, probes: tuple[Measurement, ...] = (), **ends: float) -> None:
        self.neighbours: tuple[NeighbourState, ...] = neighbours
        self.counts: dict[tuple[Key, str], int] = {}
        self.registry = CollectorRegistry()
        self.registry.register(
            NeighbourCollector(
                lambda: self.neighbours, lambda: Measured(NOW, 60, probes), lambda: self.counts, lambda: ends
            )
        )

    def value(self, metric: str, /, **labels: str) -> float | None:
        full = metric if metric.startswith("d8_") else f"meshalliance_exporter_{metric}"
        return self.registry.get_sample_value(full, labels)


def test_what_a_resource_remembers(neighbour: KeyPair, root: str) -> None:
    figures = Figures(neighbour_state(federation(neighbour, root)), root=1.0)
    assert figures.value("neighbour_imported_services", **EDGE) == 3
    assert figures.value("neighbour_gateways", **EDGE) == 1
    for document in ("public", "private"):
        assert figures.value("neighbour_last_fetch_timestamp_seconds", **EDGE, document=document) == NOW
    condition = {**EDGE, "type": "PublicMetadataExchangeReady"}
    for status, expected in (("true", 1), ("false", 0), ("unknown", 0)):
        assert figures.value("neighbour_condition", **condition, status=status) == expected
    assert figures.value("certificate_not_after_timestamp_seconds", certificate="neighbour-root", **EDGE) == first_end(
        root
    )
    assert figures.value("certificate_not_after_timestamp_seconds", certificate="root", neighbour="", mode="") == 1
    # Not probed: that is not told as a failure, nor as success.
    assert figures.value("neighbour_probe_success", **EDGE) is None
    assert figures.value("probe_interval_seconds") == 60


def test_errors_under_the_names_of_the_platform(neighbour: KeyPair, root: str) -> None:
    name = "d8_istio_federation_metadata_endpoints_fetch_error_count"
    broken = federation(neighbour, root, private=Failure("FetchFailed", "no answer"))
    figures = Figures(neighbour_state(broken))
    public, private = (f"{ENDPOINT}/{path}" for path in ("public/public.json", "private/federation.json"))
    assert figures.value(name, federation_name="b", endpoint=public) == 0
    assert figures.value(name, federation_name="b", endpoint=private) == 1
    for reached in (True, False):
        figures = Figures(neighbour_state(joint(neighbour, root, reached=reached)))
        labels = {"multicluster_name": "c", "api_host": "api.b.example:6443"}
        assert figures.value("d8_istio_multicluster_api_host_check_error_count", **labels) == float(not reached)
        errors = {"multicluster_name": "c", "endpoint": public}
        assert figures.value("d8_istio_multicluster_metadata_endpoints_fetch_error_count", **errors) == 0


def test_probes(neighbour: KeyPair, root: str) -> None:
    state = neighbour_state(federation(neighbour, root))
    assert state.healthcheck == HEALTHCHECK
    health = {"alliance_kind": "IstioFederation", "name": "b", "remote_cluster_uuid": NEIGHBOUR_UUID}
    for outcome, success in ((ANSWERED, 1.0), (LATE, 0.0)):
        probe = Measurement(*state.key, outcome, at=NOW, seconds=0.5, succeeded=NOW - 60)
        figures = Figures(state, probes=(probe,))
        figures.counts = {(state.key, outcome): 3, (("IstioFederation", "gone"), LATE): 1}
        assert figures.value("neighbour_probe_success", **EDGE) == success
        assert figures.value("d8_istio_alliance_dataplane_health_check", **health) == success
        assert figures.value("neighbour_probe_duration_seconds", **EDGE) == 0.5
        assert figures.value("neighbour_probe_timestamp_seconds", **EDGE) == NOW
        assert figures.value("neighbour_probe_last_success_timestamp_seconds", **EDGE) == NOW - 60
        assert figures.value("neighbour_healthcheck_published", **EDGE) == 1
        assert figures.value("neighbour_probes_total", **EDGE, outcome=outcome) == 3
        assert b"gone" not in generate_latest(figures.registry)


def test_no_healthcheck_is_no_failure(neighbour: KeyPair, root: str) -> None:
    offer = {**OFFER, "publicServices": OFFER["publicServices"][1:]}  # type: ignore[index]
    state = neighbour_state(federation(neighbour, root, private=FederationMetadata.from_dict(offer)))
    assert state.healthcheck is None
    figures = Figures(state, probes=(Measurement(*state.key, NOT_PUBLISHED, at=NOW),))
    assert figures.value("neighbour_healthcheck_published", **EDGE) == 0
    assert figures.value("neighbour_probe_success", **EDGE) is None


def test_who_is_gone_is_in_no_figure(neighbour: KeyPair, root: str) -> None:
    state = neighbour_state(federation(neighbour, root))
    figures = Figures(state, probes=(Measurement(*state.key, ANSWERED, at=NOW),))
    figures.counts = {(state.key, ANSWERED): 1}
    assert b'neighbour="b"' in generate_latest(figures.registry)
    figures.neighbours = ()
    assert b'neighbour="b"' not in generate_latest(figures.registry)
    assert b'name="b"' not in generate_latest(figures.registry)


def test_what_is_imported_no_more_is_not_counted(neighbour: KeyPair, root: str) -> None:
    stale = Staleness(stale=True, evicted=True, since=rfc3339(NOW - 86400))
    resource = federation(neighbour, root, stale=stale)
    assert neighbour_state(resource).services == 0
    assert neighbour_state(resource).conditions["Stale"] == "True"


def test_a_resource_that_nobody_has_looked_at_yet() -> None:
    state = neighbour_state(federation_resource("b", trust_domain=DOMAIN, endpoint=ENDPOINT))
    assert (state.services, state.gateways, state.root_end, state.healthcheck) == (0, None, None, None)
    figures = Figures(state)
    assert figures.value("neighbour_imported_services", **EDGE) == 0
    assert figures.value("neighbour_gateways", **EDGE) == 0


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
entry = st.dictionaries(
    st.sampled_from(["type", "status", "reason"]),
    st.sampled_from(["Stale", "True", "Evicted", "PublicMetadataExchangeReady", "Other"]) | anything,
)
cache = st.dictionaries(
    st.sampled_from(["public", "private", "publicLastFetchTimestamp", "privateLastFetchTimestamp"]), anything
)
status = anything | st.fixed_dictionaries(
    {}, optional={"conditions": st.lists(entry) | anything, "metadataCache": cache | anything}
)


@given(st.sampled_from(["IstioFederation", "IstioMulticluster"]), anything, status)
def test_whatever_a_status_holds_can_be_told(kind: str, spec: object, found: object) -> None:
    state = neighbour_state({"kind": kind, "metadata": {"name": "b"}, "spec": spec, "status": found})
    assert (state.kind, state.name) == (kind, "b")
    text = generate_latest(Figures(state).registry).decode()
    for line in text.splitlines():
        if "neighbour_condition{" in line:
            assert "Other" not in line
