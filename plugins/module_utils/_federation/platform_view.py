# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a platform (Deckhouse) says of its neighbours in the status of their resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import (
    DATAPLANE_READY,
    PRIVATE_READY,
    PUBLIC_READY,
    REMOTE_API_READY,
    condition,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    cached_public,
    proved_public,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform_cache import (
    difference_from,
    fingerprints,
    platform_differs,
)

Object = dict[str, Any]

# So many hostnames are named in one finding.
_MOST_NAMED = 5

# The conditions that tell of a federation, by the first part of the codes of findings. Others are none of ours.
_CONDITIONS = {
    PUBLIC_READY: "public",
    PRIVATE_READY: "private",
    REMOTE_API_READY: "api",
    DATAPLANE_READY: "dataplane",
}
# Reasons of a condition that only say that the platform has not come so far.
_NOT_YET = frozenset({"AwaitingPublic", "AwaitingPrivate"})
_REMEDIES = {
    "FetchFailed": "see that the cluster reaches {endpoint}: its DNS and routes, and the CA in spec.metadata.clusterCA",
    "NonOKResponse": "look at the neighbour's exporter; when it answers 401, see that the neighbour knows this cluster"
    " and that both clocks are right",
    "InvalidJSON": "look at what the neighbour's exporter answers at {endpoint}",
    "InvalidPublicMetadata": "look at what the neighbour's exporter answers at {endpoint}",
    "InvalidPrivateMetadata": "look at what the neighbour's exporter answers at {endpoint}",
    "TokenGenerationFailed": f"look at the Secret {names.DKP_NAMESPACE}/{names.DKP_AUTHN_KEYPAIR_SECRET}",
    "ClusterUUIDMismatch": "see that {endpoint} leads to the neighbour, and delete the resource when the cluster was"
    " made anew",
    "ProbeFailed": "see that both clusters reach the other's ingress gateway, and that the neighbour publishes"
    f" the service {names.HEALTHCHECK_SERVICE}",
}


@dataclass
class PlatformView:
    """By inventory name of the neighbour: C(trusted), fingerprints of the roots that the platform holds; C(imported),
    the number of services; C(awaiting), of whom the platform has still to learn."""

    trusted: dict[str, list[str]] = field(default_factory=dict)
    imported: dict[str, int] = field(default_factory=dict)
    awaiting: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def platform_view(
    neighbours: Sequence[Neighbour], federations: Mapping[str, Object], *, planning: bool = False
) -> PlatformView:
    """What the platform knows of the neighbours.

    federations: all IstioFederation and IstioMulticluster resources by name. While C(planning) (check mode), a resource
    that is not there is no error: the real run would have made it.
    """
    view = PlatformView()
    for neighbour in neighbours:
        resource = _resource_of(neighbour, federations)
        if resource is None:
            view.findings.append(_missing(neighbour, planning=planning))
        else:
            _look_at(view, neighbour, resource)
    return view


def _resource_of(neighbour: Neighbour, federations: Mapping[str, Object]) -> Object | None:
    """The neighbour's resource; where somebody else made one for its trust domain, that one is what is in force."""
    if neighbour.resource_name in federations:
        return federations[neighbour.resource_name]
    for name in sorted(federations):
        domain = (federations[name].get("spec") or {}).get("trustDomain")
        if domain and domain == neighbour.trust_domain and not neighbour.multicluster:
            return federations[name]
    return None


def _missing(neighbour: Neighbour, *, planning: bool) -> Finding:
    return Finding(
        "warning" if planning else "error",
        "federation-missing",
        "the platform is not told of it",
        "see why it was not proved, and run the role root_exchange",
        neighbour=neighbour.name,
        object=f"{neighbour.kind} {neighbour.resource_name}",
    )


def _look_at(view: PlatformView, neighbour: Neighbour, resource: Object) -> None:
    status = resource.get("status") or {}
    private = (status.get("metadataCache") or {}).get("private")
    services = private.get("publicServices") if isinstance(private, Mapping) else None
    view.imported[neighbour.name] = len(services) if isinstance(services, list) else 0
    public = cached_public(status)
    if public is not None:
        view.trusted[neighbour.name] = fingerprints(public)
        view.findings += _not_as_proved(neighbour, resource, public)
    if isinstance(private, Mapping) and private:
        view.findings += _offer_problems(neighbour, resource, private)
    failed, waiting = _conditions(neighbour, resource)
    view.findings += failed
    complete = public is not None and bool(private)
    # What an external neighbour refuses stays refused until its administrator acts; others learn of us in the same run.
    told = complete or (bool(failed) and neighbour.external)
    if not told:
        view.awaiting.append(neighbour.name)
    if waiting or (not complete and not failed):
        view.findings.append(_waiting(neighbour, resource, waiting))


def _not_as_proved(neighbour: Neighbour, resource: Object, held: PublicMetadata) -> list[Finding]:
    """What the platform took since the neighbour was proved."""
    proved = proved_public(resource)
    difference = difference_from(held, proved, neighbour.state) if proved is not None else ""
    if not difference:
        return []
    return [platform_differs(neighbour, difference, (resource.get("spec") or {}).get("metadataEndpoint"))]


def _offer_problems(neighbour: Neighbour, resource: Object, private: Mapping[str, Any]) -> list[Finding]:
    """What the platform has taken from a neighbour without a question."""
    place = f"{resource['kind']} {resource['metadata']['name']}"
    findings = []
    if not private.get("ingressGateways") and not neighbour.flat_network:
        findings.append(
            Finding(
                "error",
                "neighbour-without-gateway",
                "it names no ingress gateway: the platform can't reach its services any more",
                "give its gateway an address, or advertise one there",
                neighbour=neighbour.name,
                object=place,
            )
        )
    if neighbour.multicluster:
        return findings
    domain = (resource.get("spec") or {}).get("trustDomain") or neighbour.trust_domain
    foreign = _foreign_hosts(private.get("publicServices"), str(domain or ""))
    if foreign:
        more = len(foreign) - _MOST_NAMED
        named = ", ".join(_quoted(host) for host in foreign[:_MOST_NAMED])
        findings.append(
            Finding(
                "error",
                "service-foreign",
                f"the platform imports {len(foreign)} services from it that are outside of its trust domain {domain}:"
                f" {named}{f' and {more} more' if more > 0 else ''}",
                "calls of these names go to that neighbour: ask its administrator to withdraw them, or take the"
                " neighbour out of the alliance",
                neighbour=neighbour.name,
                object=place,
            )
        )
    return findings


def _foreign_hosts(services: object, domain: str) -> list[str]:
    """The hostnames that are not in a trust domain, sorted."""
    if not domain or not isinstance(services, list):
        return []
    hosts = {str(entry.get("hostname") or "") for entry in services if isinstance(entry, Mapping)}
    # DNS knows no case.
    return sorted(host for host in hosts if host and not host.lower().rstrip(".").endswith(f".{domain.lower()}"))


def _quoted(host: str) -> str:
    """A stranger's text for a message: ASCII, short, on one line."""
    text = ascii(host)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _conditions(neighbour: Neighbour, resource: Object) -> tuple[list[Finding], list[str]]:
    """The conditions that say no, as findings, and what those say that are not there yet."""
    listed = (resource.get("status") or {}).get("conditions")
    conditions = [entry for entry in listed or [] if isinstance(entry, Mapping)]
    failed, waiting = [], []
    for type_, code in _CONDITIONS.items():
        entry = condition(conditions, type_)
        if entry is None or entry.get("status") == "True":
            continue
        reason = str(entry.get("reason") or "Unknown")
        message = str(entry.get("message") or f"{type_} is {entry.get('status')}: {reason}")
        if entry.get("status") != "False" or reason in _NOT_YET:
            waiting.append(message)
        else:
            failed.append(_failed(neighbour, resource, f"{code}-{reason}", message))
    return failed, waiting


def _failed(neighbour: Neighbour, resource: Object, code: str, message: str) -> Finding:
    name = resource["metadata"]["name"]
    remedy = _REMEDIES.get(code.partition("-")[2], "kubectl describe {kind} {name}")
    endpoint = (resource.get("spec") or {}).get("metadataEndpoint") or "its metadata endpoint"
    return Finding(
        "error",
        code,
        message,
        remedy.format(endpoint=endpoint, name=name, kind=neighbour.kind.lower()),
        neighbour=neighbour.name,
        object=f"{neighbour.kind} {name}",
    )


def _waiting(neighbour: Neighbour, resource: Object, messages: Sequence[str]) -> Finding:
    name = resource["metadata"]["name"]
    return Finding(
        "warning",
        "platform-awaiting",
        "; ".join(messages) or "the platform has not asked it yet",
        "it asks once a minute: run again after that",
        neighbour=neighbour.name,
        object=f"{neighbour.kind} {name}",
    )
