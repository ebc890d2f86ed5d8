# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the api-proxy of a cluster lets in: the ConfigMap that follows from whom the cluster trusts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy import neighbours_config_map
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_settings import ProxyLimits
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.trust import Trust

Object = dict[str, Any]

API_PROXY_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "api_proxy": {
        "type": "dict",
        "options": {
            "cluster_domain": {"type": "str", "required": True},
            "limits": {
                "type": "dict",
                "options": {item.name: {"type": "int"} for item in fields(ProxyLimits)},
            },
            "extra_rules": {"type": "list", "elements": "dict", "default": []},
        },
    },
}


@dataclass(frozen=True)
class ApiProxy:
    """The settings of a cluster's api-proxy: its domain, what a neighbour may ask, and what it may read besides."""

    cluster_domain: str
    limits: ProxyLimits = field(default_factory=ProxyLimits)
    extra_rules: tuple[Object, ...] = ()

    @classmethod
    def from_option(cls, option: Mapping[str, Any] | None) -> ApiProxy | None:
        """From the option C(api_proxy) of a module; None where there is none."""
        if not option:
            return None
        limits = {key: value for key, value in (option.get("limits") or {}).items() if value is not None}
        return cls(str(option["cluster_domain"]), ProxyLimits(**limits), tuple(option.get("extra_rules") or ()))


def api_clients(settings: ApiProxy, trust: Trust, *, own_uuid: str, namespace: str, root_namespace: str) -> Object:
    """The manifest of that ConfigMap."""
    return neighbours_config_map(
        namespace,
        own_uuid,
        trust.api_clients(),
        cluster_domain=settings.cluster_domain,
        root_namespace=root_namespace,
        limits=settings.limits,
        extra_rules=list(settings.extra_rules),
    )
