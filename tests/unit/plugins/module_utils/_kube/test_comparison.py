# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would an apply change the object? On managedFields as the API server writes them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.comparison import (
    merged,
    needs_apply,
    normalised,
    stated_by_somebody,
)

ME = "meshalliance.istio"


def entry(fields: dict[str, Any], manager: str = ME, operation: str = "Apply", **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


def live(content: dict[str, Any], *entries: dict[str, Any]) -> dict[str, Any]:
    metadata = {**content.get("metadata", {}), "name": "x", "managedFields": list(entries)}
    return {"apiVersion": "v1", "kind": "ConfigMap", **content, "metadata": metadata}


def desired(**content: Any) -> dict[str, Any]:
    metadata = {"name": "x", **content.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **content}


DATA = {"f:data": {"f:a": {}, "f:b": {}}}


def test_equal_and_owned() -> None:
    assert not needs_apply(desired(data={"a": "1", "b": "2"}), live({"data": {"a": "1", "b": "2"}}, entry(DATA)), ME)


@pytest.mark.parametrize(
    "data",
    [
        {"a": "1", "b": "3"},  # another value
        {"a": "1"},  # one less: the owned field is to be removed
        {"a": "1", "b": "2", "c": "3"},  # one more
    ],
)
def test_different_maps(data: dict[str, str]) -> None:
    assert needs_apply(desired(data=data), live({"data": {"a": "1", "b": "2"}}, entry(DATA)), ME)


def test_a_manifest_that_states_nothing_asks_for_being_there() -> None:
    """The API server keeps no entry for it; fields that were stated before are given up."""
    found = live({"data": {"a": "1", "b": "2"}}, entry(DATA, "somebody"))
    assert not needs_apply(desired(), found, ME)
    assert not needs_apply(desired(), live({}, entry({})), ME)
    assert needs_apply(desired(), live({"data": {"a": "1", "b": "2"}}, entry(DATA)), ME)


def test_fields_of_others_are_theirs() -> None:
    found = live({"data": {"a": "1", "b": "2", "c": "3"}}, entry(DATA), entry({"f:data": {"f:c": {}}}, "kubectl"))
    assert not needs_apply(desired(data={"a": "1", "b": "2"}), found, ME)


@pytest.mark.parametrize(
    "foreign",
    [
        entry(DATA, "kubectl"),
        entry(DATA, operation="Update"),
        entry(DATA, subresource="status"),
    ],
)
def test_a_field_must_be_applied_by_us(foreign: dict[str, Any]) -> None:
    """Equal values that somebody else wrote are not ours yet."""
    assert needs_apply(desired(data={"a": "1", "b": "2"}), live({"data": {"a": "1", "b": "2"}}, foreign), ME)


def test_a_lost_field_is_taken_back() -> None:
    """Who changes a field takes it from us."""
    found = live(
        {"data": {"a": "1", "b": "changed"}}, entry({"f:data": {"f:a": {}}}), entry({"f:data": {"f:b": {}}}, "x")
    )
    assert needs_apply(desired(data={"a": "1", "b": "2"}), found, ME)


PORT_FIELDS = {
    "f:spec": {
        "f:ports": {
            'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}},
            'k:{"port":53,"protocol":"UDP"}': {".": {}, "f:port": {}, "f:protocol": {}},
        }
    }
}
PORTS = [
    {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80},
    {"port": 53, "protocol": "UDP", "targetPort": 53},
]


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([{"name": "http", "port": 80}, {"port": 53, "protocol": "UDP"}], False),  # the server filled protocol in
        ([{"port": 53, "protocol": "UDP"}, {"name": "http", "port": 80}], False),  # items are told apart by keys
        ([{"name": "web", "port": 80}, {"port": 53, "protocol": "UDP"}], True),
        ([{"name": "http", "port": 80}], True),
        ([{"name": "http", "port": 80}, {"port": 54, "protocol": "UDP"}], True),
        ([{"name": "http", "port": 80}, {"port": 53, "protocol": "UDP"}, {"port": 81}], True),
        ([{"name": "http", "port": 80, "targetPort": 80}, {"port": 53, "protocol": "UDP"}], True),  # not owned yet
    ],
)
def test_keyed_lists(ports: list[dict[str, Any]], expected: bool) -> None:
    assert (
        needs_apply(desired(spec={"ports": ports}), live({"spec": {"ports": PORTS}}, entry(PORT_FIELDS)), ME)
        is expected
    )


@pytest.mark.parametrize(
    ("values", "expected"), [(["a", "b"], False), (["b", "a"], False), (["a"], True), (["a", "b", "c"], True)]
)
def test_sets(values: list[str], expected: bool) -> None:
    """Finalizers are a set: others may add to it."""
    fields = {"f:metadata": {"f:finalizers": {".": {}, 'v:"a"': {}, 'v:"b"': {}}}}
    found = live({"metadata": {"finalizers": ["a", "b", "theirs"]}}, entry(fields))
    assert needs_apply(desired(metadata={"finalizers": values}), found, ME) is expected


@pytest.mark.parametrize(
    ("hosts", "expected"), [(["a", "b"], False), (["b", "a"], True), (["a"], True), (["a", "b", "c"], True)]
)
def test_atomic_lists(hosts: list[str], expected: bool) -> None:
    found = live({"spec": {"hosts": ["a", "b"]}}, entry({"f:spec": {"f:hosts": {}}}))
    assert needs_apply(desired(spec={"hosts": hosts}), found, ME) is expected


def test_atomic_lists_of_maps_may_have_defaults() -> None:
    fields = {"f:spec": {"f:endpoints": {}}}
    found = live({"spec": {"endpoints": [{"address": "203.0.113.1", "weight": 1}]}}, entry(fields))
    assert not needs_apply(desired(spec={"endpoints": [{"address": "203.0.113.1"}]}), found, ME)
    assert needs_apply(desired(spec={"endpoints": [{"address": "203.0.113.2"}]}), found, ME)


@pytest.mark.parametrize(
    ("selector", "expected"), [({"app": "x"}, False), ({"app": "y"}, True), ({"app": "x", "more": "1"}, True)]
)
def test_atomic_maps(selector: dict[str, str], expected: bool) -> None:
    found = live({"spec": {"selector": {"app": "x"}}}, entry({"f:spec": {"f:selector": {}}}))
    assert needs_apply(desired(spec={"selector": selector}), found, ME) is expected


@pytest.mark.parametrize(
    ("given", "stored", "expected"),
    [
        ("0.1", "100m", False),
        ("1024Mi", "1Gi", False),
        (1, "1", False),
        ("1000m", "1", False),
        ("1", "2", True),
        ("1G", "1Gi", True),
        ("a lot", "1", True),
    ],
)
def test_quantities(given: Any, stored: str, expected: bool) -> None:
    fields = {"f:spec": {"f:resources": {"f:requests": {"f:cpu": {}}}}}
    found = live({"spec": {"resources": {"requests": {"cpu": stored}}}}, entry(fields))
    assert needs_apply(desired(spec={"resources": {"requests": {"cpu": given}}}), found, ME) is expected


def test_elsewhere_numbers_are_texts() -> None:
    """Only below resources a text is a quantity."""
    found = live({"data": {"a": "1000m"}}, entry({"f:data": {"f:a": {}}}))
    assert needs_apply(desired(data={"a": "1"}), found, ME)


@pytest.mark.parametrize(("given", "stored"), [(True, 1), (1, True), (False, 0), ("1", 1), ("true", True)])
def test_types_are_told_apart(given: Any, stored: Any) -> None:
    found = live({"spec": {"a": stored}}, entry({"f:spec": {"f:a": {}}}))
    assert needs_apply(desired(spec={"a": given}), found, ME)


def test_an_object_without_managed_fields() -> None:
    assert needs_apply(desired(data={"a": "1"}), live({"data": {"a": "1"}}), ME)


JSON = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


def fields_of(value: Any) -> dict[str, Any]:
    """FieldsV1 of a value whose lists are all atomic."""
    return {f"f:{key}": fields_of(item) for key, item in value.items()} if isinstance(value, dict) else {}


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), JSON, max_size=4))
def test_what_was_applied_needs_no_apply(spec: dict[str, Any]) -> None:
    wanted = normalised(desired(spec=spec))
    found = live({"spec": copy.deepcopy(spec)}, entry(fields_of({"spec": spec})))
    assert not needs_apply(wanted, found, ME)
    assert merged(wanted, found, ME)["spec"] == spec


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), JSON, min_size=1, max_size=4),
    st.data(),
)
def test_any_other_value_needs_an_apply(spec: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(spec)))
    wanted = desired(spec={**spec, key: "something else altogether"})
    found = live({"spec": spec}, entry(fields_of({"spec": spec})))
    assert needs_apply(wanted, found, ME)


def test_merged_removes_ours_and_keeps_theirs() -> None:
    found = live({"data": {"a": "1", "b": "2", "c": "3"}}, entry(DATA), entry({"f:data": {"f:c": {}}}, "kubectl"))
    assert merged(desired(data={"a": "9"}), found, ME)["data"] == {"a": "9", "c": "3"}


def test_merged_pairs_list_items() -> None:
    found = live({"spec": {"ports": PORTS}}, entry(PORT_FIELDS))
    result = merged(desired(spec={"ports": [{"name": "web", "port": 80}]}), found, ME)
    assert result["spec"]["ports"] == [{"name": "web", "port": 80, "protocol": "TCP", "targetPort": 80}]


def test_merged_takes_atomic_lists_whole() -> None:
    found = live({"spec": {"hosts": ["a", "b"]}}, entry({"f:spec": {"f:hosts": {}}}))
    assert merged(desired(spec={"hosts": ["c"]}), found, ME)["spec"]["hosts"] == ["c"]


def test_normalised_is_what_the_server_keeps() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "x", "labels": {}, "annotations": {"a": None, "b": "1"}},
        "data": {"kept": "cGxhaW4="},
        "stringData": {"word": "text"},
        "status": {"anything": 1},
        "immutable": None,
    }
    assert normalised(secret) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "x", "annotations": {"b": "1"}},
        "data": {"kept": "cGxhaW4=", "word": "dGV4dA=="},
    }


def test_normalised_keeps_empty_maps_that_mean_something() -> None:
    pod = {"kind": "Pod", "metadata": {"name": "x"}, "spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    assert normalised(pod) == pod
    custom = {"kind": "Star", "metadata": {"name": "x"}, "data": {}}
    assert normalised(custom) == custom
    assert "data" not in normalised({"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {}})


TRACKED = {**DATA, "f:metadata": {"f:annotations": {"f:tracking": {}}, "f:labels": {"f:l": {}}}}


@pytest.mark.parametrize(
    ("manifest", "fields", "operation", "expected"),
    [
        # Another tool, with an annotation of its own.
        (desired(data={"a": "1", "b": "2"}, metadata={"labels": {"l": "v"}}), TRACKED, "Apply", True),
        (desired(data={"a": "1", "b": "2"}), TRACKED, "Apply", True),
        (desired(metadata={"labels": {"l": "v"}}), {}, "Apply", True),
        (desired(data={"a": "1", "b": "2"}, metadata={"labels": {"l": "other"}}), TRACKED, "Apply", False),
        (desired(data={"a": "1", "b": "2"}, metadata={"labels": {"more": "v"}}), TRACKED, "Apply", False),
        (desired(data={"a": "1"}), TRACKED, "Apply", False),
        (desired(data={"a": "1", "b": "3"}), TRACKED, "Apply", False),
        # Nobody applied it: somebody's update may leave out what the manifest no longer states.
        (desired(data={"a": "1", "b": "2"}), DATA, "Update", False),
    ],
)
def test_what_others_applied(manifest: dict[str, Any], fields: dict[str, Any], operation: str, expected: bool) -> None:
    metadata = {"labels": {"l": "v"}, "annotations": {"tracking": "x"}}
    found = live({"data": {"a": "1", "b": "2"}, "metadata": metadata}, entry(fields, "gitops", operation))
    assert stated_by_somebody(manifest, found) is expected
