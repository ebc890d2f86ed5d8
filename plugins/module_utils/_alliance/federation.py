# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IstioFederation and IstioMulticluster resources: one for each neighbour, with a status that tells what is known of it
and since when."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import AddressRules
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import (
    EVICTED,
    PRIVATE_READY,
    PUBLIC_READY,
    REMOTE_API_READY,
    STALE,
    condition,
    set_condition,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation_crds import (
    federation_crd,
    multicluster_crd,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import MulticlusterMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    FEDERATION_GROUP,
    FEDERATION_KIND,
    FEDERATION_VERSION,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    MULTICLUSTER_KIND,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.staleness import Staleness
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import moment, rfc3339

__all__ = [
    "PROVED_ANNOTATION",
    "Failure",
    "cached_multicluster",
    "cached_private",
    "cached_public",
    "federation_crd",
    "federation_resource",
    "federation_status",
    "heartbeat_due",
    "last_known_good",
    "multicluster_crd",
    "multicluster_resource",
    "proved_public",
    "rfc3339",
    "same_except_timestamps",
    "set_condition",
    "without_timestamps",
]

# On a platform, whose status is not ours: the public document that was proved, as JSON.
PROVED_ANNOTATION = "meshalliance.istio/proved-metadata"

_ANY_READER = AddressRules()
_PUBLIC_TIME = "publicLastFetchTimestamp"
_PRIVATE_TIME = "privateLastFetchTimestamp"


@dataclass(frozen=True)
class Failure:
    """Why nothing was learnt. reason: one of the condition reasons, for example FetchFailed or AwaitingPublic."""

    reason: str
    message: str

    @classmethod
    def of(cls, error: AllianceError) -> Failure:
        """From an error; its .reason counts when it has one."""
        reason = getattr(error, "reason", "") or "FetchFailed"
        return cls(str(reason), error.message)


def federation_resource(
    name: str,
    *,
    trust_domain: str,
    endpoint: str,
    ca: str | None = None,
    insecure: bool = False,
    proved: str | None = None,
) -> dict[str, Any]:
    """The IstioFederation of a neighbour, without status. endpoint: its metadata base URL, ca: PEM.

    proved: the text of the annotation that remembers what was proved, where the status is a platform's.
    """
    spec: dict[str, Any] = {"trustDomain": trust_domain, **_endpoint(endpoint, ca, insecure)}
    return _resource(FEDERATION_KIND, name, spec, proved)


def multicluster_resource(
    name: str,
    *,
    endpoint: str,
    flat_network: bool = False,
    ca: str | None = None,
    insecure: bool = False,
    proved: str | None = None,
) -> dict[str, Any]:
    """The IstioMulticluster of a neighbour, as federation_resource() makes the other kind.

    flat_network: its pods are reached without its gateway.
    """
    spec: dict[str, Any] = {"enableIngressGateway": not flat_network, **_endpoint(endpoint, ca, insecure)}
    return _resource(MULTICLUSTER_KIND, name, spec, proved)


def _endpoint(endpoint: str, ca: str | None, insecure: bool) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if ca:
        metadata["clusterCA"] = ca
    if insecure:
        metadata["enableInsecureConnection"] = True
    return {"metadataEndpoint": endpoint, **({"metadata": metadata} if metadata else {})}


def _resource(kind: str, name: str, spec: dict[str, Any], proved: str | None) -> dict[str, Any]:
    annotations = {"annotations": {PROVED_ANNOTATION: proved}} if proved else {}
    return {
        "apiVersion": f"{FEDERATION_GROUP}/{FEDERATION_VERSION}",
        "kind": kind,
        "metadata": {"name": name, "labels": {MANAGED_BY_LABEL: MANAGED_BY}, **annotations},
        "spec": spec,
    }


def federation_status(
    previous: Mapping[str, Any] | None,
    *,
    now_iso: str,
    public: PublicMetadata | Failure | None = None,
    private: FederationMetadata | MulticlusterMetadata | Failure | None = None,
    remote_api: Failure | bool | None = None,
    stale: Staleness | None = None,
    no_gateways: bool = False,
) -> dict[str, Any]:
    """The new status after fetching. None: that was not asked for, everything about it stays.

    A document that was fetched replaces its cache and timestamp; after a Failure both stay as they were. A federation
    document without gateways is a failure too: it never evicts what is known, unless that there are C(no_gateways) was
    confirmed. remote_api: True when the API of a cluster of the same domain answered. stale: how stale the neighbour is
    whose private document could not be had.
    """
    status: dict[str, Any] = copy.deepcopy(dict(previous or {}))
    cache = dict(status.get("metadataCache") or {})
    conditions = list(status.get("conditions") or [])
    confirmed = no_gateways and isinstance(private, FederationMetadata) and private.ingress_gateways == ()
    if isinstance(private, FederationMetadata) and not private.ingress_gateways and not confirmed:
        private = Failure("InvalidPrivateMetadata", "the neighbour names no ingress gateway; what was known stays")
    if isinstance(public, PublicMetadata):
        cache["public"] = public.to_dict()
        cache[_PUBLIC_TIME] = now_iso
    if isinstance(private, (FederationMetadata, MulticlusterMetadata)):
        cache["private"] = private.to_dict()
        cache[_PRIVATE_TIME] = now_iso
    if isinstance(private, FederationMetadata):
        status["publicServices"] = 0 if confirmed else len(private.public_services)
    elif stale is not None and "publicServices" in status:
        kept = cached_private(status) if not stale.evicted else None
        status["publicServices"] = len(kept.public_services) if kept and kept.ingress_gateways else 0
    for type_, outcome, good in (
        (PUBLIC_READY, public, "Succeeded"),
        (PRIVATE_READY, private, "Succeeded"),
        (REMOTE_API_READY, remote_api, "RemoteAPIReachable"),
    ):
        if isinstance(outcome, Failure):
            conditions = set_condition(conditions, type_, "False", outcome.reason, outcome.message, now_iso)
        elif outcome:
            conditions = set_condition(conditions, type_, "True", good, "", now_iso)
    if private is not None:
        conditions = _with_stale(conditions, stale, now_iso, answered=not isinstance(private, Failure))
    status["metadataCache"] = cache
    status["conditions"] = conditions
    return status


def _with_stale(
    conditions: list[dict[str, Any]], stale: Staleness | None, now_iso: str, *, answered: bool
) -> list[dict[str, Any]]:
    """Only who was stale once has this condition. Its texts hold no time that passes, so that they stay the same."""
    if stale is not None and stale.evicted:
        message = f"no answer since {stale.since}: nothing of it is imported any more"
        return set_condition(conditions, STALE, "True", EVICTED, message, now_iso)
    if stale is not None and stale.stale:
        message = f"no answer since {stale.since}: what was known of it stays in use"
        return set_condition(conditions, STALE, "True", "LastKnownGood", message, now_iso)
    if answered and condition(conditions, STALE) is not None:
        return set_condition(conditions, STALE, "False", "Succeeded", "", now_iso)
    return conditions


def cached_public(status: Mapping[str, Any] | None) -> PublicMetadata | None:
    """The neighbour's identity as last seen, or None when there is none that can be used."""
    try:
        return PublicMetadata.from_dict(_cache(status).get("public"))
    except AllianceError:
        return None


def proved_public(resource: Mapping[str, Any] | None) -> PublicMetadata | None:
    """The identity that was proved, as the resource's annotation remembers it; None when there is none that can be
    used."""
    text = (((resource or {}).get("metadata") or {}).get("annotations") or {}).get(PROVED_ANNOTATION)
    try:
        return PublicMetadata.parse(text) if text else None
    except AllianceError:
        return None


def cached_private(status: Mapping[str, Any] | None, rules: AddressRules = _ANY_READER) -> FederationMetadata | None:
    """What the neighbour offered last, or None when there is nothing that can be used. rules: of who reads it."""
    try:
        return FederationMetadata.from_dict(_cache(status).get("private"), rules)
    except AllianceError:
        return None


def cached_multicluster(
    status: Mapping[str, Any] | None, rules: AddressRules = _ANY_READER
) -> MulticlusterMetadata | None:
    """What a cluster of the same domain said last, or None when there is nothing that can be used.

    rules: of who reads it.
    """
    try:
        return MulticlusterMetadata.from_dict(_cache(status).get("private"), rules)
    except AllianceError:
        return None


def last_known_good(
    status: Mapping[str, Any] | None,
    fetched: FederationMetadata | Failure | None,
    rules: AddressRules = _ANY_READER,
) -> FederationMetadata | None:
    """What to import from: the fetched document if it names gateways, else what the status remembers."""
    if isinstance(fetched, FederationMetadata) and fetched.ingress_gateways:
        return fetched
    return cached_private(status, rules)


def heartbeat_due(
    status: Mapping[str, Any] | None,
    now_iso: str,
    refresh_seconds: float,
    renewed: Iterable[str] = (_PUBLIC_TIME, _PRIVATE_TIME),
) -> bool:
    """True when a timestamp of the cache is missing or older than refresh_seconds: time to renew it.

    Only the timestamps C(renewed) count: who fetched one document has nothing new to say of the other.
    """
    cache, now = _cache(status), moment(now_iso)
    for name in renewed:
        seen = moment(cache.get(name))
        if seen is None or now is None or abs((now - seen).total_seconds()) >= refresh_seconds:
            return True
    return False


def same_except_timestamps(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> bool:
    """True when two statuses differ in nothing but the times of fetching."""
    return _comparable(a) == _comparable(b)


def without_timestamps(status: Mapping[str, Any] | None) -> dict[str, Any]:
    """A status without the times of fetching; empty for none."""
    return _comparable(status) if status else {}


def _cache(status: Mapping[str, Any] | None) -> Mapping[str, Any]:
    cache = (status or {}).get("metadataCache")
    return cache if isinstance(cache, Mapping) else {}


def _comparable(status: Mapping[str, Any] | None) -> dict[str, Any]:
    stripped = dict(status or {})
    stripped["metadataCache"] = {
        name: value for name, value in _cache(status).items() if name not in (_PUBLIC_TIME, _PRIVATE_TIME)
    }
    stripped["conditions"] = list(stripped.get("conditions") or [])
    return stripped
