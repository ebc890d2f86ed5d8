#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module leftovers_info: what there is of the alliance in a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: leftovers_info
short_description: See what there is of the alliance in a cluster
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Lists every kind that the API server serves for objects with the label of this collection, and for objects of others
    in the alliance's namespaces. Only metadata is read.
options:
  namespace:
    description: Namespace of the alliance's objects. The one beside it that C(-empty) is appended to is looked at too.
    type: str
    default: istio-alliance
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Is anything left of the alliance?
  meshalliance.istio.leftovers_info:
    context: cluster-b
  register: result
"""

RETURN = r"""
ours:
  description: Objects with the label of this collection, but for definitions that RV(resources) need.
  returned: success
  type: list
  elements: dict
  sample:
    - {api_version: v1, kind: ConfigMap, name: alliance-trust, namespace: istio-alliance}
foreign:
  description: Objects of others in the alliance's namespaces. What Kubernetes keeps there by itself is left out.
  returned: success
  type: list
  elements: dict
resources:
  description: Those IstioFederation and IstioMulticluster resources that are not of this collection.
  returned: success
  type: list
  elements: dict
namespaces:
  description: Which of the alliance's namespaces exist and are not being deleted.
  returned: success
  type: list
  elements: str
looked_at:
  description: How many kinds were listed.
  returned: success
  type: int
findings:
  description: Kinds that could not be listed.
  returned: success
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.leftovers import find_leftovers
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.presentation import reference
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    KUBERNETES_LIBRARIES,
    ClusterModule,
    client_of,
    cluster_module,
    run,
)


def work(module: ClusterModule) -> dict[str, Any]:
    """List, sort, tell."""
    client = client_of(module)
    namespace = module.params["namespace"]
    namespaces = [namespace, f"{namespace}{names.EMPTY_NAMESPACE_SUFFIX}"]
    found = find_leftovers(client, namespace, namespaces)
    findings = [
        Finding(
            "warning",
            "kind-unread",
            f"what there is of kind {kind} can't be told: {reason}",
            "grant the user of the inventory list on it, or look yourself",
            cluster=module.params["cluster"] or "",
            object=kind,
        )
        for kind, reason in sorted(found.unread.items())
    ]
    resources = _resources_of_others(client)
    ours = [item for item in found.ours if not (resources and item["kind"] == kinds.CRD.kind)]
    return {
        "changed": False,
        "ours": [reference(item) for item in ours],
        "foreign": [reference(item) for item in found.foreign],
        "resources": [reference(item) for item in resources],
        "namespaces": [name for name in namespaces if _exists(client, name)],
        "looked_at": found.kinds,
        "findings": [finding.to_dict() for finding in findings],
    }


def _resources_of_others(client: Client) -> list[dict[str, Any]]:
    return [
        item
        for kind in (kinds.ISTIO_FEDERATION, kinds.ISTIO_MULTICLUSTER)
        for item in client.list(kind, metadata_only=True).items
        if (item["metadata"].get("labels") or {}).get(names.MANAGED_BY_LABEL) != names.MANAGED_BY
    ]


def _exists(client: Client, name: str) -> bool:
    found = client.get(kinds.NAMESPACE, name)
    return found is not None and not found["metadata"].get("deletionTimestamp")


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
            },
            libraries=KUBERNETES_LIBRARIES,
        ),
        work,
    )


if __name__ == "__main__":
    main()
