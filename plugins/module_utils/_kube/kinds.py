# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API resources that the collection works with, known without API discovery.

Discovery costs a request per API group and seconds on a cluster with many CRDs; what we write is a fixed, short list.
Other kinds, which users of the C(applyset) module may pass, are looked up one group version at a time (see
resolver.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Kind:
    """One resource type: C(api_version) as in manifests ("v1", "apps/v1"), its kind, its plural and its scope."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; the core group is the empty string."""
        return self.api_version.rpartition("/")[0]

    @property
    def group_kind(self) -> str:
        """C(Kind.group), as KEP-3659 writes it; plain C(Kind) in the core group."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of a collection or, with a name, of one object. No namespace means all of them."""
        parts = ["apis" if self.group else "api", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/" + "/".join(parts)


_RBAC = "rbac.authorization.k8s.io/v1"
_NETWORKING = "networking.istio.io/v1"
_DECKHOUSE = "deckhouse.io/v1alpha1"

NAMESPACE = Kind("v1", "Namespace", "namespaces", False)
NODE = Kind("v1", "Node", "nodes", False)
POD = Kind("v1", "Pod", "pods")
SERVICE = Kind("v1", "Service", "services")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SECRET = Kind("v1", "Secret", "secrets")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
DAEMON_SET = Kind("apps/v1", "DaemonSet", "daemonsets")
STATEFUL_SET = Kind("apps/v1", "StatefulSet", "statefulsets")
REPLICA_SET = Kind("apps/v1", "ReplicaSet", "replicasets")
POD_DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
ROLE = Kind(_RBAC, "Role", "roles")
ROLE_BINDING = Kind(_RBAC, "RoleBinding", "rolebindings")
CLUSTER_ROLE = Kind(_RBAC, "ClusterRole", "clusterroles", False)
CLUSTER_ROLE_BINDING = Kind(_RBAC, "ClusterRoleBinding", "clusterrolebindings", False)
CRD = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", False)
SERVICE_CIDR = Kind("networking.k8s.io/v1", "ServiceCIDR", "servicecidrs", False)
GATEWAY = Kind(_NETWORKING, "Gateway", "gateways")
VIRTUAL_SERVICE = Kind(_NETWORKING, "VirtualService", "virtualservices")
SERVICE_ENTRY = Kind(_NETWORKING, "ServiceEntry", "serviceentries")
DESTINATION_RULE = Kind(_NETWORKING, "DestinationRule", "destinationrules")
PROXY_CONFIG = Kind("networking.istio.io/v1beta1", "ProxyConfig", "proxyconfigs")
PEER_AUTHENTICATION = Kind("security.istio.io/v1", "PeerAuthentication", "peerauthentications")
AUTHORIZATION_POLICY = Kind("security.istio.io/v1", "AuthorizationPolicy", "authorizationpolicies")
ISTIO_FEDERATION = Kind(_DECKHOUSE, "IstioFederation", "istiofederations", False)
ISTIO_MULTICLUSTER = Kind(_DECKHOUSE, "IstioMulticluster", "istiomulticlusters", False)
MODULE_CONFIG = Kind(_DECKHOUSE, "ModuleConfig", "moduleconfigs", False)
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
INGRESS = Kind("networking.k8s.io/v1", "Ingress", "ingresses")

KNOWN: dict[tuple[str, str], Kind] = {
    (kind.api_version, kind.kind): kind for kind in list(globals().values()) if isinstance(kind, Kind)
}
