# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How something is, in four levels, of which the worst of the parts is that of the whole.

C(unknown) is one of them, and worse than C(ok): what nobody could look at is not well.
"""

from __future__ import annotations

from collections.abc import Iterable

OK = "ok"
UNKNOWN = "unknown"
WARNING = "warning"
ERROR = "error"
# From the best to the worst.
LEVELS = (OK, UNKNOWN, WARNING, ERROR)


def worst(levels: Iterable[str]) -> str:
    """The worst of some levels; of none it is C(unknown), as nothing was looked at. A word that is no level is too."""
    ranks = [LEVELS.index(level if level in LEVELS else UNKNOWN) for level in levels]
    return LEVELS[max(ranks)] if ranks else UNKNOWN


def at_least(level: str, threshold: str) -> bool:
    """Whether a level is as bad as another one, or worse."""
    return LEVELS.index(level) >= LEVELS.index(threshold)
