# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading one cluster: the only place that knows which objects tell what."""

from __future__ import annotations

import time
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
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import written_api_host
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published import published_services
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.foreign import gateway_labels, read_foreign
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.readiness import not_ready
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.reading import (
    addresses_of,
    advertised,
    as_warnings,
    clock_findings,
    documents_of,
    outdated_workloads,
    packed_ports,
    packed_services,
    pod_cidrs,
    read_ca,
    read_previous_key,
    read_public_key,
    read_revisions,
    read_roots,
    service_cidrs,
)

Object = dict[str, Any]
Addresses = tuple[dict[str, Any], ...]

# Beside Helm's global.network, what tells istiod in which network a cluster's pods are.
_NETWORK_LABEL = "topology.istio.io/network"


@dataclass(frozen=True)
class Place:
    """Where the alliance's and Istio's objects are in a cluster, and which istiod to use when there are several."""

    namespace: str = names.DEFAULT_NAMESPACE
    root_namespace: str = names.DEFAULT_ROOT_NAMESPACE
    revision: str | None = None
    tls_secret: str = names.METADATA_TLS_SECRET


@dataclass(frozen=True)
class _Reachable:
    """Where the cluster's gateway can be reached, for each of its purposes; None where it can't."""

    gateways: Addresses | None = None
    metadata_endpoint: str | None = None
    multicluster_gateways: Addresses | None = None
    api_host: str | None = None


def read_cluster(
    client: Client,
    name: str,
    place: Place,
    *,
    with_published: bool = False,
    with_services: bool = False,
    with_foreign: bool = False,
) -> ClusterState:
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
    reachable = _reachable(client, place, gateway, nodes, findings)
    key = read_public_key(client, place.namespace, names.AUTHN_KEYPAIR_SECRET, findings)
    previous, until = read_previous_key(client, place.namespace, names.AUTHN_KEYPAIR_SECRET, time.time())
    ca = read_ca(client, place.namespace, place.tls_secret, findings)
    foreign: tuple[dict[str, Any], ...] = ()
    if with_foreign:
        labels = gateway_labels(client, place.namespace, names.INGRESSGATEWAY)
        foreign = read_foreign(client, cluster_domain, place.root_namespace, labels, findings)
        # A Service here can only have the name of an import where both domains of the cluster are not the same.
        with_services = with_services or (chosen is not None and cluster_domain != chosen.trust_domain)
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
        previous_authn_key_pub=previous,
        previous_authn_key_until=until,
        pod_cidrs=pod_cidrs(nodes),
        service_cidrs=service_cidrs(client),
        gateways=reachable.gateways,
        namespace_exists=client.get(kinds.NAMESPACE, place.namespace) is not None,
        gateway_exists=gateway is not None,
        exporter_ready=_exporter_ready(client, place),
        metadata_endpoint=reachable.metadata_endpoint,
        metadata_ca=ca,
        public_services=len(services),
        published=documents_of(services) if with_published else None,
        cluster_id=chosen.cluster_id if chosen else "",
        network=(chosen.network or _network_of(client, place.root_namespace)) if chosen else "",
        proxy_image=chosen.proxy_image if chosen else "",
        api_host=reachable.api_host,
        multicluster_gateways=reachable.multicluster_gateways,
        mesh_networks=chosen.mesh_networks if chosen else (),
        services=packed_services(client) if with_services else "",
        public_ports=packed_ports(services),
        foreign=foreign,
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


def _reachable(
    client: Client, place: Place, gateway: Object | None, nodes: list[Object], findings: list[Finding]
) -> _Reachable:
    """The gateway's addresses as the exporter computes them."""
    if gateway is None:
        return _Reachable()
    texts = advertised(client, place.namespace)
    pods = client.list(kinds.POD, place.namespace, label_selector=f"app={names.INGRESSGATEWAY}").items
    addresses, problems = gateway_addresses(gateway, nodes, pods, texts.get(names.ADVERTISE_KEY))
    joining, joining_problems = gateway_addresses(
        gateway,
        nodes,
        pods,
        texts.get(names.MULTICLUSTER_ADVERTISE_KEY),
        names.MULTICLUSTER_PORT_NAME,
        names.MULTICLUSTER_ADVERTISE_KEY,
    )
    # Of the other port there is nothing to tell that was not told of this one, and most clusters don't have it.
    problems += tuple(problem for problem in joining_problems if problem.code == "advertise-invalid")
    # What the run is about to repair must not keep it from running.
    findings += as_warnings(problems)
    # What is behind these two ports is at the gateway's own address, whatever is advertised.
    metadata, _problems = gateway_addresses(gateway, nodes, pods, None, names.METADATA_PORT_NAME)
    api, _problems = gateway_addresses(gateway, nodes, pods, None, names.API_PORT_NAME)
    return _Reachable(
        gateways=addresses_of(addresses),
        metadata_endpoint=metadata_endpoint(metadata[0]) if metadata else None,
        multicluster_gateways=addresses_of(joining),
        api_host=written_api_host(api[0]) if api else None,
    )


def _network_of(client: Client, root_namespace: str) -> str:
    labels = ((client.get(kinds.NAMESPACE, root_namespace) or {}).get("metadata") or {}).get("labels") or {}
    return str(labels.get(_NETWORK_LABEL) or "")


def _exporter_ready(client: Client, place: Place) -> bool:
    exporter = client.get(kinds.DEPLOYMENT, names.EXPORTER, place.namespace)
    return exporter is not None and not not_ready(exporter)
