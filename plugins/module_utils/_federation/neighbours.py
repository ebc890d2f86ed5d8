# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option C(neighbours) of the modules: what one cluster is told of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import (
    AddressRules,
    AllowedAddresses,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.durations import seconds_from
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import PROVIDERS, resource_name
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    FEDERATION_KIND,
    MODE_FEDERATION,
    MODE_MULTICLUSTER,
    MODE_UNKNOWN,
    MULTICLUSTER_KIND,
    PROVIDER_EXTERNAL,
    PROVIDER_ISTIO,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.staleness import StalePolicy
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.own_addresses import read_address_rules

KINDS = {MODE_FEDERATION: FEDERATION_KIND, MODE_MULTICLUSTER: MULTICLUSTER_KIND}

EXCHANGE_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "neighbours": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "mode": {"type": "str", "choices": [*KINDS, MODE_UNKNOWN], "default": MODE_FEDERATION},
            "provider": {"type": "str", "choices": list(PROVIDERS), "default": PROVIDER_ISTIO},
            "trust_domain": {"type": "str"},
            "metadata_endpoint": {"type": "str"},
            "metadata_ca": {"type": "str"},
            "metadata_insecure": {"type": "bool", "default": False},
            "root_fingerprints": {"type": "list", "elements": "str", "default": []},
            "trust_on_first_use": {"type": "bool", "default": False},
            "locality": {"type": "str"},
            "flat_network": {"type": "bool", "default": False},
            "confirm_no_gateways": {"type": "bool", "default": False},
            "hold": {"type": "str", "default": ""},
            "state": {"type": "dict"},
        },
    },
    "status_refresh": {"type": "int", "default": 300},
}

ADDRESS_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "cluster_domain": {"type": "str"},
    "allowed_gateway_addresses": {"type": "list", "elements": "str", "default": []},
}

STALE_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "stale_after": {"type": "str", "default": "never"},
    "stale_warn_after": {"type": "str", "default": "10m"},
}


def require_names(given: Sequence[Mapping[str, Any]], made_by: str) -> None:
    """Raise AllianceError for an entry of the option C(neighbours) without a name. C(made_by): the filter for it."""
    if not all(neighbour.get("name") for neighbour in given):
        raise AllianceError("an entry of neighbours has no name", remedy=f"use the filter {made_by}")


def stale_policy(params: Mapping[str, Any]) -> StalePolicy:
    """The policy of a module's options. Raises AllianceError for what is no length of time."""
    return StalePolicy(
        seconds_from(params["stale_after"], "stale_after"), seconds_from(params["stale_warn_after"], "stale_warn_after")
    )


@dataclass(frozen=True)
class Neighbour:
    """A neighbour as the inventory and its own API know it.

    C(mode): how it is joined, None while that is not known. C(flat_network): in a multicluster, its pods are reached
    without a gateway. C(state) is None when its API can't be read, and always for an external one.
    C(confirm_no_gateways): when it says that it has none, that is no mistake.
    C(trust_on_first_use): what it says of itself is believed when it was never proved before. C(hold) says why nothing
    new may be taken from it.
    """

    name: str
    mode: str | None = MODE_FEDERATION
    provider: str = PROVIDER_ISTIO
    trust_domain: str | None = None
    endpoint: str | None = None
    ca: str | None = None
    insecure: bool = False
    root_fingerprints: tuple[str, ...] = ()
    trust_on_first_use: bool = False
    locality: str | None = None
    flat_network: bool = False
    confirm_no_gateways: bool = False
    hold: str = ""
    state: ClusterState | None = None

    @property
    def resource_name(self) -> str:
        """The name of the resource that stands for it."""
        return resource_name(self.name)

    @property
    def kind(self) -> str:
        """The kind of that resource, IstioFederation or IstioMulticluster."""
        return KINDS[self.mode or MODE_FEDERATION]

    @property
    def multicluster(self) -> bool:
        """Whether it is a cluster of the same domain, whose API istiod reads."""
        return self.mode == MODE_MULTICLUSTER

    @property
    def external(self) -> bool:
        """Whether there is no API of it that we could ever read."""
        return self.provider == PROVIDER_EXTERNAL

    def completed(self, resource: Mapping[str, Any] | None) -> Neighbour:
        """Filled up from the resource of an earlier run, for a neighbour that can't be read now."""
        if resource is None or self.state is not None:
            return self
        spec = resource["spec"]
        metadata = spec.get("metadata") or {}
        known_domain = spec.get("trustDomain")
        mode = self.mode or (MODE_MULTICLUSTER if resource["kind"] == MULTICLUSTER_KIND else MODE_FEDERATION)
        # Without a mode, the domain is one that it would have in a multicluster.
        domain = self.trust_domain if self.mode or mode == MODE_MULTICLUSTER else None
        return replace(
            self,
            mode=mode,
            trust_domain=domain or known_domain,
            endpoint=self.endpoint or spec.get("metadataEndpoint"),
            ca=self.ca or metadata.get("clusterCA"),
        )


def neighbours_from(option: Sequence[Mapping[str, Any]]) -> list[Neighbour]:
    """The neighbours of a module option, by name. Raises AllianceError when one stands there twice."""
    neighbours = [
        Neighbour(
            name=item["name"],
            mode=None if item.get("mode") == MODE_UNKNOWN else item.get("mode") or MODE_FEDERATION,
            provider=item.get("provider") or PROVIDER_ISTIO,
            trust_domain=item.get("trust_domain") or None,
            endpoint=item.get("metadata_endpoint") or None,
            ca=item.get("metadata_ca") or None,
            insecure=bool(item.get("metadata_insecure")),
            root_fingerprints=tuple(item.get("root_fingerprints") or ()),
            trust_on_first_use=bool(item.get("trust_on_first_use")),
            locality=item.get("locality") or None,
            flat_network=bool(item.get("flat_network")),
            confirm_no_gateways=bool(item.get("confirm_no_gateways")),
            hold=item.get("hold") or "",
            state=ClusterState.from_dict(item["state"]) if item.get("state") else None,
        )
        for item in option
    ]
    names = [neighbour.resource_name for neighbour in neighbours]
    for name in sorted(names):
        if names.count(name) > 1:
            raise AllianceError(f"neighbour {name} is given twice", remedy="name each neighbour once")
    return sorted(neighbours, key=lambda neighbour: neighbour.name)


def joined_by(
    mode: str, neighbours: Sequence[Neighbour], resources: Mapping[str, Mapping[str, Any]]
) -> list[Neighbour]:
    """The neighbours of one mode, filled up from the resources of earlier runs (by name)."""
    completed = [neighbour.completed(resources.get(neighbour.resource_name)) for neighbour in neighbours]
    return [neighbour for neighbour in completed if (neighbour.mode or MODE_FEDERATION) == mode]


def address_rules(client: Client, params: Mapping[str, Any], neighbours: Sequence[Neighbour]) -> AddressRules:
    """What the addresses of these neighbours are held against, by a module's options. Raises AllianceError.

    Without neighbours the cluster is not read.
    """
    allowed = params["allowed_gateway_addresses"]
    if not neighbours:
        return AddressRules(allowed=AllowedAddresses.parse(allowed))
    domains = {params["cluster_domain"], *(neighbour.trust_domain for neighbour in neighbours)}
    return read_address_rules(client, allowed, domains)
