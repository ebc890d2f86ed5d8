# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a neighbour's gateway or API may be, for the cluster that reads: not inside of that cluster itself.

A neighbour that names an address of the reader's own nodes, pods or Services would have the reader's traffic sent to
them. Private ranges are no sign of that: gateways are in them as often as not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Union

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.hostnames import (
    address_form_problem,
    address_problem,
    embedded_ipv4,
    is_dns_name,
)

# Union, because the pylint of ansible-test takes | between classes for an arithmetic operation.
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]  # noqa: UP007
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]  # noqa: UP007

# Below a cluster's domain, what its DNS makes up: Services and pods (Kubernetes' DNS specification).
_DNS_BRANCHES = ("svc", "pod")
# The domain that most clusters have, whatever their trust domain is.
_USUAL_DOMAIN = "cluster.local"


@dataclass(frozen=True)
class AllowedAddresses:
    """What the reader's administrator has allowed by name: C(networks) and DNS C(names)."""

    networks: tuple[Network, ...] = ()
    names: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> AllowedAddresses:
        """From IP addresses, networks (C(address/length)) and DNS names. Raises AllianceError that names the entry."""
        networks: list[Network] = []
        names: set[str] = set()
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                if not is_dns_name(entry):
                    raise AllianceError(
                        f"{entry[:100]!a} is neither an IP address, nor a network, nor a DNS name",
                        remedy="correct alliance_allowed_gateway_addresses",
                    ) from None
                names.add(entry)
        return cls(tuple(networks), frozenset(names))

    def __contains__(self, address: str) -> bool:
        parsed = _ip(address)
        return address in self.names if parsed is None else any(parsed in network for network in self.networks)


@dataclass(frozen=True)
class OwnAddresses:
    """What belongs to the cluster that reads.

    C(networks) and C(names): each with the words for what it is, for example C(one of its nodes). C(namespaces): by
    their names; C(name.namespace) is a Service of it for whoever looks a name up inside of it.
    """

    networks: Mapping[Network, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    namespaces: frozenset[str] = frozenset()

    @cached_property
    def _ranges(self) -> dict[Network, str]:
        return {network: what for network, what in self.networks.items() if network.num_addresses > 1}

    def owner_of(self, address: Address) -> str | None:
        """What of this cluster is at an address; None when nothing is."""
        single = self.networks.get(ipaddress.ip_network(address))
        return single or next((what for network, what in self._ranges.items() if address in network), None)


@dataclass(frozen=True)
class AddressRules:
    """What a neighbour's address is held against.

    C(domains): DNS domains of clusters, whose Services nobody can be reached through from outside.
    """

    own: OwnAddresses = OwnAddresses()
    allowed: AllowedAddresses = AllowedAddresses()
    domains: frozenset[str] = frozenset()

    def problem(self, text: object) -> str | None:
        """Why a neighbour's gateway or API can't be at this address; None when it can."""
        form = address_form_problem(text)
        if form:
            return form
        address = str(text)
        if address in self.allowed:
            return None
        return address_problem(address) or self._own(address)

    def _own(self, address: str) -> str | None:
        parsed = _ip(address)
        if parsed is None:
            return self._own_name(address)
        embedded = embedded_ipv4(parsed)
        what = self.own.owner_of(parsed) or (self.own.owner_of(embedded) if embedded else None)
        return f"the address belongs to this cluster itself ({what})" if what else None

    def _own_name(self, name: str) -> str | None:
        if name in self.own.names:
            return f"the name belongs to this cluster itself ({self.own.names[name]})"
        labels = name.split(".")
        inner = {f".{branch}.{domain}" for branch in _DNS_BRANCHES for domain in (*self.domains, _USUAL_DOMAIN)}
        if labels[-1] in _DNS_BRANCHES or any(name.endswith(suffix) for suffix in inner):
            return "the name is that of a Service or pod, which only its own cluster knows"
        if self.own.namespaces and (len(labels) == 1 or (len(labels) == 2 and labels[1] in self.own.namespaces)):
            return "the name is that of a Service of this cluster itself, for whoever looks it up here"
        return None


def _ip(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
