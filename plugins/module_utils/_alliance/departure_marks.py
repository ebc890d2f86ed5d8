# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what a cluster that left is found in another one, wherever something of it might be left.

Clusters of one domain share it, may share their root, and two may be behind one address: what others have too is no
mark of the one that left.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    load_certificate,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departed import Departed
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_clusters import Cluster, Endpoint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import (
    cluster_ids,
    secret_name,
)

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
except ImportError:
    pass  # told by libraries.missing_libraries()

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Marks:
    """What only the cluster that left has. C(root_keys): SHA-256 of the public keys of its roots, in hexadecimal."""

    name: str
    resource: str
    domains: frozenset[str] = frozenset()
    uuids: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    root_keys: frozenset[str] = frozenset()
    gateways: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    cluster_ids: frozenset[str] = frozenset()

    @classmethod
    def of(cls, departed: Departed, others: Iterable[Departed] = ()) -> Marks:
        """The marks of one that left. C(others): who stays, the own cluster among them."""
        shared = Departed("")
        for other in others:
            shared |= other
        roots = root_keys_of(departed.roots) - root_keys_of(shared.roots)
        gateways = set(departed.gateways) - set(shared.gateways)
        return cls(
            name=departed.name,
            resource=departed.resource_name,
            domains=frozenset(departed.trust_domains) - frozenset(shared.trust_domains),
            uuids=frozenset(departed.uuids) - frozenset(shared.uuids),
            keys=frozenset(departed.keys) - frozenset(shared.keys),
            root_keys=roots,
            gateways=frozenset((gateway.address, gateway.port) for gateway in gateways),
            cluster_ids=frozenset(departed.cluster_ids) - frozenset(shared.cluster_ids),
        )

    def in_domain(self, host: str) -> bool:
        """Whether a hostname, C(name.namespace.svc.<domain>), is one of the cluster's."""
        _name, _namespace, svc, domain = [*host.split(".", 3), "", "", "", ""][:4]
        return svc == "svc" and domain in self.domains

    def is_root(self, certificate: str) -> bool:
        """Whether a certificate (PEM) speaks for its roots, or may speak for its domain alone."""
        return bool(root_keys_of([certificate]) & self.root_keys) or bool(permitted_domains(certificate) & self.domains)

    def is_gateway(self, endpoint: Endpoint) -> bool:
        """Whether a proxy's endpoint is one of its gateways."""
        return any((one, endpoint.port) in self.gateways for one in endpoint.names)

    def connections(self, clusters: Iterable[Cluster]) -> int:
        """How many connections of a proxy to it are open."""
        return sum(
            endpoint.connections
            for cluster in clusters
            for endpoint in cluster.endpoints
            if self.in_domain(cluster.host) or self.is_gateway(endpoint)
        )

    def in_cluster(self, cluster: Cluster) -> bool:
        """Whether a proxy's cluster leads to it."""
        return self.in_domain(cluster.host) or any(self.is_gateway(endpoint) for endpoint in cluster.endpoints)

    def reason(self, obj: Object) -> str:
        """How a Kubernetes object names it; the empty string when it doesn't."""
        look = _LOOKS.get(obj["kind"])
        return look(self, obj) if look else ""

    def _in_resource(self, obj: Object) -> str:
        domain = (obj.get("spec") or {}).get("trustDomain")
        if obj["metadata"]["name"] == self.resource:
            return "it is the resource of that neighbour"
        return f"its trust domain is {domain}" if domain in self.domains else ""

    def _in_entry(self, obj: Object) -> str:
        spec = obj.get("spec") or {}
        hosts = [host for host in (*(spec.get("hosts") or []), spec.get("host") or "") if self.in_domain(str(host))]
        if hosts:
            return f"its host is {hosts[0]}"
        for endpoint in spec.get("endpoints") or []:
            for port in (endpoint.get("ports") or {}).values():
                if (endpoint.get("address"), port) in self.gateways:
                    return f"it has an endpoint at {endpoint['address']}:{port}"
        return ""

    def _in_secret(self, obj: Object) -> str:
        metadata = obj["metadata"]
        if (metadata.get("labels") or {}).get(names.REMOTE_SECRET_LABEL):
            told = cluster_ids(obj) & self.cluster_ids
            if metadata["name"] == secret_name(self.resource) or told:
                return "it is the remote secret by which istiod reads that cluster"
        if metadata["name"] == names.REMOTE_METADATA_SECRET:
            return self._in_metadata(_json(_decoded((obj.get("data") or {}).get(names.REMOTE_METADATA_KEY))))
        return ""

    def _in_metadata(self, known: Any) -> str:
        """The neighbours whose tokens the exporter accepts."""
        for uuid, entry in (known if isinstance(known, dict) else {}).items():
            if uuid in self.uuids:
                return f"it has the clusterUUID {uuid}"
            if isinstance(entry, dict) and self.keys & set(_keys(entry)):
                return "it has the public key"
            if isinstance(entry, dict) and self._any_root(str(entry.get("rootCA") or "")):
                return "it has the root"
        return ""

    def _in_config_map(self, obj: Object) -> str:
        data, name = obj.get("data") or {}, obj["metadata"]["name"]
        if name == names.SHARED_MESH_CONFIGMAP:
            return self.in_mesh(_json(data.get(names.SHARED_MESH_KEY))) or self.in_networks(
                _json(data.get(names.MESH_NETWORKS_KEY))
            )
        if name == names.API_PROXY_NEIGHBOURS_CONFIGMAP:
            text = "".join(str(value) for value in data.values())
            found = next((uuid for uuid in sorted(self.uuids) if uuid in text), "")
            return f"it lets the clusterUUID {found} in" if found else ""
        return ""

    def in_mesh(self, mesh: Any) -> str:
        """How a mesh config (istio.mesh.v1alpha1.MeshConfig) trusts it."""
        for entry in certificates_of(mesh):
            if self.is_root(entry):
                return "it has an anchor of that cluster"
        domains = {str(domain) for domain in trusted_domains(mesh)} & self.domains
        return f"it accepts identities of {', '.join(sorted(domains))}" if domains else ""

    def in_networks(self, networks: Any) -> str:
        """How mesh networks (istio.mesh.v1alpha1.MeshNetworks) lead to it."""
        entries = networks.get("networks") if isinstance(networks, dict) else None
        for name, network in (entries if isinstance(entries, dict) else {}).items():
            registries = {str(item.get("fromRegistry")) for item in _mappings(network, "endpoints")}
            gateways = {(str(item.get("address")), str(item.get("port"))) for item in _mappings(network, "gateways")}
            own = {(address, str(port)) for address, port in self.gateways}
            if registries & self.cluster_ids or gateways & own:
                return f"its network {name} leads to that cluster"
        return ""

    def _any_root(self, bundle: str) -> bool:
        try:
            return any(self.is_root(root) for root in split_certificates(bundle))
        except AllianceError:
            return False


_LOOKS = {
    names.FEDERATION_KIND: Marks._in_resource,
    names.MULTICLUSTER_KIND: Marks._in_resource,
    "ServiceEntry": Marks._in_entry,
    "DestinationRule": Marks._in_entry,
    "Secret": Marks._in_secret,
    "ConfigMap": Marks._in_config_map,
}


def certificates_of(mesh: Any) -> list[str]:
    """The certificates that a mesh config trusts beside the own CA's."""
    found: list[str] = []
    for entry in _mappings(mesh, "caCertificates"):
        try:
            found += split_certificates(str(entry.get("pem") or ""))
        except AllianceError:
            continue  # istiod doesn't take it either
    return found


def trusted_domains(mesh: Any) -> list[str]:
    """The trust domains whose identities a mesh config accepts with its certificates."""
    listed = (entry.get("trustDomains") for entry in _mappings(mesh, "caCertificates"))
    return [str(domain) for domains in listed if isinstance(domains, list) for domain in domains]


def root_keys_of(certificates: Iterable[str]) -> frozenset[str]:
    """SHA-256 of their public keys (SubjectPublicKeyInfo): an anchor that is made of a root has the root's."""
    return frozenset(key for certificate in certificates if (key := _known(certificate)[0]))


def permitted_domains(certificate: str) -> frozenset[str]:
    """The hosts of URIs that a constrained anchor permits; none for a certificate without such constraints."""
    return _known(certificate)[1]


# Each proxy of a mesh holds the same few.
@lru_cache(maxsize=1024)
def _known(certificate: str) -> tuple[str, frozenset[str]]:
    """The digest of a certificate's public key, and the domains that it is constrained to; nothing when it is none."""
    try:
        loaded = load_certificate(certificate)
    except AllianceError:
        return "", frozenset()
    public = loaded.public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    try:
        permitted = loaded.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or ()
    except (ValueError, x509.ExtensionNotFound):
        permitted = ()
    domains = frozenset(str(item.value) for item in permitted if isinstance(item, x509.UniformResourceIdentifier))
    return digest.finalize().hex(), domains


def _mappings(parent: Any, name: str) -> list[Mapping[str, Any]]:
    """The entries of a list in a document that anybody may have written; others than mappings are left out."""
    entries = parent.get(name) if isinstance(parent, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _keys(entry: Mapping[str, Any]) -> list[str]:
    """The public keys of an entry, of which there are several while one replaces another."""
    values = [value for key, value in entry.items() if "key" in str(key).lower()]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [item.strip() + "\n" for item in flat if isinstance(item, str)]


def _decoded(value: Any) -> str:
    try:
        return base64.b64decode(str(value or "")).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _json(text: Any) -> Any:
    try:
        return json.loads(str(text or "null"))
    except ValueError:
        return None
