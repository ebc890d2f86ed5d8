# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of a real API server that spoils answers as a plan says, at the level of TCP, TLS and HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit

from tests.integration.faults.plan import (
    AFTER,
    AMID,
    BEFORE,
    HANG,
    REASONS,
    RESET,
    STATUS,
    WRITING,
    Fault,
    Plan,
)
from tests.lab.controlplane import ControlPlane
from tests.lab.kubeconfig import write_kubeconfig
from tests.lab.pki import Pki

ADDRESS = "127.0.0.1"
# A client that waits for ever is left after so many seconds.
LONGEST_HANG_SECONDS = 20.0
_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive"})


@dataclass(frozen=True)
class Request:
    """One request of a client."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path


@dataclass
class Seen:
    """What went through since record(): faults by name, and the writes that the API server has got, with its status."""

    faults: list[str] = field(default_factory=list)
    writes: list[tuple[str, int]] = field(default_factory=list)


class FaultProxy:
    """A context manager. C(kubeconfig) leads through it to the control plane as alliance-operator."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._pki = Pki(plane.folder / "pki")
        self._plan: Plan | None = None
        self._seen = Seen()
        self._lock = threading.Condition()
        self._answering = 0  # requests that are under way
        self._records = 0
        self._doors = 0  # so many connections are reset before TLS is set up
        self._ended = threading.Event()
        self._listener = socket.create_server((ADDRESS, 0), backlog=64)
        self.kubeconfig = plane.folder / "faulty.kubeconfig"

    def __enter__(self) -> FaultProxy:
        """Take connections."""
        server = f"https://{ADDRESS}:{self._listener.getsockname()[1]}"
        write_kubeconfig(
            self.kubeconfig, cluster="faulty", server=server, pki=self._pki, identity="operator", user="operator"
        )
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self._pki.certificate("apiserver"), self._pki.key("apiserver"))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no more."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def record(self, plan: Plan | None) -> Seen:
        """Go by a plan from now on (None: no faults), and record anew; the record grows until the next call.

        What was under way before is waited for: it belongs to the record before. Connections from before are of no
        use any more: who begins anew opens its own.
        """
        with self._lock:
            self._records += 1
            assert self._lock.wait_for(lambda: not self._answering, 30), "a request does not end"
            self._plan, self._seen, self._doors = plan, Seen(), 0
            return self._seen

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _peer = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            closed, self._doors = self._doors > 0, max(0, self._doors - 1)
            record = self._records
        if closed:
            _reset(connection)
            return
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._context.wrap_socket(connection, server_side=True) as client:
                _Conversation(self, client, record).run()
        connection.close()

    @contextlib.contextmanager
    def answering(self, record: int) -> Iterator[None]:
        """While a request of a record is answered. Raises OSError when that record is over."""
        with self._lock:
            if record != self._records:
                raise ConnectionAbortedError
            self._answering += 1
        try:
            yield
        finally:
            with self._lock:
                self._answering -= 1
                self._lock.notify_all()

    def decide(self, request: Request) -> Fault | None:
        """What this request gets, by the plan."""
        with self._lock:
            plan = self._plan
        fault = plan.next(request.method, request.path) if plan else None
        if fault is not None:
            with self._lock:
                self._seen.faults.append(fault.name)
                self._doors += fault.form == "handshake"
        return fault

    def forwarded(self, request: Request, status: int) -> None:
        """Record what the API server has got."""
        if request.method in WRITING:
            with self._lock:
                self._seen.writes.append((f"{request.method} {request.path}", status))

    def retry_after(self) -> str | None:
        """For an answer 429."""
        plan = self._plan
        return plan.retry_after() if plan else None

    def upstream(self) -> http.client.HTTPSConnection:
        """A connection to the API server."""
        context = ssl.create_default_context(cafile=str(self._pki.certificate("ca")))
        context.load_cert_chain(self._pki.certificate("operator"), self._pki.key("operator"))
        where = urlsplit(self._plane.server)
        return http.client.HTTPSConnection(str(where.hostname), where.port, timeout=60, context=context)

    def linger(self, client: ssl.SSLSocket) -> None:
        """Say nothing until the client has left."""
        client.settimeout(0.1)
        for _look in range(int(LONGEST_HANG_SECONDS * 10)):
            if self._ended.is_set():
                return
            try:
                if not client.recv(1):
                    return
            except TimeoutError:
                continue


class _LeftError(Exception):
    """The conversation is over."""


class _Conversation:
    """The requests of one connection, one after another."""

    def __init__(self, proxy: FaultProxy, client: ssl.SSLSocket, record: int) -> None:
        self._proxy = proxy
        self._record = record
        self._client = client
        self._reader = client.makefile("rb")
        self._upstream: http.client.HTTPSConnection | None = None

    def run(self) -> None:
        """Until the client or a fault ends it."""
        try:
            while (request := self._read()) is not None:
                with self._proxy.answering(self._record):
                    self._answer(request)
        except _LeftError:
            pass
        finally:
            self._reader.close()
            if self._upstream is not None:
                self._upstream.close()

    def _read(self) -> Request | None:
        line = self._reader.readline().decode("latin-1")
        if not line:
            return None
        method, target, _version = line.split()
        headers = http.client.parse_headers(self._reader)
        body = self._reader.read(int(headers.get("Content-Length") or 0))
        return Request(method, target, dict(headers.items()), body)

    def _answer(self, request: Request) -> None:
        fault = self._proxy.decide(request)
        if fault is not None and fault.where == BEFORE:
            self._spoil(fault)
            return
        answer = self._forward(request)
        if "watch=" in urlsplit(request.target).query and answer.status == 200:
            self._stream(answer, fault)
            return
        body = answer.read()
        if fault is None:
            self._send(_head(answer, f"Content-Length: {len(body)}") + body)
        elif fault.where == AFTER:
            self._spoil(fault)
        else:
            self._cut(answer, body, fault)

    def _forward(self, request: Request) -> http.client.HTTPResponse:
        if self._upstream is None:
            self._upstream = self._proxy.upstream()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        self._upstream.request(request.method, request.target, request.body or None, headers)
        answer = self._upstream.getresponse()
        self._proxy.forwarded(request, answer.status)
        return answer

    def _spoil(self, fault: Fault) -> None:
        """Instead of an answer."""
        if fault.how == STATUS:
            self._refuse(fault)
            return
        if fault.how == HANG:
            self._proxy.linger(self._client)
        if fault.how == RESET:
            _reset(self._client)
        raise _LeftError

    def _refuse(self, fault: Fault) -> None:
        if fault.page:
            body, kind = b"<html><body>no server is available</body></html>", "text/html"
        else:
            status = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "message": f"a fault: {fault.name}",
                "reason": REASONS[fault.status],
                "code": fault.status,
            }
            body, kind = json.dumps(status).encode(), "application/json"
        lines = [
            f"HTTP/1.1 {fault.status} {REASONS[fault.status]}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
        ]
        retry_after = self._proxy.retry_after() if fault.status == 429 else None
        if retry_after is not None:
            lines.append(f"Retry-After: {retry_after}")
        self._send("\r\n".join([*lines, "", ""]).encode() + body)

    def _cut(self, answer: http.client.HTTPResponse, body: bytes, fault: Fault) -> None:
        """A part of the answer, and then nothing more."""
        part = body[: len(body) // 2]
        if fault.form == "corrected":
            self._send(_head(answer, f"Content-Length: {len(part)}") + part)
            return
        if fault.form == "chunks":
            self._send(_head(answer, "Transfer-Encoding: chunked") + _chunk(part[:7]) + _chunk(part[7:])[:-1])
        elif fault.form == "none":
            self._send(_head(answer, "Connection: close") + part)
        else:
            self._send(_head(answer, f"Content-Length: {len(body)}") + part)
        self._leave(fault)

    def _stream(self, answer: http.client.HTTPResponse, fault: Fault | None) -> None:
        """The events of a watch as they come; with a fault, half of the first."""
        self._send(_head(answer, "Transfer-Encoding: chunked"))
        while line := answer.readline():
            if fault is not None and fault.where == AMID:
                self._send(_chunk(line[: len(line) // 2]))
                break
            self._send(_chunk(line))
        if fault is None:
            self._send(b"0\r\n\r\n")
        # What is left of the API server's answer is not for the next request.
        if self._upstream is not None:
            self._upstream.close()
            self._upstream = None
        if fault is not None:
            self._leave(fault)

    def _leave(self, fault: Fault) -> None:
        if fault.how == HANG:
            self._proxy.linger(self._client)
        elif fault.how == RESET:
            _reset(self._client)
        else:
            with contextlib.suppress(OSError):
                self._client.unwrap()  # as somebody who is done says good-bye
        raise _LeftError

    def _send(self, data: bytes) -> None:
        self._client.sendall(data)


def _head(answer: http.client.HTTPResponse, framing: str) -> bytes:
    kept = [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
    return "\r\n".join([f"HTTP/1.1 {answer.status} {answer.reason}", *kept, framing, "", ""]).encode("latin-1")


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n" if data else b""


def _reset(connection: socket.socket) -> None:
    """Close it by a TCP reset."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
