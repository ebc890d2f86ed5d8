# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""departure: what is known of neighbours is remembered from before they are removed until it is forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import federation_resource

from tests.gates.cycle import Step, cycle
from tests.integration.ansible_module import Cycle, ModuleRun, ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import GATEWAY, Neighbour

NAMESPACE = "departure"
FEDERATION = "deckhouse.io/v1alpha1"


@pytest.fixture(scope="module")
def one(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("leaving-one")


@pytest.fixture(scope="module")
def two(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("leaving-two")


@pytest.fixture(scope="module", autouse=True)
def _resources(admin: Admin, one: Neighbour, two: Neighbour) -> Iterator[None]:
    """What trust_anchors and service_entries make of two neighbours."""
    admin.namespace(NAMESPACE)
    for item in (one, two):
        option = item.option()
        endpoint = option["metadata_endpoint"]
        admin.apply(federation_resource(item.name, trust_domain=item.domain, endpoint=endpoint))
        public = {"clusterUUID": item.uuid, "authnKeyPub": item.keys.public_pem, "rootCA": item.root}
        cache = {"public": public, "private": {"ingressGateways": [GATEWAY], "publicServices": item.services}}
        resource = {"apiVersion": FEDERATION, "kind": "IstioFederation", "metadata": {"name": item.name}}
        admin.apply({**resource, "status": {"metadataCache": cache, "conditions": []}}, subresource="status")
    yield
    for item in (one, two):
        if admin.get("IstioFederation", None, item.name, FEDERATION) is not None:
            admin.delete("IstioFederation", None, item.name, FEDERATION)


def leave(run: ModuleRunner, *neighbours: Neighbour, **more: Any) -> ModuleRun:
    """As the role calls it when the leaving clusters are dead."""
    return run("departure", neighbours=[{"name": item.name} for item in neighbours], namespace=NAMESPACE, **more)


def remembered(admin: Admin) -> dict[str, Any]:
    data = admin.data("ConfigMap", NAMESPACE, "alliance-departures")
    return {name: json.loads(text) for name, text in data.items()}


@cycle
def test_cycle(step: Step, run: ModuleRunner, expect: Cycle, admin: Admin, one: Neighbour, two: Neighbour) -> None:
    """One leaves; then another one too; then both are forgotten."""
    state = "absent" if step.action == "delete" else "present"
    leaving = [one] if step.action == "create" else [one, two]
    done = leave(run, *leaving, check=step.check, by_ansible=True, state=state)
    if state == "present":
        for item, known in zip(leaving, done.result["departed"], strict=True):
            assert known == {
                "name": item.name,
                "trust_domains": [item.domain],
                "uuids": [item.uuid],
                "keys": [item.keys.public_pem],
                "roots": [item.root],
                "gateways": [GATEWAY],
                "cluster_ids": [],
            }
        if step.mode == "real":
            assert remembered(admin) == {item["name"]: item for item in done.result["departed"]}
    expect(step, done)
    if state == "absent" and step.mode == "real":
        assert admin.get("ConfigMap", NAMESPACE, "alliance-departures") is None
        assert admin.get("ConfigMap", NAMESPACE, "alliance-departure") is None


def test_what_is_remembered_outlives_the_resource(
    run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour
) -> None:
    """As after a run that was killed between the removal and the proof."""
    before = leave(run, one, two).result["departed"]
    admin.delete("IstioFederation", None, one.name, FEDERATION)
    again = leave(run, one, two)
    assert again.result["departed"] == before
    assert (again.result["changed"], again.writes) == (False, ())
    forgotten = leave(run, one, state="absent")
    assert forgotten.result["remembered"] == [two.name]
    assert set(remembered(admin)) == {two.name}
    # Now nothing in this cluster knows it, and it is not remembered by its name alone.
    unknown = leave(run, one)
    assert unknown.result["departed"][0]["uuids"] == []
    assert (unknown.result["remembered"], unknown.writes) == ([two.name], ())
    leave(run, two, state="absent")


def test_its_own_api_and_the_inventory_add_what_they_know(run: ModuleRunner, one: Neighbour) -> None:
    option = {"name": one.name, "state": one.state(), "trust_domain": "declared.local"}
    (known,) = run("departure", neighbours=[option], namespace=NAMESPACE, check=True).result["departed"]
    assert known["uuids"] == [one.uuid]
    assert known["cluster_ids"] == [one.multicluster["clusterID"]]
    assert known["trust_domains"] == sorted(["declared.local", one.domain])


def test_somebody_elses_resource_is_told_and_not_remembered(run: ModuleRunner, admin: Admin, two: Neighbour) -> None:
    kind = admin.client.kind_of({"apiVersion": FEDERATION, "kind": "IstioFederation"})
    path, body = kind.path(None, two.name), {"metadata": {"labels": {"app.kubernetes.io/managed-by": "theirs"}}}
    admin.client.request("PATCH", path, body=body, content_type="application/merge-patch+json")
    done = leave(run, two)
    assert done.result["departed"][0]["uuids"] == [two.uuid]
    assert (done.result["remembered"], done.writes) == ([], ())


def test_a_memory_that_somebody_changed_is_told(run: ModuleRunner, admin: Admin, one: Neighbour) -> None:
    place = {"name": "alliance-departures", "namespace": NAMESPACE}
    admin.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": {"x": "damaged"}})
    message = leave(run, one, fails=True).result["msg"]
    assert f"ConfigMap {NAMESPACE}/alliance-departures" in message
    assert "Remedy: delete the ConfigMap" in message
    admin.delete("ConfigMap", NAMESPACE, "alliance-departures")
    assert "alliance_departed" in run("departure", neighbours=[{}], fails=True).result["msg"]
