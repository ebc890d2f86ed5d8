# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of an alliance at one moment: the one model of what status and verify found, and of what the page shows.

A cluster and an edge each have checks, which tell what was looked at and what came of it, and findings, which tell what
to do. Nothing has a level of its own: it is the worst of the checks, probes and findings, and C(unknown) where there is
none of them, so that what nobody looked at never counts as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import UNKNOWN, worst
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import MODE_FEDERATION

# Of the JSON form; it changes when a reader of the one before would misunderstand it.
SCHEMA = 1
# Of one cluster's or edge's services so many are listed; all are counted.
MOST_SERVICES = 100


@dataclass(frozen=True)
class Check:
    """Something that was looked at. C(name): a stable word; C(level): what came of it; C(text): in words, with how."""

    name: str
    level: str
    text: str


@dataclass(frozen=True)
class Service:
    """A service as callers name it: its host, and its ports as C(80/HTTP)."""

    host: str
    ports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Root:
    """A root certificate: SHA-256 of its DER in hex, and its end (RFC 3339), empty when it is not known."""

    fingerprint: str
    ends: str = ""


@dataclass(frozen=True)
class Expiry:
    """Something that ends: C(name) says what it is, C(object) which; C(ends): when (RFC 3339), empty for never."""

    name: str
    object: str
    ends: str = ""


@dataclass(frozen=True)
class Probe:
    """A request that was made for real.

    C(target): C(host:port) and, where it matters, a path. C(gateway): the neighbour's address that it went through.
    C(expected): C(answer), or C(refusal) for what must not be let in. C(layer): that failed, empty when none did.
    C(seconds): until the answer, None without one. C(identity): the server's SPIFFE ID as it was proved.
    """

    target: str
    level: str
    gateway: str = ""
    expected: str = "answer"
    layer: str = ""
    message: str = ""
    seconds: float | None = None
    identity: str = ""


@dataclass(frozen=True)
class ClusterView:
    """A cluster as its own API tells it.

    C(gateways): addresses as C(host:port). C(published): at most MOST_SERVICES of C(published_count). C(uuid),
    C(trust_domain) and C(istio) (a version) are empty while they are not known.
    """

    name: str
    provider: str
    trust_domain: str = ""
    uuid: str = ""
    istio: str = ""
    gateways: tuple[str, ...] = ()
    roots: tuple[Root, ...] = ()
    published: tuple[Service, ...] = ()
    published_count: int = 0
    expiries: tuple[Expiry, ...] = ()
    checks: tuple[Check, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def level(self) -> str:
        """The worst that is known of it."""
        return worst(_levels(self.checks, self.findings))


@dataclass(frozen=True)
class EdgeView:
    """What one cluster, the C(reader), has of a C(neighbour); what the neighbour has of it is another edge.

    C(mode): federation, multicluster or unknown. C(gateways): the neighbour's addresses that the reader calls.
    C(services): that the reader imports, at most MOST_SERVICES of C(service_count). C(roots): fingerprints that it
    trusts for the neighbour. C(last_fetch): when it last learnt something of it (RFC 3339), empty for never.
    """

    reader: str
    neighbour: str
    mode: str = MODE_FEDERATION
    gateways: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    service_count: int = 0
    roots: tuple[str, ...] = ()
    last_fetch: str = ""
    probes: tuple[Probe, ...] = ()
    checks: tuple[Check, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def level(self) -> str:
        """The worst that is known of it."""
        return worst([*_levels(self.checks, self.findings), *(probe.level for probe in self.probes)])


@dataclass(frozen=True)
class Overview:
    """The alliance. C(title): what was done, for people. C(time): when (RFC 3339). C(findings): of no one cluster."""

    title: str
    time: str
    clusters: tuple[ClusterView, ...] = ()
    edges: tuple[EdgeView, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def level(self) -> str:
        """The worst of all parts; C(unknown) for an alliance without clusters."""
        if not self.clusters:
            return worst([UNKNOWN, *_levels((), self.findings)])
        parts = [*(cluster.level for cluster in self.clusters), *(edge.level for edge in self.edges)]
        return worst([*parts, *_levels((), self.findings)])

    def edge(self, reader: str, neighbour: str) -> EdgeView | None:
        """What one cluster has of another; None when they are no neighbours."""
        return next((edge for edge in self.edges if (edge.reader, edge.neighbour) == (reader, neighbour)), None)

    def all_findings(self) -> tuple[Finding, ...]:
        """Every finding with its place, the worst first, each once."""
        found = [
            *self.findings,
            *(finding.located(cluster=view.name) for view in self.clusters for finding in view.findings),
            *(
                finding.located(cluster=edge.reader, neighbour=edge.neighbour)
                for edge in self.edges
                for finding in edge.findings
            ),
        ]
        return tuple(sorted(dict.fromkeys(found), key=_by_severity))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: plain values, with the schema's version and the levels, which readers need not compute."""
        return {
            "schema": SCHEMA,
            "title": self.title,
            "time": self.time,
            "level": self.level,
            "clusters": [{"level": view.level, **_plain(asdict(view))} for view in self.clusters],
            "edges": [{"level": edge.level, **_plain(asdict(edge))} for edge in self.edges],
            "findings": [finding.to_dict() for finding in self.findings],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Overview:
        """An overview from its JSON form; unknown keys are ignored, levels are computed anew.

        Raises AllianceError when it has another schema version or is none at all.
        """
        if data.get("schema") != SCHEMA:
            raise AllianceError(
                f"the overview has schema {data.get('schema')!a}, and {SCHEMA} is understood",
                remedy="use the version of this collection that wrote it",
            )
        try:
            return cls(
                title=str(data["title"]),
                time=str(data["time"]),
                clusters=tuple(_cluster(item) for item in data["clusters"]),
                edges=tuple(_edge(item) for item in data["edges"]),
                findings=_findings(data),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise AllianceError(f"the overview can't be read: {error!r}", remedy="write it anew") from error


def cut_services(services: Sequence[Service]) -> tuple[Service, ...]:
    """Those that are listed of many: the first by name."""
    return tuple(sorted(services, key=lambda service: service.host)[:MOST_SERVICES])


def _levels(checks: Iterable[Check], findings: Iterable[Finding]) -> list[str]:
    return [*(check.level for check in checks), *(finding.severity for finding in findings)]


def _by_severity(finding: Finding) -> tuple[int, str, str, str]:
    order = ("error", "warning", "unknown")
    return (order.index(finding.severity), finding.cluster, finding.neighbour, finding.code)


def _plain(value: Any) -> Any:
    """Lists for tuples, all the way down, as JSON has them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _cluster(data: Mapping[str, Any]) -> ClusterView:
    return ClusterView(
        name=str(data["name"]),
        provider=str(data["provider"]),
        trust_domain=str(data.get("trust_domain", "")),
        uuid=str(data.get("uuid", "")),
        istio=str(data.get("istio", "")),
        gateways=_texts(data, "gateways"),
        roots=tuple(Root(**_known(Root, item)) for item in data.get("roots") or ()),
        published=_services(data, "published"),
        published_count=int(data.get("published_count", 0)),
        expiries=tuple(Expiry(**_known(Expiry, item)) for item in data.get("expiries") or ()),
        checks=_checks(data),
        findings=_findings(data),
    )


def _edge(data: Mapping[str, Any]) -> EdgeView:
    return EdgeView(
        reader=str(data["reader"]),
        neighbour=str(data["neighbour"]),
        mode=str(data.get("mode", MODE_FEDERATION)),
        gateways=_texts(data, "gateways"),
        services=_services(data, "services"),
        service_count=int(data.get("service_count", 0)),
        roots=_texts(data, "roots"),
        last_fetch=str(data.get("last_fetch", "")),
        probes=tuple(Probe(**_known(Probe, item)) for item in data.get("probes") or ()),
        checks=_checks(data),
        findings=_findings(data),
    )


def _services(data: Mapping[str, Any], key: str) -> tuple[Service, ...]:
    return tuple(Service(str(item["host"]), _texts(item, "ports")) for item in data.get(key) or ())


def _checks(data: Mapping[str, Any]) -> tuple[Check, ...]:
    return tuple(Check(**_known(Check, item)) for item in data.get("checks") or ())


def _findings(data: Mapping[str, Any]) -> tuple[Finding, ...]:
    return tuple(Finding(**_known(Finding, item)) for item in data.get("findings") or ())


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(str(item) for item in data.get(key) or ())


def _known(kind: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a dataclass that a mapping has; plain strings, as results of Ansible may be tagged ones."""
    return {
        key: str(value) if isinstance(value, str) else value
        for key, value in data.items()
        if key in kind.__dataclass_fields__
    }
