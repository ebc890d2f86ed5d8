#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin alliance_render."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alliance_render
short_description: Complete the folders of manifests that a run rendered
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Writes a C(kustomization.yaml) into the folder of each cluster, which names the files that the modules of the same
    run made there (their option C(render_dir)), and removes files of this collection that the run did not make.
  - The folder of a cluster whose run failed stays as it is.
options:
  group:
    description: The inventory group of the members.
    type: str
    required: true
  directory:
    description: Folder of the machine that runs the playbook, with one folder for each cluster. A relative path begins
      where the playbook was started.
    type: str
    required: true
notes:
  - This is an action plugin; it runs on the controller and reaches no cluster.
extends_documentation_fragment:
  - meshalliance.istio.attributes.files
"""

EXAMPLES = r"""
- name: Complete the folders of rendered manifests
  meshalliance.istio.alliance_render:
    group: istio_federation
    directory: clusters
  run_once: true
"""

RETURN = r"""
files:
  description: The names of the files by cluster.
  returned: success
  type: dict
  sample: {cluster-a: [alliance-gateway.yaml, namespace-istio-alliance.yaml]}
"""
