# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program in the sample pods: it says who answers and whom it saw calling.

Port 8080: HTTP/1.1, a JSON object with `service`, `cluster`, `pod`, `path`, `host` and `client` (the header
x-forwarded-client-cert that the sidecar adds, empty without mutual TLS). Port 9090: HTTP/2 with prior knowledge, the
same object, framed as one gRPC message when the request is a gRPC call. Port 9000: TCP, one line `<service> <cluster>`,
then an echo.
"""

from __future__ import annotations

import json
import os
import signal
import socketserver
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import h2.config
import h2.connection
import h2.events

SERVICE = os.environ.get("SERVICE", "")
CLUSTER = os.environ.get("CLUSTER", "")
POD = os.environ.get("HOSTNAME", "")


def answer(path: str, host: str, client: str) -> bytes:
    """The JSON object that every HTTP answer holds."""
    facts = {"service": SERVICE, "cluster": CLUSTER, "pod": POD, "path": path, "host": host, "client": client}
    return json.dumps(facts).encode() + b"\n"


class Web(BaseHTTPRequestHandler):
    """HTTP/1.1 with kept-alive connections."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer any path."""
        body = answer(self.path, self.headers.get("Host", ""), self.headers.get("X-Forwarded-Client-Cert", ""))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class calls it so
        """Stay quiet."""


class Http2(socketserver.BaseRequestHandler):
    """HTTP/2 without TLS; the sidecar speaks it to ports named grpc."""

    def handle(self) -> None:
        """Serve the streams of one connection."""
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        self.request.sendall(connection.data_to_send())
        requests: dict[int, dict[str, str]] = {}
        while data := self.request.recv(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    requests[event.stream_id] = dict(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamReset):
                    requests.pop(event.stream_id, None)
                elif isinstance(event, h2.events.StreamEnded) and event.stream_id in requests:
                    self.respond(connection, event.stream_id, requests.pop(event.stream_id))
            self.request.sendall(connection.data_to_send())

    @staticmethod
    def respond(connection: h2.connection.H2Connection, stream: int, headers: dict[str, str]) -> None:
        """Send the answer to one request."""
        body = answer(headers[":path"], headers.get(":authority", ""), headers.get("x-forwarded-client-cert", ""))
        kind = headers.get("content-type", "application/json")
        grpc = kind.startswith("application/grpc")
        connection.send_headers(stream, [(":status", "200"), ("content-type", kind)])
        connection.send_data(stream, struct.pack(">?I", False, len(body)) + body if grpc else body, end_stream=not grpc)
        if grpc:
            connection.send_headers(stream, [("grpc-status", "0")], end_stream=True)


class Echo(socketserver.StreamRequestHandler):
    """A line that names the service, then whatever came in."""

    def handle(self) -> None:
        """Serve one connection."""
        self.wfile.write(f"{SERVICE} {CLUSTER}\n".encode())
        while data := self.rfile.read1(65536):
            self.wfile.write(data)


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """Serve on the three ports until the pod ends."""
    servers = (ThreadingHTTPServer(("", 8080), Web), Server(("", 9090), Http2), Server(("", 9000), Echo))
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
