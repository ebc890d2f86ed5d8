# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of modules whose manifests can become files instead of being applied."""

from __future__ import annotations


class ModuleDocFragment:
    """The option and what it is for."""

    DOCUMENTATION = r"""
options:
  render_dir:
    description:
      - When it is set, no object is applied or deleted. The manifests become a file of the machine that runs the
        playbook, in the folder of the cluster inside of this one; a relative path begins where the playbook was
        started.
      - The objects in the result and the diff are then those that applying the file would write, whoever applies it,
        and C(changed) says whether the file, or a status, was (in check mode would be) changed.
      - Secrets are not written into files, but for the neighbours' public metadata.
    type: str
    default: ""
"""
