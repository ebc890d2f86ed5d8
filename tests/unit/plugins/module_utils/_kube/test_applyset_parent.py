# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parent of an ApplySet, as KEP-3659 describes it."""

from __future__ import annotations

import base64
import hashlib

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import (
    ApplySet,
    Contents,
    recorded_contents,
)


def test_the_id_is_the_kep_s() -> None:
    """base64(sha256(<name>.<namespace>.<kind>.<group>)) in the URL-safe alphabet without padding."""
    digest = hashlib.sha256(b"team-blue.blue.ConfigMap.").digest()
    expected = "applyset-" + base64.urlsafe_b64encode(digest).decode().replace("=", "") + "-v1"
    assert ApplySet("team-blue", "blue").id == expected
    assert ApplySet("team-blue", "green").id != expected
    assert ApplySet("blue", "team-blue").id != expected


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True))
def test_the_id_is_a_label_value(name: str) -> None:
    value = ApplySet(name, name).id
    assert len(value) <= 63
    assert value[0].isalnum()
    assert value[-1].isalnum()


def test_the_parent_s_manifest() -> None:
    applyset = ApplySet("team-blue", "blue")
    kinds = frozenset({"Service", "Deployment.apps"})
    parent = applyset.parent(Contents(kinds, frozenset({"blue", "green", "red"})))
    metadata = parent["metadata"]
    assert (parent["apiVersion"], parent["kind"]) == ("v1", "ConfigMap")
    assert (metadata["name"], metadata["namespace"]) == ("team-blue", "blue")
    assert metadata["labels"]["applyset.kubernetes.io/id"] == applyset.id
    assert metadata["labels"]["app.kubernetes.io/managed-by"] == "meshalliance.istio"
    assert metadata["annotations"] == {
        "applyset.kubernetes.io/tooling": "meshalliance.istio/v1",
        "applyset.kubernetes.io/contains-group-kinds": "Deployment.apps,Service",
        "applyset.kubernetes.io/additional-namespaces": "green,red",
    }


def test_contents_are_read_back_with_the_own_namespace() -> None:
    contents = Contents(frozenset({"Service", "Deployment.apps"}), frozenset({"green"}))
    read = recorded_contents(ApplySet("s", "blue").parent(contents), "blue")
    assert read == Contents(contents.group_kinds, frozenset({"blue", "green"}))


def test_no_parent_and_an_empty_one() -> None:
    assert recorded_contents(None, "blue") == Contents()
    assert recorded_contents({"metadata": {}}, "blue") == Contents(frozenset(), frozenset({"blue"}))


def test_contents_are_united() -> None:
    one, other = Contents(frozenset({"A"}), frozenset({"x"})), Contents(frozenset({"B"}), frozenset({"x", "y"}))
    assert one | other == Contents(frozenset({"A", "B"}), frozenset({"x", "y"}))
