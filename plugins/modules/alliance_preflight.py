#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin alliance_preflight."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alliance_preflight
short_description: Find what would keep an alliance from working, before anything is written
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Compares all members with each other (trust domains, subnets, identities) and checks each one's Istio. Prints
    every finding of the host at once and
    fails it when one is an error.
  - Finds conflicts with objects of others, too. They are DestinationRules and ServiceEntries for imported hosts,
    Services that shadow an import, Gateways on the alliance's gateway, policies that let in clients of several trust
    domains by one pattern, clusters that are read by a remote secret and federated.
  - An error can be made a warning for a host with the variable C(alliance_ignored_findings), a list of codes.
    A conflict that is ignored is not told at all.
options:
  members:
    description: The members, as P(meshalliance.istio.alliance_members#filter) returns them.
    type: list
    elements: dict
    required: true
  fail_on_conflicts:
    description: Whether conflicts fail the host too. Otherwise they are warnings.
    type: bool
    default: false
notes:
  - This is an action plugin; it runs on the controller and reaches no cluster.
extends_documentation_fragment:
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Check the alliance
  meshalliance.istio.alliance_preflight:
    members: "{{ hostvars | meshalliance.istio.alliance_members(groups['istio_federation']) }}"
"""

RETURN = r"""
findings:
  description: The findings of this host.
  returned: always
  type: list
  elements: dict
  sample:
    - severity: error
      code: domain-shared
      cluster: cluster-a
      neighbour: ""
      object: ""
      message: its trust domain mesh.local is also that of cluster-b
      remedy: give each cluster a trust domain of its own
"""
