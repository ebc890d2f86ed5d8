# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the Gateway of published Services must look like. Decisions only: nothing here talks to an API server.

The gateway has no authorization of its own: whatever its Gateway object names can be reached by every neighbour. So its
hosts are exactly the published names, and two rules keep document and gateway in step:

- a name is told to neighbours only while the Gateway, as observed, opens it (opened first, published then);
- a name that is no longer wanted leaves the document at once, and the Gateway is written after that.

Each replica follows the first rule by looking at the same object, so replicas need not talk to each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    GATEWAY_PORT,
    GATEWAY_PORT_NAME,
    INGRESSGATEWAY,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    PUBLISHED_GATEWAY,
)

Object = Mapping[str, Any]

_SELECTOR = {"app": INGRESSGATEWAY}
_PORT = {"number": GATEWAY_PORT, "name": GATEWAY_PORT_NAME, "protocol": "TLS"}
_MODE = "AUTO_PASSTHROUGH"


@dataclass(frozen=True)
class Decision:
    """C(refuse): an object of that name is there and isn't ours, so it is left alone."""

    action: Literal["none", "apply", "delete", "refuse"]
    hosts: tuple[str, ...] = ()


def published_gateway(namespace: str, hosts: Iterable[str]) -> dict[str, Any]:
    """The Gateway object (networking.istio.io/v1) that opens these hosts, in their sorted order."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {
            "name": PUBLISHED_GATEWAY,
            "namespace": namespace,
            "labels": {MANAGED_BY_LABEL: MANAGED_BY},
        },
        "spec": {
            "selector": dict(_SELECTOR),
            "servers": [{"port": dict(_PORT), "tls": {"mode": _MODE}, "hosts": sorted(set(hosts))}],
        },
    }


def is_ours(gateway: Object) -> bool:
    """Whether the object carries the label of the collection."""
    labels = gateway.get("metadata", {}).get("labels") or {}
    return bool(labels.get(MANAGED_BY_LABEL) == MANAGED_BY)


def open_hosts(gateway: Object | None) -> frozenset[str]:
    """The hosts that the observed Gateway opens for neighbours; none when the object is not as we write it."""
    if gateway is None or not is_ours(gateway):
        return frozenset()
    spec = gateway.get("spec") or {}
    if spec.get("selector") != _SELECTOR:
        return frozenset()
    servers = spec.get("servers") or []
    return frozenset(str(host) for server in servers if _is_ours(server) for host in server.get("hosts") or [])


def decide(wanted: frozenset[str], observed: Object | None) -> Decision:
    """What to write so that exactly the wanted hosts are open.

    Fields that others added inside our server are no difference: an admission webhook that always adds one would
    otherwise make us write for ever.
    """
    if observed is None:
        return Decision("apply", tuple(sorted(wanted))) if wanted else Decision("none")
    if not is_ours(observed):
        return Decision("refuse") if wanted else Decision("none")
    if not wanted:
        return Decision("delete")
    servers = (observed.get("spec") or {}).get("servers") or []
    hosts = [host for server in servers for host in server.get("hosts") or []]
    if len(servers) == 1 and sorted(hosts) == sorted(wanted) and open_hosts(observed) == wanted:
        return Decision("none")
    return Decision("apply", tuple(sorted(wanted)))


def visible(wanted: frozenset[str], observed: Object | None) -> frozenset[str]:
    """The hosts that neighbours may be told: wanted, and open already."""
    return wanted & open_hosts(observed)


def _is_ours(server: Object) -> bool:
    port = server.get("port") or {}
    tls = server.get("tls") or {}
    return all(port.get(field) == value for field, value in _PORT.items()) and tls.get("mode") == _MODE
