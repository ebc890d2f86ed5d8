#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin verify_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_report
short_description: Show and write what came of verifying the alliance
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Prints a matrix of clusters by neighbours, and below it what does not work, with the layer, the cluster in which the
    cause is, and the remedy, from what the role P(meshalliance.istio.verify#role) registered in the same run.
  - Writes it to files on the controller where that is asked for.
  - Fails for a host with an edge that is red, or that could not be verified.
options:
  members:
    description: The members, as P(meshalliance.istio.alliance_members#filter) returns them.
    type: list
    elements: dict
    required: true
  json_file:
    description: File for the results as JSON.
    type: path
    default: ""
  junit_file:
    description: File for the results as JUnit XML, a suite for each edge.
    type: path
    default: ""
  page_file:
    description: File for a self-contained HTML page.
    type: path
    default: ""
notes:
  - This is an action plugin; it runs on the controller and reaches no cluster.
  - In check mode it tells what would be called, and writes no file.
extends_documentation_fragment:
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Show what came of it
  meshalliance.istio.verify_report:
    members: "{{ verify_members }}"
    junit_file: reports/alliance.xml
"""

RETURN = r"""
matrix:
  description: The printed lines.
  returned: always
  type: list
  elements: str
edges:
  description: By neighbour of the host, V(ok), V(error), or V(unknown) where nothing could be tried.
  returned: always
  type: dict
  sample: {cluster-b: ok}
"""
