# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose an object is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.leftovers import whose

CHECKOUT = Path(__file__).parents[5]
PART_OF = "applyset.kubernetes.io/part-of"
OURS = {names.MANAGED_BY_LABEL: names.MANAGED_BY}


@pytest.mark.parametrize(
    ("kind", "name", "metadata", "expected"),
    [
        ("Secret", "x", {"labels": {**OURS, PART_OF: "set"}}, "ours"),
        ("Lease", "alliance-write", {"labels": OURS}, "derived"),
        ("Lease", "theirs", {}, "foreign"),
        ("ServiceEntry", "of-a-team", {"labels": {**OURS, PART_OF: "another"}}, "foreign"),
        ("ConfigMap", "theirs", {"labels": {names.MANAGED_BY_LABEL: "Helm"}}, "foreign"),
        ("ConfigMap", "theirs", {}, "foreign"),
        ("ConfigMap", "kube-root-ca.crt", {}, "derived"),
        ("ConfigMap", "istio-ca-root-cert", {}, "derived"),
        ("ConfigMap", "istio-ca-crl", {}, "derived"),
        ("Secret", "alliance-root-rotation", {"labels": OURS}, "derived"),
        ("ServiceAccount", "default", {}, "derived"),
        ("Secret", "default", {}, "foreign"),
        ("Pod", "x-1", {"ownerReferences": [{"kind": "ReplicaSet"}]}, "derived"),
        ("Event", "x.1", {}, "derived"),
    ],
)
def test_whose(kind: str, name: str, metadata: dict[str, Any], expected: str) -> None:
    assert whose({"kind": kind, "metadata": {"name": name, **metadata}}, PART_OF, {"set"}) == expected


def test_every_set_of_roles_and_modules_is_known() -> None:
    """One that is not would stay in a cluster that leaves."""
    roles = [path.read_text() for path in (CHECKOUT / "roles").rglob("tasks/*.yml")]
    modules = [path.read_text() for path in (CHECKOUT / "plugins" / "modules").glob("*.py")]
    named = {name for text in roles for name in re.findall(r"applyset:\n\s+name: (alliance-[\w-]+)", text)}
    named |= {name for text in modules for name in re.findall(r'ApplySet\("(alliance-[\w-]+)"', text)}
    assert named == set(names.ALLIANCE_SETS)
    assert len(names.ALLIANCE_SETS) == len(set(names.ALLIANCE_SETS))
    assert names.ALLIANCE_SETS[-1] == "alliance-definitions", "resources go before their definitions"
