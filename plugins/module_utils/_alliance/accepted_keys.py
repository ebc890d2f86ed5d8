# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys of a neighbour the own exporter accepts: the entries of the Secret by which it is told.

While a neighbour rotates its key pair it has two. Both are accepted then, each only after it was proved: the one before
is one that the exporter was told earlier and that the neighbour's API still names, with an end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_change import key_change_end
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import load_public_key, public_key_pem
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339, unix_time

MOST_BYTES = 1024 * 1024  # as much as a Secret may hold

_KEY, _PREVIOUS, _UNTIL = "authnKeyPub", "previousAuthnKeyPub", "previousAuthnKeyUntil"


@dataclass(frozen=True)
class AcceptedKeys:
    """A neighbour's key, PEM, and while it rotates the one of before, until a time in unix seconds."""

    current: str
    previous: str = ""
    until: float = 0.0

    def at(self, now: float) -> tuple[str, ...]:
        """The keys that count at a time."""
        return (self.current, self.previous) if self.previous and now < self.until else (self.current,)


def accepted_keys(
    document: PublicMetadata, state: ClusterState | None, before: AcceptedKeys | None, now: float
) -> AcceptedKeys:
    """The keys of a neighbour whose document is proved, or was.

    state: what its API says, None when it can't be read. before: what the exporter was told earlier. Never a key that
    only its API has named so far.
    """
    told = document.authn_key_pub
    if state is None or not state.authn_key_pub:
        return _without_api(document, before, now)
    proved = {told, *((before.current, before.previous) if before else ())}
    # A replica of its exporter may still tell the key of before, when another has told the new one already.
    current = state.authn_key_pub if state.authn_key_pub in proved else told
    previous, until = state.previous_authn_key_pub or "", unix_time(state.previous_authn_key_until) or 0.0
    if previous in proved and previous != current and now < until:
        return AcceptedKeys(current, previous, until)
    return AcceptedKeys(current)


def _without_api(document: PublicMetadata, before: AcceptedKeys | None, now: float) -> AcceptedKeys:
    """Its keys vouch for each other: what counted stays as long as it was to, and a key of before until the end that it
    set itself."""
    told = document.authn_key_pub
    if before is None:
        return AcceptedKeys(told)
    if told in before.at(now):
        # A replica of its exporter may be behind.
        return before if len(before.at(now)) > 1 else AcceptedKeys(told)
    end = key_change_end(document.key_change, subject=document.cluster_uuid, before=before.current, after=told, now=now)
    return AcceptedKeys(told) if end is None else AcceptedKeys(told, before.current, end)


def entry_of(document: PublicMetadata, keys: AcceptedKeys, scopes: Sequence[str]) -> dict[str, object]:
    """The exporter's entry for a neighbour."""
    entry: dict[str, object] = {**document.to_dict(), _KEY: keys.current, "scopes": list(scopes)}
    for field in ("trustDomain", "authnKeyChange"):
        entry.pop(field, None)
    if keys.previous:
        entry.update({_PREVIOUS: keys.previous, _UNTIL: rfc3339(keys.until)})
    return entry


def keys_of(entry: Mapping[str, object]) -> tuple[AcceptedKeys, str]:
    """The keys of an entry, and what is wrong with the one of before, which then does not count; else an empty text.

    Raises KeyPairError when the key itself can't be used.
    """
    current = _key(entry.get(_KEY))
    if _PREVIOUS not in entry:
        return AcceptedKeys(current), ""
    until = unix_time(entry.get(_UNTIL))
    if until is None:
        return AcceptedKeys(current), f"its {_UNTIL} is no time"
    try:
        return AcceptedKeys(current, _key(entry[_PREVIOUS]), until), ""
    except AllianceError as error:
        return AcceptedKeys(current), f"its {_PREVIOUS}: {error.message}"


def told_before(text: str | None) -> dict[str, AcceptedKeys]:
    """What the exporter was told, by clusterUUID; without what can't be used."""
    try:
        entries = parse_json(text or "{}", max_bytes=MOST_BYTES)
    except AllianceError:
        return {}
    found = {}
    for uuid, entry in entries.items() if isinstance(entries, dict) else ():
        if not isinstance(entry, dict) or entry.get("clusterUUID") != uuid:
            continue
        try:
            found[str(uuid)] = keys_of(entry)[0]
        except AllianceError:
            continue
    return found


def _key(value: object) -> str:
    return public_key_pem(load_public_key(value if isinstance(value, str) else ""))
