# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The api-proxy beside a direct connection to the same API server: a large list, small requests, many watches."""

from __future__ import annotations

import asyncio
import http.client
import re
import ssl
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmark.api import THREADS, Api
from tests.benchmark.contestants import BenchmarkError
from tests.benchmark.exporting import SERVICES_NAMESPACE, Memory
from tests.benchmark.objects import published_service
from tests.integration.api_proxy import ADDRESS, GENEROUS, ApiProxy, Neighbour, prepare, running
from tests.lab.controlplane import ControlPlane

DIRECT, PROXIED = "direct", "api_proxy"
LIST_PATH = "/api/v1/services"
SMALL_PATH = "/api"
SMALL_REQUESTS = 200
WATCHES = 100
BURST = 50
PATIENCE = 60.0


@dataclass
class Way:
    """One way to the API server: port, what to trust and the token."""

    port: int
    context: ssl.SSLContext
    token: str

    def connection(self) -> http.client.HTTPSConnection:
        """A connection, which stays open."""
        return http.client.HTTPSConnection(ADDRESS, self.port, context=self.context, timeout=PATIENCE)

    def get(self, connection: http.client.HTTPSConnection, path: str) -> tuple[float, bytes]:
        """Seconds from the request to the end of the answer, and the answer."""
        started = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise BenchmarkError(f"GET {path}: {response.status} {body[:300]!r}")
        return time.perf_counter() - started, body


class Watch:
    """One open watch, which counts how often a mark came by."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._tail = b""
        self.mark = b""
        self.seen = 0

    async def open(self, version: str) -> None:
        """Ask, and read the head of the answer."""
        self._reader, self._writer = await asyncio.open_connection(
            ADDRESS, self._way.port, ssl=self._way.context, limit=1 << 20
        )
        path = f"{LIST_PATH}?watch=true&timeoutSeconds=600&resourceVersion={version}"
        head = f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self._way.token}\r\n\r\n"
        self._writer.write(head.encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise BenchmarkError(f"a watch was answered {answer[:300]!r}")

    async def count(self, wanted: int) -> None:
        """Until the mark came by so often."""
        while self.seen < wanted:
            more = await self._reader.read(1 << 16)
            if not more:
                raise BenchmarkError("a watch ended")
            text = self._tail + more
            self.seen += text.count(self.mark)
            self._tail = text[-len(self.mark) + 1 :]

    def expect(self, mark: str) -> None:
        """Count from now on."""
        self.mark, self.seen, self._tail = mark.encode(), 0, b""

    def close(self) -> None:
        """Leave."""
        self._writer.close()


def touch(api: Api, number: int, mark: str) -> None:
    """Change one Service so that its event carries a mark once."""
    path = f"/api/v1/namespaces/{SERVICES_NAMESPACE}/services/service-{number:04d}"
    patch = {"metadata": {"annotations": {"mark": mark}}}
    api.call("PATCH", path, patch, content_type="application/merge-patch+json")


async def watch_times(api: Api, way: Way, version: str, round_: str) -> tuple[float, float]:
    """Seconds from one change until all watches have it, and events a second when there are many changes."""
    watches = [Watch(way) for _number in range(WATCHES)]
    await asyncio.gather(*(watch.open(version) for watch in watches))
    try:
        single = await _delivered(watches, f"{round_}-one", 1, lambda mark: touch(api, 0, mark))

        def many(mark: str) -> None:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(lambda number: touch(api, number, mark), range(1, BURST + 1)))

        burst = await _delivered(watches, f"{round_}-many", BURST, many)
    finally:
        for watch in watches:
            watch.close()
    return single, WATCHES * BURST / burst


async def _delivered(watches: list[Watch], mark: str, count: int, change: Callable[[str], None]) -> float:
    for watch in watches:
        watch.expect(f'"mark":"{mark}"')
    started = time.perf_counter()
    writing = asyncio.to_thread(change, mark)
    await asyncio.wait_for(asyncio.gather(writing, *(watch.count(count) for watch in watches)), PATIENCE)
    return time.perf_counter() - started


def memory(pid: int) -> Memory:
    """What the kernel says about Envoy."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    sizes = {key: int(value) / 1024 for key, value in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", text, re.MULTILINE)}
    return Memory(sizes["VmRSS"], sizes["VmHWM"])


def summary(values: list[float]) -> dict[str, Any]:
    """Median and single values."""
    return {"median": round(statistics.median(values), 5), "runs": [round(value, 5) for value in values]}


def measure(api: Api, proxy: ApiProxy, ways: dict[str, Way], runs: int, tell: Any) -> dict[str, Any]:
    """Each run takes both ways, in turn first and second, so that whatever else goes on meets both."""
    names = ("list_s", "list_mib_s", "small_s", "watch_s", "watch_events_s")
    found: dict[str, dict[str, list[float]]] = {name: {way: [] for way in ways} for name in names}
    for number in range(runs + 1):  # the first is not counted
        for name in sorted(ways, reverse=bool(number % 2)):
            way = ways[name]
            connection = way.connection()
            small = [way.get(connection, SMALL_PATH)[0] for _number in range(SMALL_REQUESTS)]
            seconds, body = way.get(connection, LIST_PATH)
            version = re.search(rb'"resourceVersion":"(\d+)"', body[:500])
            connection.close()
            if version is None:
                raise BenchmarkError("the list has no resourceVersion")
            single, events = asyncio.run(watch_times(api, way, version[1].decode(), f"{number}-{name}"))
            if number:
                values = (seconds, len(body) / seconds / 1024**2, statistics.median(small), single, events)
                for key, value in zip(names, values, strict=True):
                    found[key][name].append(value)
        tell(f"api-proxy: run {number} of {runs}")
    assert proxy.pid is not None
    result = {key: {name: summary(values) for name, values in ways_.items()} for key, ways_ in found.items()}
    return {**result, "memory": memory(proxy.pid).to_dict(), "list_mib": round(len(body) / 1024**2, 2)}


def run(plane: ControlPlane, *, services: int, runs: int, work: Path, tell: Any) -> dict[str, Any]:
    """Both ways side by side; the Services are removed afterwards."""
    api = Api(Path(plane.kubeconfig))
    prepare(plane)
    api.ensure_namespace(SERVICES_NAMESPACE)
    wanted = [
        published_service(f"service-{number:04d}", SERVICES_NAMESPACE, published=False) for number in range(services)
    ]
    api.create_all(wanted)
    tell(f"{services} services made")
    neighbour = Neighbour("neighbour")
    with running(plane, work / "api-proxy") as proxy:
        proxy.let_in(neighbour, limits=GENEROUS)
        trusted = ssl.create_default_context(cafile=str(plane.folder / "pki" / "ca.crt"))
        ways = {
            DIRECT: Way(int(plane.server.rpartition(":")[2]), trusted, proxy.account_token(seconds=7200)),
            PROXIED: Way(proxy.layout.port, proxy.context(), neighbour.token(proxy.uuid)),
        }
        result = measure(api, proxy, ways, runs, tell)
    with ThreadPoolExecutor(THREADS) as pool:
        paths = (f"/api/v1/namespaces/{SERVICES_NAMESPACE}/services/{item['metadata']['name']}" for item in wanted)
        list(pool.map(lambda path: api.call("DELETE", path), paths))
    return {"services": services, "watches": WATCHES, "burst": BURST, **result}
