# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root exchange in one cluster: fetch, prove, and decide whom it trusts for what. Writing is the module's."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.accepted_keys import (
    AcceptedKeys,
    accepted_keys,
    entry_of,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import anchors_for
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_settings import (
    ProxyNeighbour,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, CertificateError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    PROVED_ANNOTATION,
    Failure,
    cached_public,
    federation_resource,
    multicluster_resource,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.mesh_config import shared_mesh_config
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.usable_roots import check_roots
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.parallel import each
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proof import (
    ProofError,
    clock_finding,
    contested,
    prove,
    public_from_state,
    rotation_finding,
    uuid_owners,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.roots import borrowed, outdone
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import secret_manifest
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import MetadataClient

Object = dict[str, Any]

# What a plan shows where only the real run can know (RFC 2606: never resolves).
UNKNOWN_ENDPOINT = "https://known-after-apply.invalid/metadata/"
# In the place of an answer, where nobody is asked.
NOT_ASKED = AllianceError("it was not asked")


@dataclass(frozen=True)
class Introduction:
    """Who a neighbour proved to be, and what is to be said of its clock and of roots that it rotates."""

    document: PublicMetadata
    clock: Finding | None = None
    rotation: Finding | None = None


@dataclass
class Trust:
    """What a cluster should have after the exchange.

    C(outcomes): by resource name, the proved document or why there is none. C(trusted): the documents that roots and
    keys are
    taken from, fresh or last known good. C(disputed): who was believed before with a clusterUUID that is another one's.
    C(joined): the resource names of clusters of the same domain, with their inventory names. C(keys): those of the
    trusted.
    """

    resources: dict[str, Object] = field(default_factory=dict)
    outcomes: dict[str, PublicMetadata | Failure] = field(default_factory=dict)
    trusted: dict[str, PublicMetadata] = field(default_factory=dict)
    domains: dict[str, str] = field(default_factory=dict)
    disputed: set[str] = field(default_factory=set)
    joined: dict[str, str] = field(default_factory=dict)
    keys: dict[str, AcceptedKeys] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def objects(self, namespace: str, root_namespace: str, own_roots: Sequence[str] = ()) -> list[Object]:
        """The manifests: shared mesh config, the neighbours' keys for the exporter, the resources of the neighbours.

        own_roots: certificates of the cluster's own CA. Clusters of one domain may share it, and need no anchor then.
        """
        anchors: dict[str, list[str]] = {}
        keys: dict[str, dict[str, object]] = {}
        known = {fingerprint(root) for root in own_roots}
        for name, document in self.trusted.items():
            roots = [
                root
                for root in split_certificates(document.root_ca)
                if name not in self.joined or fingerprint(root) not in known
            ]
            if roots:
                anchors.setdefault(self.domains[name], []).extend(anchors_for("".join(roots), self.domains[name]))
            if name in self.disputed:
                continue  # its key must not speak for the other one
            scope = names.SCOPE_MULTICLUSTER if name in self.joined else names.SCOPE_FEDERATION
            keys[document.cluster_uuid] = entry_of(document, self.keys[name], [scope])
        mesh = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": names.SHARED_MESH_CONFIGMAP, "namespace": root_namespace},
            "data": {names.SHARED_MESH_KEY: shared_mesh_config(anchors)},
        }
        secret = secret_manifest(
            namespace, names.REMOTE_METADATA_SECRET, {names.REMOTE_METADATA_KEY: json.dumps(keys, sort_keys=True)}
        )
        return [mesh, secret, *(self.resources[name] for name in sorted(self.resources))]

    def api_clients(self) -> list[ProxyNeighbour]:
        """Whom the api-proxy lets in: the trusted clusters of the same domain."""
        return [
            ProxyNeighbour(
                self.joined[name], document.cluster_uuid, self.keys[name].current, self.keys[name].previous or None
            )
            for name, document in sorted(self.trusted.items())
            if name in self.joined and name not in self.disputed
        ]


def exchange(
    neighbours: Sequence[Neighbour],
    federations: Mapping[str, Object],
    own_uuid: str,
    *,
    own_roots: Sequence[str] = (),
    told: Mapping[str, AcceptedKeys] | None = None,
    planning: bool = False,
) -> Trust:
    """Ask every neighbour who it is. Never raises for a neighbour's sake: last known good stays, with a finding.

    C(own_roots): certificates of the cluster's own CA, which nobody else may give out as theirs. C(told): the keys that
    the own exporter was told before, by clusterUUID. While C(planning) (check mode), a member whose exporter is not
    there yet stands as its API describes it.
    """
    known = [item.completed(federations.get(item.resource_name)) for item in neighbours]
    answers = each(lambda item: _introduced(item, federations, own_uuid, planning), known)
    trust = _decide(known, answers, federations, own_roots, told, planning=planning)
    trust.findings += clock_findings(known, answers) + insecure_findings(known)
    return trust


def recall(
    neighbours: Sequence[Neighbour],
    federations: Mapping[str, Object],
    *,
    own_roots: Sequence[str] = (),
    told: Mapping[str, AcceptedKeys] | None = None,
) -> Trust:
    """What exchange() would decide if no neighbour answered: what a cluster should have by all that is remembered.

    Nobody is asked, so C(outcomes) and C(findings) are empty.
    """
    known = [item.completed(federations.get(item.resource_name)) for item in neighbours]
    trust = _decide(known, [NOT_ASKED for _item in known], federations, own_roots, told)
    trust.outcomes, trust.findings = {}, []
    return trust


def _decide(
    known: Sequence[Neighbour],
    answers: Sequence[Introduction | AllianceError],
    federations: Mapping[str, Object],
    own_roots: Sequence[str],
    told: Mapping[str, AcceptedKeys] | None,
    *,
    planning: bool = False,
) -> Trust:
    """Whom to trust for what, by the answers and by what is remembered."""
    trust = Trust()
    results = [answer.document if isinstance(answer, Introduction) else answer for answer in answers]
    proved = {
        item.resource_name: doc for item, doc in zip(known, results, strict=True) if isinstance(doc, PublicMetadata)
    }
    remembered = {
        item.resource_name: cached_public((federations.get(item.resource_name) or {}).get("status")) for item in known
    }
    owners = uuid_owners(known, remembered)
    trust.disputed = {
        name for name, document in remembered.items() if document and name not in owners[document.cluster_uuid]
    }
    refused = {**borrowed(known, proved, remembered, own_roots), **contested(proved, owners)}
    forgotten = outdone(known, remembered, own_roots)
    trust.joined = {item.resource_name: item.name for item in known if item.multicluster}
    for neighbour, result in zip(known, results, strict=True):
        name = neighbour.resource_name
        answer = refused.get(name) or result
        _take(trust, neighbour, answer, federations.get(name), keep=name not in forgotten, planning=planning)
    states = {item.resource_name: item.state for item in known}
    for name, document in trust.trusted.items():
        before = (told or {}).get(document.cluster_uuid)
        trust.keys[name] = accepted_keys(document, states[name], before, time.time())
    return trust


def insecure_findings(neighbours: Sequence[Neighbour]) -> list[Finding]:
    """A warning for each neighbour whose endpoint's certificate is not verified: in every run, whatever comes of it."""
    return [
        Finding(
            "warning",
            "insecure-endpoint",
            "the TLS certificate of its metadata endpoint is not verified (alliance_metadata_insecure)",
            "set alliance_metadata_ca instead",
            neighbour=neighbour.name,
        )
        for neighbour in neighbours
        if neighbour.insecure
    ]


def clock_findings(neighbours: Sequence[Neighbour], answers: Sequence[Introduction | AllianceError]) -> list[Finding]:
    """What the answers of neighbours tell of their clocks, and of roots that they rotate."""
    return [
        finding.located(neighbour=neighbour.name)
        for neighbour, answer in zip(neighbours, answers, strict=True)
        if isinstance(answer, Introduction)
        for finding in (answer.clock, answer.rotation)
        if finding is not None
    ]


def _introduced(neighbour: Neighbour, federations: Mapping[str, Object], own_uuid: str, planning: bool) -> Introduction:
    remembered = cached_public((federations.get(neighbour.resource_name) or {}).get("status"))
    answer = introduce(neighbour, remembered, own_uuid, planning=planning and remembered is None)
    try:
        anchors_for(answer.document.root_ca, str(neighbour.trust_domain))
    except CertificateError as error:
        message = f"its root can't be trusted within its domain only: {error.message}"
        raise ProofError(message, remedy=error.remedy or "the neighbour needs a CA for its own domain") from None
    return answer


def introduce(
    neighbour: Neighbour, remembered: PublicMetadata | None, own_uuid: str, *, planning: bool = False
) -> Introduction:
    """Ask a neighbour who it is, and prove it. Raises AllianceError that says why not.

    remembered: what was proved of it before. While C(planning), a member that can't be asked yet stands as its API
    describes it.
    """
    if neighbour.hold:
        raise ProofError(f"it is held: {neighbour.hold}", reason="ConfigurationError", remedy="repair that first")
    if not neighbour.trust_domain:
        # An external neighbour has no API that could be made reachable.
        raise ProofError(
            "its trust domain is not known"
            if neighbour.external
            else "its API can't be read and its trust domain is not known",
            reason="AwaitingPublic",
            remedy="set alliance_trust_domain"
            if neighbour.external
            else "make its API reachable, or set alliance_trust_domain",
        )
    try:
        document, server_time = _fetch(neighbour)
    except AllianceError:
        planned = _planned(neighbour) if planning else None
        if planned is None:
            raise
        return Introduction(planned)
    now = time.time()
    believed = prove(document, neighbour, remembered, own_uuid)
    try:
        check_roots(believed.root_ca, datetime.fromtimestamp(now, timezone.utc))
    except CertificateError as error:
        message = f"what it publishes as its roots can't be trusted: {error.message}"
        raise ProofError(message, remedy=error.remedy or "") from None
    return Introduction(
        believed,
        clock_finding(server_time, now),
        rotation_finding(document, believed, remembered, neighbour),
    )


def _fetch(neighbour: Neighbour) -> tuple[PublicMetadata, float | None]:
    if not neighbour.endpoint:
        raise ProofError(
            "its metadata endpoint is not known",
            reason="FetchFailed",
            remedy="let the run finish for that cluster, or set alliance_metadata_endpoint",
        )
    return MetadataClient(neighbour.endpoint, ca=neighbour.ca, insecure=neighbour.insecure).public()


def _planned(neighbour: Neighbour) -> PublicMetadata | None:
    # The real key pair is made by the real run; any key has the plan's shape, and Secrets are never shown.
    return public_from_state(neighbour.state, generate_key_pair().public_pem) if neighbour.state else None


def _take(
    trust: Trust,
    neighbour: Neighbour,
    result: PublicMetadata | AllianceError,
    resource: Object | None,
    *,
    keep: bool,
    planning: bool,
) -> None:
    """C(keep): what is known of the neighbour is trusted while it proves nothing."""
    name = neighbour.resource_name
    remembered = cached_public((resource or {}).get("status"))
    endpoint = neighbour.endpoint or (UNKNOWN_ENDPOINT if planning else None)
    # An IstioMulticluster doesn't say its domain: it is this cluster's own.
    known_domain = ((resource or {}).get("spec") or {}).get("trustDomain") or (
        neighbour.trust_domain if neighbour.multicluster else None
    )
    # Roots that were proved for one domain must not become those of another before they are proved again.
    renamed = remembered is not None and known_domain != neighbour.trust_domain
    undecided = bool(neighbour.hold) or (renamed and not isinstance(result, PublicMetadata))
    if neighbour.trust_domain and endpoint and not undecided:
        trust.resources[name] = neighbour_resource(neighbour, endpoint)
    elif resource is not None:
        trust.resources[name] = carried_over(resource)
    domain = str(known_domain or neighbour.trust_domain or "")
    if isinstance(result, PublicMetadata):
        trust.outcomes[name] = result
        trust.trusted[name] = result
        trust.domains[name] = str(neighbour.trust_domain)
        return
    trust.outcomes[name] = Failure.of(result)
    kept = remembered is not None and keep
    trust.findings.append(public_finding(neighbour, result, kept=kept))
    if remembered is not None and kept and domain:
        trust.trusted[name] = remembered
        trust.domains[name] = domain


def neighbour_resource(neighbour: Neighbour, endpoint: str, proved: str | None = None) -> Object:
    """The manifest of a neighbour's IstioFederation or IstioMulticluster. proved: see federation_resource()."""
    if neighbour.multicluster:
        return multicluster_resource(
            neighbour.resource_name,
            endpoint=endpoint,
            flat_network=neighbour.flat_network,
            ca=neighbour.ca,
            insecure=neighbour.insecure,
            proved=proved,
        )
    return federation_resource(
        neighbour.resource_name,
        trust_domain=str(neighbour.trust_domain),
        endpoint=endpoint,
        ca=neighbour.ca,
        insecure=neighbour.insecure,
        proved=proved,
    )


def carried_over(resource: Mapping[str, Any]) -> Object:
    """The manifest of a resource as it is: what can't be decided now stays."""
    spec, annotations = resource["spec"], resource["metadata"].get("annotations") or {}
    metadata = spec.get("metadata") or {}
    multicluster = resource["kind"] == names.MULTICLUSTER_KIND
    neighbour = Neighbour(
        name=resource["metadata"]["name"],
        mode=names.MODE_MULTICLUSTER if multicluster else names.MODE_FEDERATION,
        trust_domain=spec.get("trustDomain"),
        ca=metadata.get("clusterCA"),
        insecure=bool(metadata.get("enableInsecureConnection")),
        flat_network=spec.get("enableIngressGateway") is False,
    )
    return neighbour_resource(neighbour, spec["metadataEndpoint"], annotations.get(PROVED_ANNOTATION))


def public_finding(neighbour: Neighbour, error: AllianceError, *, kept: bool) -> Finding:
    """Why a neighbour's identity is not proved now. C(kept): something of it is known from before, and stays."""
    what = f"{error.message}{' (what was known of it stays)' if kept else ''}"
    code = f"public-{getattr(error, 'reason', '') or 'FetchFailed'}"
    return Finding("error", code, what, error.remedy or "", neighbour=neighbour.name)
