# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what transport a proxy's clusters are reached, and by which DestinationRule.

The answer of Envoy's C(config_dump?resource=dynamic_active_clusters). istiod writes into a cluster's metadata which
DestinationRule it comes from (pilot/pkg/networking/util, AddConfigInfoMetadata).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError

_TLS = "envoy.transport_sockets.tls"
_RULE = "destination-rule"


@dataclass(frozen=True)
class Transport:
    """Of one cluster. C(tls): whether TLS is spoken to (some of) its endpoints. C(rule): C(namespace/name) or empty."""

    tls: bool
    rule: str = ""


def parse_transports(body: bytes) -> dict[str, Transport]:
    """By the cluster's name. Raises AllianceError when the answer is no such dump."""
    try:
        entries = json.loads(body).get("configs") or []
        clusters = [entry["cluster"] for entry in entries if "cluster" in entry]
        return {str(cluster["name"]): Transport(_tls(cluster), _rule(cluster)) for cluster in clusters}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise AllianceError(
            "its dump of clusters can't be read", remedy="see whether this version of Istio's proxy is supported"
        ) from None


def _tls(cluster: Mapping[str, Any]) -> bool:
    return any(socket.get("name") == _TLS for socket in _sockets(cluster))


def _sockets(cluster: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "transport_socket" in cluster:
        yield cluster["transport_socket"]
    for match in cluster.get("transport_socket_matches") or []:
        yield match.get("transport_socket") or {}


def _rule(cluster: Mapping[str, Any]) -> str:
    """From C(/apis/networking.istio.io/v1alpha3/namespaces/<namespace>/destination-rule/<name>)."""
    config = ((cluster.get("metadata") or {}).get("filter_metadata") or {}).get("istio") or {}
    parts = str(config.get("config") or "").split("/")
    return f"{parts[-3]}/{parts[-1]}" if len(parts) > 3 and parts[-2] == _RULE else ""
