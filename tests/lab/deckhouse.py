# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as the Deckhouse Kubernetes Platform leaves it to its users, with `tests.deckhouse` as the platform."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from pathlib import Path
from typing import Any

from .layout import CHECKOUT, ClusterLayout

DAEMON = "deckhouse"
ADDRESS = "127.0.0.1"
# The platform asks its neighbours once in so many seconds; the real one does so each minute.
INTERVAL_SECONDS = 10
GATEWAY_PORT = 30443
# Served once the platform runs.
DEFINITION = "moduleconfigs.deckhouse.io"


def free_port() -> int:
    """A loopback port that nobody listens on, for the platform's metadata endpoint."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


def identity() -> list[dict[str, Any]]:
    """The platform's identity of a new cluster, which isn't the UID of a namespace."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "d8-cluster-uuid", "namespace": "kube-system"},
            "data": {"cluster-uuid": str(uuid.uuid4())},
        }
    ]


def argv(layout: ClusterLayout, port: int) -> list[str]:
    """The command line of the platform of a cluster."""
    return [
        *(sys.executable, "-m", "tests.deckhouse", f"--kubeconfig={layout.kubeconfig}", f"--domain={layout.domain}"),
        *(f"--listen={ADDRESS}:{port}", f"--folder={layout.folder / DAEMON}", "--data-plane"),
        *(f"--node-port={GATEWAY_PORT}", f"--interval={INTERVAL_SECONDS}"),
    ]


def standalone_argv(domain: str, folder: Path, *, interval: float) -> list[str]:
    """The command line of a neighbour that has no cluster: `folder` holds what it offers and what was entered there."""
    return [
        *(sys.executable, "-m", "tests.deckhouse", "--standalone", f"--domain={domain}", f"--folder={folder}"),
        *(f"--listen={ADDRESS}:0", f"--interval={interval}"),
    ]


def environment(checkout: Path = CHECKOUT) -> dict[str, str]:
    """What these processes need in their environment: they are a package of the checkout."""
    paths = [str(checkout), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}


def variables(port: int) -> dict[str, Any]:
    """What the inventory says of such a cluster; the endpoint's CA is found in the cluster."""
    return {
        "alliance_provider": "deckhouse",
        "alliance_metadata_endpoint": f"https://{ADDRESS}:{port}/metadata/",
    }
