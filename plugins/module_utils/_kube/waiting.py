# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for readiness with watches: no polling, one request per object that is not ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client, describe
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.connection import POOL_SIZE
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError, WaitTimeoutError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import POD
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.readiness import has_readiness, not_ready

PAUSE_SECONDS = 0.5  # before an API server that failed is asked again


def wait_until_ready(
    client: Client,
    objects: Sequence[Mapping[str, Any]],
    timeout: float,
    check: Callable[[Mapping[str, Any] | None], str] = not_ready,
) -> None:
    """Wait until all objects are ready, at most C(timeout) seconds. Raises WaitTimeoutError that names the others.

    C(check) returns why an object is not ready, or the empty string.
    """
    waited = [obj for obj in objects if has_readiness(obj) and check(obj)]
    if not waited:
        return
    deadline = time.monotonic() + timeout
    with ThreadPoolExecutor(min(len(waited), POOL_SIZE)) as pool:
        reasons = list(pool.map(lambda obj: _wait(client, obj, deadline, check), waited))
    late = [(obj, reason) for obj, reason in zip(waited, reasons, strict=True) if reason]
    if late:
        raise WaitTimeoutError(
            "; ".join(f"{describe(obj)}: {reason}{_pod_trouble(client, obj)}" for obj, reason in late),
            cluster=client.cluster,
            remedy=f"see the events of these objects, or raise wait_timeout (now {timeout:g} s)",
        )


def _wait(
    client: Client, obj: Mapping[str, Any], deadline: float, check: Callable[[Mapping[str, Any] | None], str]
) -> str:
    kind = client.kind_of(obj)
    name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace")
    reason = "it was not seen"
    while (left := deadline - time.monotonic()) > 0:
        try:
            found = client.list(kind, namespace, field_selector=f"metadata.name={name}")
            reason = check(found.items[0] if found.items else None)
            if not reason:
                return ""
            events = client.watch(
                kind,
                namespace=namespace,
                field_selector=f"metadata.name={name}",
                resource_version=found.resource_version,
                timeout_seconds=max(1, int(left)),
            )
            for event, changed in events:
                if event == "BOOKMARK":
                    continue
                reason = check(None if event == "DELETED" else changed)
                if not reason:
                    return ""
                if time.monotonic() > deadline:
                    break
        except ApiError as error:
            # A watch may end at any time (410, a restarted API server); the LIST that follows tells the truth.
            if error.status in (401, 403):
                raise
            reason = error.message
            time.sleep(PAUSE_SECONDS)
    return reason


def _pod_trouble(client: Client, obj: Mapping[str, Any]) -> str:
    """What keeps a workload's containers from running, for the message."""
    labels = ((obj.get("spec") or {}).get("selector") or {}).get("matchLabels") if obj["kind"] != "Service" else None
    if not labels:
        return ""
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    troubles = set()
    try:
        for pod in client.list(POD, obj["metadata"].get("namespace"), label_selector=selector).items:
            troubles.update(_container_troubles(pod))
    except ApiError:
        return ""
    return f" ({'; '.join(sorted(troubles)[:3])})" if troubles else ""


def _container_troubles(pod: Mapping[str, Any]) -> list[str]:
    status = pod.get("status") or {}
    found = []
    for container in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        waiting = (container.get("state") or {}).get("waiting")
        if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing"):
            found.append(f"container {container['name']}: {waiting.get('reason')} {waiting.get('message', '')}".strip())
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            found.append(f"not scheduled: {condition.get('message', '')}")
    return found
