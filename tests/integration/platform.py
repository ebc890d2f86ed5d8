# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Deckhouse platform's objects on a control plane on which nothing runs: what it makes, part by part."""

from __future__ import annotations

import base64
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import Applier

from tests.deckhouse import crds
from tests.integration.conftest import Admin
from tests.integration.neighbour import Neighbour

Object = dict[str, Any]

NAMESPACE, NODE = "d8-istio", "platform-node"
DECKHOUSE = "deckhouse.io/v1alpha1"
UUID = "0d9c1a3e-6f2b-4a7e-9a55-3f0c9c1f2b11"
HOST = "istio-metadata.platform.example"
ADDRESS = "203.0.113.40"
READY: Object = {"conditions": [{"type": "Ready", "status": "True"}]}
# Labels of the platform's pods, and what they select.
GATEWAY, EXPORTER = {"app": "ingressgateway"}, {"app": "metadata-exporter"}

_MADE = (
    (DECKHOUSE, "ModuleConfig", ("istio",)),
    ("apps/v1", "Deployment", ("istiod-v1x25", "metadata-exporter")),
    ("v1", "ConfigMap", ("istio-v1x25", "istio-ca-root-cert")),
    ("v1", "Secret", ("d8-remote-authn-keypair", "ingress-tls")),
    ("v1", "Service", ("ingressgateway",)),
    ("networking.k8s.io/v1", "Ingress", ("metadata-exporter",)),
)


def obj(api_version: str, kind: str, name: str, namespace: str | None = NAMESPACE, **more: Any) -> Object:
    """A manifest; C(labels) go into its metadata."""
    metadata: Object = {"name": name, "labels": more.pop("labels", {})}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def encoded(text: str) -> str:
    """A value of a Secret."""
    return base64.b64encode(text.encode()).decode()


class Platform:
    """The platform, whose exporter is played by a neighbour: its root, its keys, its endpoint's certificate."""

    def __init__(self, admin: Admin, exporter: Neighbour) -> None:
        self.admin, self.exporter = admin, exporter

    def install(self) -> None:
        """What each cluster of the platform has: its definitions, its name, the template of its public names."""
        applier = Applier(self.admin.client, manager="platform")
        applier.execute(applier.plan([crds.module_config()]), wait=30)
        self.admin.namespace(NAMESPACE)
        template = {"modules": {"publicDomainTemplate": "%s.platform.example"}}
        self.admin.apply(
            obj(DECKHOUSE, "ModuleConfig", "global", None, spec={"version": 1, "settings": template}),
            obj("v1", "ConfigMap", "d8-cluster-uuid", "kube-system", data={"cluster-uuid": UUID}),
            obj("v1", "Node", NODE, None, spec={"podCIDR": "10.44.0.0/24", "podCIDRs": ["10.44.0.0/24"]}),
        )
        self._status(obj("v1", "Node", NODE, None), READY)

    def switch_on(self, manager: str = "administrator") -> None:
        """Federation, as an administrator switches it on."""
        spec = {"version": 2, "enabled": True, "settings": {"federation": {"enabled": True}}}
        self.admin.apply(obj(DECKHOUSE, "ModuleConfig", "istio", None, spec=spec), manager=manager)

    def mesh(self) -> None:
        """istiod with its root, and the key pair."""
        container = {"name": "discovery", "image": "pilot:1.25.2", "args": ["--domain", self.exporter.domain]}
        labels = {"app": "istiod", "istio.io/rev": "v1x25"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        mesh = f"trustDomain: {self.exporter.domain}\n"
        pair = {"pub.pem": encoded(self.exporter.keys.public_pem), "priv.pem": encoded("not for us")}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        self.admin.apply(
            obj("apps/v1", "Deployment", "istiod-v1x25", labels=labels, spec=spec),
            obj("v1", "ConfigMap", "istio-v1x25", data={"mesh": mesh}),
            obj("v1", "ConfigMap", "istio-ca-root-cert", data={"root-cert.pem": self.exporter.root}),
            obj("v1", "Secret", "d8-remote-authn-keypair", data=pair),
        )

    def gateway(self) -> None:
        """The ingress gateway: its Service with an address, and one pod that is ready."""
        service = obj("v1", "Service", "ingressgateway")
        ports = [{"name": "tls", "port": 15443}]
        container = {"name": "istio-proxy", "image": "auto"}
        pod = obj("v1", "Pod", "ingressgateway-1", labels=GATEWAY)
        spec = {"nodeName": NODE, "automountServiceAccountToken": False, "containers": [container]}
        self.admin.apply(
            obj("v1", "ServiceAccount", "default"),
            {**service, "spec": {"type": "LoadBalancer", "selector": GATEWAY, "ports": ports}},
            {**pod, "spec": spec},
        )
        self._status(service, {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}})
        self._status(pod, READY)

    def exporting(self) -> None:
        """The metadata-exporter with its Ingress and certificate."""
        container = {"name": "exporter", "image": "exporter"}
        template = {"metadata": {"labels": EXPORTER}, "spec": {"containers": [container]}}
        deployment = obj("apps/v1", "Deployment", "metadata-exporter", labels=EXPORTER)
        backend = {"service": {"name": "metadata-exporter", "port": {"number": 8080}}}
        paths = [{"path": "/metadata/", "pathType": "Prefix", "backend": backend}]
        ingress = {
            "rules": [{"host": HOST, "http": {"paths": paths}}],
            "tls": [{"hosts": [HOST], "secretName": "ingress-tls"}],
        }
        self.admin.apply(
            {**deployment, "spec": {"replicas": 1, "selector": {"matchLabels": EXPORTER}, "template": template}},
            obj("v1", "Secret", "ingress-tls", data={"ca.crt": encoded(self.exporter.option()["metadata_ca"])}),
            obj("networking.k8s.io/v1", "Ingress", "metadata-exporter", spec=ingress),
        )
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
        found = self.admin.get("Deployment", NAMESPACE, "metadata-exporter", "apps/v1")
        assert found is not None
        self._status(deployment, {"observedGeneration": found["metadata"]["generation"], **counts})

    def make_ready(self) -> None:
        """All of it."""
        self.switch_on()
        self.mesh()
        self.gateway()
        self.exporting()

    def remove(self) -> None:
        """Everything but what install() made: each file of tests begins with a platform that has no mesh."""
        for api_version, kind, names in _MADE:
            namespace = None if kind == "ModuleConfig" else NAMESPACE
            for name in names:
                if self.admin.get(kind, namespace, name, api_version) is not None:
                    self.admin.delete(kind, namespace, name, api_version)

    def _status(self, manifest: Object, status: Object) -> None:
        self.admin.apply({**manifest, "status": status}, manager="platform", subresource="status")
