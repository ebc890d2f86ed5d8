# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of a neighbour's exporter, against real TLS servers that behave and misbehave."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    GatewayAddress,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import MulticlusterMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import MetadataClient, NeighbourError

OFFER = FederationMetadata((GatewayAddress("192.0.2.1", 15443),), ())
JOINT = MulticlusterMetadata((GatewayAddress("192.0.2.1", 15444),), "192.0.2.1:6443", "net-b", "b")
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


@pytest.fixture(scope="module")
def certificate():
    """A self-signed certificate for 127.0.0.1: (certificate PEM, key PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))
        .not_valid_after(datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem).decode(), private.decode()


@pytest.fixture(scope="module")
def identity(certificate):
    return PublicMetadata.create("uuid-b", generate_key_pair().public_pem, certificate[0])


class Server:
    """Answers each connection with the same bytes, after TLS; remembers the requests."""

    def __init__(self, context, answer):
        self.requests = []
        self._answer = answer
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                plain, _address = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), plain:
                self._one(plain)

    def _one(self, plain):
        connection = self._context.wrap_socket(plain, server_side=True) if self._context else plain
        with connection:
            self.requests.append(connection.recv(65536).decode("latin-1"))
            if callable(self._answer):
                self._answer(connection)
            else:
                connection.sendall(self._answer)

    def close(self):
        self._listener.close()


@pytest.fixture
def serve(certificate, tmp_path, monkeypatch):
    """serve(answer, tls=True) starts a server; the environment's proxies are out of the way."""
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "cert").write_text(certificate[0])
    (tmp_path / "key").write_text(certificate[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    servers = []

    def start(answer, tls=True):
        servers.append(Server(context if tls else None, answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def answer(body, status="200 OK", headers=()):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", f"Date: {DATE}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def client(server, certificate, **kwargs):
    options = {"ca": certificate[0], "timeout": 5.0, **kwargs}
    return MetadataClient(f"https://127.0.0.1:{server.port}/metadata", **options)


def failure(action):
    with pytest.raises(NeighbourError) as caught:
        action()
    return caught.value


def test_the_public_document(serve, certificate, identity):
    server = serve(answer(identity.render()))
    assert client(server, certificate).public() == (identity, 1767225600.0)
    assert server.requests[0].startswith("GET /metadata/public/public.json HTTP/1.1\r\n")
    assert "Authorization" not in server.requests[0]


def test_the_federation_document(serve, certificate):
    server = serve(answer(OFFER.render()))
    assert client(server, certificate).federation("a.b.c", "b.local") == (OFFER, (), 1767225600.0)
    assert server.requests[0].startswith("GET /metadata/private/federation.json HTTP/1.1\r\n")
    assert "Authorization: Bearer a.b.c\r\n" in server.requests[0]


def test_the_multicluster_document(serve, certificate):
    server = serve(answer(JOINT.render()))
    assert client(server, certificate).multicluster("a.b.c") == (JOINT, (), 1767225600.0)
    assert server.requests[0].startswith("GET /metadata/private/multicluster.json HTTP/1.1\r\n")
    assert "Authorization: Bearer a.b.c\r\n" in server.requests[0]


def test_bad_gateways_are_findings(serve, certificate):
    entries = [{"address": "192.0.2.1", "port": 15444}, {"address": "127.0.0.1", "port": 15444}]
    body = json.dumps({**JOINT.to_dict(), "ingressGateways": entries}).encode()
    metadata, findings, _date = client(serve(answer(body)), certificate).multicluster("t")
    assert metadata == JOINT
    assert [finding.code for finding in findings] == ["gateway-refused"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"<html>", "InvalidJSON"), (b"{}", "InvalidPrivateMetadata"), (b"[]", "InvalidPrivateMetadata")],
)
def test_multicluster_documents_that_are_none(serve, certificate, body, reason):
    error = failure(lambda: client(serve(answer(body)), certificate).multicluster("t"))
    assert (error.reason, error.status) == (reason, 200)
    assert error.obj.endswith("private/multicluster.json")


def test_a_mode_that_is_off_is_named(serve, certificate):
    asked = client(serve(answer(b"404 page not found\n", "404 Not Found")), certificate)
    assert "multicluster is on" in failure(lambda: asked.multicluster("t")).remedy
    assert "federation is on" in failure(lambda: asked.federation("t", "b.local")).remedy


def test_a_chunked_answer_without_a_date(serve, certificate, identity):
    body = identity.render()
    chunked = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (5, body[:5], len(body) - 5, body[5:])
    server = serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: nonsense\r\n\r\n" + chunked)
    assert client(server, certificate).public() == (identity, None)


@pytest.mark.parametrize("status", [204, 301, 401, 404, 500, 503])
def test_other_answers(serve, certificate, status):
    server = serve(answer(b"Authentication error: \x1b[31mno\n" + b"x" * 5000, f"{status} X", ["Location: https://x/"]))
    error = failure(lambda: client(server, certificate).federation("secret.token.here", "b.local"))
    assert (error.reason, error.status) == ("NonOKResponse", status)
    assert "secret" not in str(error) and "\x1b" not in str(error) and len(str(error)) < 700
    assert error.remedy
    assert len(server.requests) == 1, "redirects are not followed, nothing is tried twice"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "InvalidJSON"),
        (b"", "InvalidJSON"),
        (b"\xff", "InvalidJSON"),
        (b"[" * 100_000, "InvalidJSON"),
        (b"{}", "InvalidPublicMetadata"),
        (b"[]", "InvalidPublicMetadata"),
    ],
)
def test_public_documents_that_are_none(serve, certificate, body, reason):
    error = failure(client(serve(answer(body)), certificate).public)
    assert (error.reason, error.status) == (reason, 200)


def test_federation_documents_that_are_none(serve, certificate):
    error = failure(lambda: client(serve(answer(b"{}")), certificate).federation("t", "b.local"))
    assert error.reason == "InvalidPrivateMetadata"


def test_bad_services_are_findings(serve, certificate):
    body = json.dumps({**OFFER.to_dict(), "publicServices": [{"hostname": "x"}]}).encode()
    metadata, findings, _date = client(serve(answer(body)), certificate).federation("t", "b.local")
    assert metadata == OFFER
    assert [finding.code for finding in findings] == ["service-refused"]


def test_too_many_bytes(serve, certificate):
    def endless(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    error = failure(client(serve(endless), certificate, max_bytes=100_000).public)
    assert error.reason == "FetchFailed" and "100000 bytes" in error.message


def dribble_headers(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    _dribble(connection)


def dribble_body(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    _dribble(connection)


def dribble_handshake(connection):
    connection.sendall(b"\x16\x03\x03\x40\x00")
    _dribble(connection)


def _dribble(connection):
    for _second in range(100):
        connection.sendall(b"x")
        time.sleep(0.05)


def silence(_connection):
    time.sleep(5)


@pytest.mark.parametrize(
    ("behaviour", "tls"),
    [(dribble_headers, True), (dribble_body, True), (dribble_handshake, False), (silence, True), (silence, False)],
)
def test_the_deadline_holds(serve, certificate, behaviour, tls):
    begin = time.monotonic()
    error = failure(client(serve(behaviour, tls), certificate, timeout=0.5).public)
    assert time.monotonic() - begin < 3
    assert error.reason == "FetchFailed" and error.status is None
    assert "within 0.5 s" in error.message


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
        b"HTTP/1.1 999999999999 OK\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_answers_that_are_no_http(serve, certificate, raw):
    assert failure(client(serve(raw), certificate).public).reason in ("FetchFailed", "InvalidJSON")


def test_certificates_are_checked(serve, certificate, identity):
    server = serve(answer(identity.render()))
    error = failure(client(server, certificate, ca=None).public)
    assert error.reason == "FetchFailed" and "certificate is not accepted" in error.message
    assert client(server, certificate, ca=None, insecure=True).public()[0] == identity


def test_the_name_in_the_certificate_is_checked(serve, certificate, identity):
    server = serve(answer(identity.render()))
    error = failure(MetadataClient(f"https://localhost:{server.port}/", ca=certificate[0]).public)
    assert "certificate is not accepted" in error.message


def test_nobody_there(serve, certificate):
    server = serve(b"")
    server.close()
    time.sleep(0.05)
    assert failure(client(server, certificate, timeout=1.0).public).reason == "FetchFailed"
    assert failure(MetadataClient("https://no-such-name.invalid/").public).reason == "FetchFailed"


@pytest.mark.parametrize(
    "endpoint",
    [
        *[
            "x",
            "http://b/",
            "file:///x",
            "https://",
            "https://u:p@b/",
            "https://b/?x",
            "https://b/#x",
            "https://b:x/",
            "https://b:99999/",
        ],
        *["", "https://b/\r\nX: y", "https://b/ x", "https://ü/", "https://[::1/"],
    ],
)
def test_endpoints_that_are_none(endpoint):
    assert failure(lambda: MetadataClient(endpoint)).reason == "FetchFailed"


def test_a_ca_that_is_none():
    assert "CA" in failure(lambda: MetadataClient("https://b/", ca="x")).message


def test_the_proxy_of_the_environment(serve, certificate, identity, monkeypatch):
    server = serve(answer(identity.render()))

    def tunnel(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with socket.create_connection(("127.0.0.1", server.port)) as onward:
            ends = (connection, onward), (onward, connection)
            threads = [threading.Thread(target=_copy, args=pair, daemon=True) for pair in ends]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(5)

    proxy = serve(tunnel, tls=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:p%40ss@127.0.0.1:{proxy.port}")
    assert client(server, certificate).public()[0] == identity
    assert proxy.requests[0].startswith(f"CONNECT 127.0.0.1:{server.port} ")
    assert "Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" in proxy.requests[0]
    assert "Proxy-Authorization" not in server.requests[0]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert client(server, certificate).public()[0] == identity
    assert len(proxy.requests) == 1


def _copy(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_a_proxy_that_is_none(serve, certificate, monkeypatch):
    server = serve(b"")
    for value in ("socks5://127.0.0.1:1", "http://", "http://x:y"):
        monkeypatch.setenv("HTTPS_PROXY", value)
        assert failure(client(server, certificate).public).reason == "FetchFailed"
