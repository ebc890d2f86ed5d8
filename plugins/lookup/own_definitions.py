# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup own_definitions: what the collection's Python code defines, for templates of its roles."""

from __future__ import annotations

DOCUMENTATION = r"""
name: own_definitions
short_description: Definitions that the collection's code keeps
version_added: 0.1.0
author: The meshalliance.istio authors (@meshalliance)
description:
  - Returns Kubernetes definitions that the code of this collection is the only place of, so that roles need no copy.
options:
  _terms:
    description:
      - V(crds) are the CustomResourceDefinitions of IstioFederation and IstioMulticluster.
      - V(exporter_cluster_rules) and V(exporter_namespace_rules) are the RBAC rules of the metadata-exporter.
      - V(api_proxy_cluster_rules), V(api_proxy_config_map_rules) (in Istio's root namespace) and
        V(api_proxy_empty_namespace_rules) are the RBAC rules of the api-proxy, V(api_proxy_bootstrap) are the files
        that its Envoy starts with. V(sets) are the names of the ApplySets that roles and modules keep, in the order in
        which they can be removed.
    type: list
    elements: str
    choices:
      - crds
      - exporter_cluster_rules
      - exporter_namespace_rules
      - api_proxy_cluster_rules
      - api_proxy_config_map_rules
      - api_proxy_empty_namespace_rules
      - api_proxy_bootstrap
      - sets
    required: true
  revision:
    description: Istio's revision, for V(api_proxy_config_map_rules).
    type: str
    default: default
"""

EXAMPLES = r"""
- name: Show the definitions
  ansible.builtin.debug:
    msg: "{{ lookup('meshalliance.istio.own_definitions', 'crds') }}"
"""

RETURN = r"""
_raw:
  description: For each term a list of manifests or of RBAC rules, for V(sets) one of names; for V(api_proxy_bootstrap)
    texts of files by name.
  type: list
  elements: raw
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ansible_collections.meshalliance.istio.exporter.rbac import cluster_rules, namespace_rules
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import api_proxy_rules
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_bootstrap import bootstrap_files
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    federation_crd,
    multicluster_crd,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import ALLIANCE_SETS

# Each takes Istio's revision; most definitions are the same for all.
DEFINITIONS: dict[str, Callable[[str], Any]] = {
    "crds": lambda _revision: [federation_crd(), multicluster_crd()],
    "exporter_cluster_rules": lambda _revision: cluster_rules(),
    "exporter_namespace_rules": lambda _revision: namespace_rules(),
    "api_proxy_cluster_rules": lambda _revision: api_proxy_rules.cluster_rules(),
    "api_proxy_config_map_rules": api_proxy_rules.config_map_rules,
    "api_proxy_empty_namespace_rules": lambda _revision: api_proxy_rules.empty_namespace_rules(),
    "api_proxy_bootstrap": lambda _revision: bootstrap_files(),
    "sets": lambda _revision: list(ALLIANCE_SETS),
}


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """A list, or a dictionary of texts, for each term."""
        unknown = [term for term in terms if term not in DEFINITIONS]
        if unknown:
            raise AnsibleError(f"own_definitions: {', '.join(unknown)} is none of {', '.join(sorted(DEFINITIONS))}")
        revision = str(kwargs.get("revision") or "default")
        return [DEFINITIONS[term](revision) for term in terms]
