# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written to a Service, and what becomes of an API server's refusal."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import PUBLIC_SERVICE_LABEL
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.publishing import (
    PUBLISH_MANAGER,
    references_from,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.publishing import carry_out, plan_publication

TREE = {"f:metadata": {"f:labels": {f"f:{PUBLIC_SERVICE_LABEL}": {}}}}


def service(name: str, *, ours: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"namespace": "xyz", "name": name, "uid": f"uid-{name}", "labels": {"app": name}}
    if ours:
        metadata["labels"][PUBLIC_SERVICE_LABEL] = ""
        metadata["managedFields"] = [{"manager": PUBLISH_MANAGER, "operation": "Apply", "fieldsV1": TREE}]
    spec = {"clusterIP": "10.0.0.1", "ports": [{"name": "http", "port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


class Client:
    """A cluster of some Services; C(errors) by name of a Service or by selector."""

    cluster = "cluster-t"

    def __init__(self, *services: dict[str, Any], errors: dict[str, ApiError] | None = None) -> None:
        self.services = {item["metadata"]["name"]: item for item in services}
        self.errors = errors or {}
        self.applied: list[dict[str, Any]] = []
        self.read: list[str] = []

    def list(self, _kind: Any, namespace: str | None = None, *, label_selector: str | None = None) -> ObjectList:
        self.read.append(f"list {namespace} {label_selector}")
        if label_selector in self.errors:
            raise self.errors[str(label_selector)]
        found = [
            item
            for item in self.services.values()
            if label_selector != PUBLIC_SERVICE_LABEL or PUBLIC_SERVICE_LABEL in item["metadata"]["labels"]
        ]
        return ObjectList(found, "1")

    def get(self, _kind: Any, name: str, _namespace: str) -> dict[str, Any] | None:
        self.read.append(f"get {name}")
        return self.services.get(name)

    def apply(self, manifest: dict[str, Any], *, field_manager: str) -> tuple[dict[str, Any], bool]:
        assert field_manager == PUBLISH_MANAGER
        if manifest["metadata"]["name"] in self.errors:
            raise self.errors[manifest["metadata"]["name"]]
        self.applied.append(manifest)
        return manifest, False


def publish(client: Client, *services: Any) -> Any:
    publication = plan_publication(client, references_from(services))  # type: ignore[arg-type]
    return carry_out(client, publication.writes)  # type: ignore[arg-type]


def test_only_the_label_is_written() -> None:
    client = Client(service("new"), service("old", ours=True))
    done, findings = publish(client, "xyz/new")
    assert (len(done), findings) == (2, [])
    identity = {"namespace": "xyz", "name": "new", "uid": "uid-new"}
    assert client.applied == [
        {"apiVersion": "v1", "kind": "Service", "metadata": {**identity, "labels": {PUBLIC_SERVICE_LABEL: ""}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "xyz", "name": "old", "uid": "uid-old"}},
    ]


def test_one_list_when_nothing_is_named() -> None:
    client = Client(service("old", ours=True))
    publish(client)
    assert client.read == [f"list None {PUBLIC_SERVICE_LABEL}"]


def test_what_carries_the_label_is_not_read_twice() -> None:
    client = Client(service("old", ours=True), service("new"))
    publish(client, "xyz/old", "xyz/new")
    assert client.read == [f"list None {PUBLIC_SERVICE_LABEL}", "get new"]


@pytest.mark.parametrize(
    ("status", "text"), [(403, "its label can't be changed: no"), (409, "it was deleted in this moment")]
)
def test_a_refusal_costs_one_service(status: int, text: str) -> None:
    client = Client(service("one"), service("two"), errors={"one": ApiError("no", status=status)})
    done, findings = publish(client, "xyz/one", "xyz/two")
    assert [item.before["metadata"]["name"] for item in done] == ["two"]
    (finding,) = findings
    assert (finding.severity, finding.object, finding.message) == ("error", "Service xyz/one", text)
    assert finding.remedy


def test_an_api_server_that_is_away_is_no_finding() -> None:
    client = Client(service("one"), errors={"one": ApiError("no answer")})
    with pytest.raises(ApiError, match="no answer"):
        publish(client, "xyz/one")


def test_a_selector_that_the_api_server_does_not_take() -> None:
    client = Client(service("one"), errors={"a in (": ApiError("unable to parse", status=400)})
    with pytest.raises(AllianceError) as caught:
        publish(client, "xyz/one", {"selector": "a in ("})
    assert caught.value.cluster == "cluster-t"
    assert "a in (" in str(caught.value.obj)
    assert client.applied == []
    client.errors["a in ("] = ApiError("forbidden", status=403)
    with pytest.raises(ApiError, match="forbidden"):
        publish(client, {"selector": "a in ("})
