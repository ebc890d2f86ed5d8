# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole alliance of the parts that its clusters told, with what nobody told put in as unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.checks import preflight
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conflicts import CONFLICTS
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.drift import drift
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import ERROR, OK, UNKNOWN, worst
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import MODE_UNKNOWN
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.obstacles import obstacles
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    Check,
    ClusterView,
    EdgeView,
    Overview,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_words import counted
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import unix_time

# What a run would write of gateway, exporter and the like: the roles themselves compare it, in check mode.
OBJECTS_CHECK = "objects"
TRAFFIC_CHECK = "traffic"
VERIFIED_CHECK = "verified"


@dataclass(frozen=True)
class Compared:
    """What roles found in check mode. C(changed): references of objects with C(action); C(failures): why not all."""

    changed: tuple[Mapping[str, str], ...] = ()
    unchanged: int = 0
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """What came of looking at one cluster: its C(part) of the alliance, or the C(failures) (unreadable()) in its place.

    C(compared) is None where nothing was compared.
    """

    part: Overview | None = None
    failures: tuple[Finding, ...] = ()
    compared: Compared | None = None


def unreadable(message: str, remedy: str = "", place: str = "") -> Finding:
    """Why a cluster could not be looked at."""
    way = remedy or "see that its API can be reached, with the rights that it takes"
    return Finding("error", "cluster-unreadable", message, way, object=place)


def assemble(
    title: str, time: str, members: Sequence[Member], told: Mapping[str, Told], verified: Overview | None = None
) -> Overview:
    """The alliance. C(told): by cluster, without those that nobody looked at. C(verified): requests made lately."""
    edges = [
        edge for member in members if not member.external for edge in _edges(member, members, told.get(member.name))
    ]
    if verified is not None:
        edges = [_with_probes(edge, verified) for edge in edges]
    found = [*preflight(members), *(item for member in members for item in obstacles(member, members))]
    clusters = []
    for member in members:
        own = [item for item in found if item.cluster == member.name]
        clusters.append(
            _external(member, edges, own) if member.external else _cluster(member, told.get(member.name), own)
        )
    if verified is not None:
        clusters = [_with_verification(view, verified) for view in clusters]
    rest = tuple(item for item in found if item.cluster not in {member.name for member in members})
    return Overview(title, time, tuple(clusters), tuple(edges), rest)


def recent(verified: Overview, now: str, seconds: float) -> bool:
    """Whether a verification was made so lately that it tells of now."""
    then, moment = unix_time(verified.time), unix_time(now)
    return then is not None and moment is not None and 0 <= moment - then <= seconds


def _cluster(member: Member, told: Told | None, findings: Sequence[Finding]) -> ClusterView:
    if told is None or told.part is None:
        return _unread(member, told, findings)
    view = told.part.clusters[0]
    known = {(item.code, item.message) for item in view.findings}
    more = [item for item in findings if (item.code, item.message) not in known]
    checks = [*view.checks, _inventory(more)]
    if told.compared is not None:
        check, differing = drift(told.compared.changed, told.compared.unchanged, told.compared.failures, OBJECTS_CHECK)
        checks.append(check)
        more += differing
    return replace(view, provider=member.provider, checks=tuple(checks), findings=(*view.findings, *more))


def _inventory(findings: Sequence[Finding]) -> Check:
    """What the inventory says of the cluster, held against the others, and what others have in the alliance's way."""
    level = worst([OK, *(item.severity for item in findings)])
    conflicts = sum(item.code in CONFLICTS for item in findings)
    text = (
        f"{counted(len(findings), 'problem')}, {counted(conflicts, 'conflict')} with others among them"
        if findings
        else "nothing is in its way"
    )
    return Check("inventory", level, text)


def _unread(member: Member, told: Told | None, findings: Sequence[Finding]) -> ClusterView:
    if told is None:
        check = Check("api", UNKNOWN, "nobody looked at it in this run")
        found = [
            Finding("unknown", "cluster-not-read", check.text, "run it without --limit, or see why the host failed")
        ]
    else:
        found = list(told.failures) or [unreadable("its API could not be read")]
        check = Check("api", ERROR, found[0].message)
    return ClusterView(
        member.name,
        member.provider,
        trust_domain=member.domain,
        checks=(check,),
        findings=(*found, *findings),
    )


def _external(member: Member, edges: Sequence[EdgeView], findings: Sequence[Finding]) -> ClusterView:
    """Somebody else's: known by what its neighbours learnt of it."""
    learnt = [
        check for edge in edges if edge.neighbour == member.name for check in edge.checks if check.name == "learnt"
    ]
    well = [check for check in learnt if check.level == OK]
    check = (
        Check("learnt", OK, f"{len(well)} of {len(learnt)} neighbours have learnt of it lately")
        if well
        else Check("learnt", UNKNOWN, "it is somebody else's, and no neighbour has learnt of it lately")
    )
    return ClusterView(
        member.name, member.provider, trust_domain=member.domain, checks=(check,), findings=tuple(findings)
    )


def _edges(member: Member, members: Sequence[Member], told: Told | None) -> list[EdgeView]:
    """What a cluster has of each neighbour; of one that could not be looked at nobody knows it."""
    neighbours = member.neighbours(members)
    known = {edge.neighbour: edge for edge in told.part.edges} if told is not None and told.part is not None else {}
    unseen = Check("reader", UNKNOWN, f"{member.name} could not be looked at")
    return [
        known.get(neighbour.name)
        or EdgeView(member.name, neighbour.name, mode=member.mode_with(neighbour) or MODE_UNKNOWN, checks=(unseen,))
        for neighbour in neighbours
    ]


def _with_probes(edge: EdgeView, verified: Overview) -> EdgeView:
    """The edge with what a verification found there: its requests are what is known of the traffic."""
    made = verified.edge(edge.reader, edge.neighbour)
    if made is None:
        return edge
    tried = bool(made.probes)
    kept = tuple(check for check in edge.checks if not tried or (check.name, check.level) != (TRAFFIC_CHECK, UNKNOWN))
    text = f"{len(made.probes)} requests were made at {verified.time}"
    check = Check(VERIFIED_CHECK, made.level, text)
    return replace(edge, probes=made.probes, checks=(*kept, check), findings=(*edge.findings, *made.findings))


def _with_verification(view: ClusterView, verified: Overview) -> ClusterView:
    """The cluster with what kept a verification from its work there."""
    made = next((item for item in verified.clusters if item.name == view.name), None)
    if made is None or not made.findings:
        return view
    check = Check(VERIFIED_CHECK, made.level, f"what a verification found at {verified.time}")
    return replace(view, checks=(*view.checks, check), findings=(*view.findings, *made.findings))
