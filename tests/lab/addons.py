# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed into a cluster: its name server and Istio."""

from __future__ import annotations

from typing import Any

from . import images
from .cache import digest
from .flavours import Flavour

_DNS = "coredns"


def coredns(domain: str, address: str) -> list[dict[str, Any]]:
    """CoreDNS for `domain` at the cluster IP `address`; names of other domains don't exist for it."""
    # Two server blocks, since `template` would answer before `kubernetes` in one.
    corefile = f"""{domain}:53 in-addr.arpa:53 ip6.arpa:53 {{
    errors
    health :8080
    ready :8181
    kubernetes {domain} in-addr.arpa ip6.arpa {{
        pods insecure
        ttl 5
    }}
}}
.:53 {{
    errors
    template ANY ANY . {{
        rcode NXDOMAIN
    }}
}}
"""
    meta = {"name": _DNS, "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}}
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    container = {
        "name": _DNS,
        "image": images.COREDNS,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"containerPort": port["port"], "name": port["name"], "protocol": port["protocol"]} for port in ports
        ],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "20Mi"}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
    }
    rules = [
        {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    role = {"name": "system:coredns"}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": role, "rules": rules},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": role,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"},
            "subjects": [{"kind": "ServiceAccount", "name": _DNS, "namespace": "kube-system"}],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"Corefile": corefile}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"k8s-app": "kube-dns"}},
                "template": {
                    # The hash makes a changed Corefile a new pod.
                    "metadata": {
                        "labels": {"k8s-app": "kube-dns"},
                        "annotations": {"lab/corefile": digest([corefile])},
                    },
                    "spec": {
                        "serviceAccountName": _DNS,
                        "dnsPolicy": "Default",
                        "containers": [container],
                        "volumes": [{"name": "config", "configMap": {"name": _DNS}}],
                    },
                },
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**meta, "name": "kube-dns"},
            "spec": {"clusterIP": address, "selector": {"k8s-app": "kube-dns"}, "ports": ports},
        },
    ]


def istio_operator(name: str, domain: str, flavour: Flavour) -> dict[str, Any]:
    """The values that istioctl installs Istio with: about the alliance is in them only what the flavour's owner sets.

    The rest of istiod's environment makes it leave out the filters that only Istio's own build of Envoy has.
    """
    return {
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": {"name": "lab", "namespace": flavour.namespace},
        "spec": {
            "profile": "minimal",
            "hub": images.HUB,
            "tag": images.ISTIO_TAG,
            "meshConfig": {
                "trustDomain": domain,
                "rootNamespace": flavour.namespace,
                **({"defaultConfig": {"proxyMetadata": dict(flavour.proxies)}} if flavour.proxies else {}),
                "defaultProviders": {"metrics": []},
            },
            "values": {
                "global": {
                    "istioNamespace": flavour.namespace,
                    "imagePullPolicy": "IfNotPresent",
                    "network": name,
                    "multiCluster": {"clusterName": name},
                    "proxy": {
                        "clusterDomain": domain,
                        "resources": {"requests": {"cpu": "10m", "memory": "40Mi"}},
                    },
                    "proxy_init": {"resources": {"requests": {"cpu": "10m", "memory": "10Mi"}}},
                },
                "pilot": {
                    "autoscaleEnabled": False,
                    "resources": {"requests": {"cpu": "10m", "memory": "100Mi"}},
                    "env": {
                        **flavour.istiod,
                        "PILOT_ENABLE_METADATA_EXCHANGE": "false",
                        "PILOT_ENABLE_ALPN_FILTER": "false",
                        "PILOT_DISABLE_MX_ALPN": "true",
                    },
                },
            },
        },
    }
