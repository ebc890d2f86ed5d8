# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose tokens are accepted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.exporter.neighbours import neighbour_keys
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import KeyPair

from tests.unit.exporter.world import NEIGHBOUR_UUID, OWN_UUID

GOOD = "99999999-9999-4999-8999-999999999999"


def entry(uuid: str, key: Any) -> dict[str, Any]:
    return {"clusterUUID": uuid, "authnKeyPub": key, "rootCA": "x"}


def test_the_keys(neighbour: KeyPair) -> None:
    keys, findings = neighbour_keys(json.dumps({NEIGHBOUR_UUID: entry(NEIGHBOUR_UUID, neighbour.public_pem)}), OWN_UUID)
    assert dict(keys) == {NEIGHBOUR_UUID: neighbour.public_pem}
    assert findings == ()


def test_no_secret_means_no_neighbours() -> None:
    assert neighbour_keys(None, OWN_UUID) == ({}, ())


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
    ],
)
def test_a_bad_entry_costs_that_neighbour_only(neighbour: KeyPair, uuid: str, bad: Any) -> None:
    text = json.dumps({uuid: bad, GOOD: entry(GOOD, "KEY")}).replace("KEY", neighbour.public_pem.replace("\n", "\\n"))
    keys, findings = neighbour_keys(text, OWN_UUID)
    assert set(keys) == {GOOD}
    assert [finding.code for finding in findings] == ["remote-metadata-entry"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": {}, "a": {}}', "\x00"])
def test_what_is_no_map_lets_nobody_in(text: str) -> None:
    keys, findings = neighbour_keys(text, OWN_UUID)
    assert keys == {}
    assert [finding.code for finding in findings] == ["remote-metadata"]
