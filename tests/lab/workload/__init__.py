# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample workload: the services `foo` and `bar` in the namespace `xyz`, both in every cluster.

Of the alliance's two, cluster-a publishes `foo` and cluster-b publishes `bar`; every other cluster publishes `bar`.
"""

from __future__ import annotations

from typing import Any

NAMESPACE = "xyz"
SERVICES = ("foo", "bar")
PUBLIC_LABEL = "federation.istio.deckhouse.io/public-service"


def published(cluster: str) -> str:
    """The service that a cluster publishes."""
    return "foo" if cluster == "cluster-a" else "bar"


def manifests(cluster: str, image: str) -> list[dict[str, Any]]:
    """The objects of the workload for one cluster."""
    labels = {"istio-injection": "enabled"}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
    ]
    for service in SERVICES:
        objects += _service(cluster, service, image)
    return objects


def _service(cluster: str, service: str, image: str) -> list[dict[str, Any]]:
    meta: dict[str, Any] = {"name": service, "namespace": NAMESPACE, "labels": {"app": service}}
    labels = {**meta["labels"], **({PUBLIC_LABEL: ""} if published(cluster) == service else {})}
    container = {
        "name": "app",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "SERVICE", "value": service}, {"name": "CLUSTER", "value": cluster}],
        "ports": [{"containerPort": 8080}, {"containerPort": 9090}, {"containerPort": 9000}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "10m", "memory": "20Mi"}},
    }
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**meta, "labels": labels},
            "spec": {
                "selector": {"app": service},
                "ports": [
                    {"name": "http", "port": 80, "targetPort": 8080},
                    {"name": "grpc", "port": 9090, "targetPort": 9090},
                    {"name": "tcp-echo", "port": 9000, "targetPort": 9000},
                ],
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": service}},
                "template": {
                    "metadata": {"labels": {"app": service}},
                    "spec": {
                        "serviceAccountName": service,
                        "terminationGracePeriodSeconds": 2,
                        "containers": [container],
                    },
                },
            },
        },
    ]
