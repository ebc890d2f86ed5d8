# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who leaves whom: one cluster all others, or two clusters each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member, resource_name
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    FEDERATION_HOSTS,
    MULTICLUSTER_HOSTS,
)

# What Ansible takes for a pattern of hosts and not for a name, and "all", which is one as well.
_PATTERN = frozenset(":,*?&![]~")
_EVERYBODY = frozenset({"all", "ungrouped"})


@dataclass(frozen=True)
class Departure:
    """C(leaving): the cluster that leaves all others; empty when one edge is removed.

    C(departed): for each cluster the ones that it is to forget, both by inventory name.
    """

    leaving: str = ""
    departed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, to be kept in an Ansible variable."""
        return {"leaving": self.leaving, "departed": {name: list(who) for name, who in self.departed.items()}}


def departure(groups: Mapping[str, Iterable[str]], leaving: str, edge: Sequence[str] | str) -> Departure:
    """The departure that the operator asks for: C(leaving) a cluster's name, or C(edge) two of them.

    A leaving cluster may have been taken from the groups already; of an edge, both are members. Raises AllianceError.
    """
    members = sorted(
        {str(host) for group in (FEDERATION_HOSTS, MULTICLUSTER_HOSTS) for host in groups.get(group) or ()}
    )
    ends = _names(edge)
    if bool(leaving) == bool(ends):
        raise AllianceError(
            "it is not said who leaves" if not ends else "alliance_leaving and alliance_edge are both given",
            remedy="give one of them: -e alliance_leaving=cluster-b takes the cluster out of the alliance,"
            " -e alliance_edge=cluster-a,cluster-b parts these two",
        )
    if leaving:
        _refuse_patterns([leaving])
        others = tuple(name for name in members if name != leaving)
        if any(resource_name(name) == resource_name(leaving) for name in others):
            raise AllianceError(f"another member's name becomes the Kubernetes name of {leaving}", remedy=_RENAME)
        return Departure(leaving, {**dict.fromkeys(others, (leaving,)), leaving: others})
    _refuse_patterns(ends)
    if len(ends) != 2 or ends[0] == ends[1]:
        raise AllianceError(
            f"an edge has two ends, and these are {len(set(ends))}: {', '.join(ends)}",
            remedy="give the names of two clusters: -e alliance_edge=cluster-a,cluster-b",
        )
    strangers = [name for name in ends if name not in members]
    if strangers:
        raise AllianceError(
            f"{', '.join(strangers)} is in none of the groups {FEDERATION_HOSTS} and {MULTICLUSTER_HOSTS}",
            remedy="name members; to take out a cluster that is no member any more, use -e alliance_leaving",
        )
    return Departure("", {ends[0]: (ends[1],), ends[1]: (ends[0],)})


def parted(members: Sequence[Member], plan: Departure) -> list[Member]:
    """The members as they are to be: without the one that leaves, or with one edge less."""
    staying = [member for member in members if member.name != plan.leaving]
    if plan.leaving:
        return staying
    return [replace(member, peers=_peers(member, staying, plan)) for member in staying]


def _peers(member: Member, members: Sequence[Member], plan: Departure) -> tuple[str, ...] | None:
    gone = plan.departed.get(member.name, ())
    if not gone:
        return member.peers
    kept = member.peers if member.peers is not None else [item.name for item in members if item.name != member.name]
    return tuple(name for name in kept if name not in gone)


_RENAME = "rename one of the hosts in the inventory, run the play that federates, and begin anew"


def _names(edge: Sequence[str] | str) -> list[str]:
    parts = edge.split(",") if isinstance(edge, str) else [str(part) for part in edge]
    return [part.strip() for part in parts if part.strip()]


def _refuse_patterns(given: Iterable[str]) -> None:
    for name in given:
        if name in _EVERYBODY or _PATTERN & set(name):
            raise AllianceError(f"{name} is a pattern of hosts", remedy="name one cluster as the inventory has it")
