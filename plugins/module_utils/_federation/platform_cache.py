# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a platform (Deckhouse) holds of a neighbour, compared with what is known of that one."""

from __future__ import annotations

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    normalise_fingerprint,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour


def platform_differs(neighbour: Neighbour, difference: str, endpoint: object) -> Finding:
    """What the platform holds of a neighbour is not what is known of it. endpoint: where the platform asks."""
    return Finding(
        "error",
        "platform-differs",
        difference,
        "the platform asks again each minute: run again after that. When it stays, somebody else answers it at"
        f" {endpoint or 'its metadata endpoint'}: compare what that name leads to in the cluster and on this machine",
        neighbour=neighbour.name,
        object=f"{neighbour.kind} {neighbour.resource_name}",
    )


def difference_from(held: PublicMetadata, proved: PublicMetadata, state: ClusterState | None) -> str:
    """In what that counts a platform's copy differs from what was proved; empty when it doesn't.

    state: what the neighbour's API says, which names two keys while they are rotated; None when it can't be read.
    """
    different = _other_uuid(held, proved.cluster_uuid, "proved is") or _other_roots(
        held, set(fingerprints(proved)), "proved is"
    )
    return different or ("" if _rotating(held, state) else _other_key(held, proved.authn_key_pub, "was proved"))


def difference_from_known(held: PublicMetadata, neighbour: Neighbour, remembered: PublicMetadata | None) -> str:
    """The same for a neighbour that is not proved now: its API goes before its pins, and these before what we
    remember, for a rotation may be known to them first."""
    state, uuid = neighbour.state, remembered.cluster_uuid if remembered else ""
    different = _other_uuid(held, uuid, "proved is") or _other_uuid(held, state.uuid if state else "", "its API says")
    if different:
        return different
    pins, roots = _pins(neighbour), api_roots(neighbour)
    if roots:
        different = _other_roots(held, roots, "its API has")
    elif pins and not set(fingerprints(held)) <= pins:
        different = _other_roots(held, pins, "pinned is")
    elif remembered is not None and not pins:
        different = _other_roots(held, set(fingerprints(remembered)), "proved is")
    if different:
        return different
    if state is not None and state.authn_key_pub:
        return "" if _rotating(held, state) else _other_key(held, state.authn_key_pub, "its API has")
    return _other_key(held, remembered.authn_key_pub, "was proved") if remembered is not None else ""


def api_roots(neighbour: Neighbour) -> set[str]:
    """The fingerprints of the roots that its API has; none when it can't be read."""
    try:
        return set(fingerprints_of(neighbour.state.roots)) if neighbour.state and neighbour.state.roots else set()
    except AllianceError:  # told where the neighbour is proved
        return set()


def _pins(neighbour: Neighbour) -> set[str]:
    pins = set()
    for text in neighbour.root_fingerprints:
        try:
            pins.add(normalise_fingerprint(text))
        except AllianceError:  # a pin that is none is told where the neighbour is proved, and vouches for nothing
            pins.add(text)
    return pins


def _other_uuid(held: PublicMetadata, known: str, source: str) -> str:
    if not known or held.cluster_uuid == known:
        return ""
    return f"the platform holds the clusterUUID {held.cluster_uuid}, {source} {known}"


def _other_roots(held: PublicMetadata, known: set[str], source: str) -> str:
    roots = fingerprints(held)
    if set(roots) == known:
        return ""
    return f"the platform holds the root {', '.join(roots)}, {source} {', '.join(sorted(known))}"


def _rotating(held: PublicMetadata, state: ClusterState | None) -> bool:
    """Whether the platform's key is one of two that count now; it asks again each minute, within the overlap."""
    keys = (state.authn_key_pub, state.previous_authn_key_pub) if state is not None else ()
    return all(keys) and held.authn_key_pub.strip() in {str(key).strip() for key in keys}


def _other_key(held: PublicMetadata, known: str, source: str) -> str:
    if held.authn_key_pub.strip() == known.strip():
        return ""
    return f"the platform holds another public key of it than {source}"


def fingerprints(document: PublicMetadata) -> list[str]:
    """The SHA-256 fingerprints of a document's roots."""
    return fingerprints_of(document.root_ca)


def fingerprints_of(roots: str) -> list[str]:
    """The SHA-256 fingerprints of a bundle in PEM form."""
    return [fingerprint(root) for root in split_certificates(roots)]
