# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a root is: a public document holds certificates, which anybody can copy, and no proof of their keys.

Who publishes another cluster's root would have an anchor for its own domain made of it, under which verifiers may look
first for the issuer of that other cluster's workloads, and refuse them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import normalise_fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import CertificateError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.issuers import Issuer, issuers_in
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proof import ProofError

# How well a claim to a root is founded. Its API or a pin goes before what was proved earlier, as with a clusterUUID.
_PROVED, _TOLD, _OWN = 1, 2, 4


@dataclass(frozen=True)
class _Claim:
    """C(owner): a resource name, empty for the own cluster. C(domain): None for the own one."""

    owner: str
    domain: str | None
    issuer: Issuer
    weight: int


def borrowed(
    neighbours: Sequence[Neighbour],
    documents: Mapping[str, PublicMetadata],
    remembered: Mapping[str, PublicMetadata | None],
    own_roots: Sequence[str] = (),
) -> dict[str, ProofError]:
    """Why some neighbours are not believed, by resource name: they publish a root of another trust domain.

    C(documents): what they say now; C(remembered): what they proved before; both by resource name. C(own_roots): PEM
    certificates of the reader's own CA. Clusters of one domain may share a root. Where nobody has a better claim to a
    root than the others, all who publish it are refused.
    """
    return _refused(neighbours, documents, _claims(neighbours, documents, remembered, own_roots), yields=False)


def outdone(
    neighbours: Sequence[Neighbour], remembered: Mapping[str, PublicMetadata | None], own_roots: Sequence[str] = ()
) -> frozenset[str]:
    """Who was believed with a root to which somebody else has a better claim: that is trusted no more."""
    known = {name: document for name, document in remembered.items() if document is not None}
    return frozenset(_refused(neighbours, known, _claims(neighbours, {}, remembered, own_roots), yields=True))


def _claims(
    neighbours: Sequence[Neighbour],
    documents: Mapping[str, PublicMetadata],
    remembered: Mapping[str, PublicMetadata | None],
    own_roots: Sequence[str],
) -> list[_Claim]:
    claims = [_Claim("", None, issuer, _OWN) for issuer in issuers_in("".join(own_roots))] if own_roots else []
    for neighbour in neighbours:
        before, now = remembered.get(neighbour.resource_name), documents.get(neighbour.resource_name)
        proved = set(issuers_in(before.root_ca)) if before else set()
        told, pins = _told_by_api(neighbour, before), _pins(neighbour)
        known = proved | told | (set(issuers_in(now.root_ca)) if now else set())
        for issuer in sorted(known, key=lambda item: item.fingerprint):
            weight = _TOLD * (issuer in told or issuer.fingerprint in pins) + _PROVED * (issuer in proved)
            claims.append(_Claim(neighbour.resource_name, neighbour.trust_domain, issuer, weight))
    return claims


def _told_by_api(neighbour: Neighbour, before: PublicMetadata | None) -> set[Issuer]:
    """The roots that its API has; none when the kubeconfig leads to another cluster than before."""
    state = neighbour.state
    if state is None or (before is not None and state.uuid not in ("", before.cluster_uuid)):
        return set()
    try:
        return set(issuers_in(state.roots)) if state.roots else set()
    except CertificateError:
        return set()  # it is not believed then, and prove() says so


def _pins(neighbour: Neighbour) -> set[str]:
    try:
        return {normalise_fingerprint(text) for text in neighbour.root_fingerprints}
    except CertificateError:
        return set()  # as above


def _refused(
    neighbours: Sequence[Neighbour],
    documents: Mapping[str, PublicMetadata],
    claims: Sequence[_Claim],
    *,
    yields: bool,
) -> dict[str, ProofError]:
    """yields: only to better claims, not to equal ones."""
    by_name = {neighbour.resource_name: neighbour for neighbour in neighbours}
    refused = {}
    for name, document in documents.items():
        neighbour = by_name[name]
        mine = {claim.issuer: claim.weight for claim in claims if claim.owner == name}
        rivals = [claim for claim in claims if not _same_domain(claim, neighbour)]
        for issuer in issuers_in(document.root_ca):
            weight = mine.get(issuer, 0) + yields
            better = [claim for claim in rivals if claim.weight >= weight and issuer.common_with(claim.issuer)]
            if better:
                refused[name] = _error(issuer, max(better, key=lambda claim: (claim.weight, claim.owner)))
                break
    return refused


def _same_domain(claim: _Claim, neighbour: Neighbour) -> bool:
    if claim.owner == neighbour.resource_name:
        return True
    return neighbour.multicluster if claim.domain is None else claim.domain == neighbour.trust_domain


def _error(issuer: Issuer, rival: _Claim) -> ProofError:
    whose = f"neighbour {rival.owner}'s" if rival.owner else "this cluster's own"
    told = f"the root {issuer.fingerprint}, which has the {issuer.common_with(rival.issuer)} of {whose}"
    return ProofError(
        f"its exporter publishes {told} ({rival.issuer.fingerprint})",
        remedy="each trust domain needs a CA of its own: somebody else answers at its endpoint, or it was given another"
        " cluster's CA; clusters that share a CA belong to one domain",
    )
