# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a proxy may call and whom it is connected to, from the answer of Envoy's C(/clusters?format=json).

The answer is envoy.admin.v3.Clusters. istiod names clusters C(direction|port|subset|host)
(pilot/pkg/model/service.go, BuildSubsetKey); those of the way to a gateway begin with C(outbound_.) and have dots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json

MAX_BYTES = 64 * 1024 * 1024
# Connections of one host that are open now (Envoy: source/common/upstream/host_description, cx_active).
_OPEN = "cx_active"


@dataclass(frozen=True)
class Endpoint:
    """One host of a cluster. C(names): its address, and its DNS name where it has one. C(connections): open ones."""

    names: frozenset[str]
    port: int
    connections: int = 0


@dataclass(frozen=True)
class Cluster:
    """One of a proxy's clusters. C(host): the hostname that it stands for; empty for Envoy's own."""

    name: str
    host: str
    endpoints: tuple[Endpoint, ...] = ()


def parse_clusters(body: bytes) -> tuple[Cluster, ...]:
    """All clusters of a proxy. Raises AllianceError when the answer is none of Envoy's."""
    try:
        answer = parse_json(body, max_bytes=MAX_BYTES)
        statuses = _mapping(answer).get("cluster_statuses") or []
        return tuple(
            Cluster(str(status["name"]), host_of(str(status["name"])), tuple(_endpoints(status)))
            for status in map(_mapping, statuses)
        )
    except (AllianceError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = error.message if isinstance(error, AllianceError) else "it has not the form of such a list"
        raise AllianceError(
            f"its list of clusters can't be read: {reason}",
            remedy="see whether this version of Istio's proxy is supported",
        ) from None


def host_of(name: str) -> str:
    """The hostname in a cluster's name; empty when it has another form."""
    if name.startswith("outbound_."):
        parts = name.split("_.", 3)
    else:
        parts = name.split("|", 3)
    return parts[3] if len(parts) == 4 else ""


def _endpoints(status: Mapping[str, Any]) -> Iterator[Endpoint]:
    for item in status.get("host_statuses") or []:
        address = _mapping(_mapping(item).get("address") or {}).get("socket_address")
        if address is None:
            continue  # a pipe or an internal listener: inside of the pod
        names = {str(address["address"]), str(item.get("hostname") or "")} - {""}
        yield Endpoint(frozenset(names), int(address.get("port_value") or 0), _connections(item))


def _connections(item: Mapping[str, Any]) -> int:
    # Zero is left out, as protobuf does in JSON; 64-bit numbers are texts there.
    values = [stat.get("value") or 0 for stat in item.get("stats") or [] if stat.get("name") == _OPEN]
    return sum(int(value) for value in values)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return value
