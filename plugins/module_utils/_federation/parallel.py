# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking all neighbours at once: a slow one costs its own time only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_AT_ONCE = 32


def each(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result | AllianceError]:
    """The results in the order of the items; an AllianceError takes the place of the result that it prevented."""

    def attempt(item: Item) -> Result | AllianceError:
        try:
            return function(item)
        except AllianceError as error:
            return error

    if not items:
        return []
    with ThreadPoolExecutor(min(len(items), MOST_AT_ONCE)) as pool:
        return list(pool.map(attempt, items))
