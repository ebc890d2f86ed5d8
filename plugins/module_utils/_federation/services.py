# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service import in one cluster: ask the proved neighbours what they publish, and compute what makes it callable."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import AddressRules
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    GatewayAddress,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    Failure,
    cached_private,
    last_known_good,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.imports import (
    Imports,
    ImportSource,
    compute_imports,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.publishing import planned_document
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.staleness import (
    NEVER,
    Staleness,
    StalePolicy,
    staleness,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.parallel import each
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.signed import (
    NOT_THERE_YET,
    UNAUTHORIZED,
    UNAUTHORIZED_PAUSES_SECONDS,
    ask_signed,
    open_to,
    patience,
    private_finding_code,
    refusals,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.trust import NOT_ASKED
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import MetadataClient

Object = dict[str, Any]

_ANY_READER = AddressRules()
_KEPT = " (what was known of it stays)"
# What a plan shows where only the real run can know.
UNKNOWN_GATEWAY = GatewayAddress("known-after-apply.invalid", 15443)


@dataclass
class Learnt:
    """What was fetched. C(outcomes) by resource name; C(sources) is what imports are computed from.

    C(unanswered): those that gave no answer that counts; C(stale): what that means for what is known of them.
    C(without_gateways): those that have none, which was confirmed. C(at): when, in unix seconds.
    """

    outcomes: dict[str, FederationMetadata | Failure] = field(default_factory=dict)
    sources: list[ImportSource] = field(default_factory=list)
    unanswered: set[str] = field(default_factory=set)
    stale: dict[str, Staleness] = field(default_factory=dict)
    without_gateways: set[str] = field(default_factory=set)
    at: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    def imports(self, namespace: str, *, failover: bool) -> Imports:
        """The objects for a namespace."""
        return compute_imports(self.sources, namespace=namespace, failover=failover)


def learn(
    neighbours: Sequence[Neighbour],
    federations: Mapping[str, Object],
    identity: Identity | None,
    *,
    own_roots: Sequence[str] = (),
    rules: AddressRules = _ANY_READER,
    policy: StalePolicy = NEVER,
    planning: bool = False,
) -> Learnt:
    """Ask every neighbour what it publishes. Never raises for a neighbour's sake: last known good stays.

    C(own_roots): certificates of the cluster's own CA, PEM. C(rules): where a gateway may be, for this cluster.
    C(policy): for how long what was known of a neighbour stays. While C(planning) (check mode), a member whose exporter
    can't answer yet stands as its API describes it, and each member tells also what this run would publish there.
    """
    known = [item.completed(federations.get(item.resource_name)) for item in neighbours]
    refused = refusals(known, federations, own_roots)

    def ask(neighbour: Neighbour) -> tuple[FederationMetadata, tuple[Finding, ...]]:
        if neighbour.resource_name in refused:
            raise refused[neighbour.resource_name]
        resource = federations.get(neighbour.resource_name)
        client, proved, own = open_to(neighbour, resource, identity, planning=planning)
        pauses = patience(neighbour, resource or {}, planning=planning)
        return fetch_federation(client, str(neighbour.trust_domain), proved, own, pauses=pauses, rules=rules)

    return _gathered(known, each(ask, known), federations, rules, policy, planning=planning)


def recall(
    neighbours: Sequence[Neighbour],
    federations: Mapping[str, Object],
    *,
    rules: AddressRules = _ANY_READER,
    policy: StalePolicy = NEVER,
) -> Learnt:
    """What learn() would come to if no neighbour answered now: what is imported by all that is remembered.

    Nobody is asked, so C(outcomes) is empty, and C(findings) has only those who have been silent for too long.
    """
    known = [item.completed(federations.get(item.resource_name)) for item in neighbours]
    learnt = _gathered(known, [NOT_ASKED for _item in known], federations, rules, policy)
    learnt.outcomes = {}
    stale = ((item.name, learnt.stale.get(item.resource_name)) for item in known)
    learnt.findings = [found for name, one in stale if one is not None and (found := one.finding(name)) is not None]
    return learnt


def _gathered(
    known: Sequence[Neighbour],
    results: Sequence[tuple[FederationMetadata, tuple[Finding, ...]] | AllianceError],
    federations: Mapping[str, Object],
    rules: AddressRules,
    policy: StalePolicy,
    *,
    planning: bool = False,
) -> Learnt:
    """What is to be imported, by the answers and by what is remembered."""
    learnt = Learnt()
    for neighbour, result in zip(known, results, strict=True):
        _take(learnt, neighbour, result, federations.get(neighbour.resource_name), rules, planning)
    _evict(learnt, known, federations, policy)
    return learnt


def _evict(learnt: Learnt, known: Sequence[Neighbour], federations: Mapping[str, Object], policy: StalePolicy) -> None:
    """Of those that have not answered for too long nothing is imported; their roots stay trusted."""
    learnt.at, evicted = time.time(), set()
    for neighbour in known:
        name, resource = neighbour.resource_name, federations.get(neighbour.resource_name)
        if name not in learnt.unanswered or cached_private((resource or {}).get("status")) is None:
            continue
        stale = staleness((resource or {}).get("status"), policy, learnt.at)
        learnt.stale[name] = stale
        if stale.evicted:
            evicted.add(neighbour.name)
            learnt.findings = [_without_promise(item, neighbour.name) for item in learnt.findings]
        finding = stale.finding(neighbour.name)
        if finding is not None:
            learnt.findings.append(finding)
    learnt.sources = [source for source in learnt.sources if source.name not in evicted]


def fetch_federation(
    client: MetadataClient,
    trust_domain: str,
    proved: PublicMetadata,
    identity: Identity,
    pause: Callable[[float], None] = time.sleep,
    pauses: Sequence[float] = UNAUTHORIZED_PAUSES_SECONDS,
    *,
    rules: AddressRules = _ANY_READER,
) -> tuple[FederationMetadata, tuple[Finding, ...]]:
    """A proved neighbour's federation document, asked for with a signed request. Raises NeighbourError."""
    about_keys: list[Finding] = []
    document, findings, _server_time = ask_signed(
        lambda token: client.federation(token, trust_domain, rules),
        names.SCOPE_FEDERATION,
        proved,
        identity,
        pause=pause,
        pauses=pauses,
        findings=about_keys,
    )
    return document, (*findings, *about_keys)


def _take(
    learnt: Learnt,
    neighbour: Neighbour,
    result: tuple[FederationMetadata, tuple[Finding, ...]] | AllianceError,
    resource: Object | None,
    rules: AddressRules,
    planning: bool,
) -> None:
    name = neighbour.resource_name
    remembered = cached_private((resource or {}).get("status"), rules)
    document: FederationMetadata | None
    if isinstance(result, AllianceError):
        expected = planning and remembered is None and not neighbour.hold
        planned = _planned(neighbour) if expected and Failure.of(result).reason in NOT_THERE_YET else None
        document = planned or remembered
        learnt.outcomes[name] = planned or Failure.of(result)
        if planned is None:
            learnt.unanswered.add(name)
            finding = _finding(neighbour, result, remembered)
            # The plan of its first run: what it publishes is known only after the run that proves it.
            unknown = expected and neighbour.external and getattr(result, "reason", "") == "AwaitingPublic"
            learnt.findings.append(replace(finding, severity="warning") if unknown else finding)
    else:
        document, findings = result
        if planning:
            document = planned_document(document, neighbour.state)
        learnt.findings += [finding.located(neighbour=neighbour.name) for finding in findings]
        learnt.outcomes[name] = document
        if document.ingress_gateways == () and neighbour.confirm_no_gateways:
            learnt.without_gateways.add(name)
            learnt.findings.append(_confirmed(neighbour))
        elif not document.ingress_gateways:
            # No address of a gateway means that something is wrong there: nothing is believed, and nothing evicted.
            learnt.unanswered.add(name)
            learnt.findings.append(_without_gateway(neighbour, remembered))
            document = last_known_good((resource or {}).get("status"), document, rules)
    domain = neighbour.trust_domain or ((resource or {}).get("spec") or {}).get("trustDomain")
    if document is not None and document.ingress_gateways and domain:
        learnt.sources.append(ImportSource(neighbour.name, str(domain), document, neighbour.locality))


def _without_promise(finding: Finding, evicted: str) -> Finding:
    return replace(finding, message=finding.message.removesuffix(_KEPT)) if finding.neighbour == evicted else finding


def _without_gateway(neighbour: Neighbour, remembered: FederationMetadata | None) -> Finding:
    return Finding(
        "error",
        "neighbour-without-gateway",
        "it names no ingress gateway" + (_KEPT if remembered and remembered.ingress_gateways else ""),
        "give its gateway an address, or set alliance_gateway.advertise there; when it is to have none, add it to"
        " alliance_confirm_no_gateways",
        neighbour=neighbour.name,
    )


def _confirmed(neighbour: Neighbour) -> Finding:
    return Finding(
        "warning",
        "no-gateway-confirmed",
        "it names no ingress gateway, as alliance_confirm_no_gateways confirms: nothing of it is imported",
        "take it out of that list when it has one again",
        neighbour=neighbour.name,
    )


def _planned(neighbour: Neighbour) -> FederationMetadata | None:
    state = neighbour.state
    if state is None or state.published is None:
        return None
    gateways = state.gateways or ({"address": UNKNOWN_GATEWAY.address, "port": UNKNOWN_GATEWAY.port},)
    now = FederationMetadata.from_dict({"ingressGateways": list(gateways), "publicServices": list(state.published)})
    return planned_document(now, state)


def _finding(neighbour: Neighbour, error: AllianceError, remembered: FederationMetadata | None) -> Finding:
    kept = _KEPT if remembered is not None else ""
    remedy = error.remedy or ""
    if neighbour.external and getattr(error, "status", None) == UNAUTHORIZED:
        remedy = (
            "its administrator has to make this cluster known there, with the manifest that the role external_neighbour"
            " gives; where that was done more than a minute ago, compare key and clocks"
        )
    return Finding("error", private_finding_code(error), f"{error.message}{kept}", remedy, neighbour=neighbour.name)
