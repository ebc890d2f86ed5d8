#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module traffic_probe: does a neighbour really answer, seen from inside of the mesh?"""

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_probe
short_description: Call a neighbour's services from inside of the mesh
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Lets the probe, a pod with a sidecar that the role P(meshalliance.istio.verify#role) runs, call the services that
    are imported from one neighbour, as an application does and by each of the neighbour's gateways, with the server's
    identity verified. Where that fails, the first layer is named that does not work, with the cluster in which the
    cause is.
  - Sees that what must be refused is refused. That is a service that is not published, a certificate that nobody
    signed, and requests to the neighbour's exporter without a token and with one that a wrong key signed.
  - Needs the permission to C(get) and C(create) C(pods/exec) in the alliance's namespace. Nothing is written.
  - In check mode nothing is called. O(ignore:targets) tells what would be.
options:
  neighbours:
    description: The neighbours to call, as P(meshalliance.istio.alliance_neighbours#filter) returns them.
    type: list
    elements: dict
    required: true
  namespace:
    description: Namespace of the alliance's objects, in which the probe runs.
    type: str
    default: istio-alliance
  provider:
    description: Who makes the mesh of the cluster.
    type: str
    choices: [istio, deckhouse]
    default: istio
  trust_domain:
    description: The trust domain of the cluster.
    type: str
    required: true
  root_namespace:
    description: Istio's root namespace.
    type: str
    default: istio-system
  istiod:
    description: Names of the istiod Deployments in O(root_namespace) of which one has to work. Not looked at when
      empty.
    type: list
    elements: str
    default: []
  services:
    description: Hostnames, or shell patterns of them, of the services to call. All that are imported when empty.
    type: list
    elements: str
    default: []
  limit:
    description: So many ports of one neighbour are called at most. Of more, such are chosen that stand evenly far apart
      in the sorted list, the same ones each time.
    type: int
    default: 100
  path:
    description: The path of HTTP requests. The services that are there to be probed have one of their own.
    type: str
    default: /
  step_timeout:
    description: Seconds for one connection, one answer.
    type: float
    default: 5
  timeout:
    description: Seconds for one neighbour. What is not done then is told as such.
    type: float
    default: 60
  concurrency:
    description: So many ports are called at a time.
    type: int
    default: 16
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Call what is imported from the neighbours
  meshalliance.istio.traffic_probe:
    context: cluster-a
    trust_domain: cluster-a.local
    neighbours: "{{ preflight_members | meshalliance.istio.alliance_neighbours('cluster-a') }}"
  register: probed

- name: Show what does not work
  ansible.builtin.debug:
    var: probed.checks | selectattr('layer', 'defined')
"""

RETURN = r"""
checks:
  description: One entry for each check. C(layer) is only there for a failure, with C(reason), C(remedy) and C(blamed),
    the cluster in which the cause is; C(skipped) only for what could not be tried.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: cluster-a
      neighbour: cluster-b
      check: service
      name: bar.xyz.svc.cluster-b.local:80
      ms: 3.1
failures:
  description: How many checks failed.
  returned: success
  type: int
targets:
  description: The ports that were, or in check mode would be, called, by neighbour.
  returned: success
  type: dict
  sample: {cluster-b: ["bar.xyz.svc.cluster-b.local:80"]}
offered:
  description: How many ports each neighbour offers, of those that are wanted.
  returned: success
  type: dict
  sample: {cluster-b: 1}
"""

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import ProbeResult
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.exporter_probe import probe_exporter
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity, read_identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import (
    Neighbour,
    joined_by,
    neighbours_from,
    require_names,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.probing import (
    Limits,
    Plan,
    Reader,
    istiod_result,
    plan_of,
    probe_services,
    sorted_results,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.resources import read_resources
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.probe_pod import istiod_problem
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    ClusterModule,
    client_of,
    cluster_module,
    run,
)

Object = dict[str, Any]


def work(module: ClusterModule) -> dict[str, Any]:
    """Plan, call, judge."""
    params = module.params
    require_names(params["neighbours"], "alliance_neighbours")
    client = client_of(module)
    resources = read_resources(client)
    neighbours = joined_by(names.MODE_FEDERATION, neighbours_from(params["neighbours"]), resources)
    reader, limits = _reader(client, params), _limits(params)
    resource_of = {neighbour.name: resources.get(neighbour.resource_name) for neighbour in neighbours}
    plans = {item.name: plan_of(item, resource_of[item.name], reader, limits) for item in neighbours}
    checks: list[ProbeResult] = []
    if not module.check_mode:
        identity = _identity(client, params)
        for item in neighbours:
            checks += _probed(client, reader, item, resource_of[item.name], plans[item.name], limits, identity)
    return {
        "changed": False,
        "checks": [check.to_dict() for check in checks],
        "failures": sum(bool(check.layer) for check in checks),
        "targets": {name: plan.names() if plan else [] for name, plan in plans.items()},
        "offered": {name: plan.of if plan else 0 for name, plan in plans.items()},
    }


def _probed(
    client: Client,
    reader: Reader,
    neighbour: Neighbour,
    resource: Object | None,
    plan: Plan | None,
    limits: Limits,
    identity: Identity | None,
) -> list[ProbeResult]:
    istiod = istiod_result(reader, neighbour)
    results = [*([istiod] if istiod else []), *probe_services(client, reader, neighbour, resource, plan, limits)]
    if identity is not None:
        results += probe_exporter(reader.cluster, neighbour, resource, identity)
    return sorted_results(results)


def _identity(client: Client, params: dict[str, Any]) -> Identity | None:
    """A platform's key is its own: there, what its exporter is asked for can be seen in its resources alone."""
    return read_identity(client, params["namespace"]) if params["provider"] == names.PROVIDER_ISTIO else None


def _reader(client: Client, params: dict[str, Any]) -> Reader:
    ours = params["provider"] == names.PROVIDER_ISTIO
    return Reader(
        cluster=params["cluster"] or params["trust_domain"],
        trust_domain=params["trust_domain"],
        namespace=params["namespace"],
        imports=params["namespace"] if ours else names.DKP_NAMESPACE,
        exact=ours,
        istiod=istiod_problem(client, params["root_namespace"], params["istiod"]),
    )


def _limits(params: dict[str, Any]) -> Limits:
    return Limits(
        services=tuple(params["services"]),
        most=max(1, params["limit"]),
        path=params["path"],
        step_seconds=params["step_timeout"],
        total_seconds=params["timeout"],
        at_once=max(1, params["concurrency"]),
    )


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "neighbours": {"type": "list", "elements": "dict", "required": True},
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
                "provider": {
                    "type": "str",
                    "choices": [names.PROVIDER_ISTIO, names.PROVIDER_DECKHOUSE],
                    "default": names.PROVIDER_ISTIO,
                },
                "trust_domain": {"type": "str", "required": True},
                "root_namespace": {"type": "str", "default": names.DEFAULT_ROOT_NAMESPACE},
                "istiod": {"type": "list", "elements": "str", "default": []},
                "services": {"type": "list", "elements": "str", "default": []},
                "limit": {"type": "int", "default": 100},
                "path": {"type": "str", "default": "/"},
                "step_timeout": {"type": "float", "default": 5},
                "timeout": {"type": "float", "default": 60},
                "concurrency": {"type": "int", "default": 16},
            }
        ),
        work,
    )


if __name__ == "__main__":
    main()
