# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading one cluster: the only place that knows which objects tell what."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    PublicService,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.endpoint import metadata_endpoint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.gateways import gateway_addresses
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.istio_settings import (
    AGENT_ENV,
    IstioRevision,
    mesh_configmap,
    read_revision,
    revision_name,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published import published_services
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.readiness import not_ready

Object = dict[str, Any]

CLOCK_TOLERANCE_SECONDS = 30
# istiod puts this label on every pod that it injects (pkg/kube/inject/webhook.go).
INJECTED_PODS = "security.istio.io/tlsMode=istio"


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
    revisions = _read_revisions(client, place, findings)
    chosen = _choose(revisions, place, findings)
    cluster_domain = (chosen.cluster_domain or chosen.trust_domain) if chosen else ""
    roots = _roots(client, place)
    services, service_findings = published_services(
        client.list(kinds.SERVICE, label_selector=names.PUBLIC_SERVICE_LABEL).items, cluster_domain
    )
    # One service that can't be published costs that service, not the cluster's place in the alliance.
    findings += _as_warnings(service_findings)
    nodes = client.list(kinds.NODE).items
    gateway = client.get(kinds.SERVICE, names.INGRESSGATEWAY, place.namespace)
    gateways = _gateways(client, place, gateway, nodes, findings)
    findings += _clock(client)
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
        authn_key_pub=_secret_text(client, place.namespace, names.AUTHN_KEYPAIR_SECRET, names.AUTHN_PUBLIC_KEY),
        pod_cidrs=tuple(sorted({cidr for node in nodes for cidr in node["spec"].get("podCIDRs") or []})),
        service_cidrs=_service_cidrs(client),
        gateways=gateways,
        gateway_exists=gateway is not None,
        exporter_ready=_exporter_ready(client, place),
        metadata_endpoint=_endpoint(client, place, gateway, nodes),
        metadata_ca=_secret_text(client, place.namespace, place.tls_secret, "ca.crt"),
        public_services=len(services),
        published=_documents(services) if with_published else None,
        outdated_workloads=_outdated_workloads(client),
        findings=tuple(finding.located(cluster=name).to_dict() for finding in findings),
    )


def read_uuid(client: Client) -> str:
    """The clusterUUID: the UID of the namespace kube-system (OpenTelemetry's k8s.cluster.uid)."""
    namespace = client.get(kinds.NAMESPACE, "kube-system")
    if namespace is None:
        raise AllianceError("it has no namespace kube-system, whose UID identifies a cluster", cluster=client.cluster)
    return str(namespace["metadata"]["uid"])


def _read_revisions(client: Client, place: Place, findings: list[Finding]) -> list[IstioRevision]:
    revisions = []
    deployments = client.list(kinds.DEPLOYMENT, place.root_namespace, label_selector="app=istiod").items
    for deployment in sorted(deployments, key=lambda item: str(item["metadata"]["name"])):
        name = mesh_configmap(revision_name(deployment))
        configmap = client.get(kinds.CONFIG_MAP, name, place.root_namespace)
        try:
            revisions.append(read_revision(deployment, ((configmap or {}).get("data") or {}).get("mesh")))
        except AllianceError as error:
            findings.append(
                Finding("error", "mesh-config-invalid", error.message, error.remedy or "", object=error.obj or "")
            )
    return revisions


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


def _roots(client: Client, place: Place) -> list[str]:
    """The cluster's own roots, from the ConfigMap that istiod writes into every namespace for its agents."""
    for namespace in (place.root_namespace, "default"):
        configmap = client.get(kinds.CONFIG_MAP, names.ROOT_CONFIGMAP, namespace)
        text = ((configmap or {}).get("data") or {}).get(names.ROOT_KEY)
        if text:
            return list(split_certificates(text))
    return []


def _gateways(
    client: Client, place: Place, gateway: Object | None, nodes: list[Object], findings: list[Finding]
) -> tuple[dict[str, Any], ...] | None:
    if gateway is None:
        return None
    advertise = client.get(kinds.CONFIG_MAP, names.ADVERTISE_CONFIGMAP, place.namespace)
    text = ((advertise or {}).get("data") or {}).get(names.ADVERTISE_KEY) if advertise else None
    addresses, problems = gateway_addresses(gateway, nodes, _gateway_pods(client, place), text)
    # What the run is about to repair must not keep it from running.
    findings += _as_warnings(problems)
    return tuple({"address": item.address, "port": item.port} for item in addresses) or None


def _as_warnings(findings: Iterable[Finding]) -> list[Finding]:
    return [replace(finding, severity="warning") for finding in findings]


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


def _documents(services: tuple[PublicService, ...]) -> tuple[dict[str, Any], ...]:
    listed: Any = FederationMetadata(None, services).to_dict()["publicServices"]
    return tuple(listed)


def _exporter_ready(client: Client, place: Place) -> bool:
    exporter = client.get(kinds.DEPLOYMENT, names.EXPORTER, place.namespace)
    return exporter is not None and not not_ready(exporter)


def _secret_text(client: Client, namespace: str, name: str, key: str) -> str | None:
    """One value of a Secret that is not secret itself: a public key or a CA certificate."""
    secret = client.get(kinds.SECRET, name, namespace)
    value = ((secret or {}).get("data") or {}).get(key)
    if not value:
        return None
    try:
        return base64.b64decode(value).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise AllianceError(
            f"its key {key} is not PEM", obj=f"Secret {namespace}/{name}", remedy="replace it"
        ) from error


def _service_cidrs(client: Client) -> tuple[str, ...]:
    """Known from Kubernetes 1.33 on, where ServiceCIDR is served; empty before."""
    cidrs = {cidr for item in client.list(kinds.SERVICE_CIDR).items for cidr in item["spec"].get("cidrs") or []}
    return tuple(sorted(cidrs))


def _outdated_workloads(client: Client) -> tuple[str, ...]:
    """Workloads with a sidecar that was started before the mesh-wide ProxyConfig: they don't follow new roots."""
    pods = client.list(kinds.POD, label_selector=INJECTED_PODS).items
    return tuple(
        sorted({_workload(pod) for pod in pods if not pod["metadata"].get("deletionTimestamp") and _is_outdated(pod)})
    )


def _is_outdated(pod: Mapping[str, Any]) -> bool:
    for container in (pod["spec"].get("initContainers") or []) + pod["spec"]["containers"]:
        if container["name"] == "istio-proxy":
            env = {entry["name"]: entry.get("value") for entry in container.get("env") or []}
            return str(env.get(AGENT_ENV, "")).lower() != "true"
    return False


def _workload(pod: Mapping[str, Any]) -> str:
    """C(Kind namespace/name) of what made a pod; a ReplicaSet's name is its Deployment's and a hash."""
    metadata = pod["metadata"]
    owner = next((item for item in metadata.get("ownerReferences") or [] if item.get("controller")), None)
    if owner is None:
        return f"Pod {metadata['namespace']}/{metadata['name']}"
    template_hash = (metadata.get("labels") or {}).get("pod-template-hash")
    if owner["kind"] == "ReplicaSet" and template_hash and owner["name"].endswith(f"-{template_hash}"):
        return f"Deployment {metadata['namespace']}/{owner['name'][: -len(template_hash) - 1]}"
    return f"{owner['kind']} {metadata['namespace']}/{owner['name']}"


def _clock(client: Client) -> list[Finding]:
    before = time.time()
    server = client.server_time()
    if server is None:
        return []
    offset = server - (before + time.time()) / 2
    if abs(offset) <= CLOCK_TOLERANCE_SECONDS:
        return []
    return [
        Finding(
            "error",
            "clock-skew",
            f"its clock is {abs(offset):.0f} s {'ahead of' if offset > 0 else 'behind'} this machine's;"
            " tokens are valid for 60 s",
            "synchronise the clocks (NTP) of the cluster's nodes and of the machine that runs the playbook",
        )
    ]
