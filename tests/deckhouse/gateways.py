# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the ingress gateway is reached from outside. Pure.

In this order: what the administrator advertises, the load balancer's first address, the nodes with a ready gateway.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.deckhouse import facts

Addresses = list[dict[str, Any]]


def addresses(
    service: Mapping[str, Any] | None,
    nodes: Iterable[Mapping[str, Any]],
    pods: Iterable[Mapping[str, Any]],
    advertise: str | None,
) -> Addresses | None:
    """Sorted {address, port}; None, which the document tells as null, when that is an error."""
    if advertise is not None:
        try:
            listed = json.loads(advertise)
        except ValueError:
            return None
        return _sorted(listed) if isinstance(listed, list) and listed else None
    if service is None:
        return None
    port = next(
        (port for port in service["spec"].get("ports", []) if port.get("name") == facts.GATEWAY_PORT_NAME), None
    )
    if port is None:
        return None
    if service["spec"].get("type") == "NodePort":
        found = [{"address": address, "port": port["nodePort"]} for address in _nodes(nodes, pods)]
    else:
        found = [{"address": address, "port": port["port"]} for address in _load_balancer(service)]
    return _sorted(found) or None


def _load_balancer(service: Mapping[str, Any]) -> list[str]:
    entries = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    first = entries[0] if entries else {}
    address = first.get("ip") or first.get("hostname")
    return [address] if address else []


def _nodes(nodes: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]]) -> list[str]:
    with_gateway = {pod["spec"].get("nodeName") for pod in pods if is_ready(pod)}
    found = []
    for node in nodes:
        usable = node["metadata"]["name"] in with_gateway and is_ready(node)
        if usable and not node.get("spec", {}).get("unschedulable"):
            by_type = {item["type"]: item["address"] for item in reversed(node["status"].get("addresses") or [])}
            address = by_type.get("ExternalIP") or by_type.get("InternalIP")
            if address:
                found.append(address)
    return found


def is_ready(obj: Mapping[str, Any]) -> bool:
    """Whether a Node or a Pod has the condition Ready."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _sorted(entries: Addresses) -> Addresses:
    return sorted(entries, key=lambda entry: (str(entry.get("address")), str(entry.get("port"))))
