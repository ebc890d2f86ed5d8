# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every writing module of the collection supports."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes as Ansible's documentation knows them."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and tell what would change, without a single mutating request.
    support: full
  diff_mode:
    description: Returns what changed, or in check mode would change, object by object; values of Secrets are never
      shown.
    support: full
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation writes
      nothing.
    support: full
"""

    FILES = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and tell whether a file would change, without writing one.
    support: full
  diff_mode:
    description: Shows no difference; the files are text.
    support: none
  idempotent:
    description: When run twice in a row, the second invocation writes no file.
    support: full
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Only reads, in check mode as well.
    support: full
  diff_mode:
    description: Has nothing to show a difference of.
    support: N/A
  idempotent:
    description: Changes nothing.
    support: full
"""
