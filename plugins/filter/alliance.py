# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that see the whole alliance at once, so that no template loops over clusters x clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.checks import preflight
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departure import Departure, departure, parted
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.handover import federation_manifests
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member, members_from
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    FEDERATION_HOSTS,
    MULTICLUSTER_HOSTS,
)

RESTART_ANNOTATION = "meshalliance.istio/restarted-for"
RESTART_REASON = "mesh-wide-proxy-settings"
RESTARTED_KINDS = ("Deployment", "DaemonSet", "StatefulSet")


def alliance_hosts(groups: Mapping[str, Iterable[str]], play_hosts: Iterable[str]) -> list[str]:
    """The hosts of all groups of an alliance that a host of the play is in: C(--limit) does not make them fewer."""
    named = set(play_hosts)
    wanted = [set(groups.get(group) or ()) for group in (FEDERATION_HOSTS, MULTICLUSTER_HOSTS)]
    return sorted(set().union(*(hosts for hosts in wanted if hosts & named)))


def alliance_members(
    hostvars: Mapping[str, Mapping[str, Any]], hosts: Iterable[str], results: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """The members of an alliance, by the variables and facts of their hosts."""
    states = {str(result["item"]): result["state"] for result in results if result.get("state")}
    return [member.to_dict() for member in members_from(hostvars, hosts, states)]


def alliance_neighbours(members: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """One cluster's neighbours, as the option of the modules. Those with an error are held."""
    known = [Member.from_dict(member) for member in members]
    own = next((member for member in known if member.name == name), None)
    if own is None:
        raise AnsibleFilterError(f"alliance_neighbours: {name} is not a member of the alliance")
    holds: dict[str, str] = {}
    for finding in preflight(known):
        if finding.severity == "error":
            holds.setdefault(finding.cluster, finding.message)
    # Of members whose names become one resource name, which are all held, one stands for the others.
    distinct = {member.resource_name: member for member in reversed(own.neighbours(known))}
    return [member.as_neighbour(own, holds.get(member.name, "")) for member in reversed(distinct.values())]


def alliance_departure(
    groups: Mapping[str, Iterable[str]], leaving: str = "", edge: Sequence[str] | str = ()
) -> dict[str, Any]:
    """Who leaves whom: C(leaving), and by host name the list C(departed) of those that it is to forget."""
    try:
        return departure(groups, str(leaving or ""), edge or ()).to_dict()
    except AllianceError as error:
        raise AnsibleFilterError(f"alliance_departure: {error}") from None


def alliance_departed(members: Sequence[Mapping[str, Any]], names: Iterable[str]) -> list[dict[str, Any]]:
    """What is known of clusters that leave, or are left, in the form of the option C(neighbours) of the modules.

    One that is no member any more is known by its name alone.
    """
    known = {member.name: member for member in map(Member.from_dict, members)}
    return [known[name].as_neighbour(known[name]) if name in known else {"name": str(name)} for name in names]


def alliance_parted(members: Sequence[Mapping[str, Any]], plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The members as they are to be after a departure: without the one that leaves, or without an edge."""
    departed = {str(name): tuple(gone) for name, gone in plan["departed"].items()}
    staying = parted([Member.from_dict(member) for member in members], Departure(str(plan["leaving"]), departed))
    return [member.to_dict() for member in staying]


def alliance_handover(members: Sequence[Mapping[str, Any]], name: str) -> str:
    """What the administrator of an external member enters on the other side: IstioFederation manifests, as YAML."""
    try:
        return federation_manifests([Member.from_dict(member) for member in members], name)
    except AllianceError as error:
        raise AnsibleFilterError(f"alliance_handover: {error}") from None


def restart_definitions(workloads: Iterable[str]) -> list[dict[str, Any]]:
    """Manifests that restart workloads, given as C(Kind namespace/name); kinds that have no rollout are left out."""
    definitions = []
    for workload in workloads:
        kind, _space, place = str(workload).partition(" ")
        namespace, _slash, name = place.partition("/")
        if kind in RESTARTED_KINDS:
            template = {"metadata": {"annotations": {RESTART_ANNOTATION: RESTART_REASON}}}
            definitions.append(
                {
                    "apiVersion": "apps/v1",
                    "kind": kind,
                    "metadata": {"name": name, "namespace": namespace},
                    "spec": {"template": template},
                }
            )
    return definitions


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {
            "alliance_departed": alliance_departed,
            "alliance_departure": alliance_departure,
            "alliance_handover": alliance_handover,
            "alliance_hosts": alliance_hosts,
            "alliance_members": alliance_members,
            "alliance_neighbours": alliance_neighbours,
            "alliance_parted": alliance_parted,
            "restart_definitions": restart_definitions,
        }
