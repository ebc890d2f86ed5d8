# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the cluster knows of a neighbour, as its IstioFederation or IstioMulticluster remembers it: a summary to export.

A resource may hold a document of a megabyte; this is what is kept of it. Nothing here raises: whoever may write a
status could stop the exporter otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    not_after,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import (
    DATAPLANE_READY,
    EVICTED,
    PRIVATE_READY,
    PUBLIC_READY,
    REMOTE_API_READY,
    STALE,
    condition,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    cached_multicluster,
    cached_private,
    cached_public,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.healthcheck import healthcheck_host
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    FEDERATION_KIND,
    MODE_FEDERATION,
    MODE_MULTICLUSTER,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import unix_time

# The conditions that are exported; those of others are not.
CONDITIONS = (PUBLIC_READY, PRIVATE_READY, REMOTE_API_READY, DATAPLANE_READY, STALE)
STATUSES = ("True", "False", "Unknown")


@dataclass(frozen=True)
class NeighbourState:
    """One neighbour. C(name): of the resource, of the C(kind).

    C(conditions): status by type, of CONDITIONS. C(fetched): by document (public, private) when it was fetched last,
    unix seconds. C(services): how many are imported, None in a multicluster. C(gateways): how many are known, None when
    nothing is. C(root_end): when the first of its roots ends, unix seconds, None when none is known or readable.
    C(healthcheck): where it is asked, None when it publishes none. C(api_host): of a cluster of the same domain.
    """

    name: str
    kind: str
    trust_domain: str = ""
    endpoint: str = ""
    uuid: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    fetched: Mapping[str, float] = field(default_factory=dict)
    services: int | None = None
    gateways: int | None = None
    root_end: float | None = None
    healthcheck: str | None = None
    api_host: str = ""

    @property
    def mode(self) -> str:
        """How it is joined: federation or multicluster."""
        return MODE_FEDERATION if self.kind == FEDERATION_KIND else MODE_MULTICLUSTER

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name: of a neighbour that changed its domain there may be two resources of one name."""
        return self.kind, self.name


def neighbour_state(resource: Mapping[str, Any]) -> NeighbourState:
    """The summary of a resource, with apiVersion and kind or of a list of them."""
    name, kind = str(resource["metadata"]["name"]), str(resource.get("kind") or FEDERATION_KIND)
    spec, status = _mapping(resource.get("spec")), _mapping(resource.get("status"))
    cache = _mapping(status.get("metadataCache"))
    conditions = _conditions(status.get("conditions"))
    public = cached_public(status)
    uuid = public.cluster_uuid if public else ""
    trust_domain = str(spec.get("trustDomain") or "")
    fetched = {document: unix_time(cache.get(f"{document}LastFetchTimestamp")) for document in ("public", "private")}
    services: int | None = None
    gateways: Sequence[GatewayAddress] | None = None
    healthcheck, api_host = None, ""
    if kind == FEDERATION_KIND:
        private = cached_private(status)
        listed = private.public_services if private else ()
        services = 0 if _evicted(status.get("conditions")) else len(listed)
        gateways = private.ingress_gateways if private else None
        healthcheck = healthcheck_host(listed, trust_domain, uuid)
    elif (joined := cached_multicluster(status)) is not None:
        gateways, api_host = joined.ingress_gateways, joined.api_host
    return NeighbourState(
        name,
        kind,
        trust_domain=trust_domain,
        endpoint=str(spec.get("metadataEndpoint") or ""),
        uuid=uuid,
        conditions=conditions,
        fetched={document: at for document, at in fetched.items() if at is not None},
        services=services,
        gateways=None if gateways is None else len(gateways),
        root_end=first_end(public.root_ca) if public else None,
        healthcheck=healthcheck,
        api_host=api_host,
    )


def first_end(bundle: str) -> float | None:
    """When the first certificate of a PEM text ends, unix seconds; None for a text without one that can be read."""
    try:
        return min((not_after(pem).timestamp() for pem in split_certificates(bundle)), default=None)
    except (AllianceError, ValueError, OverflowError):
        return None


def _conditions(value: object) -> dict[str, str]:
    return {
        str(entry["type"]): str(entry["status"])
        for entry in _entries(value)
        if entry.get("type") in CONDITIONS and entry.get("status") in STATUSES
    }


def _evicted(value: object) -> bool:
    """Whether it has been silent for so long that nothing of it is imported any more."""
    stale = condition(_entries(value), STALE) or {}
    return (stale.get("status"), stale.get("reason")) == ("True", EVICTED)


def _entries(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
