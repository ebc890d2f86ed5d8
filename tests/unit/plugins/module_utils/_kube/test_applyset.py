# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order an apply set writes, and what is left where it can't go on. Real API servers: tests/integration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._kube import applyset as applyset_module
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import (
    ADOPT_ALWAYS,
    ADOPT_REFUSE,
    ADOPT_SKIP,
    Applier,
    ApplyError,
    planned_manifests,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import PART_OF_LABEL, ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.resolver import Resolver

Object = dict[str, Any]

SET = ApplySet("set", "ns")


class Api:
    """The client of an empty cluster that refuses to write what is named in C(refused)."""

    cluster = "cluster-x"

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.written: list[str] = []
        self._resolver = Resolver(lambda _version: [], lambda _group: None)
        self.learn = self._resolver.learn
        self.kind_of = self._resolver.kind_of
        self.kind_of_group_kind = self._resolver.kind_of_group_kind

    def get(self, _kind: Kind, _name: str, _namespace: str | None = None) -> Object | None:
        return None

    def list(self, _kind: Kind, _namespace: str | None = None, **_how: Any) -> ObjectList:
        return ObjectList([], "1")

    def apply(self, obj: Object, *, field_manager: str) -> tuple[Object, bool]:
        name = f"{obj['kind']} {obj['metadata']['name']}"
        if name in self.refused:
            raise ApiError("no", status=503)
        self.written.append(name)
        return obj, True


def obj(kind: str, name: str, namespace: str | None = "ns") -> Object:
    versions = {"Deployment": "apps/v1", "CustomResourceDefinition": "apiextensions.k8s.io/v1"}
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": versions.get(kind, "v1"), "kind": kind, "metadata": metadata}


def definition() -> Object:
    version = {"name": "v1"}
    called = {"kind": "Widget", "plural": "widgets"}
    spec = {"group": "example.org", "names": called, "scope": "Namespaced", "versions": [version]}
    return {**obj("CustomResourceDefinition", "widgets.example.org", None), "spec": spec}


@pytest.fixture(autouse=True)
def _ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applyset_module, "wait_until_ready", lambda *_arguments: None)


def execute(api: Api, objects: Iterable[Object]) -> list[str]:
    """What was written, in the order of the first time: the parent is seen through at the end, too."""
    applier = Applier(api)  # type: ignore[arg-type]
    applier.execute(applier.plan(objects, SET), SET)
    return list(dict.fromkeys(api.written))


def test_the_parent_comes_before_all_else() -> None:
    objects = [obj("Service", "s"), obj("Secret", "p"), definition(), obj("Namespace", "other", None)]
    written = execute(Api(), objects)
    assert written[0] == "ConfigMap set"
    assert set(written[1:3]) == {"CustomResourceDefinition widgets.example.org", "Namespace other"}
    assert written[3:] == ["Secret p", "Service s"]


def test_only_its_own_namespace_comes_before_the_parent() -> None:
    written = execute(Api(), [definition(), obj("Namespace", "ns", None), obj("Service", "s")])
    assert written == ["Namespace ns", "ConfigMap set", "CustomResourceDefinition widgets.example.org", "Service s"]


def test_nothing_is_written_that_the_parent_does_not_know_of() -> None:
    api = Api("ConfigMap set")
    with pytest.raises(ApplyError) as caught:
        execute(api, [definition(), obj("Service", "s")])
    assert (api.written, caught.value.outcome.changes) == ([], [])
    assert str(caught.value).startswith("cluster cluster-x: ")


def test_what_was_written_before_the_parent_failed_is_told() -> None:
    api = Api("ConfigMap set")
    with pytest.raises(ApplyError) as caught:
        execute(api, [obj("Namespace", "ns", None), obj("Service", "s")])
    assert [change.object["kind"] for change in caught.value.outcome.changes] == ["Namespace"]
    assert caught.value.outcome.changed


def test_without_its_namespace_there_is_no_parent() -> None:
    api = Api("Namespace ns")
    with pytest.raises(ApplyError, match="1 objects could not be written"):
        execute(api, [obj("Namespace", "ns", None), obj("Service", "s")])
    assert api.written == []


def test_one_object_that_fails_does_not_stop_the_others() -> None:
    api = Api("Secret p")
    with pytest.raises(ApplyError):
        execute(api, [obj("Secret", "p"), obj("Secret", "q"), obj("Service", "s")])
    assert api.written == ["ConfigMap set", "Secret q", "Service s"]


class Raced(Api):
    """A cluster in which another run of the same set makes a ConfigMap just after the members were listed."""

    def list(self, _kind: Kind, _namespace: str | None = None, **how: Any) -> ObjectList:
        return ObjectList([] if "label_selector" in how else [self._made()], "1")

    def get(self, _kind: Kind, name: str, _namespace: str | None = None) -> Object | None:
        return self._made() if name == "both" else None

    @staticmethod
    def _made() -> Object:
        made = obj("ConfigMap", "both")
        return {**made, "metadata": {**made["metadata"], "labels": {PART_OF_LABEL: SET.id}}, "data": {"will": "theirs"}}


@pytest.mark.parametrize("adopt", [ADOPT_ALWAYS, ADOPT_REFUSE, ADOPT_SKIP])
def test_what_another_run_of_the_set_made_meanwhile_is_a_member(adopt: str) -> None:
    applier = Applier(Raced())  # type: ignore[arg-type]
    plan = applier.plan([{**obj("ConfigMap", "both"), "data": {"will": "ours"}}], SET, adopt=adopt)
    (change,) = plan.writes
    assert change.before is not None
    assert change.before["data"] == {"will": "theirs"}
    assert plan.deletes == []


def test_manifests_for_others_have_their_set_and_come_in_the_order_of_need() -> None:
    api = Api()
    plan = Applier(api).plan([obj("Deployment", "d"), obj("ConfigMap", "c"), obj("Namespace", "ns", None)], SET)  # type: ignore[arg-type]
    manifests = planned_manifests(plan, SET)
    assert [item["metadata"]["name"] for item in manifests] == ["set", "ns", "c", "d"]
    assert {item["metadata"]["labels"][PART_OF_LABEL] for item in manifests[1:]} == {SET.id}
    assert api.written == []
    assert planned_manifests(Applier(api).plan([], SET), SET) == []  # type: ignore[arg-type]
    assert planned_manifests(Applier(api).plan([obj("ConfigMap", "c")]), None) == [obj("ConfigMap", "c")]  # type: ignore[arg-type]
