# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's API as the platform uses it: as field manager `deckhouse`, with objects by kind and name."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind

from tests.deckhouse import facts

Object = dict[str, Any]

_PLURALS = {
    "IstioFederation": "istiofederations",
    "ModuleConfig": "moduleconfigs",
    "Ingress": "ingresses",
    "DaemonSet": "daemonsets",
    "ConfigMap": "configmaps",
    "ServiceEntry": "serviceentries",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
}
_VERSIONS = {
    "IstioFederation": facts.API_VERSION,
    "IstioMulticluster": facts.API_VERSION,
    "ModuleConfig": facts.API_VERSION,
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "Ingress": "networking.k8s.io/v1",
    "Gateway": "networking.istio.io/v1",
    "ServiceEntry": "networking.istio.io/v1",
    "DestinationRule": "networking.istio.io/v1",
    "ValidatingAdmissionPolicy": "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
}
_CLUSTER_WIDE = frozenset(
    {
        "Namespace",
        "Node",
        "CustomResourceDefinition",
        "ModuleConfig",
        "IstioFederation",
        "IstioMulticluster",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)
MANAGER = "deckhouse"


def _kind(kind: str) -> Kind:
    return Kind(_VERSIONS.get(kind, "v1"), kind, _PLURALS.get(kind, f"{kind.lower()}s"), kind not in _CLUSTER_WIDE)


class Kube:
    """Errors are those of the client: AllianceError and, for an API server's refusal, ApiError."""

    def __init__(self, kubeconfig: Path) -> None:
        self._client = Client.from_options({"kubeconfig": str(kubeconfig)}, "deckhouse")

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object; None when it or its kind isn't there."""
        return self._client.get(_kind(kind), name, namespace)

    def list(self, kind: str, namespace: str | None = None, labels: str | None = None) -> list[Object]:
        """All objects of a kind; none of a kind that isn't served."""
        return self._client.list(_kind(kind), namespace, label_selector=labels).items

    def apply(self, objects: Iterable[Object]) -> None:
        """Server-side apply."""
        for item in objects:
            self._send(item)

    def apply_status(self, item: Mapping[str, Any]) -> None:
        """Server-side apply a status; everything else of the object is left out."""
        metadata = {name: item["metadata"][name] for name in ("name", "namespace") if name in item["metadata"]}
        body = {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": metadata, "status": item["status"]}
        self._send(body, subresource="status")

    def accepts(self, item: Object) -> bool:
        """Whether the API server would take an object now."""
        try:
            self._send(item, dryRun="All")
        except ApiError:
            return False
        return True

    def delete(self, kind: str, *found: str, namespace: str | None = None) -> None:
        """Delete by name; what isn't there is no error."""
        for name in found:
            try:
                # No grace: where only a control plane runs, no kubelet would ever end a pod.
                self._client.request("DELETE", _kind(kind).path(namespace, name), body={"gracePeriodSeconds": 0})
            except ApiError as error:
                if error.status != 404:
                    raise

    def text(self, kind: str, name: str, key: str, namespace: str = facts.NAMESPACE) -> str:
        """A key of a ConfigMap or a Secret; empty when there is none."""
        data = (self.get(kind, name, namespace) or {}).get("data") or {}
        value = str(data.get(key) or "")
        return base64.b64decode(value).decode() if kind == "Secret" else value

    def _send(self, item: Object, subresource: str | None = None, **query: str) -> None:
        metadata = item["metadata"]
        path = _kind(item["kind"]).path(metadata.get("namespace"), metadata["name"], subresource)
        self._client.request(
            "PATCH",
            path,
            query={"fieldManager": MANAGER, "force": "true", **query},
            body=item,
            content_type="application/apply-patch+yaml",
        )
