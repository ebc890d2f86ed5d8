# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a cluster's ingress gateway can be reached from outside, from the objects in the cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import is_ready
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    MAX_GATEWAYS,
    GatewayAddress,
    parse_gateway,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import DocumentError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    ADVERTISE_CONFIGMAP,
    ADVERTISE_KEY,
    GATEWAY_PORT,
    GATEWAY_PORT_NAME,
    INGRESSGATEWAY,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json

_MAX_ADVERTISE_BYTES = 256 * 1024
_ADVERTISE = f"ConfigMap {ADVERTISE_CONFIGMAP}"
_SERVICE = f"Service {INGRESSGATEWAY}"

_Answer = tuple[tuple[GatewayAddress, ...], tuple[Finding, ...]]


def gateway_addresses(
    service: Mapping[str, Any] | None,
    nodes: Iterable[Mapping[str, Any]],
    pods: Iterable[Mapping[str, Any]],
    advertise: str | None,
    port_name: str = GATEWAY_PORT_NAME,
    advertise_key: str = ADVERTISE_KEY,
) -> _Answer:
    """The gateway's addresses, sorted, and what is wrong with them.

    service: the gateway's Service. nodes: the cluster's Nodes. pods: the gateway's Pods. advertise: the text of the
    advertise ConfigMap's key (advertise_key, for messages), which wins when present. Otherwise LoadBalancer: each
    ingress entry, IP before hostname, with the Service port port_name. NodePort: the schedulable Ready nodes that run a
    Ready gateway pod, ExternalIP before InternalIP, with that port's nodePort. Bad advertised entries are never
    replaced by a guess.
    """
    if advertise is not None and advertise.strip():
        answer = _advertised(advertise, advertise_key)
        if answer is not None:
            return answer
    if service is None:
        return (), (_problem("gateway-missing", "there is no gateway Service", "run the role ingressgateway"),)
    spec = service.get("spec") or {}
    port = next((port for port in spec.get("ports") or [] if port.get("name") == port_name), None)
    if port is None:
        return (), (_problem("gateway-port-missing", f"it has no port named {port_name}", "name the port"),)
    if spec.get("type") == "LoadBalancer":
        return _load_balancer(service, int(port["port"]))
    if spec.get("type") == "NodePort":
        return _node_port(nodes, pods, int(port.get("nodePort") or 0))
    return (), (
        _problem(
            "gateway-unreachable",
            f"it is of type {spec.get('type') or 'ClusterIP'}, which can't be reached from outside",
            "use LoadBalancer or NodePort, or advertise addresses",
        ),
    )


def _advertised(text: str, key: str) -> _Answer | None:
    """None for an empty list: nothing is advertised then."""
    try:
        entries = parse_json(text, max_bytes=_MAX_ADVERTISE_BYTES, what=key)
    except DocumentError as error:
        return (), (_bad_advertise(key, error.message),)
    if not isinstance(entries, list) or len(entries) > MAX_GATEWAYS:
        return (), (_bad_advertise(key, f"it is not a list of at most {MAX_GATEWAYS} entries"),)
    if not entries:
        return None
    addresses: set[GatewayAddress] = set()
    findings = []
    for entry in entries:
        try:
            addresses.add(parse_gateway(entry))
        except ValueError as why:
            findings.append(_bad_advertise(key, f"an entry is left out: {why}"))
    return tuple(sorted(addresses)), tuple(findings)


def _load_balancer(service: Mapping[str, Any], port: int) -> _Answer:
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return _checked(((entry.get("ip") or entry.get("hostname"), port) for entry in ingress), "the load balancer")


def _node_port(nodes: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], port: int) -> _Answer:
    serving = {(pod.get("spec") or {}).get("nodeName") for pod in pods if is_ready(pod) and not _is_going(pod)}
    usable = [
        node
        for node in nodes
        if (node.get("metadata") or {}).get("name") in serving
        and is_ready(node)
        and not (node.get("spec") or {}).get("unschedulable")
    ]
    return _checked(((_node_address(node), port) for node in usable), "no Ready node with a Ready gateway pod")


def _checked(candidates: Iterable[tuple[object, int]], source: str) -> _Answer:
    addresses: set[GatewayAddress] = set()
    findings = []
    for address, port in candidates:
        if not address:
            continue
        try:
            addresses.add(parse_gateway({"address": address, "port": port}))
        except ValueError as why:
            findings.append(_problem("gateway-address-refused", f"an address is left out: {why}", "advertise another"))
    if not addresses:
        findings.append(
            _problem(
                "gateway-without-address",
                "it has no address yet" if source == "the load balancer" else source,
                "wait for the load balancer or the pods, or advertise addresses in alliance_gateway",
            )
        )
    return tuple(sorted(addresses)), tuple(findings)


def _node_address(node: Mapping[str, Any]) -> object:
    addresses = (node.get("status") or {}).get("addresses") or []
    for kind in ("ExternalIP", "InternalIP"):
        for entry in addresses:
            if entry.get("type") == kind and entry.get("address"):
                return entry["address"]
    return None


def _is_going(item: Mapping[str, Any]) -> bool:
    return bool((item.get("metadata") or {}).get("deletionTimestamp"))


def _problem(code: str, message: str, remedy: str) -> Finding:
    return Finding("error", code, message, remedy, object=_SERVICE)


def _bad_advertise(key: str, why: str) -> Finding:
    return Finding(
        "error",
        "advertise-invalid",
        why,
        f'the key {key} holds [{{"address": "...", "port": {GATEWAY_PORT}}}]',
        object=_ADVERTISE,
    )
