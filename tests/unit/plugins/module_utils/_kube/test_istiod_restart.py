# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import istiod_restart, kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError, WaitTimeoutError

START = "2026-01-01T00:00:00Z"
EPOCH = 1767225600.0  # the same in seconds
TIMEOUT = 60.0


class Cluster:
    """A cluster with a clock, whose Deployment makes a pod that is ready so many seconds after another was ended."""

    cluster = "cluster-t"

    def __init__(self, replicas: int = 1, *, ending: float = 2, starting: float = 5) -> None:
        self.now = 0.0
        self.ended: list[tuple[float, str]] = []
        self.pods = [self._pod(number, 0.0) for number in range(replicas)]
        self._replicas = replicas
        self._ending, self._starting = ending, starting

    def get(self, kind: Any, name: str, namespace: str) -> Any:
        assert (kind, namespace) == (kinds.DEPLOYMENT, "istio-system")
        if name != "istiod":
            return None
        return {"metadata": {}, "spec": {"replicas": self._replicas, "selector": {"matchLabels": {"app": "istiod"}}}}

    def list(self, kind: Any, namespace: str, *, label_selector: str) -> Any:
        assert (kind, namespace, label_selector) == (kinds.POD, "istio-system", "app=istiod")
        return SimpleNamespace(items=[self._seen(pod) for pod in self.pods if pod["gone"] > self.now])

    def delete(self, kind: Any, name: str, namespace: str, *, uid: str) -> bool:
        (pod,) = [pod for pod in self.pods if pod["name"] == name]
        assert uid == f"uid-{name}"
        self.ended.append((self.now, name))
        pod["gone"] = self.now + self._ending
        self.pods.append(self._pod(len(self.pods), self.now + self._starting))
        return True

    def server_time(self) -> float:
        return EPOCH + self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def restart(self, name: str = "istiod") -> None:
        istiod_restart.restart(
            cast(Client, self), "istio-system", name, TIMEOUT, pause=self.sleep, clock=lambda: self.now
        )

    def _pod(self, number: int, ready: float) -> dict[str, Any]:
        return {"name": f"istiod-{number}", "ready": ready, "gone": float("inf")}

    def _seen(self, pod: dict[str, Any]) -> dict[str, Any]:
        seconds = int(pod["ready"])
        ready = {"type": "Ready", "status": str(pod["ready"] <= self.now)}
        since = f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}Z"
        return {
            "metadata": {"name": pod["name"], "uid": f"uid-{pod['name']}"},
            "status": {"phase": "Running", "conditions": [{**ready, "lastTransitionTime": since}]},
        }


@pytest.mark.parametrize("replicas", [1, 3])
def test_all_pods_end_at_once_and_as_many_others_are_ready(replicas: int) -> None:
    cluster = Cluster(replicas)
    cluster.now = 100.0
    cluster.restart()
    assert cluster.ended == [(100.0, f"istiod-{number}") for number in range(replicas)]
    assert 105.0 <= cluster.now < 107.0


def test_one_that_has_just_started_is_not_ended_before_it_has_settled() -> None:
    cluster = Cluster()
    cluster.now = 3.0
    cluster.restart()
    assert cluster.ended == [(istiod_restart.SETTLE_SECONDS, "istiod-0")]


def test_pods_of_before_are_waited_for() -> None:
    cluster = Cluster(ending=30, starting=5)
    cluster.now = 100.0
    cluster.restart()
    assert cluster.now >= 130.0


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (Cluster(ending=600), "pods of before still run: istiod-0"),
        (Cluster(2, starting=600), "0 of 2 pods are ready"),
    ],
    ids=["does-not-end", "does-not-start"],
)
def test_one_that_does_not_end_or_start_is_told(cluster: Cluster, message: str) -> None:
    with pytest.raises(WaitTimeoutError, match=message) as caught:
        cluster.restart()
    assert "Deployment istio-system/istiod" in str(caught.value)
    assert "cluster-t" in str(caught.value)


def test_a_pod_whose_name_another_has_by_now_is_gone() -> None:
    cluster = Cluster()

    def delete(*_place: str, uid: str) -> bool:
        cluster.pods[0]["gone"] = cluster.now
        cluster.pods.append(cluster._pod(1, cluster.now))
        raise ApiError("the UID in the precondition does not match", status=409)

    cluster.delete = delete  # type: ignore[method-assign, assignment]
    cluster.restart()


def test_no_deployment_is_an_error() -> None:
    with pytest.raises(AllianceError, match="it is gone"):
        Cluster().restart("istiod-other")


def test_what_is_noted_is_read() -> None:
    noted = istiod_restart.started_manifest("istio-system", "istiod", "abc")
    assert istiod_restart.started_with(noted) == "abc"
    assert istiod_restart.started_with({"metadata": {}}) is None
    assert "spec" not in noted
