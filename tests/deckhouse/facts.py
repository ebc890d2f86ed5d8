# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the platform calls its things, and the wire's fixed values."""

from __future__ import annotations

GROUP = "deckhouse.io"
API_VERSION = f"{GROUP}/v1alpha1"
NAMESPACE = "d8-istio"
PUBLIC_SERVICE_LABEL = "federation.istio.deckhouse.io/public-service"

UUID_NAMESPACE, UUID_CONFIGMAP, UUID_KEY = "kube-system", "d8-cluster-uuid", "cluster-uuid"
ROOT_CONFIGMAP, ROOT_KEY = "istio-ca-root-cert", "root-cert.pem"
KEYPAIR_SECRET, PUBLIC_KEY, PRIVATE_KEY = "d8-remote-authn-keypair", "pub.pem", "priv.pem"
REMOTE_SECRET, REMOTE_KEY = "d8-remote-clusters-public-metadata", "remote-public-metadata.json"
ADVERTISE_CONFIGMAP, ADVERTISE_KEY = "metadata-exporter-ingressgateway-advertise", "ingressgateways-array.json"
INGRESS_TLS_SECRET = "ingress-tls"

GATEWAY = "ingressgateway"
GATEWAY_PORT, GATEWAY_PORT_NAME = 15443, "tls"
EXPORTER = "metadata-exporter"

ISSUER = "d8-istio"
FEDERATION_SCOPE, MULTICLUSTER_SCOPE = "private-federation", "private-multicluster"
TOKEN_SECONDS = 60
# By which a peer's API is asked.
API_SCOPE, API_TOKEN_SECONDS = "api", 366 * 24 * 3600
API_PROXY = "istio-api-proxy"

BASE_PATH = "/metadata/"
PUBLIC_PATH = "public/public.json"
SPIFFE_PATH = "public/spiffe-bundle-endpoint"
FEDERATION_PATH = "private/federation.json"
MULTICLUSTER_PATH = "private/multicluster.json"

# Seconds: reading a request, answering it, a connection without requests; and a consumer's whole request.
READ_SECONDS, WRITE_SECONDS, IDLE_SECONDS = 5, 10, 15
FETCH_SECONDS = 10
CYCLE_SECONDS = 60

HEALTHCHECK = "alliance-healthcheck"
HEALTHCHECK_PATH = "/healthz"
HEALTHCHECK_PORT = 80


def exporter_hosts(public_domain_template: str) -> tuple[str, str]:
    """The older and the newer host of the exporter; the template has `%s` where a component's name goes."""
    return public_domain_template % "istio", public_domain_template % "istio-metadata"
