# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for clusters of the Deckhouse Kubernetes Platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import deckhouse
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError


def module_config(
    gateway: Mapping[str, Any] | None, version: int | None = None, multicluster: bool = False
) -> dict[str, Any]:
    """The manifest of ModuleConfig istio for an alliance, from the variable alliance_gateway."""
    try:
        return deckhouse.module_config(
            int(version) if version else None, {} if gateway in (None, "") else gateway, multicluster=bool(multicluster)
        )
    except AllianceError as error:
        raise AnsibleFilterError(f"module_config: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"module_config": module_config}
