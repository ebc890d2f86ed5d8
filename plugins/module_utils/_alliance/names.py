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

DEFAULT_NAMESPACE = "istio-alliance"
DEFAULT_ROOT_NAMESPACE = "istio-system"

AUTHN_KEYPAIR_SECRET = "alliance-authn-keypair"  # noqa: S105
AUTHN_PUBLIC_KEY = "pub.pem"
AUTHN_PRIVATE_KEY = "priv.pem"

# Map of clusterUUID to {clusterUUID, authnKeyPub, rootCA}: whose tokens our exporter accepts.
REMOTE_METADATA_SECRET = "alliance-remote-public-metadata"  # noqa: S105
REMOTE_METADATA_KEY = "remote-public-metadata.json"

ADVERTISE_CONFIGMAP = "metadata-exporter-ingressgateway-advertise"
ADVERTISE_KEY = "ingressgateways-array.json"

INGRESSGATEWAY = "alliance-ingressgateway"
GATEWAY_PORT_NAME = "tls"
GATEWAY_PORT = 15443
METADATA_PORT_NAME = "https"

METADATA_GATEWAY = "alliance-metadata"
PUBLISHED_GATEWAY = "alliance-published"
EXPORTER = "metadata-exporter"
# Keys tls.crt, tls.key and ca.crt, as cert-manager writes them; the CA's key is in a Secret that nothing mounts.
METADATA_TLS_SECRET = "alliance-metadata-tls"  # noqa: S105
METADATA_CA_SECRET = "alliance-metadata-ca"  # noqa: S105

SHARED_MESH_CONFIGMAP = "istio-federation"
SHARED_MESH_KEY = "mesh"
ROOT_CONFIGMAP = "istio-ca-root-cert"
ROOT_KEY = "root-cert.pem"

ISSUER = "d8-istio"
SCOPE_FEDERATION = "private-federation"
SCOPE_MULTICLUSTER = "private-multicluster"

METADATA_PATH = "/metadata/"
PUBLIC_DOCUMENT = "public/public.json"
SPIFFE_DOCUMENT = "public/spiffe-bundle-endpoint"
FEDERATION_DOCUMENT = "private/federation.json"
MULTICLUSTER_DOCUMENT = "private/multicluster.json"

FEDERATION_GROUP = "deckhouse.io"
FEDERATION_VERSION = "v1alpha1"
FEDERATION_KIND = "IstioFederation"
MULTICLUSTER_KIND = "IstioMulticluster"

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
