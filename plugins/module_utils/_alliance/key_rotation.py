# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a cluster's key pair is replaced, and for how long the one before it still counts.

A rotation has two steps, each a single write: a new pair beside the one before it, and, when the overlap is over, the
new pair alone. In between requests are signed with the new key, and with the one before where a neighbour refuses that
(it has not learnt of it yet), so that no request depends on when a neighbour learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, KeyPairError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_change import sign_key_change
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import (
    KeyPair,
    generate_key_pair,
    load_private_key,
    public_key_pem,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339, unix_time

# Annotations of the Secret: since when the key pair is there, and until when the one before it counts.
CREATED_ANNOTATION = "meshalliance.istio/key-created"
PREVIOUS_UNTIL_ANNOTATION = "meshalliance.istio/previous-key-until"

DEFAULT_OVERLAP_SECONDS = 86400

KEPT, CREATED, REPLACED, ROTATED, RETIRED = "kept", "created", "replaced", "rotated", "retired"


@dataclass(frozen=True)
class Previous:
    """The key pair of before, until when (unix seconds) it counts, and what it says of the new one (key_change.py)."""

    pair: KeyPair
    until: float
    change: str = ""


@dataclass(frozen=True)
class StoredKeys:
    """What the Secret holds. C(created): since when the pair is there, in unix seconds, None when nothing tells."""

    pair: KeyPair | None = None
    created: float | None = None
    previous: Previous | None = None
    # An Ed25519 pair that is there and can't be used: why.
    unusable: str = ""

    def values(self) -> dict[str, str]:
        """The Secret's texts."""
        found = {}
        if self.pair is not None:
            found = {names.AUTHN_PUBLIC_KEY: self.pair.public_pem, names.AUTHN_PRIVATE_KEY: self.pair.private_pem}
        if self.previous is not None:
            found[names.PREVIOUS_PUBLIC_KEY] = self.previous.pair.public_pem
            found[names.PREVIOUS_PRIVATE_KEY] = self.previous.pair.private_pem
            if self.previous.change:
                found[names.KEY_CHANGE] = self.previous.change
        return found

    def annotations(self) -> dict[str, str]:
        """The Secret's annotations."""
        found = {CREATED_ANNOTATION: rfc3339(self.created)} if self.created is not None else {}
        if self.previous is not None:
            found[PREVIOUS_UNTIL_ANNOTATION] = rfc3339(self.previous.until)
        return found

    def previous_at(self, now: float) -> KeyPair | None:
        """The key pair of before while it counts."""
        return self.previous.pair if self.previous is not None and now < self.previous.until else None


@dataclass(frozen=True)
class Policy:
    """When there is to be another key pair. C(max_age): seconds, None for never; C(overlap): seconds."""

    regenerate: str = "never"
    max_age: int | None = None
    overlap: int = DEFAULT_OVERLAP_SECONDS


def stored_keys(values: Mapping[str, str], annotations: Mapping[str, Any]) -> StoredKeys:
    """The key pairs of a Secret's texts and annotations. Raises nothing: what can't be used is told.

    A pair of before that can't be used, or without an end, is none: nobody is to accept a key for ever.
    """
    pair, unusable = None, ""
    try:
        pair = _pair(values, names.AUTHN_PRIVATE_KEY, names.AUTHN_PUBLIC_KEY)
    except KeyPairError as error:
        unusable = error.message
    until = unix_time(annotations.get(PREVIOUS_UNTIL_ANNOTATION))
    try:
        before = _pair(values, names.PREVIOUS_PRIVATE_KEY, names.PREVIOUS_PUBLIC_KEY)
    except KeyPairError:
        before = None
    change = values.get(names.KEY_CHANGE, "")
    previous = Previous(before, until, change) if before is not None and until is not None else None
    return StoredKeys(pair, unix_time(annotations.get(CREATED_ANNOTATION)), previous, unusable)


def next_keys(
    stored: StoredKeys, policy: Policy, *, uuid: str, age_from: float | None, now: float
) -> tuple[StoredKeys, str]:
    """What the Secret is to hold, and what that is: kept, created, replaced, rotated or retired.

    C(uuid): the clusterUUID. C(age_from): since when a pair is there at the earliest that does not tell it itself (unix
    seconds). Times are whole seconds. Raises AllianceError for a pair that can't be used and must not be replaced.
    """
    if policy.max_age is not None and policy.max_age <= policy.overlap:
        raise AllianceError(
            f"the key pair gets {policy.max_age} s old, and the one before it counts for {policy.overlap} s",
            remedy="make max_age longer than overlap",
        )
    moment = float(int(now))
    if stored.unusable and policy.regenerate == "never":
        raise AllianceError(
            f"it can't be used: {stored.unusable}",
            remedy="repair it, or replace it with regenerate: unusable (neighbours follow in their next run)",
        )
    if stored.pair is None:
        made = StoredKeys(generate_key_pair(), moment, stored.previous if stored.previous_at(now) else None)
        return made, REPLACED if stored.unusable else CREATED
    overlapping = stored.previous_at(now) is not None
    if policy.regenerate == "always" and not policy.overlap:
        return StoredKeys(generate_key_pair(), moment), ROTATED
    # Never a third key: who has not learnt of the second one yet would know neither of the other two.
    if not overlapping and (policy.regenerate == "always" or rotation_due(stored, policy, age_from, now)):
        new = generate_key_pair()
        return StoredKeys(new, moment, _before(stored.pair, new, uuid, moment, policy.overlap)), ROTATED
    if stored.previous is not None and not overlapping:
        return replace(stored, previous=None), RETIRED
    return stored, KEPT


def due_at(stored: StoredKeys, policy: Policy, age_from: float | None) -> float | None:
    """When the pair is to be replaced, in unix seconds; None for never."""
    since = stored.created if stored.created is not None else age_from
    return None if policy.max_age is None or since is None else since + policy.max_age


def rotation_due(stored: StoredKeys, policy: Policy, age_from: float | None, now: float) -> bool:
    """Whether the pair is as old as it may get."""
    due = due_at(stored, policy, age_from)
    return due is not None and now >= due


def _before(old: KeyPair, new: KeyPair, uuid: str, now: float, overlap: int) -> Previous | None:
    if not overlap:
        return None
    until = now + overlap
    change = sign_key_change(old.private_pem, subject=uuid, new_public_pem=new.public_pem, now=now, until=until)
    return Previous(old, until, change)


def _pair(values: Mapping[str, str], private_name: str, public_name: str) -> KeyPair | None:
    """A key pair; None when there is none. Raises KeyPairError when the halves don't belong together."""
    private = values.get(private_name)
    if not private:
        return None
    public = public_key_pem(load_private_key(private).public_key())
    if values.get(public_name, "").strip() != public.strip():
        raise KeyPairError(f"its {public_name} is not the public half of its {private_name}")
    return KeyPair(private, public)
