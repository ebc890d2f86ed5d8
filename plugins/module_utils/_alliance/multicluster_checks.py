# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pre-flight of a multicluster: what would keep clusters of one domain from being one mesh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names, service_ports
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.istio_settings import version_tuple
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member

# istiod's default, which every cluster has that was not given a name.
UNNAMED = "Kubernetes"
# Control planes of one mesh may be one minor release apart, as during an upgrade
# (https://istio.io/latest/docs/releases/supported-releases/#control-planedata-plane-skew).
MOST_SKEW = 1
# So many Services are named in one finding.
_MOST_NAMED = 3


def multicluster_findings(members: Sequence[Member]) -> Iterator[Finding]:
    """The findings of all members that are joined with others as clusters of one domain."""
    for member in members:
        joined = member.neighbours(members, names.MODE_MULTICLUSTER)
        if joined and member.provider == names.PROVIDER_ISTIO and member.state is not None:
            yield from _of_one(member.name, member.state)
        for other in joined:
            for code, message, remedy in _between(member, other):
                yield Finding("error", code, message, remedy, cluster=member.name, neighbour=other.name)


def clash_findings(member: Member, members: Sequence[Member]) -> Iterator[Finding]:
    """Services of one name with different ports: one cluster's, because all pairs of many clusters take long."""
    for other in member.neighbours(members, names.MODE_MULTICLUSTER):
        if member.state is None or other.state is None or not member.state.services or not other.state.services:
            continue
        clashing = service_ports.clashes(member.state.services, other.state.services)
        if clashing:
            more = f" and {len(clashing) - _MOST_NAMED} more" if len(clashing) > _MOST_NAMED else ""
            yield Finding(
                "warning",
                "services-clash",
                f"{len(clashing)} Services have other ports in {other.name}: {', '.join(clashing[:_MOST_NAMED])}{more}",
                "a Service of one name is one service in both clusters: give it the same ports with the same names, or"
                " another name",
                cluster=member.name,
                neighbour=other.name,
            )


def _of_one(name: str, state: ClusterState) -> Iterator[Finding]:
    if not state.network:
        yield Finding(
            "error",
            "network-missing",
            "the name of its network is not set, so istiod can't tell its pods from those of other networks",
            "set the Helm value global.network of the charts istiod and gateway, and the label"
            f" topology.istio.io/network of the namespace {state.root_namespace}",
            cluster=name,
        )
    if state.cluster_id in ("", UNNAMED):
        yield Finding(
            "error",
            "cluster-id-missing",
            "its istiod has no name of its own for the cluster",
            "set the Helm value global.multiCluster.clusterName of the chart istiod",
            cluster=name,
        )
    if state.mesh_networks:
        yield Finding(
            "error",
            "mesh-networks-taken",
            f"the primary mesh config sets meshNetworks ({', '.join(state.mesh_networks)}), which the shared mesh"
            " config would hide",
            "remove global.meshNetworks from the installation; networks are kept in the ConfigMap"
            f" {names.SHARED_MESH_CONFIGMAP}",
            cluster=name,
        )


# Code, message and remedy.
_Problem = tuple[str, str, str]


def _between(member: Member, other: Member) -> Iterator[_Problem]:
    if member.domain and other.domain and member.domain != other.domain:
        yield (
            "domain-differs-in-multicluster",
            f"its trust domain is {member.domain}, that of {other.name} is {other.domain}",
            f"clusters of different domains are federated: put both into the group {names.FEDERATION_HOSTS}",
        )
        return
    one, another = member.state, other.state
    if one is None or another is None:
        return
    if one.cluster_id and one.cluster_id == another.cluster_id and one.cluster_id != UNNAMED:
        yield (
            "cluster-id-shared",
            f"its cluster ID {one.cluster_id} is also that of {other.name}",
            "set a Helm value global.multiCluster.clusterName of its own for each cluster",
        )
    if one.network and one.network == another.network and not (member.flat_network and other.flat_network):
        yield (
            "network-shared",
            f"its network {one.network} has the name of the network of {other.name}",
            "set a Helm value global.network of its own for each network; where the pods of both clusters reach each"
            " other, set alliance_flat_network for both",
        )
    yield from _skew(one, another, other.name)


def _skew(one: ClusterState, another: ClusterState, other: str) -> Iterator[_Problem]:
    versions = [_version(state) for state in (one, another)]
    mine, theirs = (version_tuple(version) for version in versions)
    if mine is None or theirs is None or (mine[0] == theirs[0] and abs(mine[1] - theirs[1]) <= MOST_SKEW):
        return
    yield (
        "istio-skew",
        f"its Istio is {versions[0]}, that of {other} is {versions[1]}",
        f"bring both to at most {MOST_SKEW} minor release apart",
    )


def _version(state: ClusterState) -> str | None:
    return next((revision["version"] for revision in state.istio if revision["name"] == state.revision), None)
