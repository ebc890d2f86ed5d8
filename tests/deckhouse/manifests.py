# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that the platform makes once an alliance mode is on. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from tests.deckhouse import facts
from tests.deckhouse.certificates import Issued

Object = dict[str, Any]

LABELS = {"heritage": "deckhouse", "module": "istio"}
_GATEWAY_LABELS = {**LABELS, "app": facts.GATEWAY}
_EXPORTER_LABELS = {**LABELS, "app": facts.EXPORTER}


def obj(api_version: str, kind: str, name: str, namespace: str | None = facts.NAMESPACE, **more: Any) -> Object:
    """An object with the platform's labels; `labels` and `annotations` go into its metadata."""
    metadata: Object = {"name": name, "labels": more.pop("labels", LABELS)}
    if namespace:
        metadata["namespace"] = namespace
    if "annotations" in more:
        metadata["annotations"] = dict(more.pop("annotations"))
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def secret(name: str, texts: Mapping[str, str], type_: str = "Opaque") -> Object:
    """A Secret of texts."""
    data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    return obj("v1", "Secret", name, type=type_, data=data)


def gateway(domain: str, settings: Mapping[str, Any], node_port: int | None) -> list[Object]:
    """The ingressgateway: its pods by injection, its Service, and the host that it opens."""
    pod = {
        "metadata": {
            "labels": {**_GATEWAY_LABELS, "sidecar.istio.io/inject": "true"},
            "annotations": {"inject.istio.io/templates": "gateway"},
        },
        "spec": {
            "serviceAccountName": facts.GATEWAY,
            "nodeSelector": settings.get("nodeSelector") or {},
            "tolerations": settings.get("tolerations") or [],
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1337, "runAsGroup": 1337},
            "containers": [
                {
                    "name": "istio-proxy",
                    # The injector replaces it by the mesh's proxy image.
                    "image": "auto",
                    "imagePullPolicy": "IfNotPresent",
                    "ports": [{"name": facts.GATEWAY_PORT_NAME, "containerPort": facts.GATEWAY_PORT}],
                    "resources": {"requests": {"cpu": "10m", "memory": "40Mi"}},
                }
            ],
        },
    }
    port: Object = {
        "name": facts.GATEWAY_PORT_NAME,
        "port": facts.GATEWAY_PORT,
        "targetPort": facts.GATEWAY_PORT,
        "protocol": "TCP",
    }
    inlet = settings.get("inlet") or "LoadBalancer"
    number = (settings.get("nodePort") or {}).get("port") or node_port
    if inlet == "NodePort" and number:
        port["nodePort"] = number
    server = {
        "port": {"number": facts.GATEWAY_PORT, "name": facts.GATEWAY_PORT_NAME, "protocol": "TLS"},
        "hosts": [f"*.{domain}"],
        "tls": {"mode": "AUTO_PASSTHROUGH"},
    }
    selector = {"app": facts.GATEWAY}
    return [
        obj("v1", "ServiceAccount", facts.GATEWAY, automountServiceAccountToken=False),
        obj(
            "v1",
            "Service",
            facts.GATEWAY,
            labels=_GATEWAY_LABELS,
            annotations=settings.get("serviceAnnotations") or {},
            spec={"type": inlet, "selector": selector, "ports": [port]},
        ),
        obj(
            "apps/v1",
            "DaemonSet",
            facts.GATEWAY,
            labels=_GATEWAY_LABELS,
            spec={"selector": {"matchLabels": selector}, "template": pod},
        ),
        obj(
            "networking.istio.io/v1",
            "Gateway",
            facts.GATEWAY,
            spec={"selector": selector, "servers": [server]},
        ),
    ]


def advertise(settings: Mapping[str, Any]) -> Object | None:
    """The addresses that ModuleConfig names instead of the gateway's own."""
    listed = settings.get("advertise")
    if not listed:
        return None
    data = {facts.ADVERTISE_KEY: json.dumps(listed)}
    return obj("v1", "ConfigMap", facts.ADVERTISE_CONFIGMAP, data=data)


def exporter(hosts: tuple[str, ...], tls: Issued, ca: str, image: str) -> list[Object]:
    """The exporter: a pod that stands for it (this process is what answers), and its ingress."""
    selector = {"app": facts.EXPORTER}
    pod = {
        "metadata": {"labels": {**_EXPORTER_LABELS, "sidecar.istio.io/inject": "false"}},
        "spec": {
            "serviceAccountName": facts.EXPORTER,
            "containers": [
                {
                    "name": facts.EXPORTER,
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "resources": {"requests": {"cpu": "1m", "memory": "4Mi"}},
                }
            ],
        },
    }
    backend = {"service": {"name": facts.EXPORTER, "port": {"number": 8080}}}
    path = {"path": facts.BASE_PATH, "pathType": "Prefix", "backend": backend}
    ingress = {
        "rules": [{"host": host, "http": {"paths": [path]}} for host in hosts],
        "tls": [{"hosts": list(hosts), "secretName": facts.INGRESS_TLS_SECRET}],
    }
    certificate = {"tls.crt": tls.certificate, "tls.key": tls.key, "ca.crt": ca}
    return [
        obj("v1", "ServiceAccount", facts.EXPORTER, automountServiceAccountToken=False),
        obj(
            "v1",
            "Service",
            facts.EXPORTER,
            labels=_EXPORTER_LABELS,
            spec={"selector": selector, "ports": [{"name": "http", "port": 8080}]},
        ),
        obj(
            "apps/v1",
            "Deployment",
            facts.EXPORTER,
            labels=_EXPORTER_LABELS,
            spec={"replicas": 1, "selector": {"matchLabels": selector}, "template": pod},
        ),
        secret(facts.INGRESS_TLS_SECRET, certificate, "kubernetes.io/tls"),
        obj("networking.k8s.io/v1", "Ingress", facts.EXPORTER, labels=_EXPORTER_LABELS, spec=ingress),
    ]


def istiod(domain: str, revision: str) -> list[Object]:
    """A control plane's objects where none runs: what others read of it."""
    container = {
        "name": "discovery",
        "image": "istio/pilot:1.25.2",
        "args": ["discovery", "--domain", domain],
        "env": [{"name": "ISTIO_MULTIROOT_MESH", "value": "true"}],
    }
    labels = {**LABELS, "app": "istiod", "istio.io/rev": revision}
    selector = {"app": "istiod", "istio.io/rev": revision}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": selector}, "template": template}
    return [obj("apps/v1", "Deployment", f"istiod-{revision}", labels=labels, spec=spec)]
