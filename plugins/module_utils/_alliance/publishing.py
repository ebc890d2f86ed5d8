# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Services the inventory wants to be public, and what has to be written for that.

The label on a Service may have several owners, as the Service's C(managedFields) tell
(U(https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management)). We own it as one field
manager of our own, and only what that manager set is taken away again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    PublicService,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.hostnames import is_dns_label
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    PUBLIC_SERVICE_LABEL,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published import (
    healthcheck_services,
    published_services,
)

Object = dict[str, Any]

PUBLISH_MANAGER = "meshalliance.istio-publish"
# For judging a Service while the cluster's own domain isn't known: it plays no part in what is refused.
_ANY_DOMAIN = "domain.invalid"
_REMOVE_LABEL = f"remove its label {PUBLIC_SERVICE_LABEL}"
_KEYS = frozenset({"namespace", "name", "selector"})


@dataclass(frozen=True)
class Reference:
    """One entry of the inventory's list: C(name) in C(namespace), or C(selector) there, or (no namespace) anywhere."""

    namespace: str
    name: str = ""
    selector: str = ""

    def __str__(self) -> str:
        if self.name:
            return f"Service {self.namespace}/{self.name}"
        return f"selector {self.selector!a}" + (f" in namespace {self.namespace}" if self.namespace else "")


@dataclass(frozen=True)
class Relabel:
    """One Service to be written: as it is, and as it will be. C(value) is the label's value, None to give it up.

    C(document) is the Service as neighbours are told of it, when they will learn of it or lose it by this; None when
    it is and stays public, and while the cluster's domain isn't known.
    """

    before: Object
    after: Object
    value: str | None
    document: Object | None = None


@dataclass
class Publication:
    """What a list of references means for a cluster."""

    writes: list[Relabel] = field(default_factory=list)
    unchanged: int = 0
    findings: list[Finding] = field(default_factory=list)


def references_from(entries: Sequence[Any]) -> tuple[Reference, ...]:
    """The references of an inventory's list, each once. Raises AllianceError for an entry that can't be read."""
    return tuple(dict.fromkeys(_reference(entry, number) for number, entry in enumerate(entries, start=1)))


def decide(
    found: Mapping[Reference, Sequence[Object]], labelled: Iterable[Object], cluster_domain: str = ""
) -> Publication:
    """What is to be written so that exactly the found Services carry our label.

    C(found) has the live Services of every reference, C(labelled) all live Services that carry the label. What is
    public by somebody else's label stays so.
    """
    publication = Publication()
    named: dict[tuple[str, str], tuple[Object, bool]] = {}
    for reference, services in found.items():
        if not services:
            publication.findings.append(_nothing_found(reference))
        for service in services:
            known = named.get(_key(service))
            named[_key(service)] = (service, bool(reference.name) or (known is not None and known[1]))
    for service, by_name in (named[key] for key in sorted(named)):
        _publish(publication, service, by_name, cluster_domain)
    given_up = {_key(service): service for service in labelled if _key(service) not in named}
    for key in sorted(given_up):
        _withdraw(publication, given_up[key], cluster_domain)
    return publication


def told(writes: Iterable[Relabel]) -> dict[str, list[Any]]:
    """What neighbours learn by these writes: C(added), Services as on the wire, and C(removed), hostnames."""
    known = [relabel for relabel in writes if relabel.document is not None]
    return {
        "added": [relabel.document for relabel in known if relabel.value is not None],
        "removed": [(relabel.document or {})["hostname"] for relabel in known if relabel.value is None],
    }


def label_owners(service: Mapping[str, Any]) -> tuple[str, ...]:
    """The field managers that set the label, by name, sorted."""
    owners = set()
    for entry in service["metadata"].get("managedFields") or []:
        labels = ((entry.get("fieldsV1") or {}).get("f:metadata") or {}).get("f:labels") or {}
        if f"f:{PUBLIC_SERVICE_LABEL}" in labels:
            owners.add(str(entry.get("manager")))
    return tuple(sorted(owners))


def planned_publication(
    state: Mapping[str, Any], exporter: Mapping[str, Any], published: Mapping[str, Any]
) -> dict[str, Any]:
    """A cluster's state with what this run would publish and withdraw there, for the plans of its neighbours.

    C(exporter) is the result of applying the exporter's objects, C(published) that of the module published_services;
    both may be of a skipped task.
    """
    services = healthcheck_services(
        str(state.get("namespace", "")), str(state.get("uuid", "")), str(state.get("cluster_domain", ""))
    )
    wire = {item["hostname"].split(".", 1)[0]: item for item in _documents(services)}
    touched: dict[str, list[dict[str, Any]]] = {"created": [], "deleted": []}
    for item in exporter.get("objects") or []:
        if item.get("kind") == "Service" and item.get("name") in wire and item.get("action") in touched:
            touched[item["action"]].append(wire[item["name"]])
    return {
        **state,
        "planned_services": [*touched["created"], *(published.get("added") or [])],
        "planned_withdrawals": [item["hostname"] for item in touched["deleted"]] + list(published.get("removed") or []),
    }


def planned_document(document: FederationMetadata, state: ClusterState | None) -> FederationMetadata:
    """What a member will answer after this run, from what it answers (or its API says) now. For check mode only."""
    if state is None or not (state.planned_services or state.planned_withdrawals):
        return document
    planned = FederationMetadata.from_dict({"ingressGateways": None, "publicServices": list(state.planned_services)})
    services = {service.hostname: service for service in (*document.public_services, *planned.public_services)}
    for hostname in state.planned_withdrawals:
        services.pop(hostname, None)
    return replace(document, public_services=tuple(services[hostname] for hostname in sorted(services)))


def _reference(entry: Any, number: int) -> Reference:
    place = f"entry {number} of the public services"
    remedy = 'write "namespace/name", {namespace, name} or {selector, namespace}'
    if isinstance(entry, str):
        namespace, _slash, name = entry.partition("/")
        entry = {"namespace": namespace, "name": name}
    if not isinstance(entry, Mapping) or not set(entry) <= _KEYS or ("name" in entry) == ("selector" in entry):
        raise AllianceError("it names no Service", obj=place, remedy=remedy)
    if not all(isinstance(value, str) for value in entry.values()):
        raise AllianceError("its values are not all text", obj=place, remedy=remedy)
    reference = Reference(**{str(key): str(value).strip() for key, value in {"namespace": "", **entry}.items()})
    if "selector" in entry and not reference.selector:
        raise AllianceError(
            "its selector is empty, which would publish every Service",
            obj=place,
            remedy="select by a label, for example tier=public",
        )
    names = [reference.namespace] if reference.selector else [reference.namespace, reference.name]
    if not all(is_dns_label(name) for name in names if name or not reference.selector):
        raise AllianceError(f"{'/'.join(names)!a} is no name of a Service", obj=place, remedy=remedy)
    return reference


def _publish(publication: Publication, service: Object, by_name: bool, cluster_domain: str) -> None:
    labels = service["metadata"].get("labels") or {}
    is_public = PUBLIC_SERVICE_LABEL in labels
    # A value that somebody else chose and that means the same is kept: the label then has two owners.
    value = str(labels.get(PUBLIC_SERVICE_LABEL, ""))
    after = _labelled(service, value)
    services, findings = published_services([after], cluster_domain or _ANY_DOMAIN)
    if not services:
        publication.findings += [_refusal(finding, by_name, is_public) for finding in findings]
        publication.unchanged += 1
        return
    if not is_public:
        # What is public already is judged with all other public Services when the cluster is read.
        publication.findings += findings
    if PUBLISH_MANAGER in label_owners(service):
        publication.unchanged += 1
    else:
        document = _documents(services)[0] if cluster_domain and not is_public else None
        publication.writes.append(Relabel(service, after, value, document))


def _refusal(finding: Finding, by_name: bool, is_public: bool) -> Finding:
    """The finding about a labelled Service as one about a Service that is to be labelled."""
    remedy = finding.remedy if is_public else finding.remedy.replace(_REMOVE_LABEL, "take it off the list")
    # Of a selector's many Services some may be of another sort; one that is named is meant.
    return replace(finding, severity="error" if by_name else "warning", remedy=remedy)


def _withdraw(publication: Publication, service: Object, cluster_domain: str) -> None:
    owners = label_owners(service)
    if PUBLISH_MANAGER not in owners:
        return
    others = [owner for owner in owners if owner != PUBLISH_MANAGER]
    if others:
        publication.findings.append(
            Finding(
                "warning",
                "still-public",
                f"it stays public: its label {PUBLIC_SERVICE_LABEL} was also set by {', '.join(others)}",
                "remove the label, or list the Service again",
                object=_place(service),
            )
        )
        publication.writes.append(Relabel(service, copy.deepcopy(service), None))
        return
    public = published_services([service], cluster_domain)[0] if cluster_domain else ()
    document = _documents(public)[0] if public else None
    publication.writes.append(Relabel(service, _labelled(service, None), None, document))


def _labelled(service: Object, value: str | None) -> Object:
    """A copy with the label, or with None without it."""
    result = copy.deepcopy(service)
    labels = dict(result["metadata"].pop("labels", None) or {})
    labels.pop(PUBLIC_SERVICE_LABEL, None)
    if value is not None:
        labels[PUBLIC_SERVICE_LABEL] = value
    if labels:
        result["metadata"]["labels"] = labels
    return result


def _nothing_found(reference: Reference) -> Finding:
    if reference.selector:
        return Finding(
            "warning",
            "nothing-selected",
            "no Service matches it, so it publishes nothing",
            "label the Services that it is meant for, or correct the selector",
            object=str(reference),
        )
    return Finding(
        "error",
        "service-missing",
        "it is to be public and does not exist",
        "create it, or take it off the list of public services",
        object=str(reference),
    )


def _documents(services: Sequence[PublicService]) -> list[Object]:
    listed: Any = FederationMetadata(None, tuple(services)).to_dict()["publicServices"]
    return list(listed)


def _key(service: Mapping[str, Any]) -> tuple[str, str]:
    return str(service["metadata"]["namespace"]), str(service["metadata"]["name"])


def _place(service: Mapping[str, Any]) -> str:
    return "Service " + "/".join(_key(service))
