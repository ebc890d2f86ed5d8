# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that keep what was known of a neighbour."""

from __future__ import annotations


class ModuleDocFragment:
    """The documentation of _federation.neighbours.STALE_ARGUMENT_SPEC."""

    DOCUMENTATION = r"""
options:
  stale_after:
    description:
      - For how long what was known of a neighbour stays in use when that one does not answer, counted from the first
        run that failed. After that, nothing of it is imported until it answers again; its root stays trusted.
      - Seconds, or numbers with V(w), V(d), V(h), V(m) or V(s), such as V(7d); or V(never).
    type: str
    default: never
  stale_warn_after:
    description: After how long without an answer its status and the findings say that what is used of it is old, as
      O(stale_after) is written.
    type: str
    default: 10m
"""
