# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading one cluster: the only place that knows which objects tell what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.endpoint import metadata_endpoint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.gateways import gateway_addresses
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.istio_settings import IstioRevision
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published import published_services
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.readiness import not_ready
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.reading import (
    advertised,
    as_warnings,
    clock_findings,
    documents_of,
    outdated_workloads,
    pod_cidrs,
    read_ca,
    read_public_key,
    read_revisions,
    read_roots,
    service_cidrs,
)

Object = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where the alliance's and Istio's objects are in a cluster, and which istiod to use when there are several."""

    namespace: str = names.DEFAULT_NAMESPACE
    root_namespace: str = names.DEFAULT_ROOT_NAMESPACE
    revision: str | None = None
    tls_secret: str = names.METADATA_TLS_SECRET


def read_cluster(client: Client, name: str, place: Place, *, with_published: bool = False) -> ClusterState:
    """Everything that the alliance needs to know of a cluster. Reads only; raises AllianceError when it can't be read.

    What a federation can't work with is not an error here: it is in C(findings), so that one run shows all of it.
    """
    findings: list[Finding] = []
    version = client.request("GET", "/version").body.get("gitVersion", "")
    revisions = read_revisions(client, place.root_namespace, findings)
    chosen = _choose(revisions, place, findings)
    cluster_domain = (chosen.cluster_domain or chosen.trust_domain) if chosen else ""
    roots = read_roots(client, place.root_namespace)
    services, service_findings = published_services(
        client.list(kinds.SERVICE, label_selector=names.PUBLIC_SERVICE_LABEL).items, cluster_domain
    )
    # One service that can't be published costs that service, not the cluster's place in the alliance.
    findings += as_warnings(service_findings)
    nodes = client.list(kinds.NODE).items
    gateway = client.get(kinds.SERVICE, names.INGRESSGATEWAY, place.namespace)
    gateways = _gateways(client, place, gateway, nodes, findings)
    key = read_public_key(client, place.namespace, names.AUTHN_KEYPAIR_SECRET, findings)
    ca = read_ca(client, place.namespace, place.tls_secret, findings)
    findings += clock_findings(client)
    return ClusterState(
        name=name,
        uuid=read_uuid(client),
        kubernetes_version=version,
        trust_domain=chosen.trust_domain if chosen else "",
        cluster_domain=cluster_domain,
        root_namespace=place.root_namespace,
        namespace=place.namespace,
        revision=chosen.name if chosen else "",
        istio=tuple(revision.to_dict() for revision in revisions),
        roots="".join(roots),
        root_fingerprints=tuple(fingerprint(root) for root in roots),
        authn_key_pub=key,
        pod_cidrs=pod_cidrs(nodes),
        service_cidrs=service_cidrs(client),
        gateways=gateways,
        gateway_exists=gateway is not None,
        exporter_ready=_exporter_ready(client, place),
        metadata_endpoint=_endpoint(client, place, gateway, nodes),
        metadata_ca=ca,
        public_services=len(services),
        published=documents_of(services) if with_published else None,
        outdated_workloads=outdated_workloads(client),
        findings=tuple(finding.located(cluster=name).to_dict() for finding in findings),
    )


def read_uuid(client: Client) -> str:
    """The clusterUUID: the UID of the namespace kube-system (OpenTelemetry's k8s.cluster.uid)."""
    namespace = client.get(kinds.NAMESPACE, "kube-system")
    if namespace is None:
        raise AllianceError("it has no namespace kube-system, whose UID identifies a cluster", cluster=client.cluster)
    return str(namespace["metadata"]["uid"])


def _choose(revisions: list[IstioRevision], place: Place, findings: list[Finding]) -> IstioRevision | None:
    if not revisions:
        findings.append(
            Finding(
                "error",
                "istiod-missing",
                f"there is no istiod in namespace {place.root_namespace}",
                "install Istio first, or set alliance_root_namespace to the namespace that it is in",
            )
        )
        return None
    if place.revision:
        found = next((revision for revision in revisions if revision.name == place.revision), None)
        if found is None:
            findings.append(
                Finding(
                    "error",
                    "revision-unknown",
                    f"there is no istiod of revision {place.revision}; there are"
                    f" {', '.join(revision.name for revision in revisions)}",
                    "set alliance_revision to one of them",
                )
            )
        return found
    if len(revisions) > 1:
        findings.append(
            Finding(
                "error",
                "several-revisions",
                f"several revisions of istiod run: {', '.join(revision.name for revision in revisions)}",
                "set alliance_revision to the one that the alliance is to use",
            )
        )
    return revisions[0]


def _gateways(
    client: Client, place: Place, gateway: Object | None, nodes: list[Object], findings: list[Finding]
) -> tuple[dict[str, Any], ...] | None:
    if gateway is None:
        return None
    text = advertised(client, place.namespace)
    addresses, problems = gateway_addresses(gateway, nodes, _gateway_pods(client, place), text)
    # What the run is about to repair must not keep it from running.
    findings += as_warnings(problems)
    return tuple({"address": item.address, "port": item.port} for item in addresses) or None


def _gateway_pods(client: Client, place: Place) -> list[Object]:
    return client.list(kinds.POD, place.namespace, label_selector=f"app={names.INGRESSGATEWAY}").items


def _endpoint(client: Client, place: Place, gateway: Object | None, nodes: list[Object]) -> str | None:
    """The metadata endpoint behind the gateway's HTTPS port, at the gateway's first own address."""
    if gateway is None:
        return None
    addresses, _problems = gateway_addresses(
        gateway, nodes, _gateway_pods(client, place), None, port_name=names.METADATA_PORT_NAME
    )
    return metadata_endpoint(addresses[0]) if addresses else None


def _exporter_ready(client: Client, place: Place) -> bool:
    exporter = client.get(kinds.DEPLOYMENT, names.EXPORTER, place.namespace)
    return exporter is not None and not not_ready(exporter)
