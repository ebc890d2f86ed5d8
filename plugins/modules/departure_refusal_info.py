#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module departure_refusal_info: is the identity of a cluster refused by those that it left?"""

from __future__ import annotations

DOCUMENTATION = r"""
module: departure_refusal_info
short_description: See whether neighbours refuse a cluster that left the alliance
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Asks each neighbour for what it tells only clusters that it knows, with real requests that are signed by the key
    pair of the cluster that the options lead to, and sees that all are refused. The private key stays in the module's
    process.
  - The federation document and the multicluster document are asked for, and the API where the neighbour has an
    api-proxy.
options:
  neighbours:
    description: The neighbours that have to refuse it, as P(meshalliance.istio.alliance_departed#filter) returns them.
      Of each, C(name), C(provider), C(trust_domain), the endpoint with its CA, and C(state) count.
    type: list
    elements: dict
    required: true
  namespace:
    description: Namespace of the alliance's objects.
    type: str
    default: istio-alliance
  provider:
    description: Who makes the mesh of the cluster. The key pair of V(deckhouse) is the platform's, and is not read.
    type: str
    choices: [istio, deckhouse]
    default: istio
  wait_timeout:
    description: Seconds for which a neighbour that does not refuse it yet is asked again. An exporter of this
      collection follows within a moment, a platform's within a minute. In check mode each is asked once.
    type: int
    default: 90
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Is cluster-b refused by the others?
  meshalliance.istio.departure_refusal_info:
    context: cluster-b
    neighbours: "{{ members | meshalliance.istio.alliance_departed(['cluster-a', 'cluster-c']) }}"
"""

RETURN = r"""
asked:
  description: Whether there is a key pair to ask with. A cluster without one can't be let in by anybody.
  returned: success
  type: bool
refused:
  description: For each neighbour, by name, whether it refused everything. One that did not answer is left out.
  returned: success
  type: dict
  sample: {cluster-a: true}
answers:
  description: The HTTP status of each neighbour's answers, by what was asked for.
  returned: success
  type: dict
  sample: {cluster-a: {federation: 401, multicluster: 404}}
findings:
  description: Who did not refuse it, and who did not answer.
  returned: success
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import read_identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import (
    neighbours_from,
    require_names,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.refusal import Asker, finding_of
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    ClusterModule,
    client_of,
    cluster_module,
    located,
    run,
)


def work(module: ClusterModule) -> dict[str, Any]:
    """Sign, ask, tell."""
    params = module.params
    require_names(params["neighbours"], "alliance_departed")
    neighbours = neighbours_from(params["neighbours"])
    identity = None
    if params["provider"] == names.PROVIDER_ISTIO:
        identity = read_identity(client_of(module), params["namespace"])
    result: dict[str, Any] = {"changed": False, "asked": identity is not None, "refused": {}, "answers": {}}
    findings: list[Finding] = []
    patience = 0 if module.check_mode else params["wait_timeout"]
    answers = Asker(identity, patience).ask(neighbours) if identity else []
    for neighbour, answer in zip(neighbours, answers, strict=False):
        if not isinstance(answer, AllianceError):
            result["refused"][neighbour.name] = answer.refused
            result["answers"][neighbour.name] = answer.statuses
        finding = finding_of(neighbour, answer, patience=patience)
        if finding is not None:
            findings.append(finding)
    return {**result, "findings": located(module, findings)}


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
                "wait_timeout": {"type": "int", "default": 90},
            }
        ),
        work,
    )


if __name__ == "__main__":
    main()
