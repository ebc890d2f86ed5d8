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
  - Keeps one IstioFederation resource for each neighbour, whose status remembers what was proved.
  - A neighbour that does not answer, or whose answer is not proved, changes nothing. It is reported in RV(findings).
options:
  namespace:
    description: Namespace of the alliance's objects.
    type: str
    default: istio-alliance
  root_namespace:
    description: Istio's root namespace, where the shared mesh config is written.
    type: str
    default: istio-system
  state:
    description: V(absent) removes every anchor, key and IstioFederation resource that this module made.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.neighbours
  - meshalliance.istio.attributes
"""

EXAMPLES = r"""
- name: Trust the neighbours
  meshalliance.istio.trust_anchors:
    context: cluster-a
    neighbours: "{{ members | meshalliance.istio.alliance_neighbours(inventory_hostname) }}"
"""

RETURN = r"""
trusted:
  description: The neighbours whose roots are trusted, with the fingerprints of the roots.
  returned: O(state=present)
  type: dict
  sample: {cluster-b: ["AB:CD:EF"]}
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
counts:
  description: How many objects were created, updated, deleted and left as they were.
  returned: success
  type: dict
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import (
    EXCHANGE_ARGUMENT_SPEC,
    neighbours_from,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.resources import (
    StatusWriter,
    read_federations,
    with_statuses,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.trust import exchange
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.cluster import read_uuid
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    client_of,
    cluster_module,
    make_so,
    run,
)


def work(module: AnsibleModule) -> dict[str, Any]:
    """Fetch, prove, write."""
    params = module.params
    client = client_of(module)
    applyset = ApplySet("alliance-trust", params["namespace"])
    if params["state"] == "absent":
        return make_so(module, client, None, applyset)
    neighbours = neighbours_from(params["neighbours"])
    federations = read_federations(client)
    trust = exchange(neighbours, federations, read_uuid(client), planning=module.check_mode)
    result = make_so(module, client, trust.objects(params["namespace"], params["root_namespace"]), applyset)
    statuses = StatusWriter(client, now=time.time(), refresh_seconds=params["status_refresh"])
    for name, resource in trust.resources.items():
        statuses.update(federations.get(name) or resource, public=trust.outcomes[name])
    if not module.check_mode:
        statuses.write()
    trusted = {
        neighbour.name: [
            fingerprint(root) for root in split_certificates(trust.trusted[neighbour.resource_name].root_ca)
        ]
        for neighbour in neighbours
        if neighbour.resource_name in trust.trusted
    }
    findings = [finding.located(cluster=params["cluster"] or "").to_dict() for finding in trust.findings]
    return {**with_statuses(result, statuses), "trusted": trusted, "findings": findings}


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                **EXCHANGE_ARGUMENT_SPEC,
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
                "root_namespace": {"type": "str", "default": names.DEFAULT_ROOT_NAMESPACE},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            }
        ),
        work,
    )


if __name__ == "__main__":
    main()
