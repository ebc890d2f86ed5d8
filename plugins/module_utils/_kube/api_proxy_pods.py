# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a changed ConfigMap to the api-proxy's running pods at once.

By itself the kubelet looks after a minute or more; it looks as soon as a pod object changes. A neighbour that was
removed must not have that minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy import (
    config_hash,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import API_PROXY
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.workloads import is_over
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import CONFIG_MAP, POD

Object = dict[str, Any]

HASH_ANNOTATION = "meshalliance.istio/api-proxy-neighbours"
FIELD_MANAGER = "meshalliance.istio.api-proxy-pods"


def refresh_proxies(client: Client, config_map: Mapping[str, Any], *, planning: bool = False) -> list[str]:
    """Annotate the pods that may not have seen a ConfigMap yet; the names of those that were annotated.

    C(config_map) is as it was written (or with C(planning), which writes nothing, as it is to be). Pods that started
    after it was written, and pods that have its digest, are left alone: a second call writes nothing.
    """
    digest = config_hash(config_map)
    namespace = config_map["metadata"]["namespace"]
    pods = [pod for pod in client.list(POD, namespace, label_selector=f"app={API_PROXY}").items if _lives(pod)]
    unaware = [pod for pod in pods if (pod["metadata"].get("annotations") or {}).get(HASH_ANNOTATION) != digest]
    if unaware:
        live = client.get(CONFIG_MAP, config_map["metadata"]["name"], namespace)
        if live is not None and config_hash(live) == digest:
            written = _written(live)
            unaware = [pod for pod in unaware if pod["metadata"]["creationTimestamp"] <= written]
    names = sorted(pod["metadata"]["name"] for pod in unaware)
    return names if planning else [name for name in names if _annotate(client, namespace, name, digest)]


def _lives(pod: Object) -> bool:
    return not is_over(pod) and not pod["metadata"].get("deletionTimestamp")


def _written(obj: Object) -> str:
    """When an object was written last, as RFC 3339 in UTC, which can be compared as text."""
    metadata = obj["metadata"]
    times = [entry.get("time", "") for entry in metadata.get("managedFields") or []]
    return str(max([metadata["creationTimestamp"], *times]))


def _annotate(client: Client, namespace: str, name: str, digest: str) -> bool:
    """False when the pod has gone meanwhile."""
    try:
        client.request(
            "PATCH",
            POD.path(namespace, name),
            query={"fieldManager": FIELD_MANAGER},
            body={"metadata": {"annotations": {HASH_ANNOTATION: digest}}},
            content_type="application/merge-patch+json",
        )
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    return True
