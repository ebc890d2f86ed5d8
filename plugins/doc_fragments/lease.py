# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that write to a cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """The documentation of _module.LEASE_ARGUMENT_SPEC."""

    DOCUMENTATION = r"""
options:
  lease_wait:
    description:
      - For how many seconds to wait while another run writes to the same cluster. A run holds the Lease
        C(alliance-write) of the alliance's namespace while it writes, and only then.
      - A run that died is taken over 10 seconds after it has last renewed its Lease.
    type: int
    default: 300
"""

    # Of modules that have no option for the alliance's namespace anyway.
    NAMESPACE = r"""
options:
  lease_namespace:
    description:
      - The namespace of the Lease that is held while something is written, so that two runs don't write to one cluster
        at once. Without it nobody is waited for.
    type: str
"""
