#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module published_services: the label that makes Services public is on those that the inventory names."""

from __future__ import annotations

DOCUMENTATION = r"""
module: published_services
short_description: Publish the Services that are named, and withdraw what was published before
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Sets the label C(federation.istio.deckhouse.io/public-service) on the Services that O(services) names, so that
    neighbours may call them. It works alike for clusters with the collection's own exporter and for Deckhouse.
  - The label is set by server-side apply as a field manager of its own. It is taken away again from a Service that is
    no longer named when that manager set it. A label that somebody else set stays, and with it the Service stays
    public.
  - A Service that is missing or can't be published (of type ExternalName, headless, with unnamed ports, without TCP
    ports) is left as it is and reported in RV(findings), which are also shown as warnings. The others are published.
options:
  services:
    description:
      - The Services. Each entry is C(namespace/name), or a dictionary with the keys C(namespace) and C(name), or one
        with the key C(selector) (a label selector as text) and, to stay in one namespace, C(namespace).
      - With the empty list everything that was published by this module is withdrawn.
    type: list
    elements: raw
    required: true
  cluster_domain:
    description:
      - DNS domain of the cluster's Services. Only for telling RV(added) and RV(removed), which are empty without it.
    type: str
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.lease
  - meshalliance.istio.lease.namespace
  - meshalliance.istio.attributes
"""

EXAMPLES = r"""
- name: Publish three kinds of Services, and nothing else that this module published before
  meshalliance.istio.published_services:
    context: cluster-a
    services:
      - shop/checkout
      - namespace: shop
        name: catalogue
      - selector: tier=public
        namespace: payment

- name: Withdraw what this module published
  meshalliance.istio.published_services:
    context: cluster-a
    services: []
"""

RETURN = r"""
findings:
  description: Services that are missing, can't be published, or stay public by somebody else's label.
  returned: success
  type: list
  elements: dict
added:
  description: The Services that became public (in check mode would become so), as neighbours are told of them.
  returned: success
  type: list
  elements: dict
  sample:
    - hostname: checkout.shop.svc.cluster-a.local
      ports: [{name: http, port: 80, protocol: HTTP}]
removed:
  description: Hostnames of the Services that are public no more.
  returned: success
  type: list
  elements: str
objects:
  description: The Services whose label was changed; in check mode those whose label would be.
  returned: success
  type: list
  elements: dict
counts:
  description: How many objects were created, updated, deleted and left as they were.
  returned: success
  type: dict
"""

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.publishing import (
    PUBLISH_MANAGER,
    references_from,
    told,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.publishing import (
    carry_out,
    changes_of,
    plan_publication,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    KUBERNETES_LIBRARIES,
    LEASE_NAMESPACE,
    ClusterModule,
    change_results,
    client_of,
    cluster_module,
    run,
)


def work(module: ClusterModule) -> dict[str, Any]:
    """Read, decide, write, report."""
    references = references_from(module.params["services"])
    client = client_of(module)
    publication = plan_publication(client, references, module.params["cluster_domain"] or "")
    done, refusals = publication.writes, []
    if not module.check_mode:
        done, refusals = carry_out(client, publication.writes)
    cluster = module.params["cluster"] or ""
    findings = [finding.located(cluster=cluster) for finding in (*publication.findings, *refusals)]
    for finding in findings:
        module.warn(
            str(AllianceError(finding.message, cluster=cluster, obj=finding.object, remedy=finding.remedy or None))
        )
    return {
        **change_results(changes_of(done), publication.unchanged, PUBLISH_MANAGER, with_diff=module._diff),
        **told(done),
        "findings": [finding.to_dict() for finding in findings],
    }


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "services": {"type": "list", "elements": "raw", "required": True},
                "cluster_domain": {"type": "str"},
                **LEASE_NAMESPACE,
            },
            libraries=KUBERNETES_LIBRARIES,
            lease_option="lease_namespace",
        ),
        work,
    )


if __name__ == "__main__":
    main()
