#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module service_entries: the neighbours' published services, callable here under their own names."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_entries
short_description: Make the neighbours' published services callable
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Asks each neighbour that M(meshalliance.istio.trust_anchors) has proved for its published services and gateways,
    with a request signed by the
    cluster's own key, and keeps one ServiceEntry and one DestinationRule for each host.
  - What a neighbour no longer publishes is removed. A neighbour that does not answer, or that names no gateway,
    changes nothing, for as long as O(stale_after) says.
options:
  namespace:
    description: Namespace of the ServiceEntries and DestinationRules.
    type: str
    default: istio-alliance
  failover:
    description: Whether the nearest of several gateways is called first and failing ones are left out for a while.
    type: bool
    default: false
  state:
    description:
      - V(present) imports. V(absent) removes everything that was imported. V(rendered) fetches and returns the
        manifests, and writes nothing.
    type: str
    choices: [present, absent, rendered]
    default: present
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.lease
  - meshalliance.istio.neighbours
  - meshalliance.istio.neighbours.addresses
  - meshalliance.istio.staleness
  - meshalliance.istio.render
  - meshalliance.istio.attributes
"""

EXAMPLES = r"""
- name: Import the neighbours' services
  meshalliance.istio.service_entries:
    context: cluster-a
    neighbours: "{{ members | meshalliance.istio.alliance_neighbours(inventory_hostname) }}"
"""

RETURN = r"""
imported:
  description: Number of imported hosts by neighbour.
  returned: O(state=present) or O(state=rendered)
  type: dict
  sample: {cluster-b: 12}
rendered:
  description: The manifests.
  returned: O(state=rendered)
  type: list
  elements: dict
findings:
  description: What did not work, by neighbour.
  returned: O(state=present) or O(state=rendered)
  type: list
  elements: dict
edges:
  description: By neighbour (or by trust domain, when no neighbour of O(neighbours) is known for it), what changes for
    the pods of this cluster. Neighbours without a change are left out.
  returned: O(state=present)
  type: dict
  sample:
    cluster-b:
      services:
        added:
          - hostname: bar.xyz.svc.cluster-b.local
            ports: [{name: http, port: 80, protocol: HTTP}]
        removed: []
        changed: []
      gateways: {added: ["203.0.113.10:15443"], removed: []}
objects:
  description: The objects that were written or deleted; in check mode those that would be.
  returned: O(state=present) or O(state=absent)
  type: list
  elements: dict
statuses:
  description: The resources whose status was (in check mode would be) changed.
  returned: O(state=present)
  type: list
  elements: dict
rendered_file:
  description: The file with the manifests; empty when there is nothing to write into it.
  returned: when O(render_dir) is set
  type: str
counts:
  description: How many objects were created, updated, deleted and left as they were.
  returned: O(state=present) or O(state=absent)
  type: dict
"""

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.edge_changes import Supplier, import_changes
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import cached_private
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.imports import Imports
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import read_identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import (
    ADDRESS_ARGUMENT_SPEC,
    EXCHANGE_ARGUMENT_SPEC,
    STALE_ARGUMENT_SPEC,
    Neighbour,
    address_rules,
    joined_by,
    neighbours_from,
    stale_policy,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.resources import (
    StatusWriter,
    read_resources,
    with_statuses,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.services import Learnt, learn
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import ADOPT_REFUSE
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import SERVICE_ENTRY
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.reading import read_roots
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    RENDER_ARGUMENT_SPEC,
    ClusterModule,
    applier_of,
    carry_out,
    client_of,
    cluster_module,
    located,
    make_so,
    run,
)


def work(module: ClusterModule) -> dict[str, Any]:
    """Fetch, compute, write."""
    params = module.params
    client = client_of(module)
    applyset = ApplySet("alliance-imports", params["namespace"])
    if params["state"] == "absent":
        return make_so(module, client, None, applyset)
    federations = read_resources(client)
    # Services of clusters of the same domain are known to istiod itself.
    neighbours = joined_by(names.MODE_FEDERATION, neighbours_from(params["neighbours"]), federations)
    learnt = learn(
        neighbours,
        federations,
        read_identity(client, params["namespace"]),
        own_roots=read_roots(client, params["namespace"]),
        rules=address_rules(client, params, neighbours),
        policy=stale_policy(params),
        planning=module.check_mode,
    )
    imports = learnt.imports(params["namespace"], failover=params["failover"])
    findings = [*learnt.findings, *imports.findings]
    imported = {neighbour.name: len(imports.hostnames.get(neighbour.name, ())) for neighbour in neighbours}
    if params["state"] == "rendered":
        rendered = {"changed": False, "rendered": list(imports.objects), "imported": imported}
        return {**rendered, "findings": located(module, findings)}
    statuses = StatusWriter(client, now=learnt.at, refresh_seconds=params["status_refresh"])
    for name, outcome in learnt.outcomes.items():
        if name in federations:
            statuses.update(
                federations[name],
                private=outcome,
                stale=learnt.stale.get(name),
                no_gateways=name in learnt.without_gateways,
            )
    if not module.check_mode:
        # First, because it is true whether or not every object can be written.
        findings += statuses.write(neighbours)
    # A host that is not published any more must go, also when another one can't be written.
    applier = applier_of(module, client)
    plan = applier.plan(imports.objects, applyset, adopt=ADOPT_REFUSE)
    entries = [obj for obj in imports.objects if obj["kind"] == SERVICE_ENTRY.kind]
    edges = import_changes(plan.live(SERVICE_ENTRY.kind), entries, _suppliers(neighbours, federations, learnt, imports))
    result = carry_out(module, applier, plan, applyset, prune_always=True)
    told = {"imported": imported, "edges": edges, "findings": located(module, findings)}
    return {**with_statuses(result, statuses), **told}


def _suppliers(
    neighbours: list[Neighbour], federations: dict[str, dict[str, Any]], learnt: Learnt, imports: Imports
) -> list[Supplier]:
    offered = {source.name: source.metadata for source in learnt.sources}
    suppliers = []
    for neighbour in neighbours:
        resource = federations.get(neighbour.resource_name) or {}
        suppliers.append(
            Supplier(
                neighbour.name,
                str(neighbour.trust_domain or (resource.get("spec") or {}).get("trustDomain") or ""),
                cached_private(resource.get("status")),
                offered.get(neighbour.name),
                tuple(imports.hostnames.get(neighbour.name, ())),
            )
        )
    return suppliers


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                **EXCHANGE_ARGUMENT_SPEC,
                **STALE_ARGUMENT_SPEC,
                **RENDER_ARGUMENT_SPEC,
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
                "failover": {"type": "bool", "default": False},
                **ADDRESS_ARGUMENT_SPEC,
                "state": {"type": "str", "choices": ["present", "absent", "rendered"], "default": "present"},
            },
            lease_option="namespace",
        ),
        work,
    )


if __name__ == "__main__":
    main()
