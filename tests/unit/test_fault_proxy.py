# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy that spoils answers does so in each way, and modules that run as forks meet it as modules do."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._kube import client as client_module
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import CONFIG_MAP

from tests.integration.faults.plan import AFTER, BEFORE, FAULTS, HANG, Fault, Plan
from tests.integration.faults.proxy import FaultProxy
from tests.integration.forked import Forker
from tests.lab.control_plane_argv import CLIENTS
from tests.lab.pki import Pki

MANIFEST = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "ns"}, "data": {"a": "b"}}
SMALL = {"READ_SECONDS": 0.3, "FIRST_PAUSE_SECONDS": 0.001, "LONGEST_PAUSE_SECONDS": 0.005}


@dataclass
class Plane:
    """An API server of one object, with the certificates of a control plane."""

    folder: Path
    server: str = ""
    writes: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    made = Plane(tmp_path_factory.mktemp("plane"))
    pki = Pki(made.folder / "pki")
    pki.create(server_names=["127.0.0.1"], clients=CLIENTS)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.command != "GET":
                made.writes.append(self.command)
            body = json.dumps(MANIFEST).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PATCH = _answer  # noqa: N815

        def log_message(self, *_arguments: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.certificate("apiserver"), pki.key("apiserver"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.server = f"https://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def proxy(plane: Plane) -> Iterator[FaultProxy]:
    with FaultProxy(plane) as made:  # type: ignore[arg-type]
        yield made


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(client_module, name, value)


class Always(Plan):
    """So many requests get one fault; then there are no more."""

    def __init__(self, fault: Fault, times: int) -> None:
        super().__init__("always")
        self._fault, self._times = fault, times

    def next(self, method: str, path: str) -> Fault | None:
        """The fault, until it was had often enough."""
        self._times -= 1
        return self._fault if self._times >= 0 else None


def apply(proxy: FaultProxy) -> None:
    client = Client.from_options({"kubeconfig": str(proxy.kubeconfig)}, "cluster-x")
    try:
        assert client.apply(MANIFEST, field_manager="me")[0] == MANIFEST
        assert client.get(CONFIG_MAP, "x", "ns") == MANIFEST
    finally:
        client.close()


def test_without_a_plan_all_goes_through(proxy: FaultProxy, plane: Plane) -> None:
    seen = proxy.record(None)
    apply(proxy)
    assert (seen.faults, seen.writes) == ([], [("PATCH /api/v1/namespaces/ns/configmaps/x", 200)])


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_one_fault_is_got_over(fault: Fault, proxy: FaultProxy, plane: Plane) -> None:
    """The request reached the API server before the answer was lost, or it did not."""
    seen = proxy.record(Always(fault, 1))
    apply(proxy)
    proxy.record(None)
    assert seen.faults == [fault.name]
    assert len(seen.writes) == (1 if fault.where == BEFORE else 2)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_that_lasts_is_an_error(fault: Fault, proxy: FaultProxy) -> None:
    seen = proxy.record(Always(fault, 1000))
    with pytest.raises(ApiError) as caught:
        apply(proxy)
    proxy.record(None)
    assert str(caught.value).startswith("cluster cluster-x, ConfigMap ns/x: ")
    attempts = client_module.ATTEMPTS_AT_SILENCE if fault.how == HANG else client_module.ATTEMPTS
    if fault.form == "handshake":
        assert 1 <= len(seen.faults) < attempts  # in between no request gets through
    else:
        assert len(seen.faults) == attempts
    assert (seen.writes == []) is (fault.where == BEFORE)


def test_a_module_that_runs_as_a_fork_meets_it(proxy: FaultProxy) -> None:
    pytest.importorskip("ansible.module_utils.testing", reason="the oldest ansible-core has no way to run one so")
    fault = next(fault for fault in FAULTS if fault.where == AFTER)
    settings = {"_kube.client": SMALL}
    with Forker() as forker:
        arguments = {"kubeconfig": str(proxy.kubeconfig), "cluster": "cluster-x", "definitions": [MANIFEST]}
        for times, status in ((0, 0), (1, 0), (1000, 1)):
            seen = proxy.record(Always(fault, times))
            done = forker("applyset", settings=settings, **arguments)
            proxy.record(None)
            assert (done.status, done.result.get("failed", False)) == (status, bool(status)), done.output
            assert bool(seen.faults) is bool(times)
        assert "Traceback" in forker("applyset", settings={"_kube.client": {"NO_SUCH": 1.0}}, **arguments).output
        assert forker("applyset", settings={}, definitions="no list").result["failed"] is True
