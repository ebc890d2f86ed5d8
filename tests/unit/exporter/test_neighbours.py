# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose tokens are accepted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.exporter.neighbours import neighbour_keys
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.accepted_keys import AcceptedKeys
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import KeyPair, generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    SCOPE_FEDERATION as FEDERATION,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    SCOPE_MULTICLUSTER as MULTICLUSTER,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import unix_time

from tests.unit.exporter.world import NEIGHBOUR_UUID, OWN_UUID

NOBODY: dict[str, dict[str, AcceptedKeys]] = {FEDERATION: {}, MULTICLUSTER: {}}
OLD, UNTIL = generate_key_pair(), "2026-01-02T00:00:00Z"
GOOD = "99999999-9999-4999-8999-999999999999"


def entry(uuid: str, key: Any) -> dict[str, Any]:
    return {"clusterUUID": uuid, "authnKeyPub": key, "rootCA": "x"}


def test_the_keys(neighbour: KeyPair) -> None:
    keys, findings = neighbour_keys(json.dumps({NEIGHBOUR_UUID: entry(NEIGHBOUR_UUID, neighbour.public_pem)}), OWN_UUID)
    assert keys == {FEDERATION: {NEIGHBOUR_UUID: AcceptedKeys(neighbour.public_pem)}, MULTICLUSTER: {}}
    assert findings == ()


def rotating(neighbour: KeyPair, **changes: Any) -> dict[str, Any]:
    """The entry of a neighbour that has a new key."""
    made = entry(NEIGHBOUR_UUID, neighbour.public_pem)
    before = {"previousAuthnKeyPub": OLD.public_pem, "previousAuthnKeyUntil": UNTIL}
    return {**made, **before, **changes}


def test_a_key_that_was_replaced_counts_until_its_end(neighbour: KeyPair) -> None:
    keys, findings = neighbour_keys(json.dumps({NEIGHBOUR_UUID: rotating(neighbour)}), OWN_UUID)
    accepted, end = keys[FEDERATION][NEIGHBOUR_UUID], unix_time(UNTIL)
    assert end is not None
    assert accepted.at(end - 1) == (neighbour.public_pem, OLD.public_pem)
    assert accepted.at(end) == (neighbour.public_pem,)
    assert findings == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"previousAuthnKeyPub": "nonsense"},
        {"previousAuthnKeyPub": None},
        {"previousAuthnKeyPub": 7},
        {"previousAuthnKeyUntil": "for ever"},
        {"previousAuthnKeyUntil": None},
    ],
)
def test_a_replaced_key_that_cannot_be_used_costs_only_itself(neighbour: KeyPair, changes: dict[str, Any]) -> None:
    """None without an end either."""
    keys, findings = neighbour_keys(json.dumps({NEIGHBOUR_UUID: rotating(neighbour, **changes)}), OWN_UUID)
    assert keys[FEDERATION][NEIGHBOUR_UUID].at(0) == (neighbour.public_pem,)
    assert [finding.code for finding in findings] == ["remote-metadata-entry"]
    assert "one key only" in findings[0].message


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ([FEDERATION], [FEDERATION]),
        ([MULTICLUSTER], [MULTICLUSTER]),
        ([MULTICLUSTER, FEDERATION, MULTICLUSTER], [FEDERATION, MULTICLUSTER]),
        ([], []),
        (["api", "private-of-tomorrow", MULTICLUSTER], [MULTICLUSTER]),
    ],
)
def test_what_a_key_counts_for(neighbour: KeyPair, scopes: list[str], expected: list[str]) -> None:
    given = {**entry(NEIGHBOUR_UUID, neighbour.public_pem), "scopes": scopes}
    keys, findings = neighbour_keys(json.dumps({NEIGHBOUR_UUID: given}), OWN_UUID)
    assert [scope for scope, known in keys.items() if known] == expected
    assert findings == ()


def test_no_secret_means_no_neighbours() -> None:
    assert neighbour_keys(None, OWN_UUID) == (NOBODY, ())


@pytest.mark.parametrize(
    ("uuid", "bad"),
    [
        (NEIGHBOUR_UUID, entry("other", "KEY")),
        (NEIGHBOUR_UUID, entry(NEIGHBOUR_UUID, "nonsense")),
        (NEIGHBOUR_UUID, entry(NEIGHBOUR_UUID, None)),
        (NEIGHBOUR_UUID, {"clusterUUID": NEIGHBOUR_UUID}),
        (NEIGHBOUR_UUID, []),
        (OWN_UUID, entry(OWN_UUID, "KEY")),
        ("", entry("", "KEY")),
        (NEIGHBOUR_UUID, {**entry(NEIGHBOUR_UUID, "KEY"), "scopes": FEDERATION}),
        (NEIGHBOUR_UUID, {**entry(NEIGHBOUR_UUID, "KEY"), "scopes": None}),
        (NEIGHBOUR_UUID, {**entry(NEIGHBOUR_UUID, "KEY"), "scopes": [FEDERATION, 7]}),
    ],
)
def test_a_bad_entry_costs_that_neighbour_only(neighbour: KeyPair, uuid: str, bad: Any) -> None:
    text = json.dumps({uuid: bad, GOOD: entry(GOOD, "KEY")}).replace("KEY", neighbour.public_pem.replace("\n", "\\n"))
    keys, findings = neighbour_keys(text, OWN_UUID)
    assert set(keys[FEDERATION]) == {GOOD}
    assert [finding.code for finding in findings] == ["remote-metadata-entry"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": {}, "a": {}}', "\x00"])
def test_what_is_no_map_lets_nobody_in(text: str) -> None:
    keys, findings = neighbour_keys(text, OWN_UUID)
    assert keys == NOBODY
    assert [finding.code for finding in findings] == ["remote-metadata"]
