# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the running istiods know of remote clusters, asked from each of them.

Port 15014 answers C(/debug) to loopback without credentials (pilot/pkg/xds/debug.go), hence the port-forward. Every
istiod reads remote clusters on its own, so all Ready pods have to say the same; a pod that isn't Ready serves no proxy.

What 1.22 to 1.31 tell: C(/debug/clusterz) the secret and whether the first sync is over (it never takes that back, but
for a changed secret); C(/debug/endpointShardz) the endpoints by cluster; the metric C(controller_sync_errors_total)
how often a list or watch of a cluster failed, an expired token included. A refused connection isn't counted there.
Newer ones count the secrets' events as well: until that number grew, C(synced) may be said of the secret before.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import is_ready
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_proof import Endpoints
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.xds import ProxySync, syncs_of
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.port_forward import PodAnswerError, pod_get

Object = dict[str, Any]

MONITORING_PORT = 15014
SYNCED = "synced"
PAUSE_SECONDS = 2.0
# client-go asks again after 30 s at most, and istiod reads about ten kinds of a cluster.
FAILING_PATIENCE_SECONDS = 15.0
# Istio's service registry of a Kubernetes cluster in the keys of shards (pilot/pkg/serviceregistry/provider).
_REGISTRY = "Kubernetes/"
_HEALTHY = 1
_ERRORS = re.compile(r'^controller_sync_errors_total\{[^}]*\bcluster="([^"]*)"[^}]*\} (\S+)', re.MULTILINE)
_EVENTS = re.compile(r"^remote_cluster_secret_events_total(?:\{[^}]*\})? (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class RemoteCluster:
    """A cluster that an istiod reads. C(secret): C(namespace/name); C(status): synced, syncing, timeout or closed."""

    cluster_id: str
    secret: str
    status: str

    @property
    def synced(self) -> bool:
        """Whether its first sync was completed."""
        return self.status == SYNCED


@dataclass(frozen=True)
class Istiod:
    """One Ready pod of istiod and its remote clusters by ID.

    C(errors): failed lists and watches so far, by ID. C(secret_events): how many changes of remote secrets it saw, None
    when it doesn't count them.
    """

    pod: str
    clusters: Mapping[str, RemoteCluster]
    errors: Mapping[str, int]
    secret_events: int | None = None


def istiod_pods(client: Client, root_namespace: str, revision: str | None = None) -> list[str]:
    """The names of the Ready pods of istiod, of one revision when given. Raises AllianceError when there is none."""
    selector = "app=istiod" + (f",istio.io/rev={revision}" if revision else "")
    pods = client.list(kinds.POD, root_namespace, label_selector=selector).items
    ready = sorted(str(pod["metadata"]["name"]) for pod in pods if _serves(pod))
    if not ready:
        of_revision = f" of revision {revision}" if revision else ""
        raise AllianceError(
            f"no pod of istiod{of_revision} in namespace {root_namespace} is Ready",
            cluster=client.cluster,
            remedy="see why with kubectl describe pod and the pod's log, and run the play again",
        )
    return ready


def remote_clusters(client: Client, root_namespace: str, revision: str | None = None) -> list[Istiod]:
    """What every Ready istiod knows of its remote clusters, in the order of the pods' names.

    Raises AllianceError (ApiError, PodAnswerError) that names cluster and pod when one of them can't be asked.
    """
    found = []
    for pod in istiod_pods(client, root_namespace, revision):
        clusters = clusters_of(_asked(client, root_namespace, pod, "/debug/clusterz"))
        metrics = _get(client, root_namespace, pod, "/metrics").decode("utf-8", "replace")
        found.append(Istiod(pod, clusters, errors_of(metrics), secret_events_of(metrics)))
    return found


def held_endpoints(client: Client, root_namespace: str, pod: str, cluster_ids: Iterable[str]) -> dict[str, Endpoints]:
    """The endpoints that one istiod holds of each of the clusters, by ID; for remote_proof.compare()."""
    shards = _asked(client, root_namespace, pod, "/debug/endpointShardz")
    return {cluster_id: endpoints_of(shards, cluster_id) for cluster_id in cluster_ids}


def selects_namespaces(client: Client, root_namespace: str, pod: str) -> bool:
    """Whether an istiod's mesh config has discoverySelectors, which leave namespaces out, of remote clusters too."""
    return bool(mesh_config(client, root_namespace, pod).get("discoverySelectors"))


def mesh_config(client: Client, root_namespace: str, pod: str) -> Any:
    """The mesh config (istio.mesh.v1alpha1.MeshConfig) that one istiod works with, merged of all its sources."""
    return _asked(client, root_namespace, pod, "/debug/mesh")


def proxy_syncs(client: Client, root_namespace: str, pod: str) -> list[ProxySync]:
    """The proxies that are connected to one istiod, with what they refused of what it sent. Raises AllianceError."""
    document = _asked(client, root_namespace, pod, "/debug/syncz")
    try:
        return syncs_of(document)
    except ValueError as error:
        raise PodAnswerError(
            f"GET localhost:{MONITORING_PORT}/debug/syncz: {error}",
            cluster=client.cluster,
            obj=f"Pod {root_namespace}/{pod}",
            remedy="see whether this version of Istio is supported",
        ) from error


def not_synced(istiods: Iterable[Istiod], cluster_id: str, secret: str | None = None) -> str:
    """Why a remote cluster isn't synced in every istiod; the empty string when it is.

    With C(secret) (C(namespace/name)) it has to come from that very Secret: of two with one ID istiod takes the first.
    """
    reasons = []
    for istiod in istiods:
        found = istiod.clusters.get(cluster_id)
        if found is None:
            reasons.append(f"istiod {istiod.pod} does not know cluster {cluster_id}")
        elif secret and found.secret != secret:
            reasons.append(f"istiod {istiod.pod} knows cluster {cluster_id} from Secret {found.secret}, not {secret}")
        elif not found.synced:
            reasons.append(f"istiod {istiod.pod} says {found.status} of cluster {cluster_id}")
    return "; ".join(reasons)


def unaware(before: Iterable[Istiod], now: Iterable[Istiod], written: int) -> str:
    """Which istiods have not seen so many changes of remote secrets since C(before) was asked; empty when all have.

    A pod that is new since then has read what there is; one without that counter tells nothing.
    """
    counts = {istiod.pod: istiod.secret_events for istiod in before}
    late = [
        istiod.pod
        for istiod in now
        if istiod.secret_events is not None
        and istiod.secret_events < (counts.get(istiod.pod) or 0) + (written if istiod.pod in counts else 0)
    ]
    return "; ".join(f"istiod {pod} has not seen its new remote secret" for pod in late)


def failing(before: Iterable[Istiod], now: Iterable[Istiod], cluster_id: str) -> str:
    """Which istiods failed to list or watch a cluster since C(before) was asked; the empty string when none did.

    A pod that is new since then, or that began to count anew, tells nothing.
    """
    counts = {istiod.pod: istiod.errors.get(cluster_id, 0) for istiod in before}
    reasons = []
    for istiod in now:
        more = istiod.errors.get(cluster_id, 0) - counts.get(istiod.pod, istiod.errors.get(cluster_id, 0))
        if more > 0:
            reasons.append(f"{more} lists or watches of cluster {cluster_id} failed in istiod {istiod.pod}")
    return "; ".join(reasons)


def see_failing(
    client: Client,
    root_namespace: str,
    revision: str | None,
    before: Sequence[Istiod],
    cluster_ids: Iterable[str],
    *,
    patience: float = FAILING_PATIENCE_SECONDS,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, str]:
    """Why clusters are not read any more, by ID: lists or watches that failed since C(before) was asked.

    Clusters of which no istiod ever failed to read anything cost no time. For the others istiods are asked for
    C(patience) seconds at most: of a cluster that refuses them they fail several times in that time, with all the kinds
    that they read. Raises AllianceError as remote_clusters() does.
    """
    asked = [one for one in cluster_ids if any(istiod.errors.get(one) for istiod in before)]
    found: dict[str, str] = {}
    end = clock() + patience
    while len(found) < len(asked):
        pause(PAUSE_SECONDS)
        now = remote_clusters(client, root_namespace, revision)
        found = {cluster_id: reason for cluster_id in asked if (reason := failing(before, now, cluster_id))}
        if clock() >= end:
            break
    return found


def clusters_of(document: Any) -> dict[str, RemoteCluster]:
    """The remote clusters in the answer of C(/debug/clusterz); the istiod's own cluster has no secret."""
    entries = [RemoteCluster(str(item["id"]), item.get("secretName") or "", item["syncStatus"]) for item in document]
    return {entry.cluster_id: entry for entry in entries if entry.secret}


def endpoints_of(document: Any, cluster_id: str) -> dict[tuple[str, str], frozenset[str]]:
    """The healthy endpoints of one cluster in the answer of C(/debug/endpointShardz)."""
    found: dict[tuple[str, str], set[str]] = {}
    for hostname, namespaces in document.items():
        for namespace, entry in namespaces.items():
            for endpoint in (entry.get("Shards") or {}).get(f"{_REGISTRY}{cluster_id}") or []:
                # Until 1.23 there was one Address.
                addresses = endpoint.get("Addresses") or [endpoint.get("Address")]
                if endpoint.get("HealthStatus", _HEALTHY) == _HEALTHY:
                    key = (str(namespace), str(hostname).partition(".")[0])
                    found.setdefault(key, set()).update(str(address) for address in addresses if address)
    return {key: frozenset(addresses) for key, addresses in found.items()}


def errors_of(metrics: str) -> dict[str, int]:
    """The counter C(controller_sync_errors_total) by cluster ID, from metrics in Prometheus' text format."""
    return {cluster_id: int(float(value)) for cluster_id, value in _ERRORS.findall(metrics)}


def secret_events_of(metrics: str) -> int | None:
    """The changes of remote secrets that an istiod saw, of all kinds together; None when it has no such counter."""
    values = _EVENTS.findall(metrics)
    return sum(int(float(value)) for value in values) if values else None


def _asked(client: Client, namespace: str, pod: str, path: str) -> Any:
    body = _get(client, namespace, pod, path)
    try:
        return json.loads(body)
    except ValueError as error:
        raise PodAnswerError(
            f"GET localhost:{MONITORING_PORT}{path}: the answer is not JSON",
            cluster=client.cluster,
            obj=f"Pod {namespace}/{pod}",
            remedy="see whether this version of Istio is supported",
        ) from error


def _get(client: Client, namespace: str, pod: str, path: str) -> bytes:
    try:
        return pod_get(client, namespace, pod, MONITORING_PORT, path)
    except PodAnswerError as error:
        error.remedy = (
            "take ENABLE_DEBUG_ON_HTTP=false from istiod"
            if error.status == 404
            else f"see in the pod's log whether istiod works, and whether its --monitoringAddr is :{MONITORING_PORT}"
        )
        raise


def _serves(pod: Mapping[str, Any]) -> bool:
    return is_ready(pod) and not pod["metadata"].get("deletionTimestamp")
