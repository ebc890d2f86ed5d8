# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of neighbours, made when they are asked for: who is gone is in none of them.

The labels of a neighbour are names of resources that the cluster's own administrators made, and fixed words. Where the
Deckhouse Kubernetes Platform has a figure, its name, labels and values are used; two of those labels are what a
neighbour says of itself, checked when it was read: its clusterUUID, which was proved, and its API's host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from urllib.parse import urljoin

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ansible_collections.meshalliance.istio.exporter.neighbour_state import CONDITIONS, STATUSES, NeighbourState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import (
    PRIVATE_READY,
    PUBLIC_READY,
    REMOTE_API_READY,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.healthcheck import ANSWERED, NOT_PUBLISHED
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import Key, Measured, Measurement
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    FEDERATION_DOCUMENT,
    MODE_FEDERATION,
    MODE_MULTICLUSTER,
    MULTICLUSTER_DOCUMENT,
    PUBLIC_DOCUMENT,
)

PREFIX = "meshalliance_exporter_"
_NEIGHBOUR = ("neighbour", "mode")
_CERTIFICATE = ("certificate", *_NEIGHBOUR)
_PRIVATE = {MODE_FEDERATION: FEDERATION_DOCUMENT, MODE_MULTICLUSTER: MULTICLUSTER_DOCUMENT}
_UNKNOWN = "unknown"


class NeighbourCollector(Collector):  # type: ignore[misc, unused-ignore]
    """C(own_ends) gives when own certificates end, unix seconds, by what they are; C(counts) how many requests ended
    so, by neighbour and outcome."""

    def __init__(
        self,
        neighbours: Callable[[], Sequence[NeighbourState]],
        measured: Callable[[], Measured],
        counts: Callable[[], Mapping[tuple[Key, str], int]],
        own_ends: Callable[[], Mapping[str, float]],
    ) -> None:
        self._neighbours = neighbours
        self._measured = measured
        self._counts = counts
        self._own_ends = own_ends

    def collect(self) -> Iterator[Metric]:
        """All of them, as they are now."""
        neighbours = self._neighbours()
        known = {state.key: state for state in neighbours}
        measured = self._measured()
        probes = [(known[item.key], item) for item in measured.neighbours if item.key in known]
        yield from _remembered(neighbours)
        yield _certificates(neighbours, self._own_ends())
        yield _gauge("probe_interval_seconds", "Time between two probes of a neighbour; 0: none.", measured.interval)
        yield from _probed(probes)
        yield _probe_counts(known, self._counts())
        yield from _as_deckhouse(neighbours, probes)

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are not checked against others by asking for all figures."""
        return ()


def _remembered(neighbours: Sequence[NeighbourState]) -> Iterator[Metric]:
    conditions = _family(
        "neighbour_condition",
        "1 for the status (true, false, unknown) that a condition of the neighbour's resource has.",
        (*_NEIGHBOUR, "type", "status"),
    )
    fetched = _family(
        "neighbour_last_fetch_timestamp_seconds",
        "When a document of the neighbour was fetched last, as its resource remembers it.",
        (*_NEIGHBOUR, "document"),
    )
    services = _family("neighbour_imported_services", "Services that are imported from the neighbour.", _NEIGHBOUR)
    gateways = _family("neighbour_gateways", "Known gateway addresses of the neighbour.", _NEIGHBOUR)
    for state in neighbours:
        place = _place(state)
        for type_ in CONDITIONS:
            if type_ in state.conditions:
                for status in STATUSES:
                    value = float(state.conditions[type_] == status)
                    conditions.add_metric([*place, type_, status.lower()], value)
        for document, at in sorted(state.fetched.items()):
            fetched.add_metric([*place, document], at)
        if state.services is not None:
            services.add_metric(place, state.services)
        gateways.add_metric(place, state.gateways or 0)
    yield from (conditions, fetched, services, gateways)


def _certificates(neighbours: Sequence[NeighbourState], own: Mapping[str, float]) -> Metric:
    ends = _family(
        "certificate_not_after_timestamp_seconds",
        "When a certificate ends; of several roots, the first one that does.",
        _CERTIFICATE,
    )
    for what, at in sorted(own.items()):
        ends.add_metric([what, "", ""], at)
    for state in neighbours:
        if state.root_end is not None:
            ends.add_metric(["neighbour-root", *_place(state)], state.root_end)
    return ends


def _probed(probes: Sequence[tuple[NeighbourState, Measurement]]) -> Iterator[Metric]:
    published = _family(
        "neighbour_healthcheck_published", "1 when the neighbour publishes a healthcheck to be probed.", _NEIGHBOUR
    )
    success = _family(
        "neighbour_probe_success", "1 when the neighbour's healthcheck answered through the mesh.", _NEIGHBOUR
    )
    duration = _family("neighbour_probe_duration_seconds", "How long the latest probe took.", _NEIGHBOUR)
    last = _family("neighbour_probe_timestamp_seconds", "When the latest probe ended.", _NEIGHBOUR)
    succeeded = _family("neighbour_probe_last_success_timestamp_seconds", "When a probe was answered last.", _NEIGHBOUR)
    for state, found in probes:
        place = _place(state)
        published.add_metric(place, float(found.outcome != NOT_PUBLISHED))
        if found.outcome != NOT_PUBLISHED:
            success.add_metric(place, float(found.outcome == ANSWERED))
            duration.add_metric(place, found.seconds)
            last.add_metric(place, found.at)
        if found.succeeded:
            succeeded.add_metric(place, found.succeeded)
    yield from (published, success, duration, last, succeeded)


def _probe_counts(known: Mapping[Key, NeighbourState], counts: Mapping[tuple[Key, str], int]) -> Metric:
    family = CounterMetricFamily(
        PREFIX + "neighbour_probes", "Probes by how they ended.", labels=[*_NEIGHBOUR, "outcome"]
    )
    for (key, outcome), count in sorted(counts.items()):
        if key in known:
            family.add_metric([*_place(known[key]), outcome], count)
    return family


def _as_deckhouse(
    neighbours: Sequence[NeighbourState], probes: Sequence[tuple[NeighbourState, Measurement]]
) -> Iterator[Metric]:
    """Under the platform's names: errors are 1 while something fails, the health check is 1 while it is answered."""
    for mode in (MODE_FEDERATION, MODE_MULTICLUSTER):
        errors = GaugeMetricFamily(
            f"d8_istio_{mode}_metadata_endpoints_fetch_error_count",
            "1 while a document can't be fetched.",
            labels=[f"{mode}_name", "endpoint"],
        )
        for state in neighbours:
            documents = ((PUBLIC_READY, PUBLIC_DOCUMENT), (PRIVATE_READY, _PRIVATE[mode]))
            for type_, document in documents if state.mode == mode and state.endpoint else ():
                if type_ in state.conditions:
                    errors.add_metric([state.name, _url(state.endpoint, document)], _fails(state, type_))
        yield errors
    hosts = GaugeMetricFamily(
        "d8_istio_multicluster_api_host_check_error_count",
        "1 while the API of a cluster of the same domain can't be reached.",
        labels=["multicluster_name", "api_host"],
    )
    for state in neighbours:
        if state.mode == MODE_MULTICLUSTER and REMOTE_API_READY in state.conditions:
            hosts.add_metric([state.name, state.api_host], _fails(state, REMOTE_API_READY))
    yield hosts
    health = GaugeMetricFamily(
        "d8_istio_alliance_dataplane_health_check",
        "1 while the neighbour's healthcheck answers through the mesh, 0 otherwise.",
        labels=["alliance_kind", "name", "remote_cluster_uuid"],
    )
    for state, found in probes:
        if found.outcome != NOT_PUBLISHED:
            health.add_metric([state.kind, state.name, state.uuid or _UNKNOWN], float(found.outcome == ANSWERED))
    yield health


def _fails(state: NeighbourState, type_: str) -> float:
    return float(state.conditions[type_] == "False")


def _url(endpoint: str, document: str) -> str:
    return urljoin(endpoint if endpoint.endswith("/") else f"{endpoint}/", document)


def _place(state: NeighbourState) -> list[str]:
    return [state.name, state.mode]


def _family(name: str, text: str, labels: Sequence[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, labels=list(labels))


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, text, value=value)
