# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a cluster of the Deckhouse Kubernetes Platform, whose own module istio makes the mesh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import is_ready
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.deckhouse import (
    API_PROXY,
    Endpoint,
    config_version,
    ingress_endpoint,
    ingress_host,
    switched_off,
    template_endpoint,
    template_host,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicService
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.gateways import gateway_addresses
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.istio_settings import (
    DEFAULT_CLUSTER_ID,
    IstioRevision,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import (
    derived_cluster_id,
    derived_network,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published import published_services
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.foreign import gateway_labels, read_foreign
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.readiness import not_serving
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
    read_public_key,
    read_revisions,
    read_roots,
    service_cidrs,
)

Object = dict[str, Any]

# What gateway_addresses finds wrong that is no more than "not yet" on a platform that is still at work.
_NOT_YET = ("gateway-without-address",)


@dataclass(frozen=True)
class _Gateway:
    """The platform's ingress gateway: its addresses, and what is missing or wrong of it."""

    exists: bool
    addresses: tuple[dict[str, Any], ...] | None
    awaiting: tuple[str, ...]
    findings: tuple[Finding, ...]


def read_deckhouse_cluster(
    client: Client,
    name: str,
    *,
    endpoint: str | None = None,
    with_published: bool = False,
    with_services: bool = False,
    with_foreign: bool = False,
) -> ClusterState:
    """Everything that the alliance needs to know of a Deckhouse cluster. Reads only.

    endpoint: the metadata endpoint where the inventory tells it; otherwise it is looked for in the cluster. What the
    platform has not made yet is in C(awaiting), what a federation can't work with in C(findings). Raises AllianceError
    when the cluster can't be read.
    """
    findings: list[Finding] = []
    space = names.DKP_NAMESPACE
    version = client.request("GET", "/version").body.get("gitVersion", "")
    served = _served(client)
    config = client.get(kinds.MODULE_CONFIG, names.DKP_MODULE)
    revisions = read_revisions(client, space, findings)
    trust_domain = _agreed("trust domain", (item.trust_domain for item in revisions), findings)
    cluster_domain = _agreed("cluster domain", (_domain(item) for item in revisions), findings)
    roots = read_roots(client, space)
    services = _services(client, cluster_domain, findings)
    nodes = client.list(kinds.NODE).items
    gateway = _gateway(client, nodes)
    findings += gateway.findings
    key = read_public_key(client, space, names.DKP_AUTHN_KEYPAIR_SECRET, findings)
    exporter = _exporter_pending(client)
    found = _endpoint(client, endpoint)
    ca = read_ca(client, space, found.secret, findings) if found and found.secret else None
    if kinds.MODULE_CONFIG.plural not in served:
        findings.append(_not_deckhouse())
    elif found is None:
        findings.append(_endpoint_missing())
    foreign: tuple[dict[str, Any], ...] = ()
    if with_foreign:
        labels = gateway_labels(client, space, names.DKP_INGRESSGATEWAY)
        foreign = read_foreign(client, cluster_domain or trust_domain, space, labels, findings)
    findings += clock_findings(client)
    uuid = read_deckhouse_uuid(client)
    cluster_id = _cluster_id(revisions, cluster_domain, uuid)
    return ClusterState(
        name=name,
        uuid=uuid,
        provider=names.PROVIDER_DECKHOUSE,
        kubernetes_version=version,
        trust_domain=trust_domain,
        cluster_domain=cluster_domain or trust_domain,
        root_namespace=space,
        namespace=space,
        revision=revisions[0].name if len(revisions) == 1 else "",
        istio=tuple(revision.to_dict() for revision in revisions),
        roots="".join(roots),
        root_fingerprints=tuple(fingerprint(root) for root in roots),
        authn_key_pub=key,
        pod_cidrs=pod_cidrs(nodes),
        service_cidrs=service_cidrs(client),
        gateways=gateway.addresses,
        gateway_exists=gateway.exists,
        exporter_ready=not exporter,
        metadata_endpoint=endpoint or (found.url if found else None),
        metadata_ca=ca,
        public_services=len(services),
        published=documents_of(services) if with_published else None,
        cluster_id=cluster_id,
        network=_same(revision.network for revision in revisions)
        or (derived_network(cluster_id) if cluster_id else ""),
        proxy_image=_same(revision.proxy_image for revision in revisions),
        api_host=_api_host(client),
        # Published services and the other clusters of its domain come to the same port of the platform's gateway.
        multicluster_gateways=gateway.addresses,
        services=packed_services(client) if with_services else "",
        public_ports=packed_ports(services),
        foreign=foreign,
        outdated_workloads=outdated_workloads(client),
        awaiting=_awaiting(served, config, roots, key, gateway, exporter),
        module_config_version=config_version(config),
        findings=tuple(finding.located(cluster=name).to_dict() for finding in findings),
    )


def _awaiting(
    served: frozenset[str], config: Object | None, roots: list[str], key: str | None, gateway: _Gateway, exporter: str
) -> tuple[str, ...]:
    """What the platform has not made yet, in words, in the order in which it makes it."""
    space = names.DKP_NAMESPACE
    awaiting = switched_off(config)
    if kinds.ISTIO_FEDERATION.plural not in served:
        awaiting.append("the definition of IstioFederation")
    if not roots:
        awaiting.append(f"the root certificate (ConfigMap {space}/{names.ROOT_CONFIGMAP})")
    if not key:
        awaiting.append(f"the key pair (Secret {space}/{names.DKP_AUTHN_KEYPAIR_SECRET})")
    awaiting += gateway.awaiting
    if exporter:
        awaiting.append(f"the metadata-exporter ({exporter})")
    return tuple(awaiting)


def read_deckhouse_uuid(client: Client) -> str:
    """The clusterUUID that the platform's own components use; empty for a cluster that doesn't tell it."""
    configmap = client.get(kinds.CONFIG_MAP, names.DKP_UUID_CONFIGMAP, "kube-system")
    return str(((configmap or {}).get("data") or {}).get(names.DKP_UUID_KEY) or "").strip()


def federation_served(client: Client) -> bool:
    """Whether the kind IstioFederation is there; the platform defines it when its module istio is on."""
    return kinds.ISTIO_FEDERATION.plural in _served(client)


def _served(client: Client) -> frozenset[str]:
    """The plurals of the platform's kinds that the API server serves."""
    try:
        resources = client.request("GET", f"/apis/{kinds.MODULE_CONFIG.api_version}").body["resources"]
    except ApiError as error:
        if error.status == 404:
            return frozenset()
        raise
    return frozenset(str(resource["name"]) for resource in resources)


def _domain(revision: IstioRevision) -> str:
    return revision.cluster_domain or revision.trust_domain


def _agreed(what: str, values: Iterable[str], findings: list[Finding]) -> str:
    """The one value that all revisions of istiod have; empty when there is none, or not one."""
    different = sorted(set(values))
    if len(different) > 1:
        findings.append(
            Finding(
                "error",
                "domain-differs",
                f"its revisions of Istio differ in their {what}: {', '.join(different)}",
                "ask the platform's administrator which one is wrong",
            )
        )
    return different[0] if len(different) == 1 else ""


def _same(values: Iterable[str]) -> str:
    """The one value that all of them are; empty when they differ."""
    different = set(values)
    return different.pop() if len(different) == 1 else ""


def _cluster_id(revisions: Iterable[IstioRevision], domain: str, uuid: str) -> str:
    """What its istiod is called; by the platform's rule when its objects don't say it. Empty while nothing tells it."""
    told = _same(revision.cluster_id for revision in revisions)
    if told not in ("", DEFAULT_CLUSTER_ID):
        return told
    return derived_cluster_id(domain, uuid) if domain and uuid else ""


def _services(client: Client, cluster_domain: str, findings: list[Finding]) -> tuple[PublicService, ...]:
    if not cluster_domain:
        return ()  # before istiod is there, nobody can say what they are called
    labelled = client.list(kinds.SERVICE, label_selector=names.PUBLIC_SERVICE_LABEL).items
    services, problems = published_services(labelled, cluster_domain)
    # One service that can't be published costs that service, not the cluster's place in the alliance.
    findings += as_warnings(problems)
    return services


def _gateway(client: Client, nodes: list[Object]) -> _Gateway:
    space = names.DKP_NAMESPACE
    service = client.get(kinds.SERVICE, names.DKP_INGRESSGATEWAY, space)
    pods = client.list(kinds.POD, space, label_selector=f"app={names.DKP_INGRESSGATEWAY}").items
    awaiting = _pods_pending(pods, nodes)
    text = advertised(client, space).get(names.ADVERTISE_KEY)
    if service is None:
        return _Gateway(False, None, (f"the ingress gateway (Service {space}/{names.DKP_INGRESSGATEWAY})",), ())
    addresses, problems = gateway_addresses(service, nodes, pods, text)
    if not addresses:
        awaiting = (*awaiting, "an address of the ingress gateway")
    findings = tuple(
        replace(_in_namespace(problem), severity="warning") for problem in problems if problem.code not in _NOT_YET
    )
    return _Gateway(True, addresses_of(addresses), awaiting, findings)


def _in_namespace(problem: Finding) -> Finding:
    """The same problem with the platform's object in the place of ours."""
    kind, _space, name = problem.object.partition(" ")
    place = names.DKP_INGRESSGATEWAY if name == names.INGRESSGATEWAY else name
    remedy = "look at ModuleConfig istio, spec.settings.alliance.ingressGateway"
    return replace(problem, object=f"{kind} {names.DKP_NAMESPACE}/{place}", remedy=remedy)


def _pods_pending(pods: Iterable[Mapping[str, Any]], nodes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """How many gateway pods are ready when none is: one that never gets ready must not keep a run waiting."""
    down = {node["metadata"]["name"] for node in nodes if not is_ready(node)}
    present = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    counted = [pod for pod in present if pod["spec"].get("nodeName") not in down] or present
    ready = sum(is_ready(pod) for pod in counted)
    if ready:
        return ()
    return (f"the pods of the ingress gateway ({ready} of {len(counted)} are ready)",)


def _exporter_pending(client: Client) -> str:
    """Why no pod of the exporter serves; empty when one does, whatever kind of workload made it."""
    deployment = client.get(kinds.DEPLOYMENT, names.DKP_EXPORTER, names.DKP_NAMESPACE)
    if deployment is not None:
        return not_serving(deployment)
    pods = client.list(kinds.POD, names.DKP_NAMESPACE, label_selector=f"app={names.DKP_EXPORTER}").items
    return "" if any(is_ready(pod) for pod in pods) else "it does not exist or has no ready pod"


def _endpoint(client: Client, wanted: str | None) -> Endpoint | None:
    """Where the exporter is; with C(wanted), the URL that the inventory tells, for the Secret of its certificate."""
    found = ingress_endpoint(client.list(kinds.INGRESS, names.DKP_NAMESPACE).items, wanted)
    if found is None:
        found = template_endpoint(client.get(kinds.MODULE_CONFIG, names.DKP_GLOBAL_MODULE))
    return found or (Endpoint(wanted) if wanted else None)


def _api_host(client: Client) -> str | None:
    """Where the platform's api-proxy is: by its Ingress, else by the platform's template of public names."""
    host = ingress_host(client.list(kinds.INGRESS, names.DKP_NAMESPACE).items, f"{API_PROXY}.")
    return host or template_host(client.get(kinds.MODULE_CONFIG, names.DKP_GLOBAL_MODULE), API_PROXY)


def _not_deckhouse() -> Finding:
    return Finding(
        "error",
        "deckhouse-missing",
        "it serves no ModuleConfig: it is not a cluster of the Deckhouse Kubernetes Platform",
        f"set alliance_provider: {names.PROVIDER_ISTIO} for it, or correct the way to its API",
        object="ModuleConfig istio",
    )


def _endpoint_missing() -> Finding:
    return Finding(
        "error",
        "endpoint-missing",
        "its metadata endpoint can't be found: there is no Ingress for it, and ModuleConfig global has no"
        " publicDomainTemplate",
        "set alliance_metadata_endpoint, for example https://istio.example.com/metadata/",
    )
