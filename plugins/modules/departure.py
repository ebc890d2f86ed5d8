#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module departure: what is known of neighbours that are being removed, remembered until nothing is left of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: departure
short_description: Remember neighbours that are being removed
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Collects what is known of neighbours (clusterUUID, public key, roots, trust domain, gateways, cluster ID) from their
    resources in this cluster, from their own API and from an earlier run, and keeps it in the ConfigMap
    C(alliance-departures). So M(meshalliance.istio.departure_info) knows what to look for after the resources are gone,
    also when a run was interrupted in between.
  - A neighbour of which this cluster has no resource of the alliance is told, and not remembered.
options:
  neighbours:
    description: The neighbours that are being removed, as P(meshalliance.istio.alliance_departed#filter) returns them.
      Of each, C(name), C(trust_domain) and C(state) count.
    type: list
    elements: dict
    required: true
  namespace:
    description: Namespace of the alliance's objects.
    type: str
    default: istio-alliance
  state:
    description: V(absent) forgets these neighbours.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.lease
  - meshalliance.istio.attributes
"""

EXAMPLES = r"""
- name: Remember who is being removed
  meshalliance.istio.departure:
    context: cluster-a
    neighbours:
      - name: cluster-b
  register: departure
"""

RETURN = r"""
departed:
  description: What is known of each neighbour, for M(meshalliance.istio.departure_info). Nothing in it is secret.
  returned: O(state=present)
  type: list
  elements: dict
  sample:
    - name: cluster-b
      trust_domains: [cluster-b.local]
      uuids: [5f0a9d7e-9a0e-4e3c-8f1c-2b7d7c1f4b11]
      gateways: [{address: 192.0.2.20, port: 15443}]
      cluster_ids: [cluster-b]
      roots: []
      keys: []
remembered:
  description: Names of the resources of all neighbours that are remembered after this call.
  returned: success
  type: list
  elements: str
objects:
  description: The objects that were written or deleted; in check mode those that would be.
  returned: success
  type: list
  elements: dict
counts:
  description: How many objects were created, updated, deleted and left as they were.
  returned: success
  type: dict
"""

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.departure_memory import forget, remember
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import require_names
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    ClusterModule,
    client_of,
    cluster_module,
    make_so,
    run,
)


def work(module: ClusterModule) -> dict[str, Any]:
    """Collect, and remember or forget."""
    params = module.params
    client = client_of(module)
    require_names(params["neighbours"], "alliance_departed")
    present = params["state"] == "present"
    memory = (remember if present else forget)(client, params["namespace"], params["neighbours"])
    applyset = ApplySet("alliance-departure", params["namespace"])
    result = make_so(module, client, memory.objects(params["namespace"]), applyset)
    known = {"departed": [item.to_dict() for item in memory.departed]} if present else {}
    return {**result, **known, "remembered": sorted(memory.remembered)}


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "neighbours": {"type": "list", "elements": "dict", "required": True},
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
            lease_option="namespace",
        ),
        work,
    )


if __name__ == "__main__":
    main()
