# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about what a cluster publishes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.publishing import planned_publication


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"planned_publication": planned_publication}
