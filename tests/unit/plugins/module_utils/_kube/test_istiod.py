# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What istiods tell of remote clusters; the texts are those of Istio 1.31, cut short."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import istiod, kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client, ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.istiod import (
    Istiod,
    RemoteCluster,
    failing,
    held_endpoints,
    istiod_pods,
    not_synced,
    remote_clusters,
    see_failing,
    selects_namespaces,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.port_forward import PodAnswerError

SECRET = "istio-system/istio-remote-secret-cluster-e"
CLUSTERZ = [
    {"id": "cluster-d", "secretName": "", "syncStatus": "synced"},
    {"id": "cluster-e", "secretName": SECRET, "syncStatus": "synced"},
]
METRICS = """# HELP controller_sync_errors_total Total number of errorMetric syncing controllers.
# TYPE controller_sync_errors_total counter
controller_sync_errors_total{cluster="cluster-e"} 7
controller_sync_errors_total{cluster="cluster-d"} 1e+06
# TYPE remote_cluster_secret_events_total counter
remote_cluster_secret_events_total{event="add"} 1
remote_cluster_secret_events_total{event="update"} 3
"""
SHARDZ = {
    "bar.xyz.svc.mesh.local": {
        "xyz": {
            "Shards": {
                "Kubernetes/cluster-d": [{"Addresses": ["10.0.0.1"], "ServicePortName": "http", "HealthStatus": 1}],
                "Kubernetes/cluster-e": [
                    {"Addresses": ["10.1.0.1", "fd00::1"], "ServicePortName": "http", "HealthStatus": 1},
                    {"Addresses": ["10.1.0.1", "fd00::1"], "ServicePortName": "grpc", "HealthStatus": 1},
                    {"Addresses": ["10.1.0.2"], "ServicePortName": "http", "HealthStatus": 2},
                ],
                "External/cluster-e": [{"Addresses": ["10.9.0.1"], "HealthStatus": 1}],
            },
            "ServiceAccounts": {},
        }
    },
    "old.xyz.svc.mesh.local": {"xyz": {"Shards": {"Kubernetes/cluster-e": [{"Address": "10.1.0.3"}]}}},
    "gone.xyz.svc.mesh.local": {"xyz": {"Shards": None}},
}


class Pods(Client):
    """A cluster with some pods of istiod, and what they answer by path."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.cluster = "cluster-d"
        self.pods = list(pods)
        self.selectors: list[str | None] = []

    def list(self, kind: kinds.Kind, namespace: str | None = None, **more: Any) -> ObjectList:
        assert (kind, namespace) == (kinds.POD, "istio-system")
        self.selectors.append(more["label_selector"])
        return ObjectList(self.pods, "1")


def pod(name: str, *, ready: str = "True", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What every pod answers by path: bytes, or an error to raise."""
    found: dict[str, Any] = {
        "/debug/clusterz": json.dumps(CLUSTERZ).encode(),
        "/debug/endpointShardz": json.dumps(SHARDZ).encode(),
        "/metrics": METRICS.encode(),
    }

    def get(_client: Client, _namespace: str, _pod: str, port: int, path: str) -> bytes:
        assert port == 15014
        if isinstance(found[path], Exception):
            raise found[path]
        answer: bytes = found[path]
        return answer

    monkeypatch.setattr(istiod, "pod_get", get)
    return found


def test_only_ready_pods_are_asked_of_the_revision() -> None:
    leaving = pod("istiod-3", deletionTimestamp="2026-01-01T00:00:00Z")
    client = Pods(
        pod("istiod-2"), pod("istiod-1"), leaving, pod("istiod-4", ready="False"), {"metadata": {"name": "x"}}
    )
    assert istiod_pods(client, "istio-system") == ["istiod-1", "istiod-2"]
    assert istiod_pods(client, "istio-system", "canary") == ["istiod-1", "istiod-2"]
    assert client.selectors == ["app=istiod", "app=istiod,istio.io/rev=canary"]


def test_no_ready_pod_is_an_error_that_says_where() -> None:
    with pytest.raises(
        AllianceError, match=r"cluster cluster-d: no pod of istiod of revision r in namespace istio-sys"
    ):
        istiod_pods(Pods(pod("istiod-1", ready="False")), "istio-system", "r")


def test_every_pod_tells_its_remote_clusters(answers: dict[str, Any]) -> None:
    found = remote_clusters(Pods(pod("istiod-1"), pod("istiod-2")), "istio-system")
    clusters = {"cluster-e": RemoteCluster("cluster-e", SECRET, "synced")}
    errors = {"cluster-e": 7, "cluster-d": 1000000}
    assert found == [Istiod("istiod-1", clusters, errors, 4), Istiod("istiod-2", clusters, errors, 4)]


def test_an_older_istiod_counts_no_secrets(answers: dict[str, Any]) -> None:
    answers["/metrics"] = b"pilot_info 1\n"
    (found,) = remote_clusters(Pods(pod("istiod-1")), "istio-system")
    assert (found.errors, found.secret_events) == ({}, None)


def test_endpoints_by_cluster(answers: dict[str, Any]) -> None:
    found = held_endpoints(Pods(), "istio-system", "istiod-1", ["cluster-d", "cluster-e", "cluster-f"])
    assert found == {
        "cluster-d": {("xyz", "bar"): {"10.0.0.1"}},
        "cluster-e": {("xyz", "bar"): {"10.1.0.1", "fd00::1"}, ("xyz", "old"): {"10.1.0.3"}},
        "cluster-f": {},
    }


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (PodAnswerError("GET x: 404 not found", status=404), "ENABLE_DEBUG_ON_HTTP"),
        (PodAnswerError("GET x: connection refused"), "monitoringAddr"),
        (b"<html>", "version of Istio"),
    ],
)
def test_a_pod_that_can_not_be_asked_is_an_error_with_a_remedy(
    answers: dict[str, Any], answer: Any, remedy: str
) -> None:
    answers["/debug/clusterz"] = answer
    with pytest.raises(PodAnswerError, match=remedy):
        remote_clusters(Pods(pod("istiod-1")), "istio-system")


def knows(name: str, status: str = "synced", *, errors: int = 0, secret: str = SECRET) -> Istiod:
    return Istiod(name, {"cluster-e": RemoteCluster("cluster-e", secret, status)}, {"cluster-e": errors})


def test_all_istiods_have_to_agree() -> None:
    assert not_synced([knows("one"), knows("two")], "cluster-e", SECRET) == ""
    assert not_synced([knows("one"), knows("two", "timeout")], "cluster-e") == (
        "istiod two says timeout of cluster cluster-e"
    )
    assert not_synced([knows("one", "syncing"), Istiod("two", {}, {})], "cluster-e") == (
        "istiod one says syncing of cluster cluster-e; istiod two does not know cluster cluster-e"
    )


def test_a_cluster_of_another_secret_is_not_ours() -> None:
    other = "istio-system/somebody-elses"
    assert not_synced([knows("one", secret=other)], "cluster-e", SECRET) == (
        f"istiod one knows cluster cluster-e from Secret {other}, not {SECRET}"
    )
    assert not_synced([knows("one", secret=other)], "cluster-e") == ""


def test_failures_count_from_the_time_before() -> None:
    before = [knows("one", errors=5), knows("two", errors=9)]
    now = [knows("one", errors=5), knows("two", errors=12), knows("new", errors=4)]
    assert failing(before, now, "cluster-e") == "3 lists or watches of cluster cluster-e failed in istiod two"
    assert failing(now, [knows("one", errors=5), knows("two", errors=0)], "cluster-e") == ""


class Time:
    """A clock that only pauses move on."""

    def __init__(self) -> None:
        self.now = 0.0

    def pause(self, seconds: float) -> None:
        self.now += seconds


def growing(monkeypatch: pytest.MonkeyPatch, *counts: int) -> list[int]:
    """Let istiod "one" tell these counts of failures one after another; those that are left."""
    left = list(counts)
    monkeypatch.setattr(
        istiod, "remote_clusters", lambda *_arguments: [knows("one", errors=left.pop(0) if len(left) > 1 else left[0])]
    )
    return left


def test_a_cluster_that_is_refused_is_seen_as_soon_as_it_fails_again(monkeypatch: pytest.MonkeyPatch) -> None:
    time, left = Time(), growing(monkeypatch, 5, 5, 6, 9)
    found = see_failing(
        Pods(), "x", None, [knows("one", errors=5)], ["cluster-e"], pause=time.pause, clock=lambda: time.now
    )
    assert found == {"cluster-e": "1 lists or watches of cluster cluster-e failed in istiod one"}
    assert left == [9]


def test_failures_of_long_ago_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    time, _left = Time(), growing(monkeypatch, 5)
    found = see_failing(
        Pods(), "x", None, [knows("one", errors=5)], ["cluster-e"], pause=time.pause, clock=lambda: time.now
    )
    assert (found, time.now) == ({}, 16)


def test_a_cluster_that_never_failed_costs_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    time, left = Time(), growing(monkeypatch, 1, 2)
    found = see_failing(Pods(), "x", None, [knows("one")], ["cluster-e"], pause=time.pause, clock=lambda: time.now)
    assert (found, time.now, left) == ({}, 0, [1, 2])


def test_whether_the_mesh_leaves_namespaces_out(answers: dict[str, Any]) -> None:
    answers["/debug/mesh"] = b'{"rootNamespace":"istio-system"}'
    assert not selects_namespaces(Pods(), "istio-system", "istiod-1")
    answers["/debug/mesh"] = b'{"discoverySelectors":[{"matchLabels":{"mesh":"yes"}}]}'
    assert selects_namespaces(Pods(), "istio-system", "istiod-1")
