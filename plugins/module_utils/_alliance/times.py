# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as Kubernetes writes them (RFC 3339)."""

from __future__ import annotations

from datetime import datetime, timezone


def rfc3339(unix: float) -> str:
    """Unix seconds as Kubernetes writes a time: UTC, whole seconds."""
    return datetime.fromtimestamp(int(unix), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: object) -> datetime | None:
    """The time that a text tells, in UTC when it names no zone; None when it tells none."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def unix_time(text: object) -> float | None:
    """The same in unix seconds."""
    found = moment(text)
    try:
        return None if found is None else found.timestamp()
    except (OverflowError, ValueError, OSError):
        return None
