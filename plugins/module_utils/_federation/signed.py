# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed requests: asking a neighbour for what it tells only those that it knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import PRIVATE_READY, condition
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import cached_public
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform_cache import fingerprints_of
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proof import (
    ProofError,
    contested,
    prove,
    uuid_owners,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.roots import borrowed
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import MetadataClient, NeighbourError

Object = dict[str, Any]
Answer = TypeVar("Answer")

UNAUTHORIZED = 401
# A neighbour's exporter takes our key up through a watch, a moment after it was written.
UNAUTHORIZED_PAUSES_SECONDS = (0.3, 0.7, 1.5)
# Deckhouse asks its neighbours for their keys once a minute, and its exporter sees them in a mounted Secret, which the
# kubelet renews about once a minute. Only the first run waits for that.
PLATFORM_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, *(15.0,) * 9)
# Failures of a member whose real run has not come so far: a plan takes what its API says instead.
NOT_THERE_YET = frozenset({"AwaitingPublic", "FetchFailed", "NonOKResponse", "TokenGenerationFailed"})


def refusals(
    neighbours: Sequence[Neighbour], resources: Mapping[str, Object], own_roots: Sequence[str] = ()
) -> dict[str, ProofError]:
    """Who gets no token, by resource name: who was believed with a clusterUUID or a root that is another's.

    With a token for another's clusterUUID it could go there.
    """
    remembered = {
        item.resource_name: cached_public((resources.get(item.resource_name) or {}).get("status"))
        for item in neighbours
    }
    proved = {name: document for name, document in remembered.items() if document is not None}
    return {
        **borrowed(neighbours, proved, remembered, own_roots),
        **contested(proved, uuid_owners(neighbours, remembered)),
    }


def open_to(
    neighbour: Neighbour, resource: Object | None, identity: Identity | None, *, planning: bool = False
) -> tuple[MetadataClient, PublicMetadata, Identity]:
    """The way to a neighbour that is proved at this moment, what was proved of it, and who we are.

    Nothing signed goes to somebody else, and nothing is taken from them. While C(planning) (check mode), a root that
    its API confirms counts as proved: the real run would have come to that before. Raises AllianceError that says why
    not.
    """
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
    client = MetadataClient(neighbour.endpoint, ca=neighbour.ca, insecure=neighbour.insecure)
    believed = prove(client.public()[0], neighbour, proved, identity.uuid)
    # Whose a root is, and whether istiod could read it, is seen where roots are trusted, and only there.
    unseen = set(fingerprints_of(believed.root_ca)) - set(fingerprints_of(proved.root_ca))
    if unseen and not (planning and neighbour.state is not None):
        raise ProofError(
            f"its exporter publishes the root {', '.join(sorted(unseen))}, which is not proved yet",
            reason="AwaitingPublic",
            remedy="run the role root_exchange first, and see what it says of this neighbour",
        )
    return client, proved, identity


def patience(neighbour: Neighbour, resource: Object, *, planning: bool) -> Sequence[float]:
    """The seconds between attempts while a neighbour doesn't know us: many where a platform has to learn of us."""
    never_asked = condition((resource.get("status") or {}).get("conditions") or [], PRIVATE_READY) is None
    patient = never_asked and not planning and neighbour.provider == names.PROVIDER_DECKHOUSE
    return PLATFORM_PAUSES_SECONDS if patient else UNAUTHORIZED_PAUSES_SECONDS


def ask_signed(
    ask: Callable[[str], Answer],
    scope: str,
    proved: PublicMetadata,
    identity: Identity,
    *,
    pause: Callable[[float], None] = time.sleep,
    pauses: Sequence[float] = UNAUTHORIZED_PAUSES_SECONDS,
    findings: list[Finding] | None = None,
) -> Answer:
    """What a proved neighbour answers to a token of a scope. Raises NeighbourError.

    C(pauses): seconds between attempts while the answer is 401. An attempt is made with each of our keys, of which
    there are two while they are rotated: nobody has to know both. What is to be said of that is added to C(findings).
    """
    for seconds in (*pauses, None):
        refused: NeighbourError | None = None
        keys = identity.signing_keys(time.time())
        # Between the two attempts a neighbour may learn of the new key and forget the one before.
        for key in (*keys, *keys[:-1]):
            token = sign_token(key, subject=identity.uuid, audience=proved.cluster_uuid, scope=scope, now=time.time())
            try:
                answer = ask(token)
            except NeighbourError as error:
                if error.status != UNAUTHORIZED:
                    raise
                refused = error
                continue
            if findings is not None and key != identity.private_key and identity.ends_soon(time.time()):
                findings.append(_late(identity))
            return answer
        if refused is not None and seconds is None:
            raise refused
        pause(seconds or 0)
    raise AssertionError("unreachable")


def _late(identity: Identity) -> Finding:
    return Finding(
        "warning",
        "authn-key-not-known",
        f"it still refuses this cluster's new key, and the one before it ends at {identity.end}",
        "run the play for that neighbour; the administrator of one that is not ours has to take the new key over",
    )


def private_finding_code(error: Exception) -> str:
    """The code of a finding for a document that could not be had."""
    return f"private-{getattr(error, 'reason', '') or 'FetchFailed'}"
