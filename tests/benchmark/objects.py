# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that every contestant applies, and the ones that the exporter publishes."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

API_VERSION = "networking.istio.io/v1"
# Kind and the plural in its path.
KINDS = {"ServiceEntry": "serviceentries", "DestinationRule": "destinationrules"}
PUBLIC_LABEL = "federation.istio.deckhouse.io/public-service"


def imported_services(count: int, namespace: str) -> list[Object]:
    """count ServiceEntries and as many DestinationRules, as an import of count services makes them."""
    objects: list[Object] = []
    for number in range(count):
        name = f"service-{number:04d}"
        host = f"{name}.shop.svc.cluster-b.local"
        metadata = {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "benchmark"}}
        objects.append(
            {
                "apiVersion": API_VERSION,
                "kind": "ServiceEntry",
                "metadata": metadata,
                "spec": {
                    "hosts": [host],
                    "location": "MESH_INTERNAL",
                    "resolution": "STATIC",
                    "ports": [
                        {"name": "http", "number": 8080, "protocol": "HTTP"},
                        {"name": "grpc", "number": 9090, "protocol": "GRPC"},
                    ],
                    "endpoints": [
                        {"address": f"192.0.2.{10 + gateway}", "ports": {"http": 15443, "grpc": 15443}}
                        for gateway in range(3)
                    ],
                    "subjectAltNames": ["spiffe://cluster-b.local/ns/shop/sa/default"],
                },
            }
        )
        objects.append(
            {
                "apiVersion": API_VERSION,
                "kind": "DestinationRule",
                "metadata": metadata,
                "spec": {
                    "host": host,
                    "trafficPolicy": {
                        "tls": {"mode": "ISTIO_MUTUAL"},
                        "outlierDetection": {"consecutive5xxErrors": 5, "interval": "10s", "baseEjectionTime": "30s"},
                    },
                },
            }
        )
    return objects


def published_service(name: str, namespace: str, *, published: bool) -> Object:
    """A Service as teams have them, with two ports; labelled or not."""
    labels = {PUBLIC_LABEL: ""} if published else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "selector": {"app": name},
            "ports": [
                {"name": "http", "port": 8080, "targetPort": 8080, "protocol": "TCP"},
                {"name": "grpc", "port": 9090, "targetPort": 9090, "protocol": "TCP"},
            ],
        },
    }
