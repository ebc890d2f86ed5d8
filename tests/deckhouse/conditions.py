# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions of a status, in Kubernetes' manner."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

PUBLIC = "PublicMetadataExchangeReady"
PRIVATE = "PrivateMetadataExchangeReady"
DATAPLANE = "DataplaneConnectionReady"
REMOTE_API = "RemoteAPIServerReady"
SUCCEEDED, REACHABLE = "Succeeded", "RemoteAPIReachable"


def timestamp(now: float) -> str:
    """Unix seconds in RFC 3339."""
    return datetime.datetime.fromtimestamp(int(now), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_condition(
    conditions: Iterable[Mapping[str, Any]], type_: str, reason: str, message: str, now: float
) -> list[dict[str, Any]]:
    """The conditions with one of them set: others stay, and so does the transition's time while the status does."""
    kept = [dict(item) for item in conditions]
    status = "True" if reason in (SUCCEEDED, REACHABLE) else "False"
    new = {"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": timestamp(now)}
    for index, item in enumerate(kept):
        if item.get("type") == type_:
            if item.get("status") == status and item.get("lastTransitionTime"):
                new["lastTransitionTime"] = item["lastTransitionTime"]
            kept[index] = new
            return kept
    return [*kept, new]


def reason_of(conditions: Iterable[Mapping[str, Any]], type_: str) -> str | None:
    """The reason of one condition."""
    return next((str(item.get("reason")) for item in conditions if item.get("type") == type_), None)
