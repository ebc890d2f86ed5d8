# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what serves in a cluster: the pods of a workload, its Service and that one's endpoints."""

from __future__ import annotations

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.workloads import Serving, serving_of
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client

_SERVICE_LABEL = "kubernetes.io/service-name"


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
