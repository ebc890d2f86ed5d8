# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the neighbours offer to the Istio objects that make it callable here.

One ServiceEntry and one DestinationRule for each hostname, however many neighbours and gateways serve it: two entries
for one host break Istio's listeners (istio#43853, #51212).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conflicts import ports_differ
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    MAX_PORTS_AT_GATEWAYS,
    FederationMetadata,
    GatewayAddress,
    ServicePort,
    hostname_problem,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.hostnames import is_ip
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import MANAGED_BY, MANAGED_BY_LABEL

_API_VERSION = "networking.istio.io/v1"


@dataclass(frozen=True)
class ImportSource:
    """A neighbour. locality: region[/zone[/subzone]] of its gateways, as Istio writes it."""

    name: str
    trust_domain: str
    metadata: FederationMetadata
    locality: str | None = None


@dataclass(frozen=True)
class Imports:
    """objects: sorted by host, the ServiceEntry before its DestinationRule. hostnames: by neighbour, sorted."""

    objects: tuple[dict[str, Any], ...]
    hostnames: Mapping[str, tuple[str, ...]]
    findings: tuple[Finding, ...]


@dataclass
class _Host:
    """What is known of one hostname while the neighbours are gone through."""

    first: str
    ports: tuple[ServicePort, ...]
    endpoints: set[tuple[GatewayAddress, str]] = field(default_factory=set)


def compute_imports(
    sources: Iterable[ImportSource],
    *,
    namespace: str,
    labels: Mapping[str, str] | None = None,
    failover: bool = False,
) -> Imports:
    """The objects for all neighbours, the same whatever the order of sources.

    A neighbour without gateways yields nothing but a finding: the caller keeps what it knew. Where ports of one host
    differ, the neighbour whose name sorts first counts. failover: prefer near endpoints and leave failing ones, by
    locality.
    """
    hosts: dict[str, _Host] = {}
    hostnames: dict[str, tuple[str, ...]] = {}
    findings: list[Finding] = []
    for source in sorted(sources, key=lambda source: source.name):
        taken = _take(source, hosts, findings)
        hostnames[source.name] = tuple(sorted({*hostnames.get(source.name, ()), *taken}))
    all_labels = {**(labels or {}), MANAGED_BY_LABEL: MANAGED_BY}
    objects = []
    for hostname in sorted(hosts):
        objects.append(_service_entry(hostname, hosts[hostname], _metadata(hostname, namespace, all_labels)))
        objects.append(_destination_rule(hostname, _metadata(hostname, namespace, all_labels), failover))
    return Imports(tuple(objects), hostnames, tuple(findings))


def _metadata(hostname: str, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
    # A hostname is a valid object name, unique and readable.
    return {"name": hostname, "namespace": namespace, "labels": dict(sorted(labels.items()))}


def _take(source: ImportSource, hosts: dict[str, _Host], findings: list[Finding]) -> list[str]:
    gateways = source.metadata.ingress_gateways
    if not gateways:
        if source.metadata.public_services or gateways is None:
            findings.append(
                Finding(
                    "error",
                    "neighbour-without-gateway",
                    "it names no ingress gateway: nothing new is imported from it",
                    "give the neighbour's gateway an address",
                    neighbour=source.name,
                )
            )
        return []
    taken = []
    for service in source.metadata.public_services:
        problem = hostname_problem(service.hostname, source.trust_domain)
        if problem:
            findings.append(
                Finding(
                    "error",
                    "service-refused",
                    problem,
                    "the neighbour has to correct what it publishes",
                    neighbour=source.name,
                    object=service.hostname,
                )
            )
            continue
        host = hosts.setdefault(service.hostname, _Host(source.name, service.ports))
        if sorted(host.ports, key=_port_order) != sorted(service.ports, key=_port_order):
            findings.append(ports_differ(host.first).located(neighbour=source.name, place=service.hostname))
        endpoints = host.endpoints | {(gateway, source.locality or "") for gateway in gateways}
        if len(endpoints) * len(host.ports) > MAX_PORTS_AT_GATEWAYS:
            findings.append(
                Finding(
                    "error",
                    "service-refused",
                    f"with its gateways there would be {len(endpoints)} endpoints of {len(host.ports)} ports, too many"
                    " for one object: they are left out",
                    "name fewer gateways for the neighbour",
                    neighbour=source.name,
                    object=service.hostname,
                )
            )
            continue
        host.endpoints = endpoints
        taken.append(service.hostname)
    return taken


def _service_entry(hostname: str, host: _Host, metadata: dict[str, Any]) -> dict[str, Any]:
    ports = sorted(host.ports, key=_port_order)
    static = all(is_ip(gateway.address) for gateway, _locality in host.endpoints)
    return {
        "apiVersion": _API_VERSION,
        "kind": "ServiceEntry",
        "metadata": metadata,
        "spec": {
            "hosts": [hostname],
            "location": "MESH_INTERNAL",
            "resolution": "STATIC" if static else "DNS",
            "ports": [{"name": port.name, "number": port.port, "protocol": port.protocol} for port in ports],
            "endpoints": [_endpoint(gateway, locality, ports) for gateway, locality in sorted(host.endpoints)],
        },
    }


def _endpoint(gateway: GatewayAddress, locality: str, ports: Sequence[ServicePort]) -> dict[str, Any]:
    # Never a serviceAccount: Istio would expect that identity in the local trust domain.
    endpoint: dict[str, Any] = {
        "address": gateway.address,
        "labels": {"security.istio.io/tlsMode": "istio"},
        "ports": {port.name: gateway.port for port in sorted(ports, key=lambda port: port.name)},
    }
    if locality:
        endpoint["locality"] = locality
    return endpoint


def _destination_rule(hostname: str, metadata: dict[str, Any], failover: bool) -> dict[str, Any]:
    policy: dict[str, Any] = {"tls": {"mode": "ISTIO_MUTUAL"}}
    if failover:
        # Istio fails over between localities only where it can see endpoints fail.
        policy["loadBalancer"] = {"localityLbSetting": {"enabled": True}}
        policy["outlierDetection"] = {
            "consecutive5xxErrors": 5,
            "interval": "5s",
            "baseEjectionTime": "30s",
            "maxEjectionPercent": 100,
        }
    return {
        "apiVersion": _API_VERSION,
        "kind": "DestinationRule",
        "metadata": metadata,
        "spec": {"host": hostname, "trafficPolicy": policy},
    }


def _port_order(port: ServicePort) -> tuple[int, str]:
    return port.port, port.name
