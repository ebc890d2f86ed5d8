# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When each alert fires, and when it does not: series as promtool writes them, one value a minute.

Times begin at zero, so a moment long ago is a negative number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_P = "meshalliance_exporter_"
_AT = {"job": "metadata-exporter", "namespace": "istio-alliance"}
_EDGE = {"neighbour": "cluster-b", "mode": "federation"}
_OWN = {"certificate": "root", "mode": "", "neighbour": ""}
_DAY = 86400
MINUTES = 20


@dataclass(frozen=True)
class Case:
    """C(series): values by series, at 20 minutes. C(labels): of the alert that fires then, besides its severity; None
    when none does. C(value): how the alert's text writes what its expression gives.
    """

    alert: str
    about: str
    series: Mapping[str, str]
    labels: Mapping[str, str] | None = None
    value: str = ""

    def __str__(self) -> str:
        """As a test is named."""
        return f"{self.alert}: {self.about}"


@dataclass(frozen=True)
class _Replicas:
    """The same figure of two replicas, with a value each."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def told(self, one: str, two: str = "") -> dict[str, str]:
        values = {"one": one, **({"two": two} if two else {})}
        return {
            _series(f"{_P}{self.name}", {**_AT, **self.labels, "pod": pod, "instance": f"{pod}:8081"}): value
            for pod, value in values.items()
        }


def _series(name: str, labels: Mapping[str, str]) -> str:
    written = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{written}}}"


def _always(value: float) -> str:
    return f"{value:g}+0x{MINUTES}"


def _then(before: float, after: float, minutes: int) -> str:
    """One value, and another one for so many minutes at the end."""
    return f"{before:g}+0x{MINUTES - minutes} {after:g}+0x{minutes - 1}"


def _up(*values: str) -> dict[str, str]:
    return {
        _series("up", {**_AT, "pod": f"p{number}", "instance": f"p{number}:8081"}): value
        for number, value in enumerate(values)
    }


def _instance(pod: str) -> dict[str, str]:
    return {**_AT, "pod": pod, "instance": f"{pod}:8081"}


_PROBE = _Replicas("neighbour_probe_success", _EDGE)
_SERVICES = _Replicas("neighbour_imported_services", _EDGE)
_END = _Replicas("certificate_not_after_timestamp_seconds", _OWN)
_FETCHED = _Replicas("neighbour_last_fetch_timestamp_seconds", {**_EDGE, "document": "public"})
_ADDRESSES = _Replicas("gateway_addresses")
_WANTED = _Replicas("services", {"state": "wanted"})
_OPEN = _Replicas("services", {"state": "published"})
_READY = _Replicas("ready")
_LEADER = _Replicas("leader")
_INFORMER = _Replicas("informer_failing", {"informer": "services"})


def _condition(type_: str, status: str = "false") -> _Replicas:
    return _Replicas("neighbour_condition", {**_EDGE, "type": type_, "status": status})


_ON_EDGE = {**_AT, **_EDGE}
_PUBLIC, _API = "PublicMetadataExchangeReady", "RemoteAPIServerReady"

CASES = (
    Case("AllianceNeighbourUnreachable", "one replica gets no answer", _PROBE.told(_always(1), _always(0)), _ON_EDGE),
    Case("AllianceNeighbourUnreachable", "all are answered", _PROBE.told(_always(1), _always(1))),
    Case("AllianceNeighbourUnreachable", "it was answered a moment ago", _PROBE.told(_then(1, 0, 4))),
    Case("AllianceNeighbourUnreachable", "no healthcheck is published", {}),
    Case(
        "AllianceNeighbourFetchFailing",
        "its document can't be had",
        _condition(_PUBLIC).told(_always(1), _always(1)),
        {**_ON_EDGE, "type": _PUBLIC, "status": "false"},
    ),
    Case(
        "AllianceNeighbourFetchFailing",
        "its API can't be reached",
        _condition(_API).told(_always(1)),
        {**_ON_EDGE, "type": _API, "status": "false"},
    ),
    Case("AllianceNeighbourFetchFailing", "it can", _condition(_PUBLIC).told(_always(0))),
    Case("AllianceNeighbourFetchFailing", "once", _condition(_PUBLIC).told(_then(0, 1, 10))),
    Case("AllianceNeighbourFetchFailing", "not stale is well", _condition("Stale").told(_always(1))),
    Case(
        "AllianceNeighbourStale",
        "the condition says so",
        _condition("Stale", "true").told(_always(1), _always(1)),
        {**_ON_EDGE, "type": "Stale", "status": "true"},
    ),
    Case(
        "AllianceNeighbourStale",
        "not asked for more than a week",
        _FETCHED.told(_always(-8 * _DAY)),
        {**_ON_EDGE, "document": "public"},
    ),
    Case("AllianceNeighbourStale", "asked this week", _FETCHED.told(_always(-6 * _DAY))),
    Case("AllianceNeighbourStale", "not any more", _condition("Stale", "true").told(_always(0))),
    Case("AllianceImportsLost", "there were some", _SERVICES.told(_then(3, 0, 10), _then(3, 0, 10)), _ON_EDGE),
    Case("AllianceImportsLost", "there are some", _SERVICES.told(_then(3, 1, 10))),
    Case("AllianceImportsLost", "there never were", _SERVICES.told(_always(0))),
    Case("AllianceImportsLost", "for a moment", _SERVICES.told(_then(3, 0, 3))),
    Case("AllianceImportsLost", "the neighbour was removed", _SERVICES.told("3+0x5 stale")),
    Case(
        "AllianceCertificateEndsSoon",
        "within the month",
        _END.told(_always(10 * _DAY), _always(10 * _DAY)),
        {**_AT, **_OWN},
        "9d 23h 40m 0s",
    ),
    Case("AllianceCertificateEndsSoon", "after it", _END.told(_always(40 * _DAY))),
    Case("AllianceCertificateEndsSoon", "it has ended", _END.told(_always(-_DAY))),
    Case("AllianceCertificateEnded", "it has", _END.told(_always(60)), {**_AT, **_OWN}),
    Case("AllianceCertificateEnded", "soon, but not yet", _END.told(_always(_DAY))),
    Case("AllianceGatewayWithoutAddress", "no replica knows one", _ADDRESSES.told(_always(0), _always(0)), _AT),
    Case("AllianceGatewayWithoutAddress", "one that starts does not", _ADDRESSES.told(_always(1), _always(0))),
    Case("AllianceGatewayWithoutAddress", "for a moment", _ADDRESSES.told(_then(1, 0, 5))),
    Case(
        "AlliancePublishedServiceNotOpen",
        "one is not open",
        {**_WANTED.told(_always(3), _always(3)), **_OPEN.told(_always(2), _always(2))},
        _AT,
        "3",
    ),
    Case("AlliancePublishedServiceNotOpen", "all are", {**_WANTED.told(_always(3)), **_OPEN.told(_always(3))}),
    Case("AlliancePublishedServiceNotOpen", "not yet", {**_WANTED.told(_then(2, 3, 5)), **_OPEN.told(_always(2))}),
    Case("AllianceExporterDown", "none is up", _up(_always(0), _always(0)), {}),
    Case("AllianceExporterDown", "there is none", {}, {}),
    Case("AllianceExporterDown", "one is", _up(_always(1), _always(0))),
    Case("AllianceExporterReplicaDown", "one is not up", _up(_always(1), _always(0)), _instance("p1")),
    Case("AllianceExporterReplicaDown", "all are", _up(_always(1), _always(1))),
    Case("AllianceExporterReplicaDown", "restarted", _up(_then(1, 0, 10))),
    Case("AllianceExporterNotReady", "one is not", _READY.told(_always(1), _always(0)), _instance("two")),
    Case("AllianceExporterNotReady", "all are", _READY.told(_always(1), _always(1))),
    Case("AllianceExporterNotReady", "it has just started", _READY.told(_then(1, 0, 5))),
    Case("AllianceExporterNotLeading", "nobody leads", _LEADER.told(_always(0), _always(0)), _AT, "0"),
    Case("AllianceExporterNotLeading", "two lead", _LEADER.told(_always(1), _always(1)), _AT, "2"),
    Case("AllianceExporterNotLeading", "one leads", _LEADER.told(_always(0), _always(1))),
    Case("AllianceExporterNotLeading", "the lead changes", _LEADER.told(_then(1, 0, 2), _always(0))),
    Case(
        "AllianceExporterInformerFailing",
        "it does",
        _INFORMER.told(_always(0), _always(1)),
        {**_instance("two"), "informer": "services"},
    ),
    Case("AllianceExporterInformerFailing", "it does not", _INFORMER.told(_always(0))),
    Case("AllianceExporterInformerFailing", "for a moment", _INFORMER.told(_then(0, 1, 5))),
)
