# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people see of objects."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.presentation import diff, reference, shown

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def secret(data: dict[str, str], **annotations: str) -> dict[str, Any]:
    metadata = {"name": "s", "namespace": "n", "uid": "u", "resourceVersion": "1", "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def test_values_of_secrets_are_replaced_on_both_sides() -> None:
    before, after = secret({"same": "QQ==", "new": "Qg==", "gone": "Qw=="}), secret({"same": "QQ==", "new": "RA=="})
    result = diff(before, {**after, "stringData": {"plain": "text"}})
    assert result["before"]["data"] == dict.fromkeys(("same", "new", "gone"), "(hidden)")
    assert result["after"]["data"] == {"same": "(hidden)", "new": "(hidden, changed)"}
    assert result["after"]["stringData"] == {"plain": "(hidden)"}
    assert result["before_header"] == result["after_header"] == "Secret n s"


@given(st.dictionaries(st.text("ab", min_size=1), st.text("xyz", min_size=8), min_size=1))
def test_no_value_of_a_secret_is_in_any_diff(values: dict[str, str]) -> None:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    one = secret(encoded, **{LAST_APPLIED: json.dumps({"data": encoded, "stringData": values})})
    one["stringData"] = values
    for before, after in ((None, one), (one, None), (one, one), (one, secret({}))):
        text = json.dumps(diff(before, after))
        for value in (*values.values(), *encoded.values()):
            assert value not in text


def test_a_write_that_changes_no_content_is_told_in_words() -> None:
    one = secret({"a": "QQ=="})
    assert diff(one, {**one, "metadata": {**one["metadata"], "managedFields": []}})["prepared"].endswith(" changes\n")
    assert "prepared" not in diff(one, secret({"a": "Qg=="}))


def test_the_originals_are_not_touched() -> None:
    before = secret({"a": "QQ=="}, **{LAST_APPLIED: "{}"})
    copy = json.loads(json.dumps(before))
    diff(before, None)
    assert before == copy


def test_other_objects_are_shown_without_bookkeeping() -> None:
    obj = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "uid": "u", "managedFields": [], "generation": 1, "labels": {"a": "b"}},
        "data": {"a": "1"},
        "status": {"x": 1},
    }
    assert shown(obj) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "labels": {"a": "b"}},
        "data": {"a": "1"},
    }
    assert shown(None) == {}
    assert diff(None, obj)["before"] == {}
    assert diff(obj, None)["after"] == {}


def test_references() -> None:
    assert reference(secret({})) == {"api_version": "v1", "kind": "Secret", "name": "s", "namespace": "n"}
    cluster_scoped = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    assert reference(cluster_scoped) == {"api_version": "v1", "kind": "Namespace", "name": "n"}
