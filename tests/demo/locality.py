# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the sample workload is changed to see from where calls are answered, and changed back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .calls import NAMESPACE
from tests.lab.lab import Lab

RULE = "prefer-what-is-near"


def locality_rule(host: str) -> dict[str, Any]:
    """Calls of a host stay in the caller's region as long as somebody answers there.

    Istio fails over by locality only with outlierDetection, since it has to learn that what is near does not answer.
    """
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": RULE, "namespace": NAMESPACE},
        "spec": {
            "host": host,
            "trafficPolicy": {
                "loadBalancer": {"localityLbSetting": {"enabled": True}},
                "outlierDetection": {"consecutive5xxErrors": 5, "interval": "5s", "baseEjectionTime": "30s"},
            },
        },
    }


def kubectl(lab: Lab, cluster: str, *arguments: str, stdin: str | None = None) -> None:
    """Run kubectl as lab-admin. Raises RuntimeError with what it said."""
    command = lab.kubectl(cluster, list(arguments))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180, input=stdin)
    if done.returncode != 0:
        raise RuntimeError(f"{cluster}: kubectl {' '.join(arguments)}: {done.stderr.strip()}")


def scale(lab: Lab, cluster: str, deployment: str, replicas: int) -> None:
    """Give a deployment so many pods, and wait until it has them."""
    target = ("-n", NAMESPACE, f"deployment/{deployment}")
    kubectl(lab, cluster, "scale", *target, f"--replicas={replicas}")
    kubectl(lab, cluster, "rollout", "status", *target, "--timeout=120s")


@contextmanager
def without_pods(lab: Lab, cluster: str, deployment: str) -> Iterator[None]:
    """A deployment without any pod, which gets its one back."""
    try:
        scale(lab, cluster, deployment, 0)
        yield
    finally:
        scale(lab, cluster, deployment, 1)


@contextmanager
def preferring_near(lab: Lab, clusters: Sequence[str], host: str) -> Iterator[None]:
    """Every one of the clusters prefers its own pods of a host; the rule is removed afterwards."""
    try:
        for cluster in clusters:
            kubectl(lab, cluster, "apply", "-f", "-", stdin=json.dumps(locality_rule(host)))
        yield
    finally:
        for cluster in clusters:
            kubectl(lab, cluster, "delete", "destinationrule", "-n", NAMESPACE, RULE, "--ignore-not-found")
