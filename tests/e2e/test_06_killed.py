# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed at different points of their way leave nothing that the next run can't complete."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .alliance import CLUSTERS, NAMESPACE, A, Alliance, B
from tests.demo.calls import call_until
from tests.processes import kill_with_children

POINTS = int(os.environ.get("ALLIANCE_KILL_POINTS", "4"))
PATIENCE_SECONDS = 300
OURS = "app.kubernetes.io/managed-by=meshalliance.istio"
KINDS = (
    "namespaces,crd,configmaps,secrets,services,deployments.apps,daemonsets.apps,serviceaccounts,roles,rolebindings,"
    "clusterroles,clusterrolebindings,poddisruptionbudgets,gateways.networking.istio.io,virtualservices,"
    "serviceentries,destinationrules,proxyconfigs,istiofederations"
)
# What the API server or a new key pair makes different each time.
VOLATILE = frozenset(
    {
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "clusterIP",
        "clusterIPs",
        "nodePort",
        "meshalliance.istio/key-created",
    }
)


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stable(item) for key, item in value.items() if key not in VOLATILE}
    return [_stable(item) for item in value] if isinstance(value, list) else value


def _state(alliance: Alliance, cluster: str) -> dict[str, Any]:
    """Everything of ours in a cluster, without what differs from one making to the next."""
    state = {}
    for item in alliance.get(cluster, KINDS, "-A", "-l", OURS)["items"]:
        metadata = item["metadata"]
        item.pop("status", None)
        if item["kind"] == "Secret":
            item["data"] = sorted(item["data"])
        if item["kind"] == "IstioFederation":
            item["spec"] = sorted(item["spec"])
        if item["kind"] == "ServiceEntry":
            for endpoint in item["spec"]["endpoints"]:
                endpoint["address"] = "any"
        metadata.get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
        state[f"{item['kind']} {metadata.get('namespace', '')}/{metadata['name']}"] = _stable(item)
    return state


@pytest.fixture(scope="module")
def undisturbed(alliance: Alliance) -> Iterator[dict[str, dict[str, Any]]]:
    """What a run that nobody disturbs makes of the clusters."""
    yield {cluster: _state(alliance, cluster) for cluster in CLUSTERS}
    alliance.converge()


def _kill_after(alliance: Alliance, writes: int, base: int) -> bool:
    """Start a run and kill it and all its children once so many requests were written; False when it ended before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with alliance.started() as process:
        while process.poll() is None:
            assert time.monotonic() < deadline, "the run neither writes nor ends"
            if sum(alliance.writes().values()) - base >= writes:
                kill_with_children(process)
                return True
            time.sleep(0.02)
    return False


def test_killed_at_points_of_its_way(alliance: Alliance, undisturbed: dict[str, dict[str, Any]]) -> None:
    alliance.reset()
    base = sum(alliance.writes().values())
    # A first run writes about as many requests as there are objects, in both clusters together.
    total = sum(len(state) for state in undisturbed.values())
    step = total // (POINTS + 1)
    killed = [_kill_after(alliance, step * point, base) for point in range(1, POINTS + 1)]
    assert all(killed), f"{killed.count(False)} runs ended before they could be killed"
    alliance.converge()
    for cluster in CLUSTERS:
        state = _state(alliance, cluster)
        assert set(state) == set(undisturbed[cluster])
        for name, found in state.items():
            assert found == undisturbed[cluster][name], name


def test_nothing_is_left_to_do(alliance: Alliance) -> None:
    before = alliance.writes()
    run = alliance.run()
    assert run.status == 0, run.output
    assert alliance.writes() == before
    assert call_until(alliance.lab, A, "foo", f"http://bar.xyz.svc.{B}.local/")["cluster"] == B
    assert alliance.get(A, "namespace", NAMESPACE)["status"]["phase"] == "Active"
