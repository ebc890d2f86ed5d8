#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module trust_anchors: the neighbours' identities and roots, proved and trusted within their own domain."""

from __future__ import annotations

DOCUMENTATION = r"""
module: trust_anchors
short_description: Prove the neighbours' identities and trust their roots within their own trust domain
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Fetches each neighbour's public document and compares it with what the neighbour's API says
    (O(neighbours[].state)), with pins, or with what was
    proved before. Only then its roots are trusted, as anchors that are constrained to the neighbour's trust domain,
    and its key is handed to the
    own metadata-exporter.
  - A root that belongs to the cluster itself, or to a neighbour of another domain, is nobody else's. Who publishes it
    is refused.
  - Keeps one resource for each neighbour, whose status remembers what was proved. It is an IstioFederation, or an
    IstioMulticluster for a cluster of the same domain.
  - With O(api_proxy), clusters of the same domain that were proved are let in by the api-proxy, and nobody else.
  - A neighbour that does not answer, or whose answer is not proved, changes nothing. It is reported in RV(findings).
  - On the Deckhouse Kubernetes Platform (O(provider=deckhouse)) the platform itself trusts and imports. There only the
    resources are written, never their status; one is made only after its neighbour was proved, because
    the platform trusts whoever answers first. What was proved is remembered in an annotation of the resource, and what
    the platform holds is compared with it.
options:
  provider:
    description: Who makes the mesh of the cluster that is written to, C(istio) for upstream Istio or C(deckhouse) for
      the platform's module istio.
    type: str
    choices: [istio, deckhouse]
    default: istio
  namespace:
    description: Namespace of the alliance's objects.
    type: str
    default: istio-alliance
  root_namespace:
    description: Istio's root namespace, where the shared mesh config is written. Used with O(provider=istio) only.
    type: str
    default: istio-system
  platform_timeout:
    description: Seconds for which a platform that refuses the resources by its admission policy is asked again. It does
      so until it has noticed that federation was switched on. Used with O(provider=deckhouse) only, and not in check
      mode.
    type: int
    default: 60
  state:
    description: V(absent) removes every anchor, key and resource that this module made.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.lease
  - meshalliance.istio.neighbours
  - meshalliance.istio.neighbours.api_proxy
  - meshalliance.istio.render
  - meshalliance.istio.attributes
"""

EXAMPLES = r"""
- name: Trust the neighbours
  meshalliance.istio.trust_anchors:
    context: cluster-a
    neighbours: "{{ members | meshalliance.istio.alliance_neighbours(inventory_hostname) }}"

- name: Tell a Deckhouse cluster of its neighbours
  meshalliance.istio.trust_anchors:
    context: cluster-c
    provider: deckhouse
    neighbours: "{{ members | meshalliance.istio.alliance_neighbours(inventory_hostname) }}"
"""

RETURN = r"""
trusted:
  description: The neighbours whose roots are trusted, with the fingerprints of the roots.
  returned: O(state=present)
  type: dict
  sample: {cluster-b: ["AB:CD:EF"]}
edges:
  description: By neighbour (or by trust domain, when no neighbour of O(neighbours) is known for it), what changes for
    the pods of this cluster. Neighbours without a change are left out.
  returned: O(state=present)
  type: dict
  sample: {cluster-b: {trust_domain: cluster-b.local, roots: {added: ["AB:CD:EF"], removed: []}}}
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
  returned: success
  type: dict
"""

import time
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.accepted_keys import told_before
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy import config_hash
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.api_clients import (
    API_PROXY_ARGUMENT_SPEC,
    ApiProxy,
    api_clients,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import (
    EXCHANGE_ARGUMENT_SPEC,
    neighbours_from,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform import exchange_for_platform
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform_cache import fingerprints
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.resources import (
    StatusWriter,
    read_resources,
    with_statuses,
    write_when_admitted,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.trust import exchange
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.trust_edges import (
    platform_edges,
    trust_edges,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.api_proxy_pods import (
    FIELD_MANAGER,
    HASH_ANNOTATION,
    refresh_proxies,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import ADOPT_REFUSE, Applier, Change
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.cluster import read_uuid
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.deckhouse import (
    federation_served,
    read_deckhouse_uuid,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.reading import read_roots
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import read_secret
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    RENDER_ARGUMENT_SPEC,
    ClusterModule,
    applier_of,
    carry_out,
    change_results,
    client_of,
    cluster_module,
    joined_results,
    located,
    make_so,
    renders,
    run,
)


def work(module: ClusterModule) -> dict[str, Any]:
    """Fetch, prove, write."""
    client = client_of(module)
    applyset = ApplySet("alliance-trust", module.params["namespace"])
    if module.params["state"] == "absent":
        return make_so(module, client, None, applyset)
    if module.params["provider"] == names.PROVIDER_DECKHOUSE:
        return _tell_platform(module, client, applyset)
    return _trust(module, client, applyset)


def _trust(module: ClusterModule, client: Client, applyset: ApplySet) -> dict[str, Any]:
    params = module.params
    neighbours = neighbours_from(params["neighbours"])
    known = read_resources(client)
    own_uuid = read_uuid(client)
    roots = read_roots(client, params["root_namespace"])
    told = told_before(
        read_secret(client, params["namespace"], names.REMOTE_METADATA_SECRET).get(names.REMOTE_METADATA_KEY)
    )
    trust = exchange(neighbours, known, own_uuid, own_roots=roots, told=told, planning=module.check_mode)
    objects = trust.objects(params["namespace"], params["root_namespace"], roots)
    settings = ApiProxy.from_option(params["api_proxy"])
    clients = (
        api_clients(
            settings,
            trust,
            own_uuid=own_uuid,
            namespace=params["namespace"],
            root_namespace=params["root_namespace"],
        )
        if settings
        else None
    )
    applier = applier_of(module, client)
    plan = applier.plan([*objects, *([clients] if clients else [])], applyset, adopt=ADOPT_REFUSE)
    edges = trust_edges(trust, neighbours, known, plan.live("ConfigMap"), objects)
    result = carry_out(module, applier, plan, applyset)
    if clients:
        result = {**result, **joined_results(result, _show_proxies(module, client, clients))}
    statuses = StatusWriter(client, now=time.time(), refresh_seconds=params["status_refresh"])
    for name, resource in trust.resources.items():
        before = known.get(name)
        same = before is not None and before["kind"] == resource["kind"]
        if renders(module) and not same:
            continue  # it is there when its file was applied
        statuses.update(before if before is not None and same else resource, public=trust.outcomes[name])
    refused = [] if module.check_mode else statuses.write(neighbours)
    trusted = {
        neighbour.name: fingerprints(trust.trusted[neighbour.resource_name])
        for neighbour in neighbours
        if neighbour.resource_name in trust.trusted
    }
    findings = located(module, [*trust.findings, *refused])
    return {**with_statuses(result, statuses), "trusted": trusted, "edges": edges, "findings": findings}


def _show_proxies(module: ClusterModule, client: Client, config_map: dict[str, Any]) -> dict[str, Any]:
    """Have the api-proxy's pods see at once whom they let in: who was removed must not have the kubelet's minute."""
    names_of_pods = refresh_proxies(client, config_map, planning=bool(module.check_mode) or renders(module))
    annotations = {HASH_ANNOTATION: config_hash(config_map)}
    changes = []
    for name in names_of_pods:
        metadata = {"name": name, "namespace": config_map["metadata"]["namespace"]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
        changes.append(Change(pod, {**pod, "metadata": {**metadata, "annotations": annotations}}))
    return change_results(changes, 0, FIELD_MANAGER, with_diff=module._diff)


def _tell_platform(module: ClusterModule, client: Client, applyset: ApplySet) -> dict[str, Any]:
    neighbours = neighbours_from(module.params["neighbours"])
    if not (module.check_mode or renders(module)) and not federation_served(client):
        raise AllianceError(
            "the platform does not serve the kind IstioFederation: federation is off there",
            obj="ModuleConfig istio",
            remedy="run the role istio_module for this cluster, which switches it on and waits for it",
        )
    known = read_resources(client)
    trust = exchange_for_platform(
        neighbours,
        known,
        read_deckhouse_uuid(client),
        applyset.id,
        own_roots=read_roots(client, names.DKP_NAMESPACE),
        planning=module.check_mode,
    )
    result = _write_to_platform(module, client, trust.objects(), applyset)
    trusted = {
        item.name: trust.trusted[item.resource_name] for item in neighbours if item.resource_name in trust.trusted
    }
    edges = platform_edges(trust, neighbours, known, applyset.id)
    return {**result, "trusted": trusted, "edges": edges, "findings": located(module, trust.findings)}


def _write_to_platform(
    module: ClusterModule, client: Client, objects: list[dict[str, Any]], applyset: ApplySet
) -> dict[str, Any]:
    if module.check_mode or renders(module):
        return make_so(module, client, objects, applyset)
    applier = Applier(client)
    outcome = write_when_admitted(applier, objects, applyset, timeout=module.params["platform_timeout"])
    for warning in outcome.warnings:
        module.warn(warning)
    return change_results(outcome.changes, outcome.unchanged, applier.manager, with_diff=module._diff)


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                **EXCHANGE_ARGUMENT_SPEC,
                **RENDER_ARGUMENT_SPEC,
                "provider": {
                    "type": "str",
                    "choices": [names.PROVIDER_ISTIO, names.PROVIDER_DECKHOUSE],
                    "default": names.PROVIDER_ISTIO,
                },
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
                "root_namespace": {"type": "str", "default": names.DEFAULT_ROOT_NAMESPACE},
                "platform_timeout": {"type": "int", "default": 60},
                **API_PROXY_ARGUMENT_SPEC,
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
            lease_option="namespace",
        ),
        work,
    )


if __name__ == "__main__":
    main()
