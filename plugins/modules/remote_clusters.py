#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module remote_clusters: let istiod read the clusters of the same domain, and join their networks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: remote_clusters
short_description: Let istiod read the clusters of the same domain, and join their networks
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Asks each neighbour of the same domain that M(meshalliance.istio.trust_anchors) has proved where its API and its
    gateways are, and keeps one remote secret for each, and C(meshNetworks) in the shared mesh config.
  - The token in a remote secret lives for hours. It is renewed when half of its life is over, while the old one is
    still good. After each change the module waits until every istiod has read the cluster with it, and compares what
    istiod holds of the cluster with what the cluster has.
  - A new neighbour's remote secret is written once its API has answered to it. A neighbour that does not answer changes
    nothing, and keeps a good token, for as long as O(stale_after) says; istiod is told of it no more then.
options:
  namespace:
    description: Namespace of the alliance's objects.
    type: str
    default: istio-alliance
  root_namespace:
    description: Namespace that istiod runs in, where it looks for remote secrets and reads the shared mesh config.
    type: str
    default: istio-system
  revision:
    description: The revision of Istio whose istiod is asked; needed only where several run.
    type: str
  cluster_id:
    description: How the cluster's own istiod calls it (its environment variable C(CLUSTER_ID)).
    type: str
    required: true
  network:
    description: The cluster's own network.
    type: str
    required: true
  token_lifetime:
    description: Seconds for which a new token is good.
    type: int
    default: 43200
  wait_timeout:
    description: Seconds to wait at most for the API of a new neighbour, and for istiod after a change.
    type: int
    default: 120
  state:
    description: V(absent) removes every remote secret that this module made, and our C(meshNetworks).
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.lease
  - meshalliance.istio.neighbours
  - meshalliance.istio.neighbours.addresses
  - meshalliance.istio.staleness
  - meshalliance.istio.attributes
"""

EXAMPLES = r"""
- name: Read the clusters of the same domain
  meshalliance.istio.remote_clusters:
    context: cluster-d
    cluster_id: cluster-d
    network: network-d
    neighbours: "{{ members | meshalliance.istio.alliance_neighbours(inventory_hostname) }}"
"""

RETURN = r"""
clusters:
  description: The clusters that istiod is told of, by neighbour, with cluster ID, network, API host, and whether every
    istiod is synced with it (not in check mode).
  returned: O(state=present)
  type: dict
  sample: {cluster-e: {cluster_id: cluster-e, network: network-e, api_host: "192.0.2.7:6443", synced: true}}
imported:
  description: Number of Services whose endpoints istiod holds, by neighbour. Not in check mode.
  returned: O(state=present)
  type: dict
  sample: {cluster-e: 12}
renewed:
  description: The neighbours whose token was replaced by a new one.
  returned: O(state=present)
  type: list
  elements: str
findings:
  description: What did not work, by neighbour.
  returned: O(state=present)
  type: list
  elements: dict
objects:
  description: The objects that were written or deleted; in check mode those that would be.
  returned: success
  type: list
  elements: dict
edges:
  description: By neighbour, which gateways join its network to this one (RV(edges) of
    M(meshalliance.istio.service_entries) has the same form). Neighbours without a change are left out.
  returned: O(state=present)
  type: dict
  sample: {cluster-b: {gateways: {added: ["203.0.113.10:15444"], removed: []}}}
statuses:
  description: The resources whose status was (in check mode would be) changed.
  returned: O(state=present)
  type: list
  elements: dict
counts:
  description: How many objects were created, updated, deleted and left as they were.
  returned: success
  type: dict
"""

import time
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.edge_changes import network_changes
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import (
    RemoteCluster,
    mesh_networks,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.clusters import Own, learn_clusters
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import read_identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import (
    ADDRESS_ARGUMENT_SPEC,
    EXCHANGE_ARGUMENT_SPEC,
    STALE_ARGUMENT_SPEC,
    address_rules,
    joined_by,
    neighbours_from,
    stale_policy,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.remote_secrets import (
    NETWORKS_MANAGER,
    plan_networks,
    prepare,
    read_remote_secrets,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.resources import (
    StatusWriter,
    read_resources,
    with_statuses,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.sync import Watcher
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import ADOPT_REFUSE, Applier
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    ClusterModule,
    carry_out,
    client_of,
    cluster_module,
    joined_results,
    located,
    make_so,
    run,
)

Result = dict[str, Any]


def work(module: ClusterModule) -> Result:
    """Fetch, sign, write, prove."""
    client = client_of(module)
    applyset = ApplySet("alliance-remote-clusters", module.params["namespace"])
    if module.params["state"] == "absent":
        removed = make_so(module, client, None, applyset)
        return joined_results(removed, _write_networks(module, client, []))
    return _present(module, client, applyset)


def _present(module: ClusterModule, client: Client, applyset: ApplySet) -> Result:
    params, planning = module.params, bool(module.check_mode)
    resources = read_resources(client)
    neighbours = joined_by(names.MODE_MULTICLUSTER, neighbours_from(params["neighbours"]), resources)
    identity = read_identity(client, params["namespace"])
    own = Own(params["cluster_id"], params["network"])
    rules = address_rules(client, params, neighbours)
    learnt = learn_clusters(
        neighbours, resources, identity, own, rules=rules, policy=stale_policy(params), planning=planning
    )
    remote = prepare(
        learnt.known,
        read_remote_secrets(client, params["root_namespace"]),
        identity,
        applyset.id,
        lifetime=params["token_lifetime"],
        now=time.time(),
        patience=params["wait_timeout"],
        planning=planning,
    )
    watcher = Watcher(client, params["root_namespace"], params["revision"])
    before = watcher.look() if remote.clusters and not planning else []
    statuses = StatusWriter(client, now=learnt.at, refresh_seconds=params["status_refresh"])
    for name, outcome in learnt.outcomes.items():
        if name in resources:
            statuses.update(
                resources[name], private=outcome, remote_api=remote.apis.get(name), stale=learnt.stale.get(name)
            )
    findings = [*learnt.findings, *remote.findings]
    if not planning:
        # First, because it is true whether or not every object can be written.
        findings += statuses.write(neighbours)
    applier = Applier(client)
    manifests = [item.secret(params["root_namespace"]) for item in remote.clusters]
    plan = applier.plan(manifests, applyset, adopt=ADOPT_REFUSE)
    secrets = carry_out(module, applier, plan, applyset)
    networks = _write_networks(module, client, remote.clusters)
    result = joined_results(secrets, networks)
    told = {
        item.neighbour.name: item.remote
        for item in learnt.known
        if item.remote.name in {c.name for c in remote.clusters}
    }
    summary: Result = {
        "clusters": {
            name: {"cluster_id": cluster.cluster_id, "network": cluster.network, "api_host": cluster.api_host}
            for name, cluster in told.items()
        },
        "imported": {},
        "edges": network_changes(
            networks["joined_before"], mesh_networks(remote.clusters), _called(plan.live("Secret"), told)
        ),
        "renewed": sorted(name for name, cluster in told.items() if cluster.name in remote.renewed),
    }
    if not planning:
        written = sum(item["kind"] == "Secret" for item in secrets["objects"])
        seen = watcher.see(remote.clusters, before, written=written, patience=params["wait_timeout"])
        findings += seen.findings(told)
        summary["imported"] = {name: seen.services.get(cluster.cluster_id, 0) for name, cluster in told.items()}
        for name, cluster in told.items():
            summary["clusters"][name]["synced"] = cluster.cluster_id in seen.synced
    return {**with_statuses(result, statuses), **summary, "findings": located(module, findings)}


def _write_networks(module: ClusterModule, client: Client, clusters: list[Any]) -> Result:
    """Our part of the shared mesh config, as a field manager of its own: the rest of it is trust_anchors'."""
    applier = Applier(client, manager=NETWORKS_MANAGER)
    plan = plan_networks(client, applier, module.params["root_namespace"], clusters, planning=bool(module.check_mode))
    before = next((obj.get("data") or {} for obj in plan.live("ConfigMap")), {})
    return {**carry_out(module, applier, plan, None), "joined_before": before.get(names.MESH_NETWORKS_KEY) or ""}


def _called(live: list[dict[str, Any]], told: dict[str, RemoteCluster]) -> dict[str, str]:
    """The neighbours' names by cluster ID; of those that leave, the names of their secrets tell."""
    left = {
        str((secret["metadata"].get("annotations") or {}).get(names.REMOTE_CLUSTER_ANNOTATION)): str(
            secret["metadata"]["name"]
        ).removeprefix(names.REMOTE_SECRET_PREFIX)
        for secret in live
    }
    return {**left, **{cluster.cluster_id: name for name, cluster in told.items()}}


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                **EXCHANGE_ARGUMENT_SPEC,
                **STALE_ARGUMENT_SPEC,
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
                "root_namespace": {"type": "str", "default": names.DEFAULT_ROOT_NAMESPACE},
                "revision": {"type": "str"},
                "cluster_id": {"type": "str", "required": True},
                "network": {"type": "str", "required": True},
                "token_lifetime": {"type": "int", "default": 43200, "no_log": False},
                "wait_timeout": {"type": "int", "default": 120},
                **ADDRESS_ARGUMENT_SPEC,
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
            lease_option="namespace",
        ),
        work,
    )


if __name__ == "__main__":
    main()
