# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proxies of a cluster really hold: Envoy's admin interface, asked in every pod that has one.

What was written to istiod says nothing of what a proxy works with; this does. Sidecars, native ones (init containers),
gateways and waypoints are all containers named C(istio-proxy); their Envoy answers to loopback only, hence the
port-forward. Each pod is asked by itself, several at once, and one that can't be asked costs its own answer only.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.workloads import is_over
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.port_forward import (
    LIMIT_BYTES,
    TIMEOUT_SECONDS,
    PodAnswerError,
    pod_get,
)

Read = TypeVar("Read")

CONTAINER = "istio-proxy"
ADMIN_PORT = 15000
# Paths of the admin interface for ask_proxies(); any other GET is as good.
SECRETS_PATH = "/config_dump?resource=dynamic_active_secrets"
CLUSTERS_PATH = "/clusters?format=json"
# Each is a connection to the API server and one from there to a kubelet, and an answer may have megabytes.
MOST_AT_ONCE = 16


@dataclass(frozen=True)
class Proxy:
    """A pod with a container C(istio-proxy).

    C(started): when the pod was made (RFC 3339). C(running): whether the container runs; one that doesn't holds nothing
    and will ask istiod for all it needs. C(terminating): whether the pod is on its way out; its proxy may still serve.
    """

    namespace: str
    name: str
    started: str = ""
    running: bool = True
    terminating: bool = False
    admin_port: int = ADMIN_PORT

    def __str__(self) -> str:
        """As errors name it."""
        return f"Pod {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Asked(Generic[Read]):
    """What came of asking one proxy: either C(read), made of its answers, or the C(error) that prevented it."""

    proxy: Proxy
    read: Read | None = None
    error: AllianceError | None = None


def list_proxies(client: Client, namespace: str | None = None, *, label_selector: str | None = None) -> list[Proxy]:
    """All pods with a proxy, of the whole cluster or of one namespace, sorted; those that have ended are left out."""
    pods = client.list(kinds.POD, namespace, label_selector=label_selector).items
    found = [proxy for pod in pods if (proxy := proxy_of(pod))]
    return sorted(found, key=lambda proxy: (proxy.namespace, proxy.name))


def ask_proxies(
    client: Client,
    proxies: Sequence[Proxy],
    paths: Sequence[str],
    read: Callable[[Mapping[str, bytes]], Read],
    *,
    timeout: float = TIMEOUT_SECONDS,
    limit: int = LIMIT_BYTES,
) -> list[Asked[Read]]:
    """Ask every proxy for the paths, in order and each time until its first failure; what C(read) makes of the bodies.

    C(read) gets the bodies by path, is called in several threads, and may raise AllianceError. What it returns is all
    that is kept of an answer. C(timeout) and C(limit) are those of one GET, in seconds and bytes. The results are in
    the order of the proxies; without those that don't run, which nothing can be asked of, and those that are gone by
    now. Raises AllianceError (ApiError) only when the API server refuses port-forwards to the user at all.
    """

    def ask(proxy: Proxy) -> Asked[Read] | None:
        try:
            answers = {
                path: pod_get(client, proxy.namespace, proxy.name, proxy.admin_port, path, timeout=timeout, limit=limit)
                for path in paths
            }
            return Asked(proxy, read(answers))
        except AllianceError as error:
            # A pod whose node is gone is answered with 404 too, and may still run there.
            if isinstance(error, ApiError) and error.status == 404 and not _exists(client, proxy):
                return None
            if isinstance(error, PodAnswerError):
                error.remedy = f"see in the log of its container {CONTAINER} whether the proxy works"
            return Asked(proxy, error=error.located(cluster=client.cluster, obj=str(proxy)))

    running = [proxy for proxy in proxies if proxy.running]
    if not running:
        return []
    with ThreadPoolExecutor(min(len(running), MOST_AT_ONCE)) as pool:
        asked = [answer for answer in pool.map(ask, running) if answer]
    refused = [item.error for item in asked if isinstance(item.error, ApiError) and item.error.status in (401, 403)]
    if refused and len(refused) == len(asked):
        raise refused[0]
    return asked


def proxy_of(pod: Mapping[str, Any]) -> Proxy | None:
    """The proxy of a pod; None when it has none, or has ended."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    if is_over(pod):
        return None
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    container = next((item for item in containers if item["name"] == CONTAINER), None)
    if container is None:
        return None
    states = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return Proxy(
        str(metadata["namespace"]),
        str(metadata["name"]),
        str(metadata.get("creationTimestamp") or ""),
        running=any(item["name"] == CONTAINER and "running" in (item.get("state") or {}) for item in states),
        terminating=bool(metadata.get("deletionTimestamp")),
        admin_port=_admin_port(container.get("env") or ()),
    )


def _exists(client: Client, proxy: Proxy) -> bool:
    """Whether a pod is still there; one that can't be looked for counts as there."""
    try:
        return client.get(kinds.POD, proxy.name, proxy.namespace) is not None
    except AllianceError:
        return True


def _admin_port(env: Iterable[Mapping[str, Any]]) -> int:
    """From the settings that the injector gave the proxy (istio.mesh.v1alpha1.ProxyConfig, proxyAdminPort)."""
    settings = next((str(entry.get("value") or "") for entry in env if entry.get("name") == "PROXY_CONFIG"), "")
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        return int(json.loads(settings).get("proxyAdminPort") or ADMIN_PORT)
    return ADMIN_PORT
