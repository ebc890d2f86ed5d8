# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata-exporter behind its ingress: an HTTPS server with two base URLs and four documents."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from tests.deckhouse import facts, tokens
from tests.deckhouse.deviations import Deviation

# What Go's http package finds when it looks at the first bytes of JSON.
_SNIFFED = "text/plain; charset=utf-8"


class Source(Protocol):
    """What the exporter reads its cluster with."""

    def available(self) -> bool:
        """Whether a pod of the exporter is ready: without one its ingress has nobody to ask."""

    def on(self, mode: str) -> bool:
        """Whether a mode is on: federation or multicluster."""

    def uuid(self) -> str:
        """The clusterUUID."""

    def peers(self) -> Mapping[str, Any]:
        """Public metadata by clusterUUID: whose tokens are accepted."""

    def document(self, path: str) -> dict[str, Any]:
        """The document at a path below the base."""


@dataclass(frozen=True)
class Request:
    """A request as the exporter saw it; refused: why its token was not accepted."""

    path: str
    with_token: bool
    status: int
    refused: str | None = None


@dataclass(frozen=True)
class _Reply:
    status: int
    body: bytes
    refused: str | None = None


_PRIVATE = {
    facts.FEDERATION_PATH: ("federation", facts.FEDERATION_SCOPE),
    facts.MULTICLUSTER_PATH: ("multicluster", facts.MULTICLUSTER_SCOPE),
}
_PUBLIC = (facts.PUBLIC_PATH, facts.SPIFFE_PATH)
_NOT_FOUND = _Reply(404, b"404 page not found\n")
_UNAVAILABLE = _Reply(503, b"<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>\n")


class Exporter:
    """`now` is its clock in unix seconds; `requests` is what it was asked since the start."""

    def __init__(self, source: Source, *, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.requests: list[Request] = []
        self._source = source
        self._deviations: dict[str, Deviation] = {}
        self._server: ThreadingHTTPServer | None = None
        self._address = ("127.0.0.1", 0)

    @property
    def port(self) -> int:
        """Where it listens, once it was started."""
        return self._address[1]

    def deviate(self, path: str, deviation: Deviation) -> None:
        """Answer a path (below the base) in another way from now on."""
        self._deviations[path] = deviation

    def behave(self) -> None:
        """Answer everything as it should be again."""
        self._deviations = {}

    def start(self, address: tuple[str, int], chain: Path) -> None:
        """Listen with a certificate and its key in one PEM file; starting twice is no error."""
        if self._server is not None:
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(chain)
        self._server = _Server(address, _handler(self))
        # The handshake is left to the request's thread: a client that doesn't speak must not hold the others up.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        host, port = self._server.server_address[:2]
        self._address = (str(host), int(port))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections; stopping twice is no error."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, target: str, authorization: str | None) -> tuple[int, bytes]:
        """Status and body for a request."""
        path = urlsplit(target).path
        reply = self._reply(path.removeprefix(facts.BASE_PATH), authorization) if _below(path) else _NOT_FOUND
        self.requests.append(Request(path, authorization is not None, reply.status, reply.refused))
        return reply.status, reply.body

    def _reply(self, path: str, authorization: str | None) -> _Reply:
        deviation = self._deviations.get(path, Deviation())
        if deviation.status is not None:
            return _Reply(deviation.status, deviation.body or b"")
        if not self._source.available():
            return _UNAVAILABLE
        if not (self._source.on("federation") or self._source.on("multicluster")):
            return _NOT_FOUND
        if path in _PRIVATE:
            mode, scope = _PRIVATE[path]
            if not self._source.on(mode):
                return _NOT_FOUND
            refused = tokens.refusal(
                authorization, audience=self._source.uuid(), scope=scope, peers=self._source.peers(), now=self.now()
            )
            if refused:
                return _Reply(401, f"Authentication error: {refused}\n".encode(), refused)
        elif path not in _PUBLIC:
            return _NOT_FOUND
        return _Reply(200, deviation.render(self._source.document(path)))


def _below(path: str) -> bool:
    return path.startswith(facts.BASE_PATH)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that leaves or refuses the certificate is its own matter."""


def _handler(exporter: Exporter) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = facts.IDLE_SECONDS

        def do_GET(self) -> None:
            try:
                status, body = exporter.answer(self.path, self.headers.get("Authorization"))
            except Exception as error:
                status, body = 500, json.dumps({"error": type(error).__name__}).encode()
            self.send_response(status)
            # No Content-Type of its own, nothing about caching.
            self.send_header("Content-Type", _SNIFFED)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(exporter.now() if timestamp is None else timestamp, usegmt=True)

        def version_string(self) -> str:
            return "nginx"

        def log_message(self, *_arguments: Any) -> None:
            """Nothing: requests are in Exporter.requests."""

    return Handler
