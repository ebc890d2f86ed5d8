# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is anything left in a cluster of one that left the alliance? Looked for in objects, in istiods and in proxies.

That something was deleted does not prove that it is gone: istiod may not have followed, and a proxy may hold what
istiod has dropped. So all of them are asked, and what could not be asked is not taken for proved.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departed import Departed
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departure_marks import (
    Marks,
    certificates_of,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_clusters import (
    Cluster,
    parse_clusters,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_secrets import parse_secrets
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client, describe
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.istiod import (
    istiod_pods,
    mesh_config,
    remote_clusters,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.proxies import (
    CLUSTERS_PATH,
    SECRETS_PATH,
    ask_proxies,
    list_proxies,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.reading import read_roots

Object = dict[str, Any]

PAUSE_SECONDS = 1.0
# Names of what was looked at, in the order in which a report tells them.
ISTIODS, ISTIOD_ANCHORS, ISTIOD_CLUSTERS = "istiods", "anchors in istiods", "remote clusters in istiods"
PROXIES, PROXY_ROOTS, PROXY_CLUSTERS = "proxies", "roots in proxies", "clusters in proxies"
CONNECTIONS = "open connections of proxies"
_OURS = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"
_RUN_AGAIN = "run the play again"
_LOOK = {
    "left-object": "look who keeps it: it carries the label of the alliance; run the play again, or delete it",
    "left-foreign": "it is not ours: ask its owner whether it has to stay, or delete it",
    "left-anchor": "look at istiod's log, and whether the primary mesh config sets caCertificates too; else restart it",
    "left-remote": "look at istiod's log; restart istiod when it does not forget the cluster by itself",
    "left-root": "see whether the proxy is connected to istiod (istioctl proxy-status); restart the pod",
    "left-cluster": "see whether the proxy is connected to istiod, and who else defines that host; restart the pod",
    "left-connection": "restart the pod: its connections end with it",
}


@dataclass(frozen=True)
class Place:
    """Where things are in the cluster, and which istiod is asked when there are several.

    C(platform): whether a platform makes its mesh. C(own): what its API says of the cluster itself.
    """

    namespace: str = names.DEFAULT_NAMESPACE
    root_namespace: str = names.DEFAULT_ROOT_NAMESPACE
    revision: str | None = None
    platform: bool = False
    own: ClusterState | None = None


@dataclass
class Examination:
    """What was seen of clusters that left.

    C(looked_at): how many things of each kind. C(left): what is left, C(unseen): what could not be asked; a cluster is
    proved to be gone when it has neither. C(connections): those that are open to each, by inventory name.
    """

    looked_at: Counter[str] = field(default_factory=Counter)
    left: list[Finding] = field(default_factory=list)
    unseen: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    connections: Counter[str] = field(default_factory=Counter)

    @property
    def findings(self) -> list[Finding]:
        """Everything that is to be told, what is left first."""
        return [*self.left, *self.unseen, *self.warnings]

    def proved(self, name: str) -> bool:
        """Whether nothing is left of a cluster, and everything could be asked."""
        return not self.unseen and not any(finding.neighbour == name for finding in self.left)


@dataclass(frozen=True)
class _Held:
    """What one proxy holds: how many roots and clusters, and of each cluster that left what is not to be there."""

    roots: int
    clusters: int
    connections: int
    roots_left: Mapping[str, int]
    clusters_left: Mapping[str, tuple[str, ...]]
    connections_left: Mapping[str, int]


def who_stays(client: Client, departed: Iterable[Departed], place: Place) -> list[Departed]:
    """What the cluster itself and those neighbours that it keeps have: none of it is a mark of one that left."""
    gone = {item.resource_name for item in departed}
    own = Departed("", roots=tuple(read_roots(client, place.root_namespace)))
    if place.own is not None:
        own |= Departed.from_state("", place.own)
    kept = [
        Departed.from_resource(item["metadata"]["name"], item)
        for kind in (kinds.ISTIO_FEDERATION, kinds.ISTIO_MULTICLUSTER)
        for item in client.list(kind).items
        if item["metadata"]["name"] not in gone
    ]
    return [own, *kept]


def examine(client: Client, departed: Sequence[Departed], place: Place, *, with_proxies: bool = True) -> Examination:
    """Look once. Raises AllianceError when the API can't be read; an istiod or proxy that can't is a finding."""
    stays = who_stays(client, departed, place)
    marks = [Marks.of(item, stays) for item in departed]
    found = Examination()
    _objects(client, marks, place, found)
    _istiods(client, marks, place, found)
    if with_proxies:
        _proxies(client, marks, found)
    return found


def wait_until_gone(
    look: Callable[[], Examination],
    *,
    patience: float,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Examination:
    """The first look at which nothing is left and everything answers, or the last one after C(patience) seconds."""
    end = clock() + patience
    while True:
        found = look()
        if not (found.left or found.unseen) or clock() >= end:
            return found
        pause(PAUSE_SECONDS)


def _objects(client: Client, marks: Sequence[Marks], place: Place, found: Examination) -> None:
    spaces = sorted({place.namespace, place.root_namespace})
    listed: list[tuple[kinds.Kind, str | None, str | None]] = [
        *((kind, None, _OURS) for kind in (kinds.ISTIO_FEDERATION, kinds.ISTIO_MULTICLUSTER)),
        *((kind, None, _OURS) for kind in (kinds.SERVICE_ENTRY, kinds.DESTINATION_RULE)),
        *((kind, space, _OURS) for kind in (kinds.CONFIG_MAP, kinds.SECRET) for space in spaces),
    ]
    if place.platform:
        # What it makes of its neighbours carries its own labels.
        listed += [(kind, place.root_namespace, None) for kind in (kinds.SERVICE_ENTRY, kinds.DESTINATION_RULE)]
    for kind, namespace, selector in listed:
        for obj in client.list(kind, namespace, label_selector=selector).items:
            found.looked_at[kind.kind] += 1
            for mark in marks:
                if obj["metadata"]["name"] != names.DEPARTURES_CONFIGMAP and (why := mark.reason(obj)):
                    found.left.append(_left("left-object", mark, describe(obj), why))
    _foreign_resources(client, marks, found)


def _foreign_resources(client: Client, marks: Sequence[Marks], found: Examination) -> None:
    """Somebody else's resource for that neighbour is not ours to delete, and on a platform it works on."""
    for kind in (kinds.ISTIO_FEDERATION, kinds.ISTIO_MULTICLUSTER):
        for obj in client.list(kind).items:
            if (obj["metadata"].get("labels") or {}).get(names.MANAGED_BY_LABEL) == names.MANAGED_BY:
                continue
            for mark in marks:
                if why := mark.reason(obj):
                    found.left.append(_left("left-foreign", mark, describe(obj), why))


def _istiods(client: Client, marks: Sequence[Marks], place: Place, found: Examination) -> None:
    try:
        pods = istiod_pods(client, place.root_namespace, place.revision)
        found.looked_at.update({ISTIODS: len(pods), ISTIOD_ANCHORS: 0, ISTIOD_CLUSTERS: 0})
        for pod in pods:
            mesh = mesh_config(client, place.root_namespace, pod)
            found.looked_at[ISTIOD_ANCHORS] += len(certificates_of(mesh))
            for mark in marks:
                if why := mark.in_mesh(mesh):
                    found.left.append(_left("left-anchor", mark, f"istiod {place.root_namespace}/{pod}", why))
        for istiod in remote_clusters(client, place.root_namespace, place.revision):
            found.looked_at[ISTIOD_CLUSTERS] += len(istiod.clusters)
            for mark in marks:
                for cluster_id in sorted(mark.cluster_ids & set(istiod.clusters)):
                    where = f"istiod {place.root_namespace}/{istiod.pod}"
                    found.left.append(_left("left-remote", mark, where, f"it still reads the cluster {cluster_id}"))
    except AllianceError as error:
        found.unseen.append(_unseen("unseen-istiod", "istiod", error))


def _proxies(client: Client, marks: Sequence[Marks], found: Examination) -> None:
    try:
        proxies = list_proxies(client)
        asked = ask_proxies(client, proxies, (SECRETS_PATH, CLUSTERS_PATH), lambda bodies: _held(bodies, marks))
    except AllianceError as error:
        found.unseen.append(_unseen("unseen-proxy", "the proxies", error))
        return
    # Where there is none, that is what was seen.
    found.looked_at.update(dict.fromkeys((PROXIES, PROXY_ROOTS, PROXY_CLUSTERS, CONNECTIONS), 0))
    for answer in asked:
        place = str(answer.proxy)
        if answer.read is None:
            found.unseen.append(_unseen("unseen-proxy", place, answer.error or AllianceError("it told nothing")))
            continue
        held = answer.read
        found.looked_at[PROXIES] += 1
        found.looked_at[PROXY_ROOTS] += held.roots
        found.looked_at[PROXY_CLUSTERS] += held.clusters
        found.looked_at[CONNECTIONS] += held.connections
        for mark in marks:
            _proxy_left(mark, place, held, found)


def _proxy_left(mark: Marks, place: str, held: _Held, found: Examination) -> None:
    if count := held.roots_left.get(mark.name, 0):
        found.left.append(_left("left-root", mark, place, f"it still trusts {count} of that cluster's roots"))
    if clusters := held.clusters_left.get(mark.name):
        more = f" and {len(clusters) - 1} more" if len(clusters) > 1 else ""
        found.left.append(_left("left-cluster", mark, place, f"it still has a way there: {clusters[0]}{more}"))
    if count := held.connections_left.get(mark.name, 0):
        found.connections[mark.name] += count
        found.left.append(_left("left-connection", mark, place, f"{count} connections to that cluster are open"))


def _held(bodies: Mapping[str, bytes], marks: Sequence[Marks]) -> _Held:
    roots = parse_secrets(bodies[SECRETS_PATH]).roots or ()
    clusters = parse_clusters(bodies[CLUSTERS_PATH])
    return _Held(
        roots=len(roots),
        clusters=len(clusters),
        connections=sum(_connections(cluster) for cluster in clusters),
        roots_left={mark.name: sum(mark.is_root(root) for root in roots) for mark in marks},
        clusters_left={
            mark.name: tuple(cluster.name for cluster in clusters if mark.in_cluster(cluster)) for mark in marks
        },
        connections_left={mark.name: mark.connections(clusters) for mark in marks},
    )


def _connections(cluster: Cluster) -> int:
    return sum(endpoint.connections for endpoint in cluster.endpoints)


def _left(code: str, mark: Marks, place: str, why: str) -> Finding:
    return Finding("error", code, why, _LOOK[code], neighbour=mark.name, object=place)


def _unseen(code: str, place: str, error: AllianceError) -> Finding:
    return Finding(
        "error",
        code,
        f"what is left there can't be told: {error.message}",
        error.remedy or _RUN_AGAIN,
        object=error.obj or place,
    )
