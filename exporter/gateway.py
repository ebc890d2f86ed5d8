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
    MANAGED_BY,
    MANAGED_BY_LABEL,
    PUBLISHED_GATEWAY,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published_gateway import (
    MODE,
    PORT,
    SELECTOR,
    is_ours,
    open_hosts,
)

Object = Mapping[str, Any]


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
            "selector": dict(SELECTOR),
            "servers": [{"port": dict(PORT), "tls": {"mode": MODE}, "hosts": sorted(set(hosts))}],
        },
    }


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
