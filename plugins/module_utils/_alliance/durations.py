# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lengths of time as people write them in an inventory."""

from __future__ import annotations

import re

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_PART = re.compile(r"(\d{1,9})\s*([wdhms])")
_WHOLE = re.compile(r"(?:\d{1,9}\s*[wdhms]\s*)+")
_NEVER = frozenset({"", "never", "none"})


def seconds_from(value: object, option: str) -> int | None:
    """C(90d), C(12h), C(1d12h) or a number of seconds, as seconds; None for C(never) and for no value.

    Raises AllianceError that names C(option).
    """
    text = "" if value is None else str(value).strip().lower()
    if text in _NEVER:
        return None
    if re.fullmatch(r"\d{1,12}", text):
        return int(text)
    if _WHOLE.fullmatch(text):
        return sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(text))
    raise AllianceError(
        f"{option} is no length of time: {text[:100]!r}",
        remedy="write seconds, or a number with w, d, h, m or s, such as 90d or 1d12h, or never",
    )
