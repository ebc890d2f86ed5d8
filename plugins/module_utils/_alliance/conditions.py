# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions of a resource's status, by the rules of the Kubernetes API conventions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

PUBLIC_READY = "PublicMetadataExchangeReady"
PRIVATE_READY = "PrivateMetadataExchangeReady"
REMOTE_API_READY = "RemoteAPIServerReady"
DATAPLANE_READY = "DataplaneConnectionReady"
# Ours alone: what is used of a neighbour is old, or used no more.
STALE = "Stale"
# The reason of STALE when nothing of the neighbour is imported any more.
EVICTED = "Evicted"

# A message may quote a neighbour; a status is no place for long texts.
_MAX_MESSAGE = 1024


def set_condition(
    conditions: Iterable[Mapping[str, Any]],
    type_: str,
    status: Literal["True", "False", "Unknown"],
    reason: str,
    message: str,
    now: str,
) -> list[dict[str, Any]]:
    """The conditions, sorted by type, with this one set. now: RFC 3339, UTC.

    lastTransitionTime stays while the status does. Conditions of others are kept as they are.
    """
    previous = condition(conditions, type_) or {}
    unchanged = previous.get("status") == status and previous.get("lastTransitionTime")
    kept = [dict(entry) for entry in conditions if entry.get("type") != type_]
    current = {
        **previous,
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message[:_MAX_MESSAGE],
        "lastTransitionTime": previous["lastTransitionTime"] if unchanged else now,
    }
    return sorted([*kept, current], key=lambda entry: str(entry.get("type")))


def condition(conditions: Iterable[Mapping[str, Any]], type_: str) -> dict[str, Any] | None:
    """The condition of this type, or None."""
    return next((dict(entry) for entry in conditions if entry.get("type") == type_), None)


def is_ready(obj: Mapping[str, Any]) -> bool:
    """Whether the condition Ready of a pod or node is true."""
    ready = condition((obj.get("status") or {}).get("conditions") or [], "Ready")
    return ready is not None and ready.get("status") == "True"
