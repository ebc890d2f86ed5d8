# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an object is ready, and why it isn't."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.readiness import (
    has_readiness,
    not_ready,
    not_serving,
)


def obj(kind: str, spec: dict[str, Any], generation: int = 1, **status: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "x", "generation": generation}, "spec": spec, "status": status}


SEEN = {"observedGeneration": 1}
UP = {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}
STALE = "its controller has not seen the new specification yet"
CRD = "CustomResourceDefinition"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (None, "it does not exist"),
        (obj("ConfigMap", {}), ""),
        (obj("Deployment", {"replicas": 2}, 2, **SEEN, **UP), STALE),
        (obj("Deployment", {"replicas": 2}, **SEEN), "0 of 2 pods are updated"),
        (obj("Deployment", {"replicas": 2}, **SEEN, **{**UP, "replicas": 3}), "1 old pods still run"),
        (obj("Deployment", {"replicas": 2}, **SEEN, **{**UP, "availableReplicas": 1}), "1 of 2 pods are ready"),
        (obj("Deployment", {"replicas": 2}, **SEEN, **UP), ""),
        (obj("Deployment", {"replicas": 0}, **SEEN), ""),
        (obj("DaemonSet", {}, 2, **SEEN), STALE),
        (obj("DaemonSet", {}, **SEEN), "no node is selected for it"),
        (obj("DaemonSet", {}, **SEEN, desiredNumberScheduled=2, updatedNumberScheduled=1), "1 of 2 pods are updated"),
        (
            obj("DaemonSet", {}, **SEEN, desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=1),
            "1 of 2 pods are ready",
        ),
        (obj("DaemonSet", {}, **SEEN, desiredNumberScheduled=1, updatedNumberScheduled=1, numberAvailable=1), ""),
        (obj("StatefulSet", {"replicas": 1}, **SEEN), "0 of 1 pods are ready"),
        (
            obj("StatefulSet", {}, **SEEN, readyReplicas=1, updateRevision="b", currentRevision="a"),
            "old pods still run",
        ),
        (obj("StatefulSet", {}, **SEEN, readyReplicas=1, updateRevision="b", currentRevision="b"), ""),
        (obj(CRD, {}), "the API server does not serve it yet"),
        (obj(CRD, {}, conditions=[{"type": "Established", "status": "False"}]), "the API server does not serve it yet"),
        (obj(CRD, {}, conditions=[{"type": "Established", "status": "True"}]), ""),
        (obj("Service", {"type": "LoadBalancer"}), "its load balancer has no address yet"),
        (obj("Service", {"type": "LoadBalancer"}, loadBalancer={"ingress": [{"ip": "203.0.113.1"}]}), ""),
        (obj("Service", {"type": "NodePort"}), ""),
    ],
)
def test_reasons(found: dict[str, Any] | None, reason: str) -> None:
    assert not_ready(found) == reason


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (obj("Deployment", {"replicas": 2}, **SEEN, **{**UP, "availableReplicas": 1}), ""),
        (obj("Deployment", {"replicas": 2}, **SEEN, **{**UP, "availableReplicas": 0}), "0 of 2 pods are ready"),
        (obj("Deployment", {"replicas": 2}, 2, **SEEN, **UP), STALE),
        (obj("DaemonSet", {}, **SEEN, desiredNumberScheduled=50, updatedNumberScheduled=50, numberAvailable=49), ""),
        (
            obj("DaemonSet", {}, **SEEN, desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=0),
            "0 of 2 pods are ready",
        ),
        (obj("DaemonSet", {}, **SEEN, desiredNumberScheduled=2, updatedNumberScheduled=1), "1 of 2 pods are updated"),
        (None, "it does not exist"),
    ],
)
def test_one_available_pod_serves(found: dict[str, Any] | None, reason: str) -> None:
    assert not_serving(found) == reason


def test_an_object_without_status_is_not_ready() -> None:
    assert not_ready({"kind": "Deployment", "metadata": {"generation": 1}, "spec": {}}) == STALE


def test_which_kinds_are_waited_for() -> None:
    waited = {"Deployment", "DaemonSet", "StatefulSet", "Service", CRD}
    assert {kind for kind in [*waited, "ConfigMap", "Gateway", "Pod"] if has_readiness({"kind": kind})} == waited
