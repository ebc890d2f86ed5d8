#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin departure_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: departure_report
short_description: Print what came of a departure
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Prints for each cluster that takes part what was looked at, what is left of those that it forgets, and what the
    operator has to do in the inventory, from what the role C(unfederate) registered in the same run. The first host of
    the play prints it.
  - A host in whose cluster it is not proved that nothing is left fails.
options:
  plan:
    description: Who leaves whom, as P(meshalliance.istio.alliance_departure#filter) returns it.
    type: dict
    required: true
  members:
    description: The members of the groups, as P(meshalliance.istio.alliance_members#filter) returns them.
    type: list
    elements: dict
    required: true
  state:
    description: V(asked) only returns who is not done, and prints and fails nothing.
    type: str
    choices: [asked, told]
    default: told
notes:
  - This is an action plugin; it runs on the controller and reaches no cluster.
extends_documentation_fragment:
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Show what came of it
  meshalliance.istio.departure_report:
    plan: "{{ groups | meshalliance.istio.alliance_departure('cluster-b') }}"
    members: "{{ hostvars | meshalliance.istio.alliance_members(groups['istio_federation']) }}"
"""

RETURN = r"""
table:
  description: The lines of the table.
  returned: success, with O(state=told)
  type: list
  elements: str
unfinished:
  description: The clusters in which it is not proved that nothing is left, each with the reason.
  returned: always
  type: dict
  sample: {cluster-c: not reached}
"""
