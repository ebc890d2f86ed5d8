# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restart of istiod after which it has another root, and in which no proxy loses the endpoints of a service.

An istiod that is stopped forgets all endpoints of its cluster at once (Controller.Cleanup in
pilot/pkg/serviceregistry/kube/controller), but goes on with a push that has begun. In a full push it then tells proxies
that no service has an endpoint, and they have none until they have reached another istiod. Istiods with different roots
side by side, as in a rolling update, make full pushes all the time: each writes its root into the webhook
configurations over the other's, and each of these changes makes both push. So all pods are ended at once, and not while
they are busy with their start.

An annotation on the Deployment says with what its pods were started, so that an interrupted restart is made up for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import condition
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import unix_time
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.workloads import is_over
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError, WaitTimeoutError

Object = dict[str, Any]

STARTED_WITH_ANNOTATION = "meshalliance.istio/signing-ca"
# For how long an istiod has to be ready before it is stopped: webhooks are written and proxies connected by then.
SETTLE_SECONDS = 10.0
_PAUSE_SECONDS = 1.0


def started_with(deployment: Mapping[str, Any]) -> str | None:
    """The digest of the CA that the pods of a Deployment were started with; None when none was ever named."""
    annotations = deployment["metadata"].get("annotations") or {}
    return annotations.get(STARTED_WITH_ANNOTATION)


def started_manifest(namespace: str, deployment: str, digest: str) -> Object:
    """What notes on istiod's Deployment that its pods were started with a CA."""
    return {
        "apiVersion": kinds.DEPLOYMENT.api_version,
        "kind": kinds.DEPLOYMENT.kind,
        "metadata": {
            "name": deployment,
            "namespace": namespace,
            "annotations": {STARTED_WITH_ANNOTATION: digest},
        },
    }


def restart(
    client: Client,
    namespace: str,
    name: str,
    timeout: float,
    *,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """End all pods of istiod's Deployment; return when as many others are ready, and none of before is left.

    Raises AllianceError when there is no such Deployment, WaitTimeoutError after C(timeout) seconds.
    """
    deadline = clock() + timeout
    _settle(client, _pods(client, namespace, name)[0], pause)
    before, _wanted = _pods(client, namespace, name)
    for pod in before:
        _end(client, namespace, pod)
    ended = {pod["metadata"]["uid"] for pod in before}
    while True:
        pods, wanted = _pods(client, namespace, name)
        left = sorted(str(pod["metadata"]["name"]) for pod in pods if pod["metadata"]["uid"] in ended)
        ready = sum(pod["metadata"]["uid"] not in ended and _ready_since(pod) is not None for pod in pods)
        if not left and ready >= wanted:
            return
        if clock() >= deadline:
            raise WaitTimeoutError(
                f"pods of before still run: {', '.join(left)}" if left else f"{ready} of {wanted} pods are ready",
                cluster=client.cluster,
                obj=f"Deployment {namespace}/{name}",
                remedy=f"see the events of its pods, or raise wait_timeout (now {timeout:g} s)",
            )
        pause(_PAUSE_SECONDS)


def _pods(client: Client, namespace: str, name: str) -> tuple[list[Object], int]:
    """The pods of a Deployment that run or shall, also those that only end yet, and how many it wants."""
    deployment = client.get(kinds.DEPLOYMENT, name, namespace)
    if deployment is None:
        raise AllianceError("it is gone", cluster=client.cluster, obj=f"Deployment {namespace}/{name}")
    labels = deployment["spec"]["selector"].get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    found = client.list(kinds.POD, namespace, label_selector=selector).items
    return [pod for pod in found if not is_over(pod)], deployment["spec"].get("replicas", 1)


def _settle(client: Client, pods: list[Object], pause: Callable[[float], None]) -> None:
    latest = max((since for pod in pods if (since := _ready_since(pod)) is not None), default=0.0)
    left = latest + SETTLE_SECONDS - (client.server_time() or time.time())
    if left > 0:
        pause(min(left, SETTLE_SECONDS))


def _ready_since(pod: Mapping[str, Any]) -> float | None:
    """Since when a pod is ready, in seconds of the epoch; None when it isn't."""
    ready = condition((pod.get("status") or {}).get("conditions") or [], "Ready")
    if ready is None or ready.get("status") != "True":
        return None
    return unix_time(ready.get("lastTransitionTime")) or 0.0


def _end(client: Client, namespace: str, pod: Mapping[str, Any]) -> None:
    try:
        client.delete(kinds.POD, pod["metadata"]["name"], namespace, uid=pod["metadata"]["uid"])
    except ApiError as error:
        # Another pod has the name by now: this one has ended.
        if error.status != 409:
            raise
