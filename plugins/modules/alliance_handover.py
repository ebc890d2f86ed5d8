#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin alliance_handover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alliance_handover
short_description: Hand over to an external neighbour what its administrator enters on the other side
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Makes one C(IstioFederation) manifest for each member of the alliance that has the external member as a neighbour,
    with the member's metadata endpoint, trust domain and CA. Comments name the member's C(clusterUUID) and the SHA-256
    of its roots, so that both administrators can compare them.
  - Prints the manifests ready to be pasted when there is no file or when the file changes, else one line that names
    the file.
  - A member that can't be read in this run, is not in order or not ready, stands as it stood in the file before. One
    that never stood there is named in a comment.
options:
  name:
    description: Inventory name of the external member.
    type: str
    required: true
  members:
    description: The members, as P(meshalliance.istio.alliance_members#filter) returns them.
    type: list
    elements: dict
    required: true
  directory:
    description:
      - Folder, on the machine that runs the playbook, for the file C(<name>.yml). It is made when it is missing. A
        relative path begins at the directory in which the playbook was started.
      - With an empty text no file is written, and the manifests are printed each time.
    type: str
    default: ""
notes:
  - This is an action plugin; it runs on the controller and reaches no cluster.
extends_documentation_fragment:
  - meshalliance.istio.attributes
"""

EXAMPLES = r"""
- name: Write down what the administrator of partner enters on the other side
  meshalliance.istio.alliance_handover:
    name: partner
    members: "{{ hostvars | meshalliance.istio.alliance_members(groups['istio_federation']) }}"
    directory: alliance-external
"""

RETURN = r"""
manifests:
  description: The YAML text.
  returned: success
  type: str
path:
  description: The file; empty when none is written.
  returned: success
  type: str
  sample: /etc/alliance/alliance-external/partner.yml
"""
