# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Multicluster in one cluster: ask the proved clusters of the same domain where their APIs and gateways are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import AddressRules
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    Failure,
    cached_multicluster,
    cached_public,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import (
    MulticlusterMetadata,
    derived_cluster_id,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import RemoteCluster
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.staleness import (
    NEVER,
    Staleness,
    StalePolicy,
    staleness,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.parallel import each
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proof import ProofError
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.signed import (
    NOT_THERE_YET,
    ask_signed,
    open_to,
    patience,
    private_finding_code,
    refusals,
)

Object = dict[str, Any]

_ANY_READER = AddressRules()
# What a plan shows where only the real run can know (RFC 2606: never resolves).
UNKNOWN_HOST = "known-after-apply.invalid"
# Why a neighbour may get a new token although it was not asked: it is away, and who it is was not called into question.
_AWAY = frozenset({"FetchFailed", "NonOKResponse"})


@dataclass(frozen=True)
class Own:
    """The cluster that is written to, as its istiod calls itself and its network."""

    cluster_id: str
    network: str


@dataclass(frozen=True)
class Known:
    """A cluster to be read. C(uuid): for whom a token is signed; C(renewable): whether a new one may be signed now."""

    neighbour: Neighbour
    remote: RemoteCluster
    uuid: str
    renewable: bool


@dataclass
class Clusters:
    """What was learnt: C(outcomes) by resource name, and the clusters that istiod is to read.

    C(stale), by resource name, are those that gave no answer and of which something is known. C(at): when, in unix
    seconds.
    """

    outcomes: dict[str, MulticlusterMetadata | Failure] = field(default_factory=dict)
    known: list[Known] = field(default_factory=list)
    stale: dict[str, Staleness] = field(default_factory=dict)
    at: float = 0.0
    findings: list[Finding] = field(default_factory=list)


def learn_clusters(
    neighbours: Sequence[Neighbour],
    resources: Mapping[str, Object],
    identity: Identity | None,
    own: Own,
    *,
    rules: AddressRules = _ANY_READER,
    policy: StalePolicy = NEVER,
    planning: bool = False,
) -> Clusters:
    """Ask every neighbour for its multicluster document. Never raises for a neighbour's sake: last known good stays.

    C(rules): where a gateway or an API may be, for this cluster. C(policy): for how long what was known of a neighbour
    stays. While C(planning) (check mode), a member whose exporter can't answer yet stands as its API describes it.
    """
    learnt = Clusters()
    refused = refusals(neighbours, resources)

    def ask(neighbour: Neighbour) -> tuple[MulticlusterMetadata, tuple[Finding, ...]]:
        if neighbour.resource_name in refused:
            raise refused[neighbour.resource_name]
        resource = resources.get(neighbour.resource_name)
        client, proved, who = open_to(neighbour, resource, identity, planning=planning)
        pauses = patience(neighbour, resource or {}, planning=planning)
        about_keys: list[Finding] = []
        document, findings, _clock = ask_signed(
            lambda token: client.multicluster(token, rules),
            names.SCOPE_MULTICLUSTER,
            proved,
            who,
            pauses=pauses,
            findings=about_keys,
        )
        return _usable(document, neighbour, own), (*findings, *about_keys)

    results = each(ask, neighbours)
    learnt.at = time.time()
    for neighbour, result in zip(neighbours, results, strict=True):
        resource = resources.get(neighbour.resource_name)
        _take(learnt, neighbour, result, resource, rules, policy, planning=planning)
    _refuse_clashes(learnt, own)
    return learnt


def _usable(document: MulticlusterMetadata, neighbour: Neighbour, own: Own) -> MulticlusterMetadata:
    """The document, when istiod can make use of it. Raises ProofError."""
    if neighbour.flat_network:
        return replace(document, ingress_gateways=())
    if not document.ingress_gateways:
        raise ProofError(
            "it names no ingress gateway",
            reason="InvalidPrivateMetadata",
            remedy="give its gateway an address, set alliance_gateway.multicluster_advertise there, or"
            " alliance_flat_network where its pods are reached without one",
        )
    if document.network_name == own.network:
        raise ProofError(
            f"its network {own.network} has the name of this cluster's own",
            reason="ConfigurationError",
            remedy="give each network a name of its own (global.network), or set alliance_flat_network for clusters"
            " whose pods reach each other",
        )
    return document


def _take(
    learnt: Clusters,
    neighbour: Neighbour,
    result: tuple[MulticlusterMetadata, tuple[Finding, ...]] | AllianceError,
    resource: Object | None,
    rules: AddressRules,
    policy: StalePolicy,
    *,
    planning: bool,
) -> None:
    name, status = neighbour.resource_name, (resource or {}).get("status")
    remembered = cached_multicluster(status, rules)
    document: MulticlusterMetadata | None
    if isinstance(result, AllianceError):
        failure = Failure.of(result)
        expected = planning and remembered is None and not neighbour.hold and failure.reason in NOT_THERE_YET
        planned = _planned(neighbour) if expected else None
        document, renewable = planned or remembered, planned is not None or failure.reason in _AWAY
        learnt.outcomes[name] = planned or failure
        stale = staleness(status, policy, learnt.at) if planned is None and remembered is not None else None
        if stale is not None:
            learnt.stale[name] = stale
            document = None if stale.evicted else document
        if planned is None:
            learnt.findings.append(_finding(neighbour, result, kept=document is not None))
            told = stale.finding(neighbour.name) if stale else None
            learnt.findings += [told] if told else []
    else:
        document, findings = result
        renewable = True
        learnt.outcomes[name] = document
        learnt.findings += [finding.located(neighbour=neighbour.name) for finding in findings]
    if document is None:
        return
    public = cached_public(status)
    uuid = public.cluster_uuid if public else (neighbour.state.uuid if neighbour.state else "")
    remote = RemoteCluster(
        name=name,
        cluster_id=document.cluster_id or derived_cluster_id(str(neighbour.trust_domain), uuid),
        api_host=document.api_host,
        network=document.network_name,
        gateways=() if neighbour.flat_network else tuple(document.ingress_gateways or ()),
        ca=neighbour.ca,
        insecure=neighbour.insecure,
    )
    learnt.known.append(Known(neighbour, remote, uuid, renewable))


def _planned(neighbour: Neighbour) -> MulticlusterMetadata | None:
    state = neighbour.state
    if state is None:
        return None
    told = [GatewayAddress(entry["address"], entry["port"]) for entry in state.multicluster_gateways or ()]
    unknown = [] if neighbour.flat_network else [GatewayAddress(UNKNOWN_HOST, names.MULTICLUSTER_PORT)]
    return MulticlusterMetadata(
        ingress_gateways=tuple(told or unknown),
        api_host=state.api_host or f"{UNKNOWN_HOST}:{names.API_PORT}",
        network_name=state.network,
        cluster_id=state.cluster_id or None,
    )


def _refuse_clashes(learnt: Clusters, own: Own) -> None:
    """istiod reads one cluster by each name: of two, none is told of."""
    counts = Counter(item.remote.cluster_id for item in learnt.known)
    kept = []
    for item in learnt.known:
        cluster_id = item.remote.cluster_id
        if cluster_id != own.cluster_id and counts[cluster_id] == 1:
            kept.append(item)
            continue
        whose = "this cluster's own" if cluster_id == own.cluster_id else "another neighbour's"
        learnt.findings.append(
            Finding(
                "error",
                "cluster-id-shared",
                f"its cluster ID {cluster_id} is {whose} too: its API is not read",
                "give each cluster a name of its own (global.multiCluster.clusterName of its Istio)",
                neighbour=item.neighbour.name,
            )
        )
        learnt.outcomes[item.neighbour.resource_name] = Failure(
            "ConfigurationError", f"its cluster ID {cluster_id} is {whose} too"
        )
    learnt.known = kept


def _finding(neighbour: Neighbour, error: AllianceError, *, kept: bool) -> Finding:
    suffix = " (what was known of it stays)" if kept else ""
    return Finding(
        "error", private_finding_code(error), f"{error.message}{suffix}", error.remedy or "", neighbour=neighbour.name
    )
