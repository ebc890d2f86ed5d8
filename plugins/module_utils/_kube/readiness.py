# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When is an object ready? The rules of C(kubectl rollout status) and of kstatus, on plain objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PODS_MISSING = "pods are ready"


def not_ready(obj: Mapping[str, Any] | None) -> str:
    """Why an object is not ready yet; the empty string when it is, or when its kind has no such state."""
    if obj is None:
        return "it does not exist"
    check = _CHECKS.get(str(obj.get("kind")))
    return check(obj) if check else ""


def not_serving(obj: Mapping[str, Any] | None) -> str:
    """Why an object that was not changed does not do its work; one pod of it that is available is enough.

    A node that is down for days must not keep a run from everything else.
    """
    reason = not_ready(obj)
    status = (obj or {}).get("status") or {}
    if reason.endswith(PODS_MISSING) and (status.get("availableReplicas") or status.get("numberAvailable")):
        return ""
    return reason


def has_readiness(obj: Mapping[str, Any]) -> bool:
    """Whether an object's kind can be waited for."""
    return obj.get("kind") in _CHECKS


def _observed(obj: Mapping[str, Any]) -> str:
    generation = obj["metadata"].get("generation", 0)
    if (obj.get("status") or {}).get("observedGeneration", 0) < generation:
        return "its controller has not seen the new specification yet"
    return ""


def _deployment(obj: Mapping[str, Any]) -> str:
    status = obj.get("status") or {}
    wanted = obj["spec"].get("replicas", 1)
    if pending := _observed(obj):
        return pending
    if status.get("updatedReplicas", 0) < wanted:
        return f"{status.get('updatedReplicas', 0)} of {wanted} pods are updated"
    if status.get("replicas", 0) > status.get("updatedReplicas", 0):
        return f"{status['replicas'] - status['updatedReplicas']} old pods still run"
    if status.get("availableReplicas", 0) < wanted:
        return f"{status.get('availableReplicas', 0)} of {wanted} {PODS_MISSING}"
    return ""


def _daemon_set(obj: Mapping[str, Any]) -> str:
    status = obj.get("status") or {}
    if pending := _observed(obj):
        return pending
    wanted = status.get("desiredNumberScheduled", 0)
    if wanted == 0:
        return "no node is selected for it"
    if status.get("updatedNumberScheduled", 0) < wanted:
        return f"{status.get('updatedNumberScheduled', 0)} of {wanted} pods are updated"
    if status.get("numberAvailable", 0) < wanted:
        return f"{status.get('numberAvailable', 0)} of {wanted} {PODS_MISSING}"
    return ""


def _stateful_set(obj: Mapping[str, Any]) -> str:
    status = obj.get("status") or {}
    wanted = obj["spec"].get("replicas", 1)
    if pending := _observed(obj):
        return pending
    if status.get("readyReplicas", 0) < wanted:
        return f"{status.get('readyReplicas', 0)} of {wanted} {PODS_MISSING}"
    if status.get("updateRevision") != status.get("currentRevision"):
        return "old pods still run"
    return ""


def _crd(obj: Mapping[str, Any]) -> str:
    for condition in (obj.get("status") or {}).get("conditions") or []:
        if condition["type"] == "Established" and condition["status"] == "True":
            return ""
    return "the API server does not serve it yet"


def _load_balancer(obj: Mapping[str, Any]) -> str:
    if obj["spec"].get("type") != "LoadBalancer":
        return ""
    if (obj.get("status") or {}).get("loadBalancer", {}).get("ingress"):
        return ""
    return "its load balancer has no address yet"


_CHECKS = {
    "Deployment": _deployment,
    "DaemonSet": _daemon_set,
    "StatefulSet": _stateful_set,
    "CustomResourceDefinition": _crd,
    "Service": _load_balancer,
}
