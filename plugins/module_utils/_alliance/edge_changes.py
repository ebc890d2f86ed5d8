# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run changes of an edge (reader <- neighbour): services, ports, gateways and roots.

Told by the modules that compute the objects, from what is there and what is to be there. So check mode and a real run
say the same, and the objects themselves stay in the module. Only edges with a change are told. They are named by the
neighbour, or by its trust domain where no neighbour of the inventory is known for it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import constrained_anchor
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import FederationMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import CertificateError

Object = Mapping[str, Any]
Edges = dict[str, dict[str, Any]]
_Service = dict[str, Any]
_Gateway = tuple[str, int]


@dataclass(frozen=True)
class Supplier:
    """A neighbour as a source of services: C(known) is what was known of it before, C(offered) what counts now.

    C(hostnames): of those that it offers, the imported ones.
    """

    name: str
    trust_domain: str
    known: FederationMetadata | None = None
    offered: FederationMetadata | None = None
    hostnames: tuple[str, ...] = ()


def import_changes(before: Iterable[Object], after: Iterable[Object], suppliers: Sequence[Supplier]) -> Edges:
    """What becomes reachable of each neighbour, and stops being so. C(before), C(after): ServiceEntries."""
    old, new = {_host(obj): obj for obj in before}, {_host(obj): obj for obj in after}
    hosts_before, gateways_before = _had(old, suppliers)
    hosts_after: dict[str, set[str]] = {item.name: set(item.hostnames) & set(new) for item in suppliers}
    gateways_after = {item.name: _offered(item) for item in suppliers}
    edges: Edges = {}
    for name in sorted({*hosts_before, *hosts_after}):
        had, has = hosts_before.get(name, set()), hosts_after.get(name, set())
        services = {
            "added": [_service(new[host]) for host in sorted(has - had)],
            "removed": [_service(old[host]) for host in sorted(had - has)],
            "changed": [
                {"hostname": host, "before": _ports(old[host]), "after": _ports(new[host])}
                for host in sorted(had & has)
                if _ports(old[host]) != _ports(new[host])
            ],
        }
        gateways = _difference(
            {_written(item) for item in gateways_before.get(name, ())},
            {_written(item) for item in gateways_after.get(name, ())},
        )
        if any(services.values()) or any(gateways.values()):
            edges[name] = {"services": services, "gateways": gateways}
    return edges


@dataclass(frozen=True)
class Believed:
    """A neighbour as a source of roots: PEM C(roots) that it has or had, and the trust domains that they count for."""

    name: str
    roots: str
    domain_before: str
    domain_after: str


def root_changes(
    before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]], neighbours: Iterable[Believed]
) -> Edges:
    """Which roots become trusted of each neighbour, and which no longer are, by their SHA-256 fingerprints.

    C(before), C(after): the anchors by trust domain, as parse_shared_mesh_config() returns them. An anchor that is of
    no known root is told by its own fingerprint, under its trust domain.
    """
    edges: Edges = {}
    explained: set[tuple[str, str]] = set()
    for item in neighbours:
        had: set[str] = set()
        has: set[str] = set()
        for root in split_certificates(item.roots):
            for domain, anchors, found in (
                (item.domain_before, before, had),
                (item.domain_after, after, has),
            ):
                anchor = _anchor(root, domain)
                if anchor in anchors.get(domain, ()):
                    found.add(fingerprint(root))
                    explained.add((domain, anchor))
        difference = _difference(had, has)
        if any(difference.values()):
            edges[item.name] = {"trust_domain": item.domain_after or item.domain_before, "roots": difference}
    for domain in sorted({*before, *after}):
        difference = _difference(*(_unexplained(domain, anchors, explained) for anchors in (before, after)))
        if any(difference.values()):
            edges.setdefault(domain, {"trust_domain": domain, "roots": difference})
    return edges


def network_changes(before: str, after: str, called: Mapping[str, str]) -> Edges:
    """Which gateways join the network of each cluster of the same domain. Texts of mesh_networks(), empty for none.

    C(called): the neighbours' names by their cluster IDs; one that has none there is told by its cluster ID.
    """
    old, new = _joined(before), _joined(after)
    edges: Edges = {}
    for cluster_id in sorted({*old, *new}):
        difference = _difference(old.get(cluster_id, set()), new.get(cluster_id, set()))
        if any(difference.values()):
            edges[called.get(cluster_id, cluster_id)] = {"gateways": difference}
    return edges


def told_roots(name: str, trust_domain: str, before: Iterable[str], after: Iterable[str]) -> Edges:
    """The same for a platform, which is told of neighbours: C(before), C(after) are fingerprints of proved roots."""
    difference = _difference(set(before), set(after))
    return {name: {"trust_domain": trust_domain, "roots": difference}} if any(difference.values()) else {}


def _had(
    old: Mapping[str, Object], suppliers: Sequence[Supplier]
) -> tuple[dict[str, set[str]], dict[str, set[_Gateway]]]:
    """Hosts and gateways of each neighbour as they are. A host of several neighbours is each one's that offered it."""
    known = {
        item.name: {service.hostname for service in item.known.public_services} if item.known else set()
        for item in suppliers
    }
    own = {item.name: _gateways(item.known) for item in suppliers}
    hosts: dict[str, set[str]] = defaultdict(set)
    gateways: dict[str, set[_Gateway]] = defaultdict(set)
    for host, obj in old.items():
        domain = host.split(".", 3)[-1]
        same = [item.name for item in suppliers if item.trust_domain == domain]
        owners = [name for name in same if host in known[name]] or same or [domain]
        endpoints = _endpoints(obj)
        for name in owners:
            hosts[name].add(host)
            gateways[name] |= endpoints if len(owners) == 1 else endpoints & own[name]
    return hosts, gateways


def _joined(text: str) -> dict[str, set[str]]:
    """Gateways by cluster ID; none where somebody else wrote what can't be read."""
    try:
        networks = json.loads(text or "{}").get("networks") or {}
        found: dict[str, set[str]] = defaultdict(set)
        for network in networks.values():
            gateways = {_written((str(item["address"]), int(item["port"]))) for item in network["gateways"]}
            for endpoint in network["endpoints"]:
                found[str(endpoint["fromRegistry"])] |= gateways
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}
    return found


def _offered(supplier: Supplier) -> set[_Gateway]:
    return _gateways(supplier.offered) if supplier.hostnames else set()


def _gateways(document: FederationMetadata | None) -> set[_Gateway]:
    return {(item.address, item.port) for item in (document.ingress_gateways if document else None) or ()}


def _endpoints(obj: Object) -> set[_Gateway]:
    return {
        (str(endpoint.get("address")), int(port))
        for endpoint in obj["spec"].get("endpoints") or []
        for port in (endpoint.get("ports") or {}).values()
    }


def _host(obj: Object) -> str:
    return str(obj["spec"]["hosts"][0])


def _service(obj: Object) -> _Service:
    return {"hostname": _host(obj), "ports": _ports(obj)}


def _ports(obj: Object) -> list[dict[str, Any]]:
    ports = [
        {"name": str(port["name"]), "port": int(port["number"]), "protocol": str(port.get("protocol"))}
        for port in obj["spec"].get("ports") or []
    ]
    return sorted(ports, key=lambda port: (port["port"], port["name"]))


def _written(gateway: _Gateway) -> str:
    address, port = gateway
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _difference(before: set[str], after: set[str]) -> dict[str, list[str]]:
    return {"added": sorted(after - before), "removed": sorted(before - after)}


def _anchor(root: str, domain: str) -> str:
    try:
        return constrained_anchor(root, domain) if domain else ""
    except CertificateError:  # it was never trusted
        return ""


def _unexplained(domain: str, anchors: Mapping[str, Sequence[str]], explained: set[tuple[str, str]]) -> set[str]:
    return {fingerprint(anchor) for anchor in anchors.get(domain, ()) if (domain, anchor) not in explained}
