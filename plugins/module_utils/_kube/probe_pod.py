# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What traffic_probe reads of its own cluster: the probe's pod, istiod, and the objects that shape calls to a host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import is_ready
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import PROBE
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import Entry
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.proxies import CONTAINER
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.readiness import not_serving

Object = Mapping[str, Any]

_MUTUAL = "ISTIO_MUTUAL"


@dataclass(frozen=True)
class ProbePod:
    """A pod of the probe that is ready. C(captures_dns), C(hot_roots): how its sidecar was started."""

    name: str
    captures_dns: bool
    hot_roots: bool


@dataclass(frozen=True)
class Shaping:
    """By host: its ServiceEntries, and the DestinationRules (C(namespace/name)) that switch mutual TLS off."""

    entries: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def find_probe(client: Client, namespace: str) -> ProbePod:
    """The youngest pod of the probe that is ready. Raises AllianceError that says why there is none."""
    pods = client.list(kinds.POD, namespace, label_selector=f"app={PROBE}").items
    ready = [pod for pod in pods if is_ready(pod) and not pod["metadata"].get("deletionTimestamp")]
    if not ready:
        raise AllianceError(
            f"the probe does not run: {_why(client, namespace, pods)}",
            obj=f"Deployment {namespace}/{PROBE}",
            remedy="see what its pods and its ReplicaSet say (kubectl describe), and whether istiod injects sidecars",
        )
    pod = max(ready, key=lambda item: str(item["metadata"]["creationTimestamp"]))
    name, env = str(pod["metadata"]["name"]), _proxy_env(pod)
    if env is None:
        raise AllianceError(
            "the probe has no sidecar",
            obj=f"Pod {namespace}/{name}",
            remedy="see whether istiod's webhook for sidecars is there and is of the revision that the pod names",
        )
    return ProbePod(name, _is_on(env, "ISTIO_META_DNS_CAPTURE"), _is_on(env, "PROXY_CONFIG_XDS_AGENT"))


def istiod_problem(client: Client, namespace: str, deployments: Iterable[str]) -> str:
    """Why no istiod of these works; the empty string when one does, or when none is named."""
    reasons = []
    for name in deployments:
        deployment = client.get(kinds.DEPLOYMENT, name, namespace)
        reason = not_serving(deployment)
        if not reason and ((deployment or {}).get("status") or {}).get("availableReplicas"):
            return ""
        # One that is to have no pods is as it should be, and does nothing all the same.
        reason = reason or "it has no pod"
        reasons.append(f"Deployment {namespace}/{name}: {reason}")
    return "; ".join(reasons)


def read_shaping(client: Client, hosts: Iterable[str], namespace: str, *, exact: bool) -> Shaping:
    """The objects of the whole cluster that are for these hosts.

    C(namespace): where those that imports are made of are; with C(exact) they are called as their host, and others of
    the same namespace are not ours either.
    """
    wanted = frozenset(hosts)
    entries: dict[str, list[Entry]] = {}
    for obj in client.list(kinds.SERVICE_ENTRY).items:
        place, spec = _place(obj), obj.get("spec") or {}
        for host in wanted & set(spec.get("hosts") or ()):
            entries.setdefault(host, []).append(Entry(place, _addresses(obj), ours=_ours(obj, host, namespace, exact)))
    rules: dict[str, list[str]] = {}
    for obj in client.list(kinds.DESTINATION_RULE).items:
        mode = _tls_mode(obj)
        if mode and mode != _MUTUAL:
            pattern = str((obj.get("spec") or {}).get("host") or "")
            for host in (host for host in wanted if _matches(pattern, host)):
                rules.setdefault(host, []).append(_place(obj))
    return Shaping(
        {host: tuple(found) for host, found in entries.items()},
        {host: tuple(sorted(found)) for host, found in rules.items()},
    )


def _ours(obj: Object, host: str, namespace: str, exact: bool) -> bool:
    metadata = obj["metadata"]
    return metadata["namespace"] == namespace and (not exact or metadata["name"] == host)


def _why(client: Client, namespace: str, pods: Iterable[Object]) -> str:
    deployment = client.get(kinds.DEPLOYMENT, PROBE, namespace)
    if deployment is None:
        return "there is no such Deployment"
    for condition in (deployment.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return str(condition.get("message"))
    for pod in pods:
        status = pod.get("status") or {}
        for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
            waiting = (container.get("state") or {}).get("waiting")
            if waiting:
                return f"{container['name']}: {waiting.get('reason')} {waiting.get('message') or ''}".rstrip()
        for condition in status.get("conditions") or []:
            if condition.get("status") == "False" and condition.get("message"):
                return str(condition["message"])
    return "it has no pod that is ready"


def _proxy_env(pod: Object) -> dict[str, str] | None:
    containers = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
    found = next((item for item in containers if item["name"] == CONTAINER), None)
    return None if found is None else {item["name"]: str(item.get("value", "")) for item in found.get("env") or []}


def _is_on(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "").lower() == "true"


def _addresses(obj: Object) -> tuple[str, ...]:
    """Those that were given, else those that istiod allocated (status.addresses since Istio 1.25)."""
    given = [str(address) for address in (obj.get("spec") or {}).get("addresses") or ()]
    allocated = [str(item["value"]) for item in (obj.get("status") or {}).get("addresses") or () if "value" in item]
    return tuple(given or allocated)


def _tls_mode(obj: Object) -> str:
    policy = (obj.get("spec") or {}).get("trafficPolicy") or {}
    return str((policy.get("tls") or {}).get("mode") or "")


def _matches(pattern: str, host: str) -> bool:
    return pattern == host or (pattern.startswith("*") and host.endswith(pattern[1:]))


def _place(obj: Object) -> str:
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
