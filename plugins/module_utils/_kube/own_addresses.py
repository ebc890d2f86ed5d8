# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of the cluster itself, which no neighbour can have: nodes, pods, Services, load balancers.

As far as its API tells them: a network plugin that gives out pod addresses of its own need not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import (
    AddressRules,
    AllowedAddresses,
    Network,
    OwnAddresses,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.reading import pod_cidrs, service_cidrs

# An address with the words for what it is.
_Told = tuple[str, str]


def read_address_rules(client: Client, allowed: Iterable[str], domains: Iterable[str | None]) -> AddressRules:
    """What neighbours' addresses are held against in this cluster.

    allowed: entries of alliance_allowed_gateway_addresses. domains: DNS domains of this cluster and its neighbours,
    where they are known. Raises AllianceError for an entry that can't be read.
    """
    permitted = AllowedAddresses.parse(allowed)
    return AddressRules(read_own_addresses(client), permitted, frozenset(domain for domain in domains if domain))


def read_own_addresses(client: Client) -> OwnAddresses:
    """Nodes, pod and service subnets, load balancers and namespaces. Raises ApiError."""
    nodes = client.list(kinds.NODE).items
    cidrs = service_cidrs(client)
    # Where the service subnets are not told, each Service's own address is.
    services = client.list(kinds.SERVICE, field_selector="spec.type=LoadBalancer" if cidrs else None).items
    told: list[_Told] = [
        *_of_nodes(nodes),
        *((cidr, "its pods") for cidr in pod_cidrs(nodes)),
        *((cidr, "its Services") for cidr in cidrs),
        *_of_services(services),
    ]
    networks: dict[Network, str] = {}
    hosts: dict[str, str] = {}
    for text, what in told:
        try:
            networks.setdefault(ipaddress.ip_network(text, strict=False), what)
        except ValueError:
            hosts.setdefault(text.lower().rstrip("."), what)
    namespaces = client.list(kinds.NAMESPACE, metadata_only=True).items
    return OwnAddresses(networks, hosts, frozenset(item["metadata"]["name"] for item in namespaces))


def _of_nodes(nodes: Iterable[Mapping[str, Any]]) -> Iterator[_Told]:
    for node in nodes:
        for entry in (node.get("status") or {}).get("addresses") or []:
            if entry.get("address"):
                yield entry["address"], f"node {node['metadata']['name']}"


def _of_services(services: Iterable[Mapping[str, Any]]) -> Iterator[_Told]:
    for service in services:
        name = f"Service {service['metadata']['namespace']}/{service['metadata']['name']}"
        spec = service.get("spec") or {}
        for address in {*(spec.get("clusterIPs") or ()), spec.get("clusterIP"), *(spec.get("externalIPs") or ())}:
            if address and address != "None":
                yield address, name
        for entry in ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []:
            for address in (entry.get("ip"), entry.get("hostname")):
                if address:
                    yield address, name
