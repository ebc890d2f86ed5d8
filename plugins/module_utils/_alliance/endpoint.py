# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a cluster's metadata endpoint is: its URL, and every host that it may be reached by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import METADATA_PATH


def metadata_endpoint(address: GatewayAddress) -> str:
    """The base URL of the documents behind a gateway's HTTPS port."""
    host = f"[{address.address}]" if ":" in address.address else address.address
    port = "" if address.port == 443 else f":{address.port}"
    return f"https://{host}{port}{METADATA_PATH}"


def base_url(endpoint: str) -> str:
    """An endpoint as it is written for others: with its slash, for some put a document's path right behind it."""
    return endpoint.rstrip("/") + "/"


def endpoint_hosts(service: Mapping[str, Any] | None, nodes: Iterable[Mapping[str, Any]]) -> list[str]:
    """IP addresses and DNS names of the gateway's Service: its load balancer's, or for NodePort those of all nodes.

    All nodes, not only those with a gateway pod now: a pod that moves must not need a new certificate.
    """
    spec = (service or {}).get("spec") or {}
    if spec.get("type") == "NodePort":
        addresses = [entry for node in nodes for entry in (node.get("status") or {}).get("addresses") or []]
        found = {entry["address"] for entry in addresses if entry.get("type") in ("ExternalIP", "InternalIP")}
        return sorted(found)
    ingress = (((service or {}).get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return sorted({entry[key] for entry in ingress for key in ("ip", "hostname") if entry.get(key)})
