# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a cluster's state that are read in the same way whoever made its mesh."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import split_certificates
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    GatewayAddress,
    PublicService,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, CertificateError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.istio_settings import (
    AGENT_ENV,
    IstioRevision,
    injector_configmap,
    mesh_configmap,
    read_revision,
    revision_name,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_rotation import PREVIOUS_UNTIL_ANNOTATION
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import load_public_key, public_key_pem
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.service_ports import pack, pack_ports
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import unix_time
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client

Object = dict[str, Any]

CLOCK_TOLERANCE_SECONDS = 30
# istiod puts this label on every pod that it injects (pkg/kube/inject/webhook.go).
INJECTED_PODS = "security.istio.io/tlsMode=istio"
_BLOCK = r"-----BEGIN {label}-----[^-]*-----END {label}-----"
_CERTIFICATE = re.compile(_BLOCK.format(label="CERTIFICATE"))
_PUBLIC_KEY = re.compile(_BLOCK.format(label="(?:ED25519 )?PUBLIC KEY"))


def read_revisions(client: Client, namespace: str, findings: list[Finding]) -> list[IstioRevision]:
    """Every istiod in a namespace, by name; one whose settings can't be read becomes a finding."""
    revisions = []
    deployments = client.list(kinds.DEPLOYMENT, namespace, label_selector="app=istiod").items
    for deployment in sorted(deployments, key=lambda item: str(item["metadata"]["name"])):
        name = mesh_configmap(revision_name(deployment))
        texts = _texts(client, name, namespace)
        injector = _texts(client, injector_configmap(revision_name(deployment)), namespace).get("values")
        try:
            revisions.append(
                read_revision(
                    deployment, texts.get("mesh"), networks=texts.get(names.MESH_NETWORKS_KEY), injector=injector
                )
            )
        except AllianceError as error:
            findings.append(
                Finding("error", "mesh-config-invalid", error.message, error.remedy or "", object=error.obj or "")
            )
    return revisions


def read_roots(client: Client, root_namespace: str) -> list[str]:
    """The cluster's own roots, from the ConfigMap that istiod writes into every namespace for its agents."""
    for namespace in (root_namespace, "default"):
        configmap = client.get(kinds.CONFIG_MAP, names.ROOT_CONFIGMAP, namespace)
        text = ((configmap or {}).get("data") or {}).get(names.ROOT_KEY)
        if text:
            return list(split_certificates(text))
    return []


def as_warnings(findings: Iterable[Finding]) -> list[Finding]:
    """The same findings, none of which keeps a run from running."""
    return [replace(finding, severity="warning") for finding in findings]


def documents_of(services: tuple[PublicService, ...]) -> tuple[dict[str, Any], ...]:
    """Published services as on the wire."""
    listed: Any = FederationMetadata(None, services).to_dict()["publicServices"]
    return tuple(listed)


def packed_ports(services: tuple[PublicService, ...]) -> str:
    """The ports of published services by hostname, as service_ports.unpack() reads it; empty for none."""
    ports = {item.hostname: [[port.name, port.port, port.protocol] for port in item.ports] for item in services}
    return pack_ports(ports) if ports else ""


def advertised(client: Client, namespace: str) -> dict[str, str]:
    """The texts of the ConfigMap that names the gateway's addresses, by key; empty when there is none."""
    return _texts(client, names.ADVERTISE_CONFIGMAP, namespace)


def packed_services(client: Client) -> str:
    """The ports of all Services of the cluster as service_ports.pack() makes it."""
    return pack(client.list(kinds.SERVICE).items)


def addresses_of(gateways: Iterable[GatewayAddress]) -> tuple[dict[str, Any], ...] | None:
    """Gateway addresses for a cluster's state; None for none."""
    return tuple({"address": item.address, "port": item.port} for item in gateways) or None


def _texts(client: Client, name: str, namespace: str) -> dict[str, str]:
    configmap = client.get(kinds.CONFIG_MAP, name, namespace)
    return (configmap or {}).get("data") or {}


def read_ca(client: Client, namespace: str, name: str, findings: list[Finding]) -> str | None:
    """The CA certificates in a Secret of type TLS, and nothing else of it; None, and a finding, when they are none."""
    text = _secret_text(client, namespace, name, "ca.crt")
    if text is None:
        return None
    certificates = _certificates(text)
    if not certificates:
        findings.append(
            _unusable("ca-unusable", "ca.crt", f"{namespace}/{name}", "replace it, or set alliance_metadata_ca")
        )
    return certificates or None


def read_public_key(client: Client, namespace: str, name: str, findings: list[Finding]) -> str | None:
    """The public key of a Secret with a key pair, as neighbours see it; None, and a finding, when it is none."""
    text = _secret_text(client, namespace, name, names.AUTHN_PUBLIC_KEY)
    if text is None:
        return None
    blocks = [match.group() for match in _PUBLIC_KEY.finditer(text)]
    try:
        return public_key_pem(load_public_key("".join(blocks)))
    except AllianceError:
        findings.append(
            _unusable(
                "key-unusable",
                names.AUTHN_PUBLIC_KEY,
                f"{namespace}/{name}",
                "let its owner make the key pair anew: delete the Secret",
            )
        )
        return None


def read_previous_key(client: Client, namespace: str, name: str, now: float) -> tuple[str, str] | tuple[None, None]:
    """The public key of before in a Secret with a key pair that is rotated, and until when it counts; None when none
    does at C(now) (unix seconds)."""
    secret = client.get(kinds.SECRET, name, namespace)
    annotations = ((secret or {}).get("metadata") or {}).get("annotations") or {}
    end = annotations.get(PREVIOUS_UNTIL_ANNOTATION)
    text, last = _text_of(secret, names.PREVIOUS_PUBLIC_KEY), unix_time(end)
    if text is None or last is None or now >= last:
        return None, None
    try:
        return public_key_pem(load_public_key(text)), str(end)
    except AllianceError:  # the module authn_keypair takes it away
        return None, None


def _secret_text(client: Client, namespace: str, name: str, key: str) -> str | None:
    """One value of a Secret; bytes that are no ASCII (in a comment) don't count."""
    return _text_of(client.get(kinds.SECRET, name, namespace), key)


def _text_of(secret: Mapping[str, Any] | None, key: str) -> str | None:
    value = ((secret or {}).get("data") or {}).get(key)
    if not value:
        return None
    try:
        return base64.b64decode(value).decode("ascii", errors="ignore")
    except binascii.Error:
        return ""


def _certificates(text: str) -> str:
    """The CERTIFICATE blocks of a text, each in the same form; what else is in it may be a private key."""
    found: list[str] = []
    for match in _CERTIFICATE.finditer(text):
        try:
            found += split_certificates(match.group())
        except CertificateError:
            continue
    return "".join(found)


def _unusable(code: str, key: str, place: str, remedy: str) -> Finding:
    return Finding("warning", code, f"nothing in its key {key} can be used", remedy, object=f"Secret {place}")


def pod_cidrs(nodes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The pod subnets of nodes."""
    return tuple(sorted({cidr for node in nodes for cidr in node["spec"].get("podCIDRs") or []}))


def service_cidrs(client: Client) -> tuple[str, ...]:
    """Known from Kubernetes 1.33 on, where ServiceCIDR is served; empty before."""
    cidrs = {cidr for item in client.list(kinds.SERVICE_CIDR).items for cidr in item["spec"].get("cidrs") or []}
    return tuple(sorted(cidrs))


def outdated_workloads(client: Client) -> tuple[str, ...]:
    """Workloads with a sidecar that was started before the mesh-wide ProxyConfig: they don't follow new roots."""
    pods = client.list(kinds.POD, label_selector=INJECTED_PODS).items
    return tuple(
        sorted({_workload(pod) for pod in pods if not pod["metadata"].get("deletionTimestamp") and _is_outdated(pod)})
    )


def clock_findings(client: Client) -> list[Finding]:
    """A finding when the API server's clock and this machine's are too far apart for tokens."""
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
