# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that the collection, its exporter and its neighbours agree on."""

from __future__ import annotations

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "meshalliance.istio"

# Set on a Service by its owner: any neighbour may call it then.
PUBLIC_SERVICE_LABEL = "federation.istio.deckhouse.io/public-service"

# What every AuthorizationPolicy may call the own trust domain, whatever that is.
LOCAL_TRUST_DOMAIN = "cluster.local"

DEFAULT_NAMESPACE = "istio-alliance"
DEFAULT_ROOT_NAMESPACE = "istio-system"

AUTHN_KEYPAIR_SECRET = "alliance-authn-keypair"  # noqa: S105
AUTHN_PUBLIC_KEY = "pub.pem"
AUTHN_PRIVATE_KEY = "priv.pem"
# The key pair of before, while a rotation is under way.
PREVIOUS_PUBLIC_KEY = "previous-pub.pem"
PREVIOUS_PRIVATE_KEY = "previous-priv.pem"
# What the key of before says of the new one (key_change.py).
KEY_CHANGE = "key-change.jwt"

# Map of clusterUUID to {clusterUUID, authnKeyPub, rootCA} and more (accepted_keys.py): whose tokens our exporter
# accepts.
REMOTE_METADATA_SECRET = "alliance-remote-public-metadata"  # noqa: S105
REMOTE_METADATA_KEY = "remote-public-metadata.json"

# The sets of objects that roles and modules keep in a cluster (their parents are ConfigMaps of the alliance's
# namespace), in the order in which they can go: what others need goes last.
ALLIANCE_SETS = (
    "alliance-probe",
    "alliance-imports",
    "alliance-remote-clusters",
    "alliance-trust",
    "alliance-api-proxy",
    "alliance-exporter",
    "alliance-gateway",
    "alliance-gateway-address",
    "alliance-certificate",
    "alliance-keypair",
    "alliance-istio",
    "alliance-departure",
    "alliance-definitions",
)

# What the mesh's own CA was before it was rotated, and is since; in istiod's namespace, of no set.
ROOT_ROTATION_RECORD = "alliance-root-rotation"

# What is known of neighbours that are being removed, until it is proved that nothing is left of them.
DEPARTURES_CONFIGMAP = "alliance-departures"

ADVERTISE_CONFIGMAP = "metadata-exporter-ingressgateway-advertise"
ADVERTISE_KEY = "ingressgateways-array.json"
MULTICLUSTER_ADVERTISE_KEY = "multicluster-ingressgateways-array.json"

INGRESSGATEWAY = "alliance-ingressgateway"
GATEWAY_PORT_NAME = "tls"
GATEWAY_PORT = 15443
METADATA_PORT_NAME = "https"
# The container's port behind that one of the Service.
METADATA_SERVER_PORT = 8443
# Of members of a multicluster: what joins the networks, and the way to the api-proxy. Ports of their own, because two
# Gateways whose hosts overlap on one port make filter chains that Envoy refuses with the whole listener.
MULTICLUSTER_PORT_NAME = "tls-multicluster"
MULTICLUSTER_PORT = 15444
API_PORT_NAME = "tls-api"
API_PORT = 6443

METADATA_GATEWAY = "alliance-metadata"
PUBLISHED_GATEWAY = "alliance-published"
MULTICLUSTER_GATEWAY = "alliance-multicluster"
EXPORTER = "metadata-exporter"
# Keys tls.crt, tls.key and ca.crt, as cert-manager writes them; the CA's key is in a Secret that nothing mounts.
METADATA_TLS_SECRET = "alliance-metadata-tls"  # noqa: S105
METADATA_CA_SECRET = "alliance-metadata-ca"  # noqa: S105

# The Lease that a run holds while it writes to a cluster.
WRITE_LEASE = "alliance-write"

# The workload that requests to neighbours are made from when the alliance is verified.
PROBE = "alliance-probe"

API_PROXY = "api-proxy"
# Its Envoy's listener and clusters (keys lds.json and cds.json): who is let in, and as whom.
API_PROXY_NEIGHBOURS_CONFIGMAP = "api-proxy-neighbours"
# Appended to the alliance's namespace: where istiod's wish for all Secrets is answered, with none.
EMPTY_NAMESPACE_SUFFIX = "-empty"

SHARED_MESH_CONFIGMAP = "istio-federation"
SHARED_MESH_KEY = "mesh"
MESH_NETWORKS_KEY = "meshNetworks"
# What makes a Secret in istiod's namespace a remote cluster (Istio's pkg/kube/multicluster/secretcontroller.go).
REMOTE_SECRET_LABEL = "istio/multiCluster"  # noqa: S105
REMOTE_CLUSTER_ANNOTATION = "networking.istio.io/cluster"
REMOTE_SECRET_PREFIX = "istio-remote-secret-"  # noqa: S105
ROOT_CONFIGMAP = "istio-ca-root-cert"
ROOT_KEY = "root-cert.pem"

ISSUER = "d8-istio"
SCOPE_FEDERATION = "private-federation"
SCOPE_MULTICLUSTER = "private-multicluster"
SCOPE_API = "api"

METADATA_PATH = "/metadata/"
PUBLIC_DOCUMENT = "public/public.json"
SPIFFE_DOCUMENT = "public/spiffe-bundle-endpoint"
FEDERATION_DOCUMENT = "private/federation.json"
MULTICLUSTER_DOCUMENT = "private/multicluster.json"

FEDERATION_GROUP = "deckhouse.io"
FEDERATION_VERSION = "v1alpha1"
FEDERATION_KIND = "IstioFederation"
MULTICLUSTER_KIND = "IstioMulticluster"

# How two members are joined: each with a domain of its own, or both with the same; and the inventory groups of either.
MODE_FEDERATION = "federation"
MODE_MULTICLUSTER = "multicluster"
MODE_UNKNOWN = "unknown"
FEDERATION_HOSTS = "istio_federation"
MULTICLUSTER_HOSTS = "istio_multicluster"

# A service that every member publishes under two names; neighbours ask it to see that the data plane works.
HEALTHCHECK_SERVICE = "alliance-healthcheck"
HEALTHCHECK_PATH = "/healthz"
HEALTHCHECK_PORT = 80

PROVIDER_ISTIO = "istio"
PROVIDER_DECKHOUSE = "deckhouse"
PROVIDER_EXTERNAL = "external"

# What the Deckhouse Kubernetes Platform (DKP) calls its things.
DKP_NAMESPACE = "d8-istio"
DKP_AUTHN_KEYPAIR_SECRET = "d8-remote-authn-keypair"  # noqa: S105
DKP_INGRESSGATEWAY = "ingressgateway"
DKP_EXPORTER = "metadata-exporter"
DKP_MODULE = "istio"
DKP_GLOBAL_MODULE = "global"
# Its clusterUUID, as its own components read it.
DKP_UUID_CONFIGMAP = "d8-cluster-uuid"
DKP_UUID_KEY = "cluster-uuid"
