# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ports of a neighbour's services are probed, and what has to be refused by its gateways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    GatewayAddress,
    PublicService,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    EXPORTER,
    HEALTHCHECK_PATH,
    HEALTHCHECK_SERVICE,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe import Target
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.service_ports import Ports

Item = TypeVar("Item")

_GRPC = "grpc"


def targets_of(
    document: FederationMetadata, *, wanted: Sequence[str] = (), limit: int = 100, path: str = "/"
) -> tuple[tuple[Target, ...], int]:
    """The ports to probe, and how many there are of those that are wanted.

    C(wanted): hostnames or shell patterns of them; empty for all. At most C(limit) are taken: the services that are
    there to be probed first, of the others such as stand evenly far apart in the sorted list, the same each time.
    """
    gateways = tuple(sorted(document.ingress_gateways or ()))
    found = [
        target
        for service in sorted(document.public_services, key=lambda service: service.hostname)
        if not wanted or any(fnmatchcase(service.hostname, pattern) for pattern in wanted)
        for target in _ports(service, gateways, path)
    ]
    first = [target for target in found if _is_healthcheck(target.host)][:limit]
    others = [target for target in found if not _is_healthcheck(target.host)]
    return (*first, *_even(others, limit - len(first))), len(found)


def unpublished_of(
    document: FederationMetadata, trust_domain: str, services: Mapping[str, Ports], *, most: int = 3
) -> tuple[Target, ...]:
    """Ports of Services that a cluster has and does not publish, which its gateways have to refuse.

    C(services): what it has, by C(namespace/name), as service_ports.unpack() returns it. At most C(most), the same each
    time, as what has no sidecar can't be passed on to anyway: the exporter's, which is in the mesh for certain, then
    those of namespaces in which users publish something, then the others; of each such as stand evenly far apart.
    """
    gateways = tuple(sorted(document.ingress_gateways or ()))
    published = {service.hostname for service in document.public_services}
    meshed = {_namespace(host) for host in published if not _is_healthcheck(host)}
    found = sorted(
        (host, int(port))
        for place, ports in services.items()
        if (host := _host(place, trust_domain)) not in published
        for _name, port, protocol in ports
        if protocol == "TCP"
    )
    chosen = [place for place in found if place[0].startswith(f"{EXPORTER}.")][:1]
    near = [place for place in found if place not in chosen and _namespace(place[0]) in meshed]
    known = {*chosen, *near}
    far = [place for place in found if place not in known]
    for places in (near, far):
        chosen += _even(places, most - len(chosen))
    return tuple(Target(host, port, "TCP", gateways) for host, port in chosen)


def _namespace(host: str) -> str:
    return host.split(".")[1]


def _host(place: str, trust_domain: str) -> str:
    namespace, _slash, name = place.partition("/")
    return f"{name}.{namespace}.svc.{trust_domain}"


def _even(items: Sequence[Item], most: int) -> list[Item]:
    """So many of them at most, evenly far apart."""
    if len(items) <= most:
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]


def forged_identities(trust_domains: Iterable[str]) -> tuple[str, ...]:
    """SPIFFE IDs that a certificate would have which nobody signed: of the neighbour itself, and of the own cluster."""
    return tuple(f"spiffe://{domain}/ns/default/sa/alliance-forged" for domain in dict.fromkeys(trust_domains))


def _ports(service: PublicService, gateways: tuple[GatewayAddress, ...], path: str) -> Iterable[Target]:
    for port in service.ports:
        yield Target(
            service.hostname,
            port.port,
            port.protocol,
            gateways,
            path=HEALTHCHECK_PATH if _is_healthcheck(service.hostname) else path,
            grpc=port.name.split("-", 1)[0] == _GRPC,
        )


def _is_healthcheck(host: str) -> bool:
    name = host.partition(".")[0]
    return name == HEALTHCHECK_SERVICE or name.startswith(f"{HEALTHCHECK_SERVICE}-")
