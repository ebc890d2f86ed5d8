# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TLS client at a cluster's ingress gateway, and a TLS server that plays a gateway."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .alliance import Alliance
from .certificates import Files

GATEWAY_PORT = 30443
REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nplayed"


def node_address(alliance: Alliance, cluster: str) -> str:
    """The address of a cluster's only node."""
    (node,) = alliance.get(cluster, "nodes")["items"]
    address: str = next(item["address"] for item in node["status"]["addresses"] if item["type"] == "InternalIP")
    return address


def call_gateway(alliance: Alliance, cluster: str, host: str, files: Files) -> str:
    """GET / of a host behind the gateway with a client certificate: the status line, or "refused: <why>"."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The server's identity is not what these tests are about; the client's is.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["istio-http/1.1", "istio", "http/1.1"])
    context.load_cert_chain(files.certificate, files.key)
    sni = f"outbound_.80_._.{host}"
    try:
        with (
            socket.create_connection((node_address(alliance, cluster), GATEWAY_PORT), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=sni) as tls,
        ):
            tls.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            # TLS 1.3: that a client certificate is refused is only seen when reading.
            reply = tls.recv(4096)
    except (OSError, ssl.SSLError) as error:
        return f"refused: {error}"
    return reply.split(b"\r\n", 1)[0].decode() if reply else "refused: closed without an answer"


@contextmanager
def serving(address: str, files: Files) -> Iterator[int]:
    """A server on an address of the lab that presents a certificate and answers any request; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols(["istio-http/1.1", "istio", "http/1.1"])
    with socket.create_server((address, 0)) as listener:
        listener.settimeout(0.2)
        ended = threading.Event()
        thread = threading.Thread(target=_serve, args=(listener, context, ended), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            thread.join(timeout=10)


def _serve(listener: socket.socket, context: ssl.SSLContext, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            plain, _peer = listener.accept()
        except TimeoutError:
            continue
        plain.settimeout(5)
        try:
            with context.wrap_socket(plain, server_side=True) as tls:
                tls.recv(4096)
                tls.sendall(REPLY)
        except OSError:
            plain.close()
