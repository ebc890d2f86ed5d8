# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Gateway that opens a cluster's ingress gateway for exactly the published hosts; the exporter keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    GATEWAY_PORT,
    GATEWAY_PORT_NAME,
    INGRESSGATEWAY,
    MANAGED_BY,
    MANAGED_BY_LABEL,
)

Object = Mapping[str, Any]

SELECTOR = {"app": INGRESSGATEWAY}
PORT = {"number": GATEWAY_PORT, "name": GATEWAY_PORT_NAME, "protocol": "TLS"}
MODE = "AUTO_PASSTHROUGH"


def is_ours(gateway: Object) -> bool:
    """Whether the object carries the label of the collection."""
    labels = gateway.get("metadata", {}).get("labels") or {}
    return bool(labels.get(MANAGED_BY_LABEL) == MANAGED_BY)


def open_hosts(gateway: Object | None) -> frozenset[str]:
    """The hosts that the observed Gateway opens for neighbours; none when the object is not as we write it."""
    if gateway is None or not is_ours(gateway):
        return frozenset()
    spec = gateway.get("spec") or {}
    if spec.get("selector") != SELECTOR:
        return frozenset()
    servers = spec.get("servers") or []
    return frozenset(str(host) for server in servers if _is_ours(server) for host in server.get("hosts") or [])


def _is_ours(server: Object) -> bool:
    port = server.get("port") or {}
    tls = server.get("tls") or {}
    return all(port.get(field) == value for field, value in PORT.items()) and tls.get("mode") == MODE
