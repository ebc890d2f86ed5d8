# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ModuleConfig `istio` asks for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Settings:
    """enabled: the module at all; gateway: settings.alliance.ingressGateway."""

    enabled: bool = False
    federation: bool = False
    multicluster: bool = False
    gateway: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alliance(self) -> bool:
        """Whether gateway and exporter are wanted."""
        return self.federation or self.multicluster


def read(module_config: Mapping[str, Any] | None) -> Settings:
    """The settings; everything is off while the module is."""
    spec = (module_config or {}).get("spec") or {}
    if not spec.get("enabled"):
        return Settings()
    settings = spec.get("settings") or {}
    return Settings(
        enabled=True,
        federation=bool((settings.get("federation") or {}).get("enabled")),
        multicluster=bool((settings.get("multicluster") or {}).get("enabled")),
        gateway=(settings.get("alliance") or {}).get("ingressGateway") or {},
    )
