# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this document really the neighbour's? What must hold before a root or a key is trusted.

A member's identity is read twice, through its API and from its exporter, and both must agree; one that only its
exporter knows, as every external neighbour, needs pins. What was proved once is remembered in the status of its
IstioFederation or IstioMulticluster and compared ever after.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    normalise_fingerprint,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_change import key_change_end
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import resource_name
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour

# A token is valid for 60 s and Deckhouse's exporter grants no leeway; half of it is left for the way.
CLOCK_TOLERANCE_SECONDS = 30


class ProofError(AllianceError):
    """A neighbour's identity is not proved. C(reason) is the condition reason of IstioFederation."""

    def __init__(self, message: str, *, reason: str = "InvalidPublicMetadata", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


def prove(
    document: PublicMetadata, neighbour: Neighbour, remembered: PublicMetadata | None, own_uuid: str
) -> PublicMetadata:
    """The document, when it is the neighbour's. Raises ProofError that names both sides of a difference.

    Of several roots, as during a rotation, those that have no pin are left out where there are pins.
    """
    if document.cluster_uuid == own_uuid:
        raise ProofError(
            f"its metadata endpoint answers with this cluster's own clusterUUID {own_uuid}: the cluster lists itself",
            reason="ConfigurationError",
            remedy="correct its alliance_metadata_endpoint",
        )
    if remembered is not None and remembered.cluster_uuid != document.cluster_uuid:
        raise ProofError(
            f"its clusterUUID was {remembered.cluster_uuid} and is now {document.cluster_uuid}",
            reason="ClusterUUIDMismatch",
            remedy=f"when the cluster was made anew, delete the resource {neighbour.kind} {neighbour.resource_name}"
            " in this cluster and run again; otherwise somebody else answers at its endpoint",
        )
    if document.trust_domain and document.trust_domain != neighbour.trust_domain:
        raise ProofError(
            f"its exporter says trust domain {document.trust_domain}, expected is {neighbour.trust_domain}",
            remedy="correct alliance_trust_domain or alliance_metadata_endpoint",
        )
    believed = _pinned(document, neighbour)
    if neighbour.state is not None:
        _compare_api(document, neighbour.state)
        # With an API nobody needs the word of its key of before, which would only make one more change when it ends.
        return replace(believed, key_change=None)
    _compare_memory(believed, remembered, neighbour)
    return believed


def rotation_finding(
    published: PublicMetadata, believed: PublicMetadata, remembered: PublicMetadata | None, neighbour: Neighbour
) -> Finding | None:
    """What is to be said of a neighbour's roots while it rotates on its own; None when there is nothing.

    C(published) is what its exporter says, C(believed) what prove() made of it.
    """
    if published != believed:
        waiting = _fingerprints(published.root_ca) - _fingerprints(believed.root_ca)
        return Finding(
            "warning",
            "root-not-pinned",
            f"its exporter publishes the root {_joined(waiting)} too, which is not pinned and not trusted yet",
            "ask its administrator, and add the fingerprint to alliance_root_fingerprints before it signs with it",
        )
    if remembered is None or neighbour.state is not None or neighbour.root_fingerprints:
        return None
    added = _fingerprints(believed.root_ca) - _fingerprints(remembered.root_ca)
    if not added:
        return None
    return Finding(
        "warning",
        "root-followed",
        f"its exporter publishes the root {_joined(added)} beside one that was trusted, and it is trusted from now on",
        "ask its administrator whether it rotates its root; pins would have asked before",
    )


def clock_finding(server_time: float | None, now: float) -> Finding | None:
    """A warning about a neighbour whose clock (unix seconds, None if not told) is not ours; None when it is."""
    offset = 0.0 if server_time is None else server_time - now
    if abs(offset) <= CLOCK_TOLERANCE_SECONDS:
        return None
    return Finding(
        "warning",
        "clock-skew",
        f"its clock is {abs(offset):.0f} s {'ahead of' if offset > 0 else 'behind'} this machine's;"
        " tokens are valid for 60 s, and a Deckhouse neighbour grants nothing more",
        "synchronise the clocks (NTP) on both sides",
    )


def uuid_owners(
    neighbours: Sequence[Neighbour], remembered: Mapping[str, PublicMetadata | None]
) -> dict[str, frozenset[str]]:
    """Whose a clusterUUID is, whether or not they answer now: resource names by UUID.

    It is that of the neighbour whose API tells it; where no API does, of the one that proved it before (C(remembered),
    by resource name). Of several whose APIs tell the same, who proved it before goes first. An API that contradicts
    what its own member proved before (a kubeconfig that leads to another cluster) takes nothing away from others.
    """
    told: dict[str, set[str]] = defaultdict(set)
    doubtful: dict[str, set[str]] = defaultdict(set)
    proved: dict[str, set[str]] = defaultdict(set)
    for neighbour in neighbours:
        name, uuid = neighbour.resource_name, neighbour.state.uuid if neighbour.state else ""
        before = remembered.get(name)
        if before is not None:
            proved[before.cluster_uuid].add(name)
        if uuid:
            (told if before is None or before.cluster_uuid == uuid else doubtful)[uuid].add(name)
    return {
        uuid: frozenset((told[uuid] & proved[uuid]) or told[uuid] or proved[uuid] or doubtful[uuid])
        for uuid in {**told, **doubtful, **proved}
    }


def contested(documents: Mapping[str, PublicMetadata], owners: Mapping[str, frozenset[str]]) -> dict[str, ProofError]:
    """Why some neighbours are not believed although their documents are their own: by name.

    A clusterUUID is its owner's (see uuid_owners); where there is none, or more than one, those that claim it at the
    same time are all refused.
    """
    counts = Counter(document.cluster_uuid for document in documents.values())
    refused = {}
    for name, document in documents.items():
        owner = owners.get(document.cluster_uuid, frozenset())
        if owner == {name} or (not owner and counts[document.cluster_uuid] == 1):
            continue
        claiming = owner or {o for o, d in documents.items() if d.cluster_uuid == document.cluster_uuid}
        others = ", ".join(sorted(claiming - {name}))
        refused[name] = ProofError(
            f"its clusterUUID {document.cluster_uuid} is that of {others}",
            reason="ClusterUUIDMismatch",
            remedy="correct its metadata endpoint; no two clusters may claim one clusterUUID",
        )
    return refused


def public_from_state(state: ClusterState, authn_key_pub: str | None = None) -> PublicMetadata | None:
    """What a member's exporter would publish, read through its API; None while a part is missing there.

    A clusterUUID that its API does not tell (Deckhouse) stands there as a name that no other member has.
    """
    key = state.authn_key_pub or authn_key_pub
    if not state.roots or not key:
        return None
    uuid = state.uuid or f"known-after-apply-{resource_name(state.name)[:100]}"
    return PublicMetadata.create(uuid, key, state.roots, state.trust_domain)


def compare_pins(document: PublicMetadata, neighbour: Neighbour) -> None:
    """Raises ProofError when the neighbour has pins and one of the document's roots is not among them."""
    if not neighbour.root_fingerprints:
        return
    pins = {normalise_fingerprint(text) for text in neighbour.root_fingerprints}
    unknown = sorted(_fingerprints(document.root_ca) - pins)
    if unknown:
        raise ProofError(
            f"its exporter publishes the root {', '.join(unknown)}, pinned are {', '.join(sorted(pins))}",
            remedy="ask its administrator; after a rotation add the new fingerprint to alliance_root_fingerprints",
        )


def _pinned(document: PublicMetadata, neighbour: Neighbour) -> PublicMetadata:
    """The document with the roots that are pinned; all where there are no pins. Raises ProofError when none is."""
    if not neighbour.root_fingerprints:
        return document
    pins = {normalise_fingerprint(text) for text in neighbour.root_fingerprints}
    roots = split_certificates(document.root_ca)
    kept = [root for root in roots if fingerprint(root) in pins]
    if len(kept) == len(roots):
        return document
    if not kept:
        compare_pins(document, neighbour)
    return replace(document, root_ca="".join(kept))


def _compare_api(document: PublicMetadata, state: ClusterState) -> None:
    # A Deckhouse cluster need not tell its clusterUUID through its API: then roots and key speak for it.
    if state.uuid and document.cluster_uuid != state.uuid:
        raise ProofError(
            f"its exporter says clusterUUID {document.cluster_uuid}, its API says {state.uuid}",
            reason="ClusterUUIDMismatch",
            remedy="alliance_metadata_endpoint or the kubeconfig leads to another cluster",
        )
    if not state.roots:
        raise ProofError(
            f"its exporter publishes the root {_joined(_fingerprints(document.root_ca))}, but its API has none yet",
            remedy="let the run finish for that cluster",
        )
    exporter, api = _fingerprints(document.root_ca), _fingerprints(state.roots)
    if exporter != api:
        raise ProofError(
            f"its exporter publishes the root {_joined(exporter)}, its API has {_joined(api)}",
            remedy="one of both is not the cluster's: look at the ConfigMap istio-ca-root-cert there",
        )
    if not state.authn_key_pub:
        raise ProofError(
            "its exporter publishes a public key, but its API has no key pair yet",
            remedy="let the run finish for that cluster",
        )
    # While it rotates its key pair, its exporter may not have read the new key yet.
    known = {key.strip() for key in (state.authn_key_pub, state.previous_authn_key_pub) if key}
    if document.authn_key_pub.strip() not in known:
        raise ProofError(
            "its exporter publishes another public key than its API has",
            remedy="somebody else answers at its endpoint, or its exporter has not read its new key yet: run again",
        )


def _compare_memory(document: PublicMetadata, remembered: PublicMetadata | None, neighbour: Neighbour) -> None:
    """Only the exporter speaks: pins vouch for new roots, nothing but its API or its key of before for a new key.

    An external neighbour has no API that could: its administrator vouches for it. One that was trusted on first use may
    add a root to one that was trusted, and take away one of them, which is how a root is rotated.
    """
    pinned, external = bool(neighbour.root_fingerprints), neighbour.external
    unread = "" if external else ", and its API can't be read"
    pins = "give its alliance_root_fingerprints"
    remedy = (
        f"ask its administrator for the fingerprints and {pins}" if external else f"make its API reachable, or {pins}"
    )
    if remembered is None:
        if pinned or neighbour.trust_on_first_use:
            return
        raise ProofError(
            "nothing vouches for its root: it has no pins and was never proved before"
            if external
            else "its API can't be read, and it was never proved before",
            remedy=remedy,
        )
    old, new = _fingerprints(remembered.root_ca), _fingerprints(document.root_ca)
    followed = neighbour.trust_on_first_use and old & new
    if new != old and not pinned and not followed:
        raise ProofError(
            f"its exporter now publishes the root {_joined(new)}, known is {_joined(old)}{unread}", remedy=remedy
        )
    if document.authn_key_pub != remembered.authn_key_pub and not _vouched(document, remembered, time.time()):
        anew = f"ask its administrator and then delete the resource {neighbour.kind} {neighbour.resource_name} in this"
        raise ProofError(
            f"its exporter now publishes another public key than the one that is known{unread}",
            remedy=f"{anew} cluster and run again"
            if external
            else f"make its API reachable; if there is none, {anew} cluster",
        )


def _vouched(document: PublicMetadata, remembered: PublicMetadata, now: float) -> bool:
    """Whether one of both keys was replaced by the other, by its own word: a replica may be behind the others."""
    changes = (
        (document.key_change, remembered.authn_key_pub, document.authn_key_pub),
        (remembered.key_change, document.authn_key_pub, remembered.authn_key_pub),
    )
    return any(
        key_change_end(change, subject=remembered.cluster_uuid, before=before, after=after, now=now)
        for change, before, after in changes
    )


def _fingerprints(pem: str) -> set[str]:
    return {fingerprint(certificate) for certificate in split_certificates(pem)}


def _joined(fingerprints: Iterable[str]) -> str:
    return ", ".join(sorted(fingerprints))
