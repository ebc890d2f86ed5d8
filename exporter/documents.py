# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the exporter tells, computed from what it sees. Pure: the same input gives the same bytes in every replica."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.exporter import gateway
from ansible_collections.meshalliance.istio.exporter.neighbours import Keys, neighbour_keys
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import is_ca, split_certificates
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    GatewayAddress,
    PublicMetadata,
    PublicService,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, CertificateError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import load_public_key, public_key_pem
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import MulticlusterMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import ROOT_CONFIGMAP
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.spiffe import spiffe_bundle

PUBLIC = "public"
SPIFFE = "spiffe"
FEDERATION = "federation"
MULTICLUSTER = "multicluster"


@dataclass(frozen=True)
class MulticlusterInputs:
    """What clusters of the same domain are told. C(api_host) is empty, and there are no addresses, while not known."""

    cluster_id: str
    network_name: str
    api_host: str = ""
    addresses: tuple[GatewayAddress, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """What was read so far; None (or an empty text) where it is not known yet.

    C(services) holds the publishable ones (see published_services) and is None until the first list. C(root_version) is
    the resourceVersion of the ConfigMap that C(root_pem) is from. C(multicluster) is None while that mode is off.
    C(unsynced) names the informers without a first list.
    """

    trust_domain: str
    cluster_uuid: str = ""
    public_key: str = ""
    key_change: str = ""
    root_pem: str = ""
    root_version: str = ""
    services: tuple[PublicService, ...] | None = None
    service_findings: tuple[Finding, ...] = ()
    gateway: Mapping[str, Any] | None = None
    addresses: tuple[GatewayAddress, ...] = ()
    address_findings: tuple[Finding, ...] = ()
    remote_metadata: str | None = None
    multicluster: MulticlusterInputs | None = None
    unsynced: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """A body that is ready to be sent, and its entity tag (RFC 9110 section 8.8.3) without quotes."""

    body: bytes
    etag: str


@dataclass(frozen=True)
class View:
    """Everything that requests are answered from: replaced as a whole, never changed.

    C(documents) lacks those that can't be told yet. C(missing) names what keeps the exporter from being ready.
    C(wanted) is None until it's certain which hosts are to be open. C(neighbour_keys): see there. C(multicluster): on.
    """

    documents: Mapping[str, Document] = field(default_factory=dict)
    cluster_uuid: str = ""
    neighbour_keys: Keys = field(default_factory=dict)
    multicluster: bool = False
    wanted: frozenset[str] | None = None
    published: int = 0
    addresses: int = 0
    missing: tuple[str, ...] = ("start",)
    findings: tuple[Finding, ...] = ()


def document(body: bytes) -> Document:
    """A document whose entity tag is taken from its content, so that replicas agree on it."""
    return Document(body, hashlib.sha256(body).hexdigest()[:32])


def build(inputs: Inputs) -> View:
    """The view for these inputs. Raises nothing: what can't be used is missing and reported as a finding."""
    findings = [*inputs.service_findings, *inputs.address_findings]
    keys, key_findings = neighbour_keys(inputs.remote_metadata, inputs.cluster_uuid)
    findings += key_findings
    documents: dict[str, Document] = {}
    missing = [f"informer {name}" for name in inputs.unsynced]

    key_pem = _public_key(inputs.public_key, findings)
    roots = _roots(inputs.root_pem, findings)
    missing += [
        name
        for name, value in (("cluster uuid", inputs.cluster_uuid), ("public key", key_pem), ("root certificate", roots))
        if not value
    ]
    if inputs.cluster_uuid and key_pem and roots:
        public = PublicMetadata.create(
            inputs.cluster_uuid, key_pem, roots, inputs.trust_domain, inputs.key_change.strip()
        )
        documents[PUBLIC] = document(public.render())
    if roots:
        _add_spiffe(documents, roots, inputs.root_version, findings)

    wanted: frozenset[str] | None = None
    published = 0
    # A list that isn't complete yet must not be told (neighbours would drop services), nor be written to the Gateway.
    if inputs.services is not None and not inputs.unsynced:
        wanted = frozenset(service.hostname for service in inputs.services)
        visible = gateway.visible(wanted, inputs.gateway)
        services = tuple(service for service in inputs.services if service.hostname in visible)
        published = len(services)
        # No address is "not known", never an empty list: that would be an answer, and neighbours act on it.
        federation = FederationMetadata(inputs.addresses or None, services)
        documents[FEDERATION] = document(federation.render())
    if inputs.multicluster is not None:
        # The gateway's problems are the same for each of its ports.
        findings = list(dict.fromkeys([*findings, *inputs.multicluster.findings]))
        # Half of it is of no use: without a way to the API, istiod learns of no pod behind the gateways.
        if inputs.multicluster.api_host and not inputs.unsynced:
            documents[MULTICLUSTER] = document(_multicluster(inputs.multicluster))

    return View(
        documents=documents,
        cluster_uuid=inputs.cluster_uuid,
        neighbour_keys=keys,
        multicluster=inputs.multicluster is not None,
        wanted=wanted,
        published=published,
        addresses=len(inputs.addresses),
        missing=tuple(missing),
        findings=tuple(findings),
    )


def _multicluster(inputs: MulticlusterInputs) -> bytes:
    metadata = MulticlusterMetadata(inputs.addresses or None, inputs.api_host, inputs.network_name, inputs.cluster_id)
    return metadata.render()


def _public_key(text: str, findings: list[Finding]) -> str:
    if not text:
        return ""
    try:
        # Written anew: some readers refuse a single byte after the PEM block.
        return public_key_pem(load_public_key(text))
    except AllianceError as error:
        findings.append(Finding("error", "public-key", error.message, remedy=error.remedy or ""))
        return ""


def _roots(text: str, findings: list[Finding]) -> str:
    if not text.strip():
        return ""
    try:
        roots = split_certificates(text)
        if not all(is_ca(root) for root in roots):
            raise CertificateError("a certificate in it is not a CA's")
        return "".join(roots)
    except AllianceError as error:
        findings.append(
            Finding(
                "error", "root-certificate", error.message, error.remedy or "", object=f"ConfigMap {ROOT_CONFIGMAP}"
            )
        )
        return ""


def _add_spiffe(documents: dict[str, Document], roots: str, version: str, findings: list[Finding]) -> None:
    # The sequence must grow whenever the bundle changes, in all replicas alike: the object's resourceVersion does.
    sequence = int(version) if version.isascii() and version.isdigit() else 1
    try:
        documents[SPIFFE] = document(spiffe_bundle(roots, sequence=sequence))
    except AllianceError as error:
        findings.append(
            Finding("error", "spiffe-bundle", error.message, error.remedy or "", object=f"ConfigMap {ROOT_CONFIGMAP}")
        )
