# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the caches of all IstioFederations to what the mesh is given. Pure.

One ServiceEntry for one host, however many peers offer it: endpoints are united, the first peer's ports count.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from tests.deckhouse import facts
from tests.deckhouse.protocols import wire_protocol

Object = dict[str, Any]

_API_VERSION = "networking.istio.io/v1"


def remote_metadata(peers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Public metadata by clusterUUID. Nobody owns a UUID: the last peer that claims it has it."""
    caches = (_cache(peer).get("public") for peer in _ordered(peers))
    return {public["clusterUUID"]: dict(public) for public in caches if public}


def ca_certificates(peers: Iterable[Mapping[str, Any]], own_domain: str) -> list[Object]:
    """The mesh config's caCertificates; an IstioMulticluster's domain is our own."""
    found = []
    for peer in _ordered(peers):
        public = _cache(peer).get("public")
        if public:
            found.append({"pem": public["rootCA"], "trustDomains": [peer["spec"].get("trustDomain") or own_domain]})
    return found


def service_entries(federations: Iterable[Mapping[str, Any]], labels: Mapping[str, str]) -> list[Object]:
    """ServiceEntries and DestinationRules for everything that peers with gateways offer."""
    ports: dict[str, list[Object]] = {}
    endpoints: dict[str, set[tuple[str, int]]] = {}
    for federation in _ordered(federations):
        private = _cache(federation).get("private") or {}
        addresses = {(item["address"], item["port"]) for item in private.get("ingressGateways") or []}
        for service in private.get("publicServices") or []:
            if addresses:
                ports.setdefault(service["hostname"], service["ports"])
                endpoints.setdefault(service["hostname"], set()).update(addresses)
    objects = []
    for host in sorted(ports):
        objects += _objects(host, ports[host], sorted(endpoints[host]), labels)
    return objects


def _objects(
    host: str, ports: list[Object], endpoints: list[tuple[str, int]], labels: Mapping[str, str]
) -> list[Object]:
    # A peer's hostname may be anything, also what no object can be called.
    name = f"federation-{hashlib.sha256(host.encode()).hexdigest()[:16]}"
    metadata = {"name": name, "namespace": facts.NAMESPACE, "labels": dict(labels)}
    entry = {
        "hosts": [host],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC" if all(_is_ip(address) for address, _port in endpoints) else "DNS",
        "ports": [
            {"name": port["name"], "number": port["port"], "protocol": wire_protocol(port["name"])} for port in ports
        ],
        "endpoints": [
            {"address": address, "ports": {port["name"]: gateway_port for port in ports}}
            for address, gateway_port in endpoints
        ],
    }
    rule = {"host": host, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}
    return [
        {"apiVersion": _API_VERSION, "kind": "ServiceEntry", "metadata": metadata, "spec": entry},
        {"apiVersion": _API_VERSION, "kind": "DestinationRule", "metadata": metadata, "spec": rule},
    ]


def _ordered(federations: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(federations, key=lambda federation: str(federation["metadata"]["name"]))


def _cache(federation: Mapping[str, Any]) -> Mapping[str, Any]:
    return (federation.get("status") or {}).get("metadataCache") or {}


def _is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True
