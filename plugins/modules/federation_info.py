#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module federation_info: what a Deckhouse platform knows of its neighbours."""

from __future__ import annotations

DOCUMENTATION = r"""
module: federation_info
short_description: See what a Deckhouse platform has learnt from its neighbours
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Reads the IstioFederation and IstioMulticluster resources of a cluster of the Deckhouse Kubernetes Platform, whose
    status tells what the platform has fetched from each neighbour, and why not.
  - What does not work is not an error but a list of findings.
options:
  neighbours:
    description: The neighbours, as P(meshalliance.istio.alliance_neighbours#filter) returns them. Of each, C(name),
      C(mode), C(provider) and C(trust_domain) count.
    type: list
    elements: dict
    required: true
  mode:
    description: Which of them are looked at, those with a domain of their own or those of the same domain.
    type: str
    choices: [federation, multicluster]
    default: federation
  wait:
    description: Whether to wait until the platform has learnt from each neighbour that it is told of. A neighbour that
      does not get ready in that time is no failure. In check mode nothing is waited for.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait at most. The platform asks its neighbours once a minute.
    type: int
    default: 150
  interval:
    description: Seconds between two looks while waiting.
    type: int
    default: 5
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: What has the platform learnt?
  meshalliance.istio.federation_info:
    context: cluster-c
    neighbours: "{{ members | meshalliance.istio.alliance_neighbours(inventory_hostname) }}"
  register: result

- name: Show how many services it imports from each neighbour
  ansible.builtin.debug:
    var: result.imported
"""

RETURN = r"""
trusted:
  description: SHA-256 fingerprints of the roots that the platform holds, by neighbour.
  returned: success
  type: dict
  sample: {cluster-a: ["AB:CD:EF"]}
imported:
  description: Number of services that the platform imports, by neighbour that it is told of.
  returned: success
  type: dict
  sample: {cluster-a: 12}
awaiting:
  description: Neighbours that the platform is told of and has not learnt everything from yet.
  returned: success
  type: list
  elements: str
findings:
  description: What does not work, with severity, code, message, object and remedy, by neighbour.
  returned: success
  type: list
  elements: dict
"""

import time
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import MODE_FEDERATION
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import (
    KINDS,
    Neighbour,
    joined_by,
    neighbours_from,
    require_names,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform_view import (
    PlatformView,
    platform_view,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.resources import read_resources
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    ClusterModule,
    client_of,
    cluster_module,
    located,
    run,
)


def work(module: ClusterModule) -> dict[str, Any]:
    """Read, and wait if asked to."""
    params = module.params
    require_names(params["neighbours"], "alliance_neighbours")
    client = client_of(module)
    neighbours = joined_by(params["mode"], neighbours_from(params["neighbours"]), read_resources(client))
    seconds = params["wait_timeout"] if params["wait"] and not module.check_mode else 0
    view = _settled(client, neighbours, seconds, params["interval"], planning=module.check_mode)
    return {
        "changed": False,
        "trusted": view.trusted,
        "imported": view.imported,
        "awaiting": view.awaiting,
        "findings": located(module, view.findings),
    }


def _settled(
    client: Client, neighbours: list[Neighbour], seconds: float, interval: float, *, planning: bool
) -> PlatformView:
    """The view, as soon as nothing is awaited any more or the time is over."""
    end = time.monotonic() + seconds
    while True:
        view = platform_view(neighbours, read_resources(client), planning=planning)
        left = end - time.monotonic()
        if not view.awaiting or left <= 0:
            return view
        time.sleep(min(max(interval, 1), left))


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "neighbours": {"type": "list", "elements": "dict", "required": True},
                "mode": {"type": "str", "choices": list(KINDS), "default": MODE_FEDERATION},
                "wait": {"type": "bool", "default": False},
                "wait_timeout": {"type": "int", "default": 150},
                "interval": {"type": "int", "default": 5},
            }
        ),
        work,
    )


if __name__ == "__main__":
    main()
