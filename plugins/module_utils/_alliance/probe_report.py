# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of verifying the alliance, for people: a matrix of clusters by neighbours, and what does not work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import ERROR, OK, UNKNOWN
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import MODE_FEDERATION
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import (
    GATEWAY,
    LAYERS,
    SERVICE,
    WORKLOAD,
    ProbeResult,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.report import aligned, without_cluster

# Of one kind of failure so many checks are named; all are counted.
_NAMED = 3
_ITSELF = "."
_NO_EDGE = "-"
_NOTHING_DONE = "nothing was done there in this run"
_ONE_DOMAIN = "clusters of one domain are not probed"
_SEE_RUN = "see what the run said of it"

Edge = tuple[str, str]


@dataclass(frozen=True)
class HostVerification:
    """What the steps of the role returned for one cluster. C(failures): why a step ended; C(offered): by neighbour."""

    results: tuple[ProbeResult, ...] = ()
    failures: tuple[str, ...] = ()
    targets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    offered: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Verification:
    """The alliance, put to the test. C(hosts): by inventory name; one that is missing was not reached.

    C(shown): the members of this run, all when empty. C(planning): nothing was probed (check mode).
    """

    members: Sequence[Member]
    hosts: Mapping[str, HostVerification]
    shown: frozenset[str] = frozenset()
    planning: bool = False

    def edges(self) -> list[Edge]:
        """Who calls whom, as far as it is ours to try: an external cluster is called, and does not call from here."""
        return [
            (member.name, neighbour.name)
            for member in self.members
            if not member.external and (not self.shown or member.name in self.shown)
            for neighbour in member.neighbours(self.members)
        ]

    def results(self, edge: Edge) -> list[ProbeResult]:
        """Those of an edge; none when it was not probed."""
        host = self.hosts.get(edge[0])
        return [result for result in host.results if result.neighbour == edge[1]] if host else []

    def checks(self, edge: Edge) -> list[ProbeResult]:
        """Those of an edge for a file: with a failure for one of which nothing can be told, so that it can't pass."""
        results, host = self.results(edge), self.hosts.get(edge[0])
        if self.level(edge) != UNKNOWN:
            return results
        untried = ProbeResult(*edge, WORKLOAD, "edge")
        if self._well(edge):
            return [*results, replace(untried, skipped=_ONE_DOMAIN)]
        reasons = host.failures if host else (_NOTHING_DONE,)
        reason = "; ".join(without_cluster(edge[0], text) for text in reasons) or "nothing of it could be tried"
        failure = replace(untried, layer=WORKLOAD, reason=reason, remedy=_SEE_RUN, blamed=edge[0])
        return [*results, failure]

    def level(self, edge: Edge) -> str:
        """C(error) when a check failed, C(unknown) when nothing was checked or a step ended before, else C(ok)."""
        results, host = self.results(edge), self.hosts.get(edge[0])
        if any(result.layer for result in results):
            return ERROR
        if host is None or host.failures or not any(result.ok for result in results):
            return UNKNOWN
        return OK

    def red(self, cluster: str) -> list[str]:
        """The neighbours that a cluster does not reach as it should, or of which that could not be told."""
        return [edge[1] for edge in self.edges() if edge[0] == cluster and not self._well(edge)]

    def _well(self, edge: Edge) -> bool:
        return self.level(edge) == OK or (not self.failed(edge[0]) and self._not_ours(edge))

    def _not_ours(self, edge: Edge) -> bool:
        """Whether an edge is of a kind that is not probed."""
        return self.mode(edge) != MODE_FEDERATION

    def mode(self, edge: Edge) -> str | None:
        """How the two are joined."""
        known = {member.name: member for member in self.members}
        return known[edge[0]].mode_with(known[edge[1]])

    def failed(self, cluster: str) -> bool:
        """Whether a step ended in a cluster before it was done."""
        host = self.hosts.get(cluster)
        return host is None or bool(host.failures)

    def lines(self) -> list[str]:
        """The matrix, and below it everything that is not well."""
        if self.planning:
            return [*self._planned(), *self._problems()]
        problems = [*self._problems(), *self._notes()]
        return [*self._matrix(), *(["", *problems] if problems else [])]

    def _matrix(self) -> list[str]:
        edges = set(self.edges())
        rows = [name for name in (member.name for member in self.members) if any(edge[0] == name for edge in edges)]
        columns = [member.name for member in self.members if any(edge[1] == member.name for edge in edges)]
        header = ("FROM \\ TO", *columns)
        return aligned(
            [
                header,
                *(
                    (
                        row,
                        *(
                            self._cell((row, name)) if (row, name) in edges else _ITSELF if row == name else _NO_EDGE
                            for name in columns
                        ),
                    )
                    for row in rows
                ),
            ]
        )

    def _cell(self, edge: Edge) -> str:
        results, level = self.results(edge), self.level(edge)
        if level == ERROR:
            return f"FAIL {', '.join(sorted({result.layer for result in results if result.layer}, key=_order))}"
        if level == UNKNOWN:
            return "not probed"
        times = [result.ms for result in results if result.ms is not None]
        took = f", {median(times):.0f} ms" if times else ""
        return f"ok, {sum(result.ok for result in results)} checks{took}"

    def _planned(self) -> list[str]:
        rows = [("CLUSTER", "NEIGHBOUR", "WOULD CALL", "OF")]
        for edge in self.edges():
            host = self.hosts.get(edge[0])
            names = list(host.targets.get(edge[1]) or ()) if host else []
            offered = str(host.offered.get(edge[1], 0)) if host else "?"
            rows.append((*edge, _named(names) or "nothing", offered))
        return aligned(rows)

    def _problems(self) -> list[str]:
        lines = []
        for cluster in dict.fromkeys(edge[0] for edge in self.edges()):
            host = self.hosts.get(cluster)
            if host is None:
                lines.append(f"ERROR {cluster}: {_NOTHING_DONE}")
                continue
            lines += [f"ERROR {cluster}: {without_cluster(cluster, failure)}" for failure in host.failures]
        for edge in self.edges():
            for finding, names in grouped(self.results(edge)):
                lines.append(
                    f"ERROR {edge[0]} to {edge[1]}: {finding.code}, in {finding.cluster}: {finding.message}"
                    f" ({_named(names)}). Remedy: {finding.remedy}{self._between(edge, finding)}"
                )
        return lines

    def _between(self, edge: Edge, finding: Finding) -> str:
        """Who else is there at a gateway tells whether the gateway or the way to it is at fault."""
        if finding.code != GATEWAY:
            return ""
        others = [
            other[0]
            for other in self.edges()
            if other[1] == edge[1] and other[0] != edge[0] and any(result.gateways for result in self._services(other))
        ]
        return f"; {', '.join(others)} can reach it, so begin with what is between the two" if others else ""

    def _services(self, edge: Edge) -> list[ProbeResult]:
        return [result for result in self.results(edge) if result.ok and result.check == SERVICE]

    def _notes(self) -> list[str]:
        lines = []
        for edge in self.edges():
            if self._not_ours(edge):
                lines.append(f"NOTE {edge[0]} to {edge[1]}: {_ONE_DOMAIN}")
            for reason in sorted({result.skipped for result in self.results(edge) if result.skipped}):
                names = [result.name for result in self.results(edge) if result.skipped == reason]
                lines.append(f"NOTE {edge[0]} to {edge[1]}: not tried, {reason} ({_named(names)})")
            host = self.hosts.get(edge[0])
            probed, offered = (len(host.targets.get(edge[1]) or ()), host.offered.get(edge[1], 0)) if host else (0, 0)
            if probed < offered:
                lines.append(f"NOTE {edge[0]} to {edge[1]}: {probed} of {offered} ports were called")
        return lines


def grouped(results: Iterable[ProbeResult]) -> list[tuple[Finding, list[str]]]:
    """Failures with the names of the checks that have the same one, in the order of the layers.

    Of such a finding, C(code) is the layer and C(cluster) is the one in which the cause is.
    """
    groups: dict[Finding, list[str]] = {}
    for result in results:
        if result.layer:
            finding = Finding(
                "error", result.layer, result.reason, result.remedy, result.blamed, neighbour=result.neighbour
            )
            groups.setdefault(finding, []).append(result.name)
    return sorted(groups.items(), key=lambda item: (_order(item[0].code), item[0].message))


def _order(layer: str) -> int:
    return LAYERS.index(layer) if layer in LAYERS else len(LAYERS)


def _named(names: Sequence[str]) -> str:
    """The first of them, and how many there are besides."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
