# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does an istiod hold of a remote cluster what that cluster has? A comparison of endpoints.

istiod says C(synced) for ever once it was: an expired token is in its log only. So what its endpoint shards hold is
compared with what the remote API lists. One difference proves nothing, since istiod follows a moment later; the same
difference twice, some seconds apart, does.

Equality alone is no proof of a stream in a cluster in which nothing changes. It is one together with a list that was
answered to the very token of the remote secret, and with a counter of watch errors that stands still.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

# (namespace, service) to the addresses of its ready endpoints; services without any are left out.
Endpoints = Mapping[tuple[str, str], frozenset[str]]

_SERVICE_LABEL = "kubernetes.io/service-name"
# Slices that come from a further cluster (KEP-1645); istiod leaves them out as well.
_IMPORTED_LABEL = "multicluster.kubernetes.io/service-name"


@dataclass(frozen=True, order=True)
class Difference:
    """One address: C(missing) in istiod, or C(stale) there, since the remote cluster has it no more."""

    kind: Literal["missing", "stale"]
    namespace: str
    service: str
    address: str


@dataclass(frozen=True)
class Comparison:
    """What was compared, and what differs. C(unknown_namespaces): those of which istiod holds nothing at all."""

    services: int
    addresses: int
    differences: frozenset[Difference]
    unknown_namespaces: tuple[str, ...]


def ready_endpoints(slices: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], frozenset[str]]:
    """The addresses of ready endpoints in EndpointSlices, as istiod reads them (endpointslice.go)."""
    found: dict[tuple[str, str], set[str]] = {}
    for item in slices:
        labels = item["metadata"].get("labels") or {}
        service = labels.get(_SERVICE_LABEL)
        if not service or _IMPORTED_LABEL in labels or item.get("addressType") == "FQDN":
            continue
        for endpoint in item.get("endpoints") or []:
            # Not said means ready, for consumers (discovery.k8s.io/v1, EndpointConditions).
            if (endpoint.get("conditions") or {}).get("ready") is not False:
                key = (str(item["metadata"]["namespace"]), str(service))
                found.setdefault(key, set()).update(endpoint.get("addresses") or [])
    return {key: frozenset(addresses) for key, addresses in found.items() if addresses}


def compare(listed: Endpoints, held: Endpoints, *, selective: bool = True) -> Comparison:
    """Compare what the remote API C(listed) with what an istiod C(held) of that cluster.

    With C(selective), the mesh may have discoverySelectors: a namespace of which istiod holds nothing is left out then,
    unless istiod holds nothing of any namespace.
    """
    known = {namespace for namespace, _service in held}
    unknown = {namespace for namespace, _service in listed} - known if selective and held else set()
    compared = {key: addresses for key, addresses in listed.items() if key[0] not in unknown}
    differences = set()
    for key in compared.keys() | held.keys():
        theirs, ours = compared.get(key, frozenset()), held.get(key, frozenset())
        differences |= {Difference("missing", *key, address) for address in theirs - ours}
        differences |= {Difference("stale", *key, address) for address in ours - theirs}
    count = sum(len(addresses) for addresses in compared.values())
    return Comparison(len(compared), count, frozenset(differences), tuple(sorted(unknown)))


def lasting(first: Comparison, second: Comparison) -> tuple[Difference, ...]:
    """The differences that both comparisons found: what istiod did not follow in the time between them."""
    return tuple(sorted(first.differences & second.differences))


def describe(differences: Iterable[Difference], *, limit: int = 3) -> str:
    """Differences for a person: each service once, C(limit) of them by name. The empty string when there is none."""
    services: dict[tuple[str, str, str], int] = {}
    for item in sorted(differences):
        key = (item.kind, item.namespace, item.service)
        services[key] = services.get(key, 0) + 1
    texts = [f"{kind} {count} of {namespace}/{name}" for (kind, namespace, name), count in services.items()]
    more = [f"{len(texts) - limit} more services"] if len(texts) > limit else []
    return ", ".join(texts[:limit] + more)
