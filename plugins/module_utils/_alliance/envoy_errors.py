# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proxy refused of its configuration, by its own word: C(error_state) in Envoy's config dump.

It stands beside a listener or cluster until a later configuration of the same name is taken (Envoy:
api/envoy/admin/v3/config_dump_shared.proto, UpdateFailureState).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError

# Of a dump of many megabytes, all that is needed.
PATHS = (
    "/config_dump?resource=dynamic_listeners&mask=name,error_state",
    "/config_dump?resource=dynamic_warming_clusters&mask=error_state",
    "/config_dump?resource=dynamic_active_clusters&mask=error_state",
)
_MOST_DETAILS = 300


def refused_in(body: bytes) -> list[str]:
    """What is refused at present, each as C(name: details). Raises AllianceError for what is no config dump."""
    try:
        configs = json.loads(body).get("configs") or []
        return [told for entry in configs if (told := _refused(entry))]
    except (ValueError, AttributeError, TypeError) as error:
        raise AllianceError(
            "what its config dump says can't be read", remedy="see whether this version of Envoy is supported"
        ) from error


def _refused(entry: Mapping[str, Any]) -> str:
    state = entry.get("error_state")
    if not state:
        return ""
    failed = state.get("failed_configuration") or {}
    name = str(entry.get("name") or failed.get("name") or "a resource")
    details = " ".join(str(state.get("details") or "refused").split())
    return f"{name}: {details if len(details) <= _MOST_DETAILS else details[: _MOST_DETAILS - 3] + '...'}"
