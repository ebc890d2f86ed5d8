# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the exporters of a cluster measured of its neighbours, asked of each replica through a port-forward."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import is_ready
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import (
    MAX_MEASURED_BYTES,
    MEASURED_PATH,
    MEASURED_PORT,
    Asked,
    Measured,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import EXPORTER
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.port_forward import pod_get

_TIMEOUT_SECONDS = 10.0
_MOST_AT_ONCE = 8


def ask_exporters(client: Client, namespace: str) -> list[Asked]:
    """Each Ready replica with what it measured, or why it can't be asked. Raises AllianceError when pods can't be
    listed."""
    pods = client.list(kinds.POD, namespace, label_selector=f"app={EXPORTER}").items
    serving = [pod["metadata"] for pod in pods if is_ready(pod) and not pod["metadata"].get("deletionTimestamp")]
    names = sorted(str(metadata["name"]) for metadata in serving)
    if not names:
        return []

    def ask(pod: str) -> Asked:
        try:
            answer = pod_get(
                client,
                namespace,
                pod,
                MEASURED_PORT,
                MEASURED_PATH,
                timeout=_TIMEOUT_SECONDS,
                limit=MAX_MEASURED_BYTES,
            )
            return Asked(pod, Measured.parse(answer))
        except AllianceError as error:
            return Asked(pod, error=error.message)

    with ThreadPoolExecutor(min(len(names), _MOST_AT_ONCE)) as pool:
        return list(pool.map(ask, names))
