#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module departure_info: is anything left in a cluster of one that left the alliance?"""

from __future__ import annotations

DOCUMENTATION = r"""
module: departure_info
short_description: See whether anything is left of a cluster that left the alliance
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Looks in one cluster for everything by which neighbours that were removed can be known. In objects (of the alliance;
    on the Deckhouse Kubernetes Platform those of the platform too), in the mesh config and the remote clusters of every
    istiod, and in the roots, the clusters and the open connections of every proxy.
  - What could not be asked is not taken for proved. It is a finding as well.
  - What a cluster that stays has too, such as the domain of a multicluster, a shared root or a gateway address, is no
    mark of one that left.
options:
  departed:
    description: What is known of the neighbours, as RV(meshalliance.istio.departure#module:departed).
    type: list
    elements: dict
    required: true
  provider:
    description: Who makes the mesh of this cluster. On V(deckhouse) what the platform makes of its neighbours is looked
      at too.
    type: str
    choices: [istio, deckhouse]
    default: istio
  own:
    description: What the API of this cluster says of it, as RV(meshalliance.istio.cluster_info#module:state).
    type: dict
  namespace:
    description: Namespace of the alliance's objects.
    type: str
    default: istio-alliance
  root_namespace:
    description: Istio's root namespace.
    type: str
    default: istio-system
  revision:
    description: The revision of Istio whose istiod is asked; needed only where several run.
    type: str
  ask_proxies:
    description: Whether every proxy of the cluster is asked, through port-forwards. Without it nothing is said of them.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait at most until nothing is left. istiod and the proxies follow a moment after the objects
      were removed. In check mode nothing is waited for.
    type: int
    default: 90
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Is anything left of cluster-b?
  meshalliance.istio.departure_info:
    context: cluster-a
    departed: "{{ departure.departed }}"
  register: result

- name: Show what was looked at
  ansible.builtin.debug:
    var: result.looked_at
"""

RETURN = r"""
proved:
  description: For each neighbour, by name, whether nothing is left of it and everything could be asked.
  returned: success
  type: dict
  sample: {cluster-b: true}
looked_at:
  description: How many things of each kind were looked at.
  returned: success
  type: dict
  sample:
    ServiceEntry: 12
    istiods: 1
    anchors in istiods: 2
    proxies: 7
    roots in proxies: 14
    clusters in proxies: 390
    open connections of proxies: 31
connections:
  description: How many connections of this cluster's proxies to a neighbour are open, by name; those without any are
    left out.
  returned: success
  type: dict
findings:
  description: What is left, and what could not be asked, with severity, code, message, object, neighbour and remedy.
  returned: success
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departed import Departed
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.departure import (
    Place,
    examine,
    wait_until_gone,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    ClusterModule,
    client_of,
    cluster_module,
    located,
    run,
)


def work(module: ClusterModule) -> dict[str, Any]:
    """Look, and wait until nothing is left."""
    params = module.params
    client = client_of(module)
    departed = [Departed.from_dict(item) for item in params["departed"]]
    place = Place(
        namespace=params["namespace"],
        root_namespace=params["root_namespace"],
        revision=params["revision"] or None,
        platform=params["provider"] == names.PROVIDER_DECKHOUSE,
        own=ClusterState.from_dict(params["own"]) if params["own"] else None,
    )
    found = wait_until_gone(
        lambda: examine(client, departed, place, with_proxies=params["ask_proxies"]),
        patience=0 if module.check_mode else params["wait_timeout"],
    )
    return {
        "changed": False,
        "proved": {item.name: found.proved(item.name) for item in departed},
        "looked_at": dict(found.looked_at),
        "connections": dict(found.connections),
        "findings": located(module, found.findings),
    }


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "departed": {"type": "list", "elements": "dict", "required": True},
                "provider": {
                    "type": "str",
                    "choices": [names.PROVIDER_ISTIO, names.PROVIDER_DECKHOUSE],
                    "default": names.PROVIDER_ISTIO,
                },
                "own": {"type": "dict"},
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
                "root_namespace": {"type": "str", "default": names.DEFAULT_ROOT_NAMESPACE},
                "revision": {"type": "str"},
                "ask_proxies": {"type": "bool", "default": True},
                "wait_timeout": {"type": "int", "default": 90},
            }
        ),
        work,
    )


if __name__ == "__main__":
    main()
