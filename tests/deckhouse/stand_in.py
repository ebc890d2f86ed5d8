# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in for kubelets and controllers where only a control plane runs: nodes, pods, and their being ready."""

from __future__ import annotations

from typing import Any

from tests.deckhouse import facts, manifests
from tests.deckhouse.kube import Kube

Object = dict[str, Any]

NODE = "dkp-node"
# Documentation addresses (RFC 5737).
INTERNAL_IP, LOAD_BALANCER_IP = "192.0.2.10", "198.51.100.7"


class StandIn:
    """`ready` False keeps all pods unready; `load_balancer` None leaves the gateway's Service without address."""

    def __init__(self, kube: Kube) -> None:
        self.ready = True
        self.load_balancer: str | None = LOAD_BALANCER_IP
        self._kube = kube

    def nodes(self) -> None:
        """One node, unless somebody made nodes."""
        if not self._kube.list("Node"):
            node = manifests.obj("v1", "Node", NODE, None)
            self._kube.apply([node])
            addresses = [{"type": "InternalIP", "address": INTERNAL_IP}]
            self._kube.apply_status({**node, "status": {"addresses": addresses, "conditions": [_ready(True)]}})

    def run(self) -> None:
        """Run the gateway on all nodes and the exporter on one, and give the gateway's Service its address."""
        nodes = [node["metadata"]["name"] for node in self._kube.list("Node")]
        gateway = self._kube.get("DaemonSet", facts.GATEWAY, facts.NAMESPACE)
        exporter = self._kube.get("Deployment", facts.EXPORTER, facts.NAMESPACE)
        if gateway is None or exporter is None:
            return
        for node in nodes:
            self._pod(gateway, node)
        self._pod(exporter, nodes[0])
        count = len(nodes)
        ready = count if self.ready else 0
        self._status(
            gateway,
            {
                "desiredNumberScheduled": count,
                "currentNumberScheduled": count,
                "updatedNumberScheduled": count,
                "numberMisscheduled": 0,
                "numberReady": ready,
                "numberAvailable": ready,
                "numberUnavailable": count - ready,
            },
        )
        one = int(self.ready)
        counts = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": one, "availableReplicas": one}
        self._status(exporter, {**counts, "unavailableReplicas": 1 - one})
        self._address()

    def stop(self) -> None:
        """End the pods."""
        for app in (facts.GATEWAY, facts.EXPORTER):
            pods = self._kube.list("Pod", facts.NAMESPACE, f"app={app}")
            self._kube.delete("Pod", *(pod["metadata"]["name"] for pod in pods), namespace=facts.NAMESPACE)

    def _pod(self, owner: Object, node: str) -> None:
        template = owner["spec"]["template"]
        name = f"{owner['metadata']['name']}-{node}"
        reference = {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
        }
        if self._kube.get("Pod", name, facts.NAMESPACE) is None:
            pod = manifests.obj("v1", "Pod", name, labels=template["metadata"]["labels"])
            pod["metadata"]["ownerReferences"] = [reference]
            container = {
                key: value
                for key, value in template["spec"]["containers"][0].items()
                if key in ("name", "image", "imagePullPolicy")
            }
            account = template["spec"]["serviceAccountName"]
            pod["spec"] = {
                "nodeName": node,
                "serviceAccountName": account,
                "automountServiceAccountToken": False,
                "containers": [container],
            }
            self._kube.apply([pod])
        pod = manifests.obj("v1", "Pod", name)
        containers = [{"name": item["name"], "ready": self.ready} for item in template["spec"]["containers"]]
        for container in containers:
            container.update(image="", imageID="", restartCount=0)
        status = {"phase": "Running", "conditions": [_ready(self.ready)], "containerStatuses": containers}
        self._kube.apply_status({**pod, "status": status})

    def _status(self, owner: Object, counts: dict[str, int]) -> None:
        identity = manifests.obj("apps/v1", owner["kind"], owner["metadata"]["name"])
        status = {"observedGeneration": owner["metadata"]["generation"], **counts}
        self._kube.apply_status({**identity, "status": status})

    def _address(self) -> None:
        service = self._kube.get("Service", facts.GATEWAY, facts.NAMESPACE)
        if service is None or service["spec"].get("type") != "LoadBalancer":
            return
        balancer = service["status"].get("loadBalancer") or {}
        if self.load_balancer and not balancer.get("ingress"):
            identity = manifests.obj("v1", "Service", facts.GATEWAY)
            ingress = [{"ip": self.load_balancer}]
            self._kube.apply_status({**identity, "status": {"loadBalancer": {"ingress": ingress}}})


def _ready(ready: bool) -> dict[str, str]:
    return {"type": "Ready", "status": "True" if ready else "False"}
