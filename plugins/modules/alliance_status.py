#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin alliance_status."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alliance_status
short_description: Show how the alliance is, in the terminal, as JSON and as a page
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Joins what the role P(meshalliance.istio.status#role) registered for every host to one overview of the alliance, and
    prints it as a table.
  - Writes it as JSON, and as one HTML page that refers to nothing outside of itself, to files of the machine that runs
    the playbook. A file is written at once or not at all.
  - A cluster that nobody looked at in this run is unknown, and so are its edges.
options:
  members:
    description: The members, as P(meshalliance.istio.alliance_members#filter) returns them.
    type: list
    elements: dict
    required: true
  json_file:
    description: Where the overview is written as JSON; nowhere when empty.
    type: str
    default: ""
  page_file:
    description: Where the page is written; nowhere when empty.
    type: str
    default: ""
  verified_file:
    description: The JSON file that verify.yml wrote. Its requests count as what is known of the traffic.
    type: str
    default: ""
  verified_within:
    description: For how long they do, as seconds or with V(w), V(d), V(h), V(m) or V(s).
    type: str
    default: 10m
  fail_on:
    description: From which level on the host fails for which this runs. V(unknown) takes nothing but well.
    type: str
    choices: [never, unknown, warning, error]
    default: never
notes:
  - This is an action plugin; it runs on the controller and reaches no cluster.
extends_documentation_fragment:
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Show the alliance
  meshalliance.istio.alliance_status:
    members: "{{ status_members }}"
    page_file: alliance.html
    fail_on: error
  run_once: true
"""

RETURN = r"""
level:
  description: The worst level of all clusters and edges.
  returned: always but for files that can't be used
  type: str
  sample: ok
table:
  description: The printed lines.
  returned: always but for files that can't be used
  type: list
  elements: str
overview:
  description: The overview, as RV(meshalliance.istio.status_info#module:overview) of all clusters.
  returned: always but for files that can't be used
  type: dict
"""
