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
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import PRIVATE_READY, condition
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    GatewayAddress,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    Failure,
    cached_private,
    cached_public,
    last_known_good,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.imports import (
    Imports,
    ImportSource,
    compute_imports,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.publishing import planned_document
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.parallel import each
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proof import (
    ProofError,
    contested,
    prove,
    uuid_owners,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import MetadataClient, NeighbourError

Object = dict[str, Any]

UNAUTHORIZED = 401
# A neighbour's exporter takes our key up through a watch, a moment after it was written.
UNAUTHORIZED_PAUSES_SECONDS = (0.3, 0.7, 1.5)
# Deckhouse asks its neighbours for their keys once a minute, and its exporter sees them in a mounted Secret, which the
# kubelet renews about once a minute. Only the first run waits for that.
PLATFORM_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, *(15.0,) * 9)
# Failures of a member whose real run has not come so far: a plan takes what its API says it will publish.
NOT_THERE_YET = frozenset({"AwaitingPublic", "FetchFailed", "NonOKResponse", "TokenGenerationFailed"})
# What a plan shows where only the real run can know.
UNKNOWN_GATEWAY = GatewayAddress("known-after-apply.invalid", 15443)


@dataclass
class Learnt:
    """What was fetched. C(outcomes) by resource name; C(sources) is what imports are computed from."""

    outcomes: dict[str, FederationMetadata | Failure] = field(default_factory=dict)
    sources: list[ImportSource] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def imports(self, namespace: str, *, failover: bool) -> Imports:
        """The objects for a namespace."""
        return compute_imports(self.sources, namespace=namespace, failover=failover)


def learn(
    neighbours: Sequence[Neighbour],
    federations: Mapping[str, Object],
    identity: Identity | None,
    *,
    planning: bool = False,
) -> Learnt:
    """Ask every neighbour what it publishes. Never raises for a neighbour's sake: last known good stays.

    While C(planning) (check mode), a member whose exporter can't answer yet stands as its API describes it, and each
    member tells also what this run would publish there.
    """
    learnt = Learnt()
    known = [item.completed(federations.get(item.resource_name)) for item in neighbours]
    remembered = {
        item.resource_name: cached_public((federations.get(item.resource_name) or {}).get("status")) for item in known
    }
    proved = {name: document for name, document in remembered.items() if document is not None}
    # A token for a clusterUUID that is another's could be used there by who gets it.
    refused = contested(proved, uuid_owners(known, remembered))

    def ask(neighbour: Neighbour) -> tuple[FederationMetadata, tuple[Finding, ...]]:
        if neighbour.resource_name in refused:
            raise refused[neighbour.resource_name]
        return _ask(neighbour, federations.get(neighbour.resource_name), identity, planning)

    results = each(ask, known)
    for neighbour, result in zip(known, results, strict=True):
        _take(learnt, neighbour, result, federations.get(neighbour.resource_name), planning)
    return learnt


def _ask(
    neighbour: Neighbour, resource: Object | None, identity: Identity | None, planning: bool
) -> tuple[FederationMetadata, tuple[Finding, ...]]:
    proved = cached_public((resource or {}).get("status"))
    if neighbour.hold:
        raise ProofError(f"it is held: {neighbour.hold}", reason="ConfigurationError", remedy="repair that first")
    if resource is None or proved is None or not neighbour.trust_domain or not neighbour.endpoint:
        raise ProofError(
            "its identity is not proved yet", reason="AwaitingPublic", remedy="run the role root_exchange first"
        )
    if identity is None:
        raise ProofError(
            "this cluster has no key pair to sign with", reason="TokenGenerationFailed", remedy="run metadata_exporter"
        )
    # Proved anew, at this moment: nothing signed goes to somebody else, and nothing is taken from them.
    client = MetadataClient(neighbour.endpoint, ca=neighbour.ca, insecure=neighbour.insecure)
    prove(client.public()[0], neighbour, proved, identity.uuid)
    never_asked = condition((resource.get("status") or {}).get("conditions") or [], PRIVATE_READY) is None
    patient = never_asked and not planning and neighbour.provider == names.PROVIDER_DECKHOUSE
    pauses = PLATFORM_PAUSES_SECONDS if patient else UNAUTHORIZED_PAUSES_SECONDS
    return fetch_federation(client, neighbour.trust_domain, proved, identity, pauses=pauses)


def fetch_federation(
    client: MetadataClient,
    trust_domain: str,
    proved: PublicMetadata,
    identity: Identity,
    pause: Callable[[float], None] = time.sleep,
    pauses: Sequence[float] = UNAUTHORIZED_PAUSES_SECONDS,
) -> tuple[FederationMetadata, tuple[Finding, ...]]:
    """A proved neighbour's federation document, asked for with a signed request. Raises NeighbourError.

    C(pauses): seconds between attempts while the answer is 401.
    """
    for seconds in (*pauses, None):
        token = sign_token(
            identity.private_key,
            subject=identity.uuid,
            audience=proved.cluster_uuid,
            scope=names.SCOPE_FEDERATION,
            now=time.time(),
        )
        try:
            document, findings, _server_time = client.federation(token, trust_domain)
            return document, tuple(findings)
        except NeighbourError as error:
            if error.status != UNAUTHORIZED or seconds is None:
                raise
            pause(seconds)
    raise AssertionError("unreachable")


def _take(
    learnt: Learnt,
    neighbour: Neighbour,
    result: tuple[FederationMetadata, tuple[Finding, ...]] | AllianceError,
    resource: Object | None,
    planning: bool,
) -> None:
    name = neighbour.resource_name
    remembered = cached_private((resource or {}).get("status"))
    document: FederationMetadata | None
    if isinstance(result, AllianceError):
        expected = planning and remembered is None and not neighbour.hold
        planned = _planned(neighbour) if expected and Failure.of(result).reason in NOT_THERE_YET else None
        document = planned or remembered
        learnt.outcomes[name] = planned or Failure.of(result)
        if planned is None:
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
        if not document.ingress_gateways:
            # No address of a gateway means that something is wrong there: nothing is believed, and nothing evicted.
            learnt.findings.append(_without_gateway(neighbour, remembered))
            document = last_known_good((resource or {}).get("status"), document)
    domain = neighbour.trust_domain or ((resource or {}).get("spec") or {}).get("trustDomain")
    if document is not None and document.ingress_gateways and domain:
        learnt.sources.append(ImportSource(neighbour.name, str(domain), document, neighbour.locality))


def _without_gateway(neighbour: Neighbour, remembered: FederationMetadata | None) -> Finding:
    return Finding(
        "error",
        "neighbour-without-gateway",
        "it names no ingress gateway" + (" (what was known of it stays)" if remembered else ""),
        "give its gateway an address, or set alliance_gateway.advertise there",
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
    kept = " (what was known of it stays)" if remembered is not None else ""
    code = f"private-{getattr(error, 'reason', '') or 'FetchFailed'}"
    remedy = error.remedy or ""
    if neighbour.external and getattr(error, "status", None) == UNAUTHORIZED:
        remedy = (
            "its administrator has to make this cluster known there, with the manifest that the role external_neighbour"
            " gives; where that was done more than a minute ago, compare key and clocks"
        )
    return Finding("error", code, f"{error.message}{kept}", remedy, neighbour=neighbour.name)
