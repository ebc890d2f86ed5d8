# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes an istiod read another cluster: the remote secret, and how the networks are joined.

Form of the Secret as Istio's C(istioctl/pkg/multicluster/remote_secret.go) makes it and
C(pkg/kube/multicluster/secretcontroller.go) reads it; of the networks as C(mesh/v1alpha1/network.proto).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import TokenError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import token_expiry, verify_token

Object = dict[str, Any]


@dataclass(frozen=True)
class RemoteCluster:
    """A cluster of the same domain, as istiod is told of it.

    C(name): of its resource. C(cluster_id): by which istiod calls it. C(ca): PEM, None for the system's. C(gateways)
    join its network, C(network), with others; none in a flat network.
    """

    name: str
    cluster_id: str
    api_host: str
    network: str
    gateways: tuple[GatewayAddress, ...] = ()
    ca: str | None = None
    insecure: bool = False
    token: str = field(default="", repr=False)

    def kubeconfig(self) -> Object:
        """The kubeconfig that istiod uses. Everything is inside of it: istiod takes no files and runs nothing."""
        cluster: Object = {"server": f"https://{self.api_host}"}
        if self.insecure:
            cluster["insecure-skip-tls-verify"] = True
        elif self.ca:
            cluster["certificate-authority-data"] = base64.b64encode(self.ca.encode()).decode()
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "preferences": {},
            "clusters": [{"name": self.cluster_id, "cluster": cluster}],
            "users": [{"name": self.cluster_id, "user": {"token": self.token}}],
            "contexts": [{"name": self.cluster_id, "context": {"cluster": self.cluster_id, "user": self.cluster_id}}],
            "current-context": self.cluster_id,
        }

    def secret(self, namespace: str) -> Object:
        """The remote secret for istiod's namespace: the same bytes for the same content (JSON is YAML)."""
        text = json.dumps(self.kubeconfig(), sort_keys=True)
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {
                "name": secret_name(self.name),
                "namespace": namespace,
                "labels": {names.REMOTE_SECRET_LABEL: "true"},
                "annotations": {names.REMOTE_CLUSTER_ANNOTATION: self.cluster_id},
            },
            "data": {self.cluster_id: base64.b64encode(text.encode()).decode()},
        }


def secret_name(name: str) -> str:
    """The name of the remote secret for a resource's name."""
    return f"{names.REMOTE_SECRET_PREFIX}{name}"


def cluster_ids(secret: Mapping[str, Any]) -> frozenset[str]:
    """The clusters that a remote secret tells istiod of: its keys."""
    return frozenset(secret.get("data") or {})


def token_in(secret: Mapping[str, Any] | None) -> str:
    """The token in a remote secret of ours; the empty string when there is none that can be read."""
    for value in ((secret or {}).get("data") or {}).values():
        try:
            return str(json.loads(base64.b64decode(value))["users"][0]["user"]["token"])
        except (ValueError, KeyError, IndexError, TypeError):
            continue
    return ""


def renewal_due(token: str, *, subject: str, audience: str, public_pem: str, lifetime: int, now: float) -> bool:
    """Whether a token for the API of C(audience) has to be replaced: it is not ours, or half of its life is over.

    So two tokens are good at the same time while istiod turns from one to the other. lifetime: seconds.
    """
    try:
        verify_token(token, audience=audience, scope=names.SCOPE_API, public_keys={subject: public_pem}, now=now)
    except TokenError:
        return True
    left = token_expiry(token) - now
    # A lifetime that was made shorter counts for tokens that are there already.
    return left < lifetime / 2 or left > lifetime + 60


def mesh_networks(clusters: Iterable[RemoteCluster]) -> str:
    """The text for key C(meshNetworks) of the shared mesh config; empty when no network is joined by gateways.

    Two clusters in one network are both found there, behind all its gateways.
    """
    registries: dict[str, set[str]] = {}
    gateways: dict[str, set[GatewayAddress]] = {}
    for cluster in clusters:
        if cluster.gateways:
            registries.setdefault(cluster.network, set()).add(cluster.cluster_id)
            gateways.setdefault(cluster.network, set()).update(cluster.gateways)
    if not registries:
        return ""
    networks = {
        network: {
            "endpoints": [{"fromRegistry": cluster_id} for cluster_id in sorted(registries[network])],
            "gateways": [{"address": gateway.address, "port": gateway.port} for gateway in sorted(gateways[network])],
        }
        for network in sorted(registries)
    }
    return json.dumps({"networks": networks}, indent=2) + "\n"


def networks_config_map(namespace: str, clusters: Sequence[RemoteCluster]) -> Object:
    """The manifest of our part of the shared mesh config that joins networks."""
    text = mesh_networks(clusters)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": names.SHARED_MESH_CONFIGMAP, "namespace": namespace},
        **({"data": {names.MESH_NETWORKS_KEY: text}} if text else {}),
    }
