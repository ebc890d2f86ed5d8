# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What istiods and proxies say of themselves, once or all the time while something else happens."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_proof import Endpoints
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import istiod, kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.port_forward import pod_get

from .alliance import NAMESPACE, Alliance
from tests.demo.calls import answers

ROOT_NAMESPACE = "istio-system"
ADMIN_PORT = 15000


def client_of(alliance: Alliance, cluster: str) -> Client:
    """A client as the user lab-admin; the caller closes it."""
    kubeconfig = alliance.lab.layout.folder / cluster / "kubeconfig"
    return Client.from_options({"kubeconfig": str(kubeconfig)}, cluster)


@contextmanager
def client(alliance: Alliance, cluster: str) -> Iterator[Client]:
    """A client as the user lab-admin."""
    opened = client_of(alliance, cluster)
    try:
        yield opened
    finally:
        opened.close()


def istiods(alliance: Alliance, cluster: str) -> list[istiod.Istiod]:
    """What each istiod of a cluster knows of its remote clusters."""
    with client(alliance, cluster) as opened:
        return istiod.remote_clusters(opened, ROOT_NAMESPACE)


def held(alliance: Alliance, cluster: str, remote: str) -> Endpoints:
    """What the only istiod of a cluster holds of a remote one."""
    with client(alliance, cluster) as opened:
        (pod,) = istiod.istiod_pods(opened, ROOT_NAMESPACE)
        return istiod.held_endpoints(opened, ROOT_NAMESPACE, pod, [remote])[remote]


def rejections(alliance: Alliance, cluster: str) -> dict[str, int]:
    """How often configuration was rejected, by istiod's count and by each proxy's own; those that are zero left out.

    Fails when a cluster has no proxy to ask.
    """
    found: dict[str, int] = {}
    asked = 0
    with client(alliance, cluster) as opened:
        for pod in istiod.istiod_pods(opened, ROOT_NAMESPACE):
            metrics = pod_get(opened, ROOT_NAMESPACE, pod, istiod.MONITORING_PORT, "/metrics").decode()
            for line in metrics.splitlines():
                if line.startswith(("pilot_total_xds_rejects", "pilot_xds_cds_reject", "pilot_xds_lds_reject")):
                    found[f"{pod} {line.rsplit(' ', 1)[0]}"] = int(float(line.rsplit(" ", 1)[1]))
        for pod_object in opened.list(kinds.POD, field_selector="status.phase=Running").items:
            metadata, spec = pod_object["metadata"], pod_object["spec"]
            names = [item["name"] for item in [*spec["containers"], *spec.get("initContainers", [])]]
            if "istio-proxy" in names and not metadata.get("deletionTimestamp"):
                asked += 1
                stats = pod_get(
                    opened, metadata["namespace"], metadata["name"], ADMIN_PORT, "/stats?filter=update_rejected$"
                )
                told = dict(line.split(": ", 1) for line in stats.decode().splitlines())
                assert "listener_manager.lds.update_rejected" in told
                found.update({f"{metadata['name']} {name}": int(value) for name, value in told.items()})
    assert asked, f"no proxy runs in {cluster}"
    return {name: count for name, count in found.items() if count}


def open_requests(alliance: Alliance, cluster: str, neighbour: str) -> int | None:
    """How many requests of a neighbour the api-proxies of a cluster have under way; None when none knows it."""
    counts: list[int] = []
    with client(alliance, cluster) as opened:
        pods = opened.list(kinds.POD, NAMESPACE, label_selector="app=api-proxy").items
        for pod in pods:
            stats = pod_get(
                opened, NAMESPACE, pod["metadata"]["name"], ADMIN_PORT, "/stats?filter=^cluster.*upstream_rq_active$"
            )
            for line in stats.decode().splitlines():
                name, _colon, value = line.partition(": ")
                if neighbour in name:
                    counts.append(int(value))
    return sum(counts) if counts else None


class Watcher:
    """Looks again and again until it is ended; what was seen is counted."""

    def __init__(self, look: Callable[[], Counter[str]], pause: float) -> None:
        self.seen: Counter[str] = Counter()
        self._look = look
        self._pause = pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self.seen.update(self._look())
            except (AllianceError, RuntimeError) as error:
                self.seen[f"unseen: {error}"] += 1
            self._ended.wait(self._pause)

    def __enter__(self) -> Watcher:
        """Begin, and wait for the first look."""
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self.seen:
            assert time.monotonic() < deadline, "nothing is seen"
            time.sleep(0.05)
        return self

    def __exit__(self, *_error: object) -> None:
        """End it, and wait for the look that is under way."""
        self._ended.set()
        self._thread.join(timeout=120)


def watching_endpoints(alliance: Alliance, cluster: str, remote: str, expected: Endpoints) -> Watcher:
    """Counts "all" for each look at which an istiod holds these endpoints of a remote cluster, else what is gone."""
    opened = client_of(alliance, cluster)

    def look() -> Counter[str]:
        (pod,) = istiod.istiod_pods(opened, ROOT_NAMESPACE)
        found = istiod.held_endpoints(opened, ROOT_NAMESPACE, pod, [remote])[remote]
        gone = [f"gone: {key}" for key, addresses in expected.items() if not addresses <= found.get(key, frozenset())]
        return Counter(gone or ["all"])

    return Watcher(look, pause=0.25)


def watching_calls(alliance: Alliance, cluster: str, url: str) -> Watcher:
    """Counts which cluster answers calls of a service, each with a connection of its own."""
    return Watcher(lambda: answers(alliance.lab, cluster, "foo", url, 10), pause=1)
