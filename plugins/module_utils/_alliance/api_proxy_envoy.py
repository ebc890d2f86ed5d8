# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Envoy's configuration is written: messages with their types, filters, and files of resources."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_settings import ProxyLayout

Config = dict[str, Any]

_TYPES = "type.googleapis.com/envoy"


def resources_text(resources: Sequence[Config]) -> str:
    """A file of resources as Envoy reads it."""
    return json.dumps({"resources": list(resources)}, sort_keys=True, separators=(",", ":")) + "\n"


def typed(message: str, /, **fields: Any) -> Config:
    """A message with its type, for example C(config.listener.v3.Listener)."""
    return {"@type": f"{_TYPES}.{message}", **fields}


def sds(name: str, layout: ProxyLayout) -> Config:
    """A reference to a secret that a file of the bootstrap's folder describes."""
    source = {"path_config_source": {"path": f"{layout.config}/sds-{name}.json"}, "resource_api_version": "V3"}
    return {"name": name, "sds_config": source}


def named_filter(name: str, message: str, **fields: Any) -> Config:
    """A filter or logger with its configuration."""
    return {"name": name, "typed_config": typed(message, **fields)}


def http_filter(name: str, message: str, **fields: Any) -> Config:
    """An HTTP filter by the last part of its name."""
    return named_filter(f"envoy.filters.http.{name}", f"extensions.filters.http.{name}.v3.{message}", **fields)
