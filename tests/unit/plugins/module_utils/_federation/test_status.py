# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.exporter.gateway import published_gateway
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import AddressRules
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    federation_resource,
    federation_status,
    multicluster_resource,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import Asked, Measured, Measurement
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import MulticlusterMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Check, Overview
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import RemoteCluster
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.staleness import NEVER
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import status, status_drift
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.looked import Looked
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proxy_status import ProxyStatus
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.status import look
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import Change, Plan
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import PART_OF_LABEL, ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.istiod import Istiod
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.istiod import RemoteCluster as Told
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind

Object = dict[str, Any]

NOW = datetime.datetime.now(datetime.timezone.utc)
ROOT = make_ca("b", NOW).certificate
PAIR = generate_key_pair()
GATEWAY = {"address": "203.0.113.10", "port": 15443}
SERVICES = ({"hostname": "bar.xyz.svc.b.local", "ports": [{"name": "http", "port": 80, "protocol": "HTTP"}]},)
PUBLIC = PublicMetadata.create("uuid-b", PAIR.public_pem, ROOT, "b.local")
OFFER = FederationMetadata.from_dict({"ingressGateways": [GATEWAY], "publicServices": list(SERVICES)})
JOINED = MulticlusterMetadata.from_dict(
    {"ingressGateways": [GATEWAY], "apiHost": "api.b.example:6443", "networkName": "b"}
)
OWN = ClusterState(
    "a", "uuid-a", trust_domain="a.local", namespace="ours", root_namespace="istio", gateways=(GATEWAY,), roots=ROOT
)
STATE = ClusterState("b", "uuid-b", gateways=(GATEWAY,), multicluster_gateways=(GATEWAY,), published=SERVICES)
NEIGHBOUR = Neighbour("b", trust_domain="b.local", endpoint="https://b.example/metadata/", state=STATE)
JOINT = replace(NEIGHBOUR, mode="multicluster")
LOOKED = Looked(attention=86400, fresh=86400, policy=NEVER, rules=AddressRules(), namespace="ours")
SET = ApplySet("alliance-remote-clusters", "ours")


class Cluster:
    """A cluster's objects, which can only be read."""

    cluster = "a"

    def __init__(self, *objects: Object) -> None:
        self.objects = list(objects)
        self.forbidden: set[str] = set()

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        return next((item for item in self.list(kind, namespace).items if item["metadata"]["name"] == name), None)

    def list(self, kind: Kind, namespace: str | None = None, *, label_selector: str = "", **_more: Any) -> ObjectList:
        if kind.kind in self.forbidden:
            raise AllianceError(f"{kind.plural} is forbidden", cluster=self.cluster)
        wanted = dict(part.split("=") for part in label_selector.split(",") if part)
        found = [
            item
            for item in self.objects
            if item["kind"] == kind.kind
            and namespace in (None, item["metadata"].get("namespace"))
            and wanted.items() <= (item["metadata"].get("labels") or {}).items()
        ]
        return ObjectList(found, "1")


def resource(made: Object, private: Any) -> Object:
    learnt = federation_status(None, now_iso=rfc3339(NOW.timestamp()), public=PUBLIC, private=private)
    return {**made, "status": learnt}


FEDERATED = resource(federation_resource("b", trust_domain="b.local", endpoint=str(NEIGHBOUR.endpoint)), OFFER)
JOINED_UP = resource(multicluster_resource("b", endpoint=str(NEIGHBOUR.endpoint)), JOINED)


class Plans:
    """What plans are made for, and the objects that differ from what is live, by set."""

    def __init__(self) -> None:
        self.wanted: dict[str, list[Object]] = {}
        self.changed: dict[str, list[Change]] = {}
        self.errors: list[AllianceError] = []
        self.by_anybody = False

    def __call__(self, _client: Any, *, by_anybody: bool) -> Plans:
        self.by_anybody = by_anybody
        return self

    def plan(self, objects: list[Object], applyset: ApplySet, *, adopt: str) -> Plan:
        assert adopt == "refuse"
        for error in self.errors:
            raise error
        self.wanted[applyset.name] = objects
        return Plan(writes=self.changed.get(applyset.name, []), unchanged=list(objects))


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> Plans:
    made = Plans()
    monkeypatch.setattr(status_drift, "Applier", made)
    monkeypatch.setattr(status, "look_at_proxies", lambda *_arguments: ProxyStatus([Check("istiod", "ok", "x")]))
    return made


def told(cluster: Cluster, *neighbours: Neighbour, state: ClusterState = OWN, looked: Looked = LOOKED) -> Overview:
    return look(cluster, state, neighbours, looked)  # type: ignore[arg-type]


def levels(of: Any) -> Mapping[str, str]:
    return {check.name: check.level for check in of.checks}


def test_what_a_run_would_write_is_computed_of_what_is_remembered(plans: Plans) -> None:
    overview = told(Cluster(FEDERATED), NEIGHBOUR)
    kinds = {name: sorted({item["kind"] for item in objects}) for name, objects in plans.wanted.items()}
    assert kinds == {
        "alliance-trust": ["ConfigMap", "IstioFederation", "Secret"],
        "alliance-imports": ["DestinationRule", "ServiceEntry"],
    }
    assert levels(overview.clusters[0])["drift"] == "ok"
    assert "all 5 objects" in next(check.text for check in overview.clusters[0].checks if check.name == "drift")
    (edge,) = overview.edges
    assert (edge.service_count, edge.level) == (1, "unknown")


def test_what_exporters_measured_is_told(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Measurement("IstioFederation", "b", "late", reason="no answer", at=NOW.timestamp())
    asked = [Asked("one", Measured(NOW.timestamp(), 60, (probe,)))]
    monkeypatch.setattr(status, "ask_exporters", lambda _client, namespace: asked if namespace == "ours" else [])
    (edge,) = told(Cluster(FEDERATED), NEIGHBOUR).edges
    assert (levels(edge)["traffic"], edge.level) == ("error", "error")


def test_what_differs_is_drift(plans: Plans) -> None:
    live = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "ours"}}
    plans.changed["alliance-trust"] = [Change(live, live)]
    overview = told(Cluster(FEDERATED), NEIGHBOUR)
    assert levels(overview.clusters[0])["drift"] == "warning"
    assert "Secret ours/s differs" in overview.clusters[0].findings[-1].message


def test_where_others_apply_the_files_it_does_not_matter_who_did(plans: Plans) -> None:
    told(Cluster(FEDERATED), NEIGHBOUR)
    assert not plans.by_anybody
    told(Cluster(FEDERATED), NEIGHBOUR, looked=replace(LOOKED, applied_by_others=True))
    assert plans.by_anybody


def test_what_can_t_be_compared_is_unknown(plans: Plans) -> None:
    plans.errors.append(AllianceError("the object exists and is not ours"))
    overview = told(Cluster(FEDERATED), NEIGHBOUR)
    assert levels(overview.clusters[0])["drift"] == "unknown"


def test_ends_that_can_t_be_read_are_unknown_and_stop_nothing(plans: Plans) -> None:
    cluster = Cluster(FEDERATED)
    cluster.forbidden = {"Secret"}
    overview = told(cluster, NEIGHBOUR)
    found = levels(overview.clusters[0])
    assert (found["certificates"], found["drift"]) == ("unknown", "unknown")
    assert [expiry.name for expiry in overview.clusters[0].expiries] == ["root"]
    assert len(overview.edges) == 1


def test_gateway_and_exporter_that_are_not_there(plans: Plans) -> None:
    found = levels(told(Cluster(FEDERATED), NEIGHBOUR).clusters[0])
    assert (found["gateway"], found["exporter"]) == ("error", "error")


def secret(cluster_id: str = "cluster-b") -> Object:
    made = RemoteCluster("b", cluster_id, "api.b.example:6443", "b", token="none").secret("istio")
    made["metadata"]["labels"][PART_OF_LABEL] = SET.id
    return made


@pytest.mark.parametrize(
    "objects, said, codes",
    [
        ([secret()], "synced", []),
        ([secret()], "syncing", ["istiod-not-synced"]),
        ([], "synced", ["remote-secret-missing"]),
    ],
)
def test_clusters_of_one_domain(
    objects: list[Object], said: str, codes: list[str], plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    istiod = Istiod("istiod-1", {"cluster-b": Told("cluster-b", "istio/istio-remote-secret-b", said)}, {})
    monkeypatch.setattr(status, "remote_clusters", lambda *_arguments: [istiod])
    (edge,) = told(Cluster(JOINED_UP, *objects), JOINT).edges
    assert (edge.mode, [finding.code for finding in edge.findings]) == ("multicluster", codes)


def test_an_istiod_that_can_t_be_asked_of_them_is_unknown(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> list[Istiod]:
        raise AllianceError("no pod of istiod is Ready")

    monkeypatch.setattr(status, "remote_clusters", refuse)
    (edge,) = told(Cluster(JOINED_UP, secret()), JOINT).edges
    assert (levels(edge)["istiod"], edge.level) == ("unknown", "unknown")


def test_a_platform_s_own_word_counts(plans: Plans) -> None:
    state = replace(OWN, provider="deckhouse", namespace="d8-istio", root_namespace="d8-istio")
    overview = told(Cluster(FEDERATED), NEIGHBOUR, state=state)
    assert levels(overview.clusters[0])["drift"] == "ok"
    (edge,) = overview.edges
    assert (levels(edge)["platform"], edge.service_count) == ("ok", 1)
    (edge,) = told(Cluster(), NEIGHBOUR, state=state).edges
    assert {finding.code for finding in edge.findings} == {"neighbour-not-proved", "federation-missing"}


def test_what_is_published_is_open_and_served(plans: Plans) -> None:
    gateway = published_gateway("ours", ["bar.xyz.svc.b.local"])
    endpoints = {
        "kind": "EndpointSlice",
        "metadata": {"name": "bar-1", "namespace": "xyz", "labels": {"kubernetes.io/service-name": "bar"}},
        "endpoints": [{"addresses": ["10.0.0.1"]}],
    }
    state = replace(OWN, published=SERVICES)

    def level(*objects: Object) -> str:
        return levels(told(Cluster(FEDERATED, *objects), NEIGHBOUR, state=state).clusters[0])["published"]

    assert level(gateway, endpoints) == "ok"
    assert level(endpoints) == "error"
    assert level(gateway) == "warning"
    many = tuple({**SERVICES[0], "hostname": f"bar.n{number}.svc.b.local"} for number in range(12))
    state = replace(OWN, published=(*SERVICES, *many))
    assert level(gateway, endpoints) == "error"
    cluster = Cluster(FEDERATED, gateway, endpoints)
    cluster.forbidden = {"EndpointSlice"}
    found = levels(told(cluster, NEIGHBOUR, state=state).clusters[0])
    assert (found["published"], found["gateway"]) == ("unknown", "unknown")


def test_what_a_platform_is_told_is_compared_with_the_inventory(plans: Plans) -> None:
    """Of ours alone, with what was proved as it is remembered there."""
    state = replace(OWN, provider="deckhouse", namespace="d8-istio", root_namespace="d8-istio")
    proved = PUBLIC.render().decode()
    told_of = federation_resource("b", trust_domain="b.local", endpoint=str(NEIGHBOUR.endpoint), proved=proved)
    metadata = {**told_of["metadata"], "labels": {PART_OF_LABEL: ApplySet("alliance-trust", "ours").id}}
    moved = replace(NEIGHBOUR, endpoint="https://new.example/metadata/")
    told(Cluster({**resource(told_of, OFFER), "metadata": metadata}), moved, state=state)
    (wanted,) = plans.wanted["alliance-trust"]
    assert wanted["spec"]["metadataEndpoint"] == "https://new.example/metadata/"
    assert wanted["metadata"]["annotations"] == metadata["annotations"]
    told(Cluster({**resource(told_of, OFFER), "metadata": metadata}), replace(moved, hold="why"), state=state)
    (wanted,) = plans.wanted["alliance-trust"]
    assert wanted["spec"] == told_of["spec"]
    told(Cluster(FEDERATED), moved, state=state)
    assert plans.wanted["alliance-trust"] == []
