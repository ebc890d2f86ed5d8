# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action applyset: see the module of the same name for its documentation."""

from __future__ import annotations

from ansible_collections.meshalliance.istio.plugins.plugin_utils._rendering import RenderingAction


class ActionModule(RenderingAction):
    """Runs the module, and with C(render_dir) keeps its manifests as a file."""

    module = "meshalliance.istio.applyset"
