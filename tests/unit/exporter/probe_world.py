# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probe meets, in one process: CAs, a sidecar's admin interface, and gateways that behave well and badly."""

from __future__ import annotations

import contextlib
import datetime
import json
import socket
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress

HOST = "bar.xyz.svc.cluster-b.local"
PEM = serialization.Encoding.PEM
NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
Answering = Callable[[socket.socket], None]


class Ca:
    """A cluster's CA as istiod makes it."""

    def __init__(self, ends: datetime.datetime = NOW + 365 * DAY) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "cluster.local")])
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        builder = self._builder(self.name, self.key.public_key(), ends)
        usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
        self.certificate = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(identifier, critical=False)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(PEM).decode()

    def issue(self, identity: str, folder: Path, ends: datetime.datetime = NOW + DAY) -> Path:
        """A folder with a workload's chain and key, as the sidecar shares them."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        leaf = (
            self._builder(x509.Name([]), key.public_key(), ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
            .add_extension(authority, critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cert-chain.pem").write_bytes(leaf.public_bytes(PEM) + self.certificate.public_bytes(PEM))
        private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / "key.pem").write_bytes(private)
        return folder

    def _builder(self, subject: x509.Name, key: Any, ends: datetime.datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 2 * DAY)
            .not_valid_after(ends)
        )


_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def http(status: int = 200, body: str = "hello", **headers: str) -> Answering:
    """Answers one HTTP request."""

    def answer(connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(4096)
            if not part:
                return
            received += part
        lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(body)}", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join([*lines, "", body]).encode())

    return answer


def waits(connection: socket.socket) -> None:
    """Says nothing until it is spoken to, as a database does."""
    connection.recv(1)


def closes(connection: socket.socket) -> None:
    """Says nothing and goes."""


class Server:
    """Takes connections on a loopback port, with TLS in front when a context is given."""

    def __init__(self, answer: Answering, context: ssl.SSLContext | None = None) -> None:
        self._answer, self._context = answer, context
        self.names: list[str] = []
        if context is not None:
            context.sni_callback = self._note
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def address(self) -> GatewayAddress:
        return GatewayAddress("127.0.0.1", self.port)

    def _note(self, _socket: ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
        self.names.append(name or "")

    def _serve(self) -> None:
        while True:
            try:
                plain, _peer = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(plain,), daemon=True).start()

    def _one(self, plain: socket.socket) -> None:
        plain.settimeout(10)
        try:
            if self._context is None:
                with plain:
                    self._answer(plain)
                return
            with self._context.wrap_socket(plain, server_side=True) as secured:
                self._answer(secured)
        except OSError:
            plain.close()

    def stop(self) -> None:
        # While somebody waits in accept, closing alone does not end listening.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(timeout=10)


def mutual(folder: Path, trusted: str, *, required: bool = True) -> ssl.SSLContext:
    """What a sidecar does with a connection: it shows its certificate and wants one of a CA that it trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert-chain.pem", folder / "key.pem")
    context.set_alpn_protocols(["istio-http/1.1", "istio", "http/1.1"])
    if required:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=trusted)
    return context


class Admin:
    """The admin interface of an Envoy that holds clusters with these endpoints, and trusts these roots."""

    def __init__(self, clusters: dict[str, list[tuple[str, int]]], roots: str, *, tls: bool = True) -> None:
        answers = {
            "/clusters": {"cluster_statuses": [_status(name, places) for name, places in clusters.items()]},
            "dynamic_active_clusters": {"configs": [_cluster(name, tls) for name in clusters]},
            "dynamic_active_secrets": {
                "configs": [
                    {
                        "name": "ROOTCA",
                        "secret": {
                            "name": "ROOTCA",
                            "validation_context": {"trusted_ca": {"inline_string": roots}},
                        },
                    }
                ]
            },
        }
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                found = next((value for key, value in answers.items() if key in self.path), None)
                body = json.dumps(found).encode()
                self.send_response(404 if found is None else 200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_what: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def place(self) -> tuple[str, int]:
        return ("127.0.0.1", self._server.server_address[1])

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _status(name: str, places: list[tuple[str, int]]) -> dict[str, Any]:
    hosts = [{"address": {"socket_address": {"address": address, "port_value": port}}} for address, port in places]
    return {"name": name, "host_statuses": hosts}


def _cluster(name: str, tls: bool) -> dict[str, Any]:
    rule = "/apis/networking.istio.io/v1alpha3/namespaces/istio-alliance/destination-rule/bar"
    cluster: dict[str, Any] = {"name": name, "metadata": {"filter_metadata": {"istio": {"config": rule}}}}
    if tls:
        cluster["transport_socket"] = {"name": "envoy.transport_sockets.tls"}
    return {"cluster": cluster}
