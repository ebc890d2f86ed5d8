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
    type: list
    elements: str
    choices: [crds, exporter_cluster_rules, exporter_namespace_rules]
    required: true
"""

EXAMPLES = r"""
- name: Show the definitions
  ansible.builtin.debug:
    msg: "{{ lookup('meshalliance.istio.own_definitions', 'crds') }}"
"""

RETURN = r"""
_raw:
  description: For each term a list of manifests or of RBAC rules.
  type: list
  elements: list
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ansible_collections.meshalliance.istio.exporter.rbac import cluster_rules, namespace_rules
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    federation_crd,
    multicluster_crd,
)

DEFINITIONS = {
    "crds": lambda: [federation_crd(), multicluster_crd()],
    "exporter_cluster_rules": cluster_rules,
    "exporter_namespace_rules": namespace_rules,
}


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """A list for each term."""
        unknown = [term for term in terms if term not in DEFINITIONS]
        if unknown:
            raise AnsibleError(f"own_definitions: {', '.join(unknown)} is none of {', '.join(sorted(DEFINITIONS))}")
        return [DEFINITIONS[term]() for term in terms]
