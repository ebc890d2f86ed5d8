#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin alliance_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alliance_report
short_description: Print the alliance as a table
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Prints clusters by neighbours with the roots that are trusted, the services that were imported, the objects that
    were changed and all problems, from what the roles of this collection registered in the same run.
options:
  group:
    description: The inventory group of the members.
    type: str
    required: true
  plan_file:
    description:
      - Where to write the plan as JSON, on the machine that runs the playbook. A relative path begins where the
        playbook was started. In check mode it is what a run would do, otherwise what the run did. It is replaced at
        once or not at all, and writing it is no change.
      - Empty writes no file.
    type: str
    default: ""
  fail_on:
    description:
      - When to end failed. V(changes) does so in check mode when there is something to change, and like V(conflicts)
        when there are conflicts.
    type: str
    choices: [never, conflicts, changes]
    default: never
notes:
  - This is an action plugin; it runs on the controller and reaches no cluster.
extends_documentation_fragment:
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Show the alliance
  meshalliance.istio.alliance_report:
    group: istio_federation
    plan_file: plan.json
  run_once: true
"""

RETURN = r"""
table:
  description: The printed lines.
  returned: success
  type: list
  elements: str
plan:
  description: The printed lines of the plan.
  returned: success
  type: list
  elements: str
summary:
  description: The plan in numbers, and with the key C(result) in one word (C(none), C(changes), C(conflicts) or
    C(incomplete), the last when a cluster failed or was not reached).
  returned: success
  type: dict
"""
