# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of others that bear on the alliance, small enough for a cluster's state.

Each is C({kind, namespace, name}) and what conflicts.py needs to judge it; an object that can't matter to any alliance
is left out here. Which one does matter is known only when all members are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    API_PORT,
    GATEWAY_PORT,
    METADATA_SERVER_PORT,
    MULTICLUSTER_PORT,
    REMOTE_CLUSTER_ANNOTATION,
)

Object = Mapping[str, Any]
Entry = dict[str, Any]

# The container ports of the alliance's gateway, on which its own Gateways have their servers.
GATEWAY_PORTS = frozenset({GATEWAY_PORT, METADATA_SERVER_PORT, MULTICLUSTER_PORT, API_PORT})
_SERVICE = ".svc."
# A principal is <trust domain>/ns/<namespace>/sa/<service account>.
_SLASHES = 4
# What of an AuthorizationPolicy's source, or of its conditions, tells who a client is, whatever its trust domain.
_ANY_DOMAIN = ("namespaces", "serviceAccounts")
_CONDITIONS = {
    "source.principal": "principals",
    "source.namespace": "namespaces",
    "source.serviceAccount": "serviceAccounts",
}


def destination_rules(objects: Iterable[Object], own_domain: str) -> Iterator[Entry]:
    """DestinationRules for hosts outside of the cluster's own domain: C(host), and C(tls), the modes that they set."""
    for obj in objects:
        spec = obj.get("spec") or {}
        host = str(spec.get("host") or "")
        if _bears(host, own_domain):
            yield {**_place("DestinationRule", obj), "host": host, "tls": sorted(_tls_modes(spec))}


def service_entries(objects: Iterable[Object]) -> Iterator[Entry]:
    """ServiceEntries for names of Services (C(hosts)), of any cluster. A wildcard steps back behind an exact name."""
    for obj in objects:
        hosts = [str(host) for host in (obj.get("spec") or {}).get("hosts") or []]
        named = sorted(host for host in hosts if _SERVICE in host and not host.startswith("*"))
        if named:
            yield {**_place("ServiceEntry", obj), "hosts": named}


def gateways(objects: Iterable[Object], pod_labels: Mapping[str, str]) -> Iterator[Entry]:
    """Gateways that select the alliance's gateway pods too and have servers (C(ports)) where its own are.

    istiod looks for a Gateway's pods in all namespaces, and an empty selector selects every gateway.
    """
    for obj in objects:
        spec = obj.get("spec") or {}
        selector = spec.get("selector") or {}
        ports = {(server.get("port") or {}).get("number") for server in spec.get("servers") or []} & GATEWAY_PORTS
        if ports and all(pod_labels.get(key) == value for key, value in selector.items()):
            yield {**_place("Gateway", obj), "ports": sorted(ports)}


def authorization_policies(objects: Iterable[Object]) -> Iterator[Entry]:
    """Policies that let clients in by patterns that need not mean one trust domain.

    C(sources): for each source, for each of its conditions, the patterns of trust domains that it lets in. A condition
    that names its domains in full is meant as it stands.
    """
    for obj in objects:
        spec = obj.get("spec") or {}
        if spec.get("action", "ALLOW") != "ALLOW":
            continue
        sources = [source for rule in spec.get("rules") or [] for source in _sources(rule) if source]
        wide = [source for source in sources if all(any("*" in item for item in patterns) for patterns in source)]
        if wide:
            yield {**_place("AuthorizationPolicy", obj), "sources": wide}


def remote_secrets(objects: Iterable[Object]) -> Iterator[Entry]:
    """Remote secrets of others, by their metadata alone, with the C(cluster) that istiod reads by them."""
    for obj in objects:
        cluster = (obj["metadata"].get("annotations") or {}).get(REMOTE_CLUSTER_ANNOTATION)
        if cluster:
            yield {**_place("Secret", obj), "cluster": str(cluster)}


def trust_domain_pattern(principal: str) -> str:
    """The trust domains that a pattern of principals lets in: a domain, C(*), C(prefix*) or C(*suffix).

    Patterns have a star at one end only, which stands for anything, slashes too
    (U(https://istio.io/latest/docs/reference/config/security/authorization-policy/#Source)).
    """
    if principal.endswith("*") and len(principal) > 1:
        domain, slash, _rest = principal[:-1].partition("/")
        return domain if slash else f"{domain}*"
    if principal.startswith("*"):
        tail = principal[1:]
        return f"*{tail.partition('/')[0]}" if tail.count("/") >= _SLASHES else "*"
    return principal.partition("/")[0]


def _sources(rule: Mapping[str, Any]) -> Iterator[list[list[str]]]:
    """The conditions of each source of a rule, together with those that the rule has in C(when)."""
    when = [
        patterns
        for condition in rule.get("when") or []
        if (patterns := _patterns(_CONDITIONS.get(str(condition.get("key")), ""), condition.get("values")))
    ]
    for entry in rule.get("from") or [{}]:
        source = entry.get("source") or {}
        fields = [_patterns(name, source.get(name)) for name in ("principals", "trustDomains", *_ANY_DOMAIN)]
        yield [patterns for patterns in fields if patterns] + when


def _patterns(field: str, values: Any) -> list[str]:
    texts = [str(value) for value in values or []]
    if field == "principals":
        return sorted({trust_domain_pattern(text) for text in texts})
    if field == "trustDomains":
        return sorted(texts)
    # Istio looks for these in principals of any trust domain (pilot/pkg/security/authz/matcher).
    return ["*"] if texts and field in _ANY_DOMAIN else []


def _bears(host: str, own_domain: str) -> bool:
    if own_domain and (host == own_domain or host.endswith(f".{own_domain}")):
        return False
    return host.startswith("*") or _SERVICE in host


def _tls_modes(spec: Mapping[str, Any]) -> set[str]:
    policies = [spec.get("trafficPolicy") or {}]
    policies += [subset.get("trafficPolicy") or {} for subset in spec.get("subsets") or []]
    policies += [port for policy in policies for port in policy.get("portLevelSettings") or []]
    return {str(policy["tls"].get("mode") or "DISABLE") for policy in policies if policy.get("tls")}


def _place(kind: str, obj: Object) -> Entry:
    return {"kind": kind, "namespace": obj["metadata"]["namespace"], "name": obj["metadata"]["name"]}
