# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of one cluster and of what it has of its neighbours: read from its own API, and from nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.expiring import expiry_check, expiry_findings
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import Asked, verdict
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import EdgeView, Overview
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import (
    cluster_ids,
    secret_name,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import services
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.edge_status import Yardstick, edge_view
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.looked import Looked
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour, joined_by
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.own_status import (
    cluster_view,
    published_checks,
    serving_checks,
    state_checks,
    unknown,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform_view import platform_view
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proxy_status import look_at_proxies
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.remote_secrets import read_remote_secrets
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.resources import read_resources
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.status_drift import (
    told_platform,
    trust_and_imports,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet, set_of
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.expiries import (
    Ending,
    read_endpoint_expiries,
    read_key_expiries,
    read_signing_expiries,
    root_expiries,
    token_expiries,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.exporters import ask_exporters
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.istiod import not_synced, remote_clusters

Object = dict[str, Any]
Objects = Mapping[str, Object]

# A platform asks its neighbours once a minute.
PLATFORM_SECONDS = 600.0


def look(client: Client, state: ClusterState, neighbours: Sequence[Neighbour], looked: Looked) -> Overview:
    """The part of the alliance that one cluster can tell of. Reads only.

    C(state): of the cluster. Raises AllianceError when its resources can't be read; what else can't be is unknown.
    """
    now = time.time()
    deckhouse = state.provider == names.PROVIDER_DECKHOUSE
    resources = read_resources(client)
    checks, findings = state_checks(state)
    served, found = serving_checks(client, state)
    published, missing = published_checks(client, state)
    gateway = names.DKP_INGRESSGATEWAY if deckhouse else names.INGRESSGATEWAY
    proxies = look_at_proxies(client, state.root_namespace, state.namespace, gateway)
    ending, unread = _ending(client, state, looked)
    ends = expiry_findings(ending, now)
    expiries = [expiry for expiry, _kind, _attention in ending]
    checks += [*served, *published, *proxies.checks]
    checks.append(expiry_check(expiries, [*ends, *unread], now))
    findings += [*found, *missing, *proxies.findings, *ends, *unread]
    if deckhouse:
        check, differing = told_platform(client, neighbours, resources, looked)
        edges = _platform_edges(state, neighbours, resources, looked, now)
    else:
        recalled = services.recall(
            joined_by(names.MODE_FEDERATION, neighbours, resources), resources, rules=looked.rules, policy=looked.policy
        )
        check, differing = trust_and_imports(client, state, neighbours, resources, recalled, looked)
        edges = _edges(client, state, neighbours, resources, recalled, looked, now)
    checks.append(check)
    findings += differing
    view = cluster_view(state, checks, findings, expiries)
    return Overview("Status of a cluster", rfc3339(now), (view,), tuple(edges))


def _ending(client: Client, state: ClusterState, looked: Looked) -> tuple[list[Ending], list[Finding]]:
    """What ends in the cluster; each that can't be read is a finding."""
    deckhouse = state.provider == names.PROVIDER_DECKHOUSE
    key = names.DKP_AUTHN_KEYPAIR_SECRET if deckhouse else names.AUTHN_KEYPAIR_SECRET
    readers: list[Callable[[], list[Ending]]] = [
        lambda: root_expiries(state.roots, state.root_namespace, looked.attention) if state.roots else [],
        lambda: read_signing_expiries(client, state.root_namespace, looked.attention),
        lambda: read_key_expiries(client, state.namespace, key, looked.key_age),
    ]
    if not deckhouse:
        readers += [
            lambda: read_endpoint_expiries(client, state.namespace, looked.tls_secret, looked.attention),
            lambda: token_expiries(_our_secrets(client, state).values()),
        ]
    ending: list[Ending] = []
    unread: list[Finding] = []
    for read in readers:
        try:
            ending += read()
        except AllianceError as error:
            unread.append(unknown("end-unknown", "when something ends can't be read", error))
    return ending, unread


def _our_secrets(client: Client, state: ClusterState) -> dict[str, Object]:
    """The remote secrets that the alliance keeps, by name."""
    applyset = ApplySet("alliance-remote-clusters", state.namespace)
    found = read_remote_secrets(client, state.root_namespace)
    return {name: item for name, item in found.items() if set_of(item) == applyset.id}


def _edges(
    client: Client,
    state: ClusterState,
    neighbours: Sequence[Neighbour],
    resources: Objects,
    recalled: services.Learnt,
    looked: Looked,
    now: float,
) -> list[EdgeView]:
    imports = recalled.imports(state.namespace, failover=looked.failover)
    yardstick = Yardstick(now, looked.attention, looked.fresh, rules=looked.rules)
    remote = _Remote.read(client, state) if any(_is_multicluster(item, resources) for item in neighbours) else None
    measured = _measured(client, state)
    edges = []
    for neighbour in (item.completed(resources.get(item.resource_name)) for item in neighbours):
        own = [item for item in (*recalled.findings, *imports.findings) if item.neighbour == neighbour.name]
        more = [("kept", "what is used of it is what it offered last", own)] if own else []
        if neighbour.multicluster and remote is not None:
            more.append(("istiod", "every istiod is synced with it", remote.findings(neighbour, state)))
        hosts = imports.hostnames.get(neighbour.name, ())
        resource = resources.get(neighbour.resource_name)
        said = verdict(measured, (neighbour.kind, neighbour.resource_name))
        edges.append(edge_view(state.name, neighbour, resource, hosts, yardstick, more, said))
    return edges


def _measured(client: Client, state: ClusterState) -> list[Asked]:
    """What the exporters say of requests to neighbours. That there are none is another check's matter."""
    try:
        return ask_exporters(client, state.namespace)
    except AllianceError:
        return []


def _is_multicluster(neighbour: Neighbour, resources: Objects) -> bool:
    return neighbour.completed(resources.get(neighbour.resource_name)).multicluster


@dataclass(frozen=True)
class _Remote:
    """What istiod is told of clusters of the same domain, and what it says of them; or why that can't be told."""

    secrets: Objects
    istiods: Sequence[Any]
    error: AllianceError | None = None

    @classmethod
    def read(cls, client: Client, state: ClusterState) -> _Remote:
        try:
            return cls(
                _our_secrets(client, state), remote_clusters(client, state.root_namespace, state.revision or None)
            )
        except AllianceError as error:
            return cls({}, (), error)

    def findings(self, neighbour: Neighbour, state: ClusterState) -> list[Finding]:
        """What is wrong with one cluster."""
        if self.error is not None:
            return [unknown("istiod-unseen", "what istiod knows of it can't be told", self.error)]
        name = secret_name(neighbour.resource_name)
        secret = self.secrets.get(name)
        if secret is None:
            message = "istiod is not told of it: there is no remote secret"
            return [Finding("error", "remote-secret-missing", message, "run multicluster.yml", object=f"Secret {name}")]
        reasons = [
            reason
            for cluster_id in sorted(cluster_ids(secret))
            if (reason := not_synced(self.istiods, cluster_id, f"{state.root_namespace}/{name}"))
        ]
        remedy = "look at istiod's log for that cluster, and run multicluster.yml"
        return [Finding("error", "istiod-not-synced", reason, remedy) for reason in reasons]


def _platform_edges(
    state: ClusterState, neighbours: Sequence[Neighbour], resources: Objects, looked: Looked, now: float
) -> list[EdgeView]:
    """What a platform has of its neighbours, by its own word."""
    yardstick = Yardstick(now, looked.attention, looked.fresh, asked_within=PLATFORM_SECONDS, rules=looked.rules)
    edges = []
    for neighbour in (item.completed(resources.get(item.resource_name)) for item in neighbours):
        found = platform_view([neighbour], resources).findings
        resource = resources.get(neighbour.resource_name)
        more = [("platform", "the platform holds what was proved, and learnt what there is", found)]
        edges.append(edge_view(state.name, neighbour, resource, _platform_hosts(resource), yardstick, more))
    return edges


def _platform_hosts(resource: Mapping[str, Any] | None) -> list[str]:
    """The hosts that a platform imports: all that the neighbour told it."""
    cache = ((resource or {}).get("status") or {}).get("metadataCache")
    private = cache.get("private") if isinstance(cache, Mapping) else None
    listed = private.get("publicServices") if isinstance(private, Mapping) else None
    entries = listed if isinstance(listed, list) else []
    return sorted(str(item["hostname"]) for item in entries if isinstance(item, Mapping) and item.get("hostname"))
