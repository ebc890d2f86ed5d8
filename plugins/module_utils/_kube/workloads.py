# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what serves in a cluster: the pods of a workload, its Service and that one's endpoints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published_gateway import open_hosts
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.workloads import (
    Serving,
    ready_endpoints,
    serving_of,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client

_SERVICE_LABEL = "kubernetes.io/service-name"
# Of so many namespaces each is listed by itself; of more, all of the cluster at once.
_MOST_NAMESPACES = 8


def read_serving(
    client: Client, namespace: str, workload: str, *, service: str = "", kind: str = "Deployment"
) -> Serving:
    """How a workload of ours or of the platform serves: its pods carry the label C(app) with its name.

    C(service): the Service's name, by default the workload's. Raises AllianceError when the cluster can't be read.
    """
    called = service or workload
    pods = client.list(kinds.POD, namespace, label_selector=f"app={workload}").items
    slices = client.list(kinds.ENDPOINT_SLICE, namespace, label_selector=f"{_SERVICE_LABEL}={called}").items
    return serving_of(
        f"{kind} {namespace}/{workload}",
        f"Service {namespace}/{called}",
        pods,
        client.get(kinds.SERVICE, called, namespace),
        slices,
    )


def read_endpoints(client: Client, services: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """How many ready endpoints Services have, each given as namespace and name. Raises AllianceError."""
    wanted = set(services)
    namespaces = sorted({namespace for namespace, _name in wanted})
    places: list[str | None] = [*namespaces] if len(namespaces) <= _MOST_NAMESPACES else [None]
    slices: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for place in places:
        for item in client.list(kinds.ENDPOINT_SLICE, place).items:
            metadata = item["metadata"]
            key = (str(metadata["namespace"]), str((metadata.get("labels") or {}).get(_SERVICE_LABEL)))
            if key in wanted:
                slices.setdefault(key, []).append(item)
    return {key: ready_endpoints(found) for key, found in slices.items()}


def read_open_hosts(client: Client, namespace: str) -> frozenset[str]:
    """The hosts that are open at the cluster's gateway for neighbours. Raises AllianceError."""
    return open_hosts(client.get(kinds.GATEWAY, names.PUBLISHED_GATEWAY, namespace))
