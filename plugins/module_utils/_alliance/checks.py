# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pre-flight: what would keep an alliance from working, found before anything is written, everything at once."""

from __future__ import annotations

import ipaddress
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.declarations import declared
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.istio_settings import (
    OLDEST_VERSION,
    version_tuple,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster_checks import (
    multicluster_findings,
)


def preflight(members: Sequence[Member]) -> list[Finding]:
    """All findings of an alliance, sorted by cluster; those whose code a member ignores are warnings."""
    ignored = {member.name: member.ignored_findings for member in members}
    findings = [*_across(members), *itertools.chain.from_iterable(_of_one(member, members) for member in members)]
    result = [
        replace(finding, severity="warning") if finding.code in ignored.get(finding.cluster, ()) else finding
        for finding in findings
    ]
    return sorted(set(result), key=lambda item: (item.cluster, item.severity, item.code, item.object, item.message))


def _of_one(member: Member, members: Sequence[Member]) -> Iterator[Finding]:
    yield from (finding.located(cluster=member.name) for finding in declared(member, members))
    if member.state is not None:
        yield from (finding.located(cluster=member.name) for finding in _cluster(member, member.state))


def _cluster(member: Member, state: ClusterState) -> Iterator[Finding]:
    for reported in state.findings:
        if not (member.endpoint and reported["code"] == "endpoint-missing"):
            yield Finding(**reported)  # type: ignore[arg-type]
    if member.declared_domain and state.trust_domain and member.declared_domain != state.trust_domain:
        yield Finding(
            "error",
            "domain-differs",
            f"alliance_trust_domain is {member.declared_domain}, but the cluster's istiod says {state.trust_domain}",
            "correct alliance_trust_domain, or leave it out: it is read from the cluster",
        )
    if state.cluster_domain and state.trust_domain and state.cluster_domain != state.trust_domain:
        yield Finding(
            "error",
            "domain-ambiguous",
            f"its cluster domain {state.cluster_domain} and its trust domain {state.trust_domain} differ",
            "federation needs one name for both: set meshConfig.trustDomain to the cluster domain",
        )
    if member.provider == names.PROVIDER_DECKHOUSE:
        # Its Istio is the platform's matter, also what is still missing: the run waits for that.
        return
    if not state.roots and state.istio:
        yield Finding(
            "error",
            "root-missing",
            f"istiod has not published its root certificate (ConfigMap {names.ROOT_CONFIGMAP})",
            "see istiod's log",
        )
    yield from _istio(state)


def _istio(state: ClusterState) -> Iterator[Finding]:
    for revision in state.istio:
        if revision["name"] != state.revision:
            continue
        place = f"Deployment {state.root_namespace}/{revision['deployment']}"
        version = version_tuple(revision["version"])
        if version is None:
            yield Finding(
                "warning",
                "istio-version-unknown",
                "its version can't be told from its label or image tag",
                f"make sure that it is at least {_dotted(OLDEST_VERSION)}",
                object=place,
            )
        elif version < OLDEST_VERSION:
            yield Finding(
                "error",
                "istio-too-old",
                f"it is Istio {revision['version']}; at least {_dotted(OLDEST_VERSION)} is needed",
                "upgrade Istio",
                object=place,
            )
        if revision["primary_ca_certificates"]:
            yield Finding(
                "error",
                "ca-certificates-taken",
                "the primary mesh config sets caCertificates, which hides those of the shared mesh config",
                "remove meshConfig.caCertificates from the installation; neighbours' roots are kept in the ConfigMap"
                f" {names.SHARED_MESH_CONFIGMAP}",
                object=place,
            )
        if revision["shared_mesh_config"] not in (None, names.SHARED_MESH_CONFIGMAP):
            yield Finding(
                "error",
                "shared-mesh-config-taken",
                f"SHARED_MESH_CONFIG already names {revision['shared_mesh_config']}",
                "istiod reads only one shared mesh config: move it to the primary one,"
                f" or to {names.SHARED_MESH_CONFIGMAP}",
                object=place,
            )


def _across(members: Sequence[Member]) -> Iterator[Finding]:
    yield from _shared_domains(members)
    yield from _shared(
        ((member.name, member.state.uuid) for member in members if member.state and member.state.uuid),
        "cluster-twice",
        "its API is the same cluster as {others} (the UID of its namespace kube-system is equal)",
        "correct kubeconfig, context or host of one of them; credentials of the job's environment apply to every host",
    )
    yield from _shared(
        ((member.name, member.resource_name) for member in members),
        "name-clash",
        "its name becomes the resource name {value}, as does that of {others}",
        "rename one of the hosts",
    )
    yield from _shared_endpoints(members)
    yield from _overlaps(members)
    yield from multicluster_findings(members)


def _shared_domains(members: Sequence[Member]) -> Iterator[Finding]:
    """One domain for clusters that are to be federated; in a multicluster that is as it should be."""
    for member in members:
        same = [
            other.name
            for other in members
            if other is not member
            and member.domain
            and other.domain == member.domain
            and member.mode_with(other) == names.MODE_FEDERATION
        ]
        if same:
            yield Finding(
                "error",
                "domain-shared",
                f"its trust domain {member.domain} is also that of {', '.join(same)}",
                "give each cluster a trust domain of its own; clusters of one domain are joined by multicluster instead"
                f" (group {names.MULTICLUSTER_HOSTS})",
                cluster=member.name,
            )


def _shared_endpoints(members: Sequence[Member]) -> Iterator[Finding]:
    """One endpoint for two members: told to those that it was declared for, unless that is where it really is."""
    users: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        if member.known_endpoint:
            users[_normal_endpoint(member.known_endpoint)].append(member)
    for same in users.values():
        wrong = [member for member in same if not _has_endpoint(member)] if len(same) > 1 else []
        for member in wrong or (same if len(same) > 1 else ()):
            others = ", ".join(other.name for other in same if other is not member)
            yield Finding(
                "error",
                "endpoint-shared",
                f"its metadata endpoint {member.known_endpoint} is also that of {others}",
                "set alliance_metadata_endpoint to where its own exporter is; a cluster must not list itself",
                cluster=member.name,
            )


def _has_endpoint(member: Member) -> bool:
    """Whether the cluster itself says that its exporter is there."""
    found = member.state.metadata_endpoint if member.state else None
    return bool(found and _normal_endpoint(found) == _normal_endpoint(str(member.known_endpoint)))


def _normal_endpoint(text: str) -> str:
    """A URL so that two that lead to one place are equal: letters of the host, port 443, the last slash."""
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port or 443
    except ValueError:
        return text
    return f"{host}:{port}{url.path.rstrip('/')}"


def _shared(pairs: Iterable[tuple[str, str]], code: str, message: str, remedy: str) -> Iterator[Finding]:
    users: dict[str, list[str]] = defaultdict(list)
    for name, value in pairs:
        users[value].append(name)
    for value, same in users.items():
        for name in same if len(same) > 1 else ():
            others = ", ".join(other for other in same if other != name)
            yield Finding("error", code, message.format(value=value, others=others), remedy, cluster=name)


def _overlaps(members: Sequence[Member]) -> Iterator[Finding]:
    networks = [(member.name, _networks(member.state)) for member in members if member.state is not None]
    for (name, own), (other, theirs) in itertools.permutations(networks, 2):
        shared = [
            f"its {what} subnet {one} overlaps the {what_other} subnet {another}"
            for what, one in own
            for what_other, another in theirs
            if one.version == another.version and one.overlaps(another)
        ]
        if shared:
            more = f" (and {len(shared) - 1} more)" if len(shared) > 1 else ""
            yield Finding(
                "error",
                "subnets-overlap",
                f"{shared[0]} of {other}{more}",
                "pod and service subnets must be unique in an alliance; where no multicluster is planned,"
                " alliance_ignored_findings: [subnets-overlap] accepts it",
                cluster=name,
                neighbour=other,
            )


def _networks(state: ClusterState) -> list[tuple[str, ipaddress.IPv4Network | ipaddress.IPv6Network]]:
    """A cluster's subnets, those of neighbouring nodes joined: there may be thousands of nodes."""
    found: list[tuple[str, ipaddress.IPv4Network | ipaddress.IPv6Network]] = []
    for what, cidrs in (("pod", state.pod_cidrs), ("service", state.service_cidrs)):
        networks = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
        for version in (ipaddress.IPv4Network, ipaddress.IPv6Network):
            same = [network for network in networks if isinstance(network, version)]
            found += [(what, network) for network in ipaddress.collapse_addresses(same)]  # type: ignore[type-var]
    return found


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(str(part) for part in version)
