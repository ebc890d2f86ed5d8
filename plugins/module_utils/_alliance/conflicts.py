# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conflicts: what others have in a cluster, or publish, that makes the alliance mean something else than it says.

All of them are found before the first write. They are warnings: the alliance works beside them, but not as its owner
may think. docs/plan.md tells what each is, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names, service_ports
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member

PORTS_DIFFER = "ports-differ"
DESTINATION_RULE_TAKEN = "destination-rule-taken"
IMPORT_SHADOWED = "import-shadowed"
SNI_DUPLICATE = "sni-duplicate"
GATEWAY_TAKEN = "gateway-taken"
MULTICLUSTER_OVERLAP = "multicluster-overlap"
PRINCIPALS_AMBIGUOUS = "principals-ambiguous"
# Of pre-flight and of modules; the plan counts and shows findings with these codes as conflicts.
CONFLICTS = frozenset(
    {
        PORTS_DIFFER,
        DESTINATION_RULE_TAKEN,
        IMPORT_SHADOWED,
        SNI_DUPLICATE,
        GATEWAY_TAKEN,
        MULTICLUSTER_OVERLAP,
        PRINCIPALS_AMBIGUOUS,
        "services-clash",
        "federation-taken",
    }
)

# What a client would do by another rule than ours: with these modes it still speaks the mesh's own TLS.
_MESH_TLS = frozenset({"ISTIO_MUTUAL"})
# So many hosts and domains are named in one finding.
_MOST_NAMED = 3

Entry = Mapping[str, Any]


def conflict_findings(member: Member, members: Sequence[Member]) -> list[Finding]:
    """The conflicts of one cluster, sorted. One whose state is not known has none that could be seen."""
    state = member.state
    if state is None:
        return []
    neighbours = member.neighbours(members, names.MODE_FEDERATION)
    found = [
        *_different_ports(neighbours),
        *_destination_rules(state, neighbours),
        *_shadows(state, neighbours),
        *_duplicates(state),
        *_gateways(state),
        *_overlaps(state, neighbours),
        *_ambiguous(member, state, neighbours),
    ]
    located = {finding.located(cluster=member.name) for finding in found if finding.code not in member.ignored_findings}
    return sorted(located, key=lambda item: (item.code, item.neighbour, item.object, item.message))


def published_ports(member: Member) -> dict[str, service_ports.Ports] | None:
    """The hostnames that a member publishes, with their ports; None when that is not known."""
    return service_ports.unpack(member.state.public_ports) if member.state and member.state.public_ports else None


def _different_ports(neighbours: Sequence[Member]) -> Iterator[Finding]:
    """One host of several neighbours (clusters of one domain): compute_imports() lets the first name count."""
    first: dict[str, tuple[Member, service_ports.Ports]] = {}
    for neighbour in sorted(neighbours, key=lambda item: item.name):
        for host, ports in sorted((published_ports(neighbour) or {}).items()):
            other, counting = first.setdefault(host, (neighbour, ports))
            if sorted(ports) != sorted(counting):
                yield ports_differ(other.name).located(neighbour=neighbour.name, place=host)


def ports_differ(first: str) -> Finding:
    """One host that two neighbours publish with different ports. C(first): the neighbour whose ports count."""
    return Finding(
        "warning",
        PORTS_DIFFER,
        f"its ports differ from those of neighbour {first}, which count",
        "give the Service the same ports in both clusters",
    )


def _destination_rules(state: ClusterState, neighbours: Sequence[Member]) -> Iterator[Finding]:
    """Istio takes a client's own namespace first, then that of the ServiceEntry, and the root namespace last."""
    for entry in _of_kind(state, "DestinationRule"):
        modes = set(entry["tls"]) - _MESH_TLS
        if entry["namespace"] == state.root_namespace or (entry["host"].startswith("*") and not modes):
            continue
        whom = "all clients" if entry["namespace"] == state.namespace else f"clients in namespace {entry['namespace']}"
        effect = f", which then speak TLS mode {', '.join(sorted(modes))} to it" if modes else ""
        for neighbour in neighbours:
            hosts = _covered(entry["host"], neighbour)
            if hosts:
                yield Finding(
                    "warning",
                    DESTINATION_RULE_TAKEN,
                    f"it takes the place of the alliance's rule for {_named(hosts)} for {whom}{effect}",
                    "delete it, or take the host out of it; with a wildcard, leave the neighbour's domain out",
                    neighbour=neighbour.name,
                    object=_place(entry),
                )


def _shadows(state: ClusterState, neighbours: Sequence[Member]) -> Iterator[Finding]:
    own = (
        service_ports.unpack(state.services) if any(item.domain == state.cluster_domain for item in neighbours) else {}
    )
    for neighbour in neighbours:
        for entry in _of_kind(state, "ServiceEntry"):
            hosts = [host for host in entry["hosts"] if _covered(host, neighbour)]
            if hosts:
                yield _shadow(
                    _place(entry), f"it defines {_named(hosts)} too; the older one of both counts", neighbour.name
                )
        for host in sorted(published_ports(neighbour) or {}) if neighbour.domain == state.cluster_domain else ():
            name, namespace = host.split(".")[:2]
            if f"{namespace}/{name}" in own:
                yield _shadow(
                    f"Service {namespace}/{name}", f"it is called {host} too, and counts before imports", neighbour.name
                )


def _shadow(place: str, message: str, neighbour: str) -> Finding:
    return Finding(
        "warning",
        IMPORT_SHADOWED,
        f"{message}: what neighbour {neighbour} publishes by that name may not be reached",
        "delete or rename it, or take the host out of it",
        neighbour=neighbour,
        object=place,
    )


def _duplicates(state: ClusterState) -> Iterator[Finding]:
    """Two services of one name make two filter chains of one SNI at the gateway, and Envoy refuses both."""
    published = service_ports.unpack(state.public_ports)
    for entry in _of_kind(state, "ServiceEntry"):
        hosts = [host for host in entry["hosts"] if host in published]
        if hosts:
            yield Finding(
                "warning",
                SNI_DUPLICATE,
                f"it defines {_named(hosts)}, which is published: the gateway gets two filter chains for one SNI",
                "delete it, or take the host out of it",
                object=_place(entry),
            )


def _gateways(state: ClusterState) -> Iterator[Finding]:
    for entry in _of_kind(state, "Gateway"):
        ports = ", ".join(str(port) for port in entry["ports"])
        yield Finding(
            "warning",
            GATEWAY_TAKEN,
            f"it selects the alliance's gateway and has servers on its port {ports}: their filter chains may clash,"
            " which Envoy refuses with the whole listener, and it may open what nobody published",
            "give it a selector that the alliance's gateway does not match, or another port",
            object=_place(entry),
        )


def _overlaps(state: ClusterState, neighbours: Sequence[Member]) -> Iterator[Finding]:
    for entry in _of_kind(state, "Secret"):
        for neighbour in neighbours:
            if neighbour.state and neighbour.state.cluster_id and neighbour.state.cluster_id == entry["cluster"]:
                yield Finding(
                    "warning",
                    MULTICLUSTER_OVERLAP,
                    f"by it istiod reads the whole cluster {neighbour.name}, which is federated: its Services appear"
                    " here as if they were this cluster's own, published or not",
                    f"delete it, or put both into the group {names.MULTICLUSTER_HOSTS} and give them one domain",
                    neighbour=neighbour.name,
                    object=_place(entry),
                )


def _ambiguous(member: Member, state: ClusterState, neighbours: Sequence[Member]) -> Iterator[Finding]:
    """Only where something is published: nobody else of another domain gets that far."""
    published = {host.split(".")[1] for host in service_ports.unpack(state.public_ports)}
    domains = sorted({neighbour.domain for neighbour in neighbours if neighbour.domain} - {member.domain})
    for entry in _of_kind(state, "AuthorizationPolicy"):
        if not domains or not (
            entry["namespace"] in published or (published and entry["namespace"] == state.root_namespace)
        ):
            continue
        matched = {
            domain
            for source in entry["sources"]
            for allowed in [[item for item in (member.domain, *domains) if _lets_in(source, item, member.domain)]]
            if len(allowed) > 1
            for domain in allowed
        }
        if matched:
            yield Finding(
                "warning",
                PRINCIPALS_AMBIGUOUS,
                f"it lets in clients of {len(matched)} trust domains by one pattern: {_named(sorted(matched))}",
                f"name the trust domain: principals such as {member.domain}/ns/<namespace>/sa/<account>, or"
                " trustDomains (Istio 1.30) beside namespaces and serviceAccounts",
                object=_place(entry),
            )


def _lets_in(source: Sequence[Sequence[str]], domain: str, own: str) -> bool:
    """Whether a client of a domain passes all conditions of a source. C(cluster.local) always means the own domain."""
    called = {domain, names.LOCAL_TRUST_DOMAIN} if domain == own else {domain}
    return all(any(_matches(pattern, name) for pattern in patterns for name in called) for patterns in source)


def _matches(pattern: str, text: str) -> bool:
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text.endswith(pattern[1:]) if pattern.startswith("*") else text == pattern


def _covered(host: str, neighbour: Member) -> list[str]:
    """The hosts of a neighbour that a host of Istio (C(*.) at the beginning stands for anything) names; of one that
    does not tell what it publishes, the host itself when it is of its domain."""
    published = published_ports(neighbour)
    if published is None:
        suffix = f".svc.{neighbour.domain}"
        named = host.endswith(suffix) or (host.startswith("*") and suffix.endswith(host[1:]))
        return [host] if neighbour.domain and named else []
    if host.startswith("*"):
        return sorted(name for name in published if name.endswith(host[1:]))
    return [host] if host in published else []


def _of_kind(state: ClusterState, kind: str) -> Iterator[Entry]:
    return (entry for entry in state.foreign if entry["kind"] == kind)


def _place(entry: Entry) -> str:
    return f"{entry['kind']} {entry['namespace']}/{entry['name']}"


def _named(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _MOST_NAMED} more" if len(texts) > _MOST_NAMED else ""
    return ", ".join(texts[:_MOST_NAMED]) + more
