# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbours that behave well, until they are told not to: real HTTPS servers on this machine.

Nothing of the collection's own protocol code is used here.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import tempfile
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.integration.hostile import pki

ADDRESS = "127.0.0.1"
PUBLIC, FEDERATION, MULTICLUSTER = "public/public.json", "private/federation.json", "private/multicluster.json"
GATEWAY = {"address": "203.0.113.10", "port": 15443}
HTTP = {"name": "http", "port": 80, "protocol": "HTTP"}
# As much of an API as is asked for.
API_ANSWERS = {"/api": {"kind": "APIVersions", "versions": ["v1"]}}
EMPTY_LIST = {"kind": "EndpointSliceList", "metadata": {}, "items": []}

Connection = socket.socket
# What is sent for a request: bytes as they are, or whatever it does with the connection.
Reply = bytes | Callable[[Connection], None]


# What is done with a connection before any TLS.
Transport = Callable[[Connection, "Simulator"], None]


def http(body: bytes, status: str = "200 OK", *headers: str, version: str = "HTTP/1.1", length: bool = True) -> bytes:
    """A response of HTTP/1."""
    lines = [f"{version} {status}", *headers, *([f"Content-Length: {len(body)}"] if length else []), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def as_json(document: object) -> bytes:
    """A response that holds a document."""
    return http(json.dumps(document).encode())


@dataclass
class Actor:
    """A neighbour, and what it says of itself while it behaves.

    C(replies): what it sends instead while it does not, by document. C(transport): what it does with a connection then,
    before any TLS. C(vouched): what its reader has besides its word: C(first-use), C(pins) or C(api). C(rekeyed):
    it may be believed with another key than its own.
    """

    name: str
    domain: str = ""
    vouched: str = "first-use"
    transport: Transport | None = None
    replies: dict[str, Callable[[], Reply]] = field(default_factory=dict)
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    port: int = 0
    rekeyed: bool = False

    def __post_init__(self) -> None:
        self.domain = self.domain or f"{self.name}.local"
        self.authority = pki.authority(f"root of {self.name}")
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.hosts = ["bar"]

    @property
    def root(self) -> str:
        """Its root certificate, PEM."""
        return self.authority.certificate

    def public(self, **changes: Any) -> dict[str, Any]:
        """Its public document."""
        return {"clusterUUID": self.uuid, "authnKeyPub": pki.public_pem(self.key), "rootCA": self.root, **changes}

    def service(self, name: str, **changes: Any) -> dict[str, Any]:
        """A service of its own."""
        return {"hostname": f"{name}.xyz.svc.{self.domain}", "ports": [HTTP], **changes}

    def offer(self, *more: Any, **changes: Any) -> dict[str, Any]:
        """Its federation document, with more services."""
        services = [*(self.service(host) for host in self.hosts), *more]
        return {"ingressGateways": [GATEWAY], "publicServices": services, **changes}

    def joint(self, **changes: Any) -> dict[str, Any]:
        """Its multicluster document."""
        told = {"ingressGateways": [GATEWAY], "apiHost": f"{self.name}.api.example:6443"}
        return {**told, "networkName": f"network-{self.name}", "clusterID": f"cluster-{self.name}", **changes}

    def option(self, ca: str, **changes: Any) -> dict[str, Any]:
        """Its entry in the option neighbours."""
        told: dict[str, Any] = {
            "name": self.name,
            "trust_domain": self.domain,
            "metadata_endpoint": f"https://{ADDRESS}:{self.port}/{self.name}/metadata/",
            "metadata_ca": ca,
        }
        if self.vouched == "api":
            told["state"] = {
                "name": self.name,
                "uuid": self.uuid,
                "trust_domain": self.domain,
                "cluster_domain": self.domain,
                "roots": self.root,
                "authn_key_pub": pki.public_pem(self.key),
            }
        else:
            told["provider"] = "external"
        if self.vouched == "pins":
            told["root_fingerprints"] = [fingerprint(self.root)]
        if self.vouched == "first-use":
            told["trust_on_first_use"] = True
        return {**told, **changes}

    @property
    def audiences(self) -> list[str]:
        """For whom the tokens were that it was sent."""
        found = []
        for _path, token in self.seen:
            if token is not None:
                payload = token.split(".")[1]
                found.append(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["aud"])
        return found


def fingerprint(pem: str) -> str:
    """SHA-256 of a certificate, in capitals with colons."""
    digits = pki.x509.load_pem_x509_certificate(pem.encode()).fingerprint(pki.hashes.SHA256()).hex().upper()
    return ":".join(digits[start : start + 2] for start in range(0, len(digits), 2))


class Simulator:
    """The servers of all actors: one for those that misbehave in what they say, others for those that do it before."""

    def __init__(self) -> None:
        self.ca = pki.authority("endpoints")
        self.actors: dict[str, Actor] = {}
        self.behaving = True
        self.asked_elsewhere: list[str] = []
        self._listeners: list[socket.socket] = []
        self._tls = self.context(pki.leaf(self.ca, [ADDRESS, "*.api.example"], pki.NOW - pki.DAY, pki.NOW + pki.DAY))
        self._shared = self._listen(lambda connection: self._secured(connection, self._tls))
        self.elsewhere = self._listen(self._other_host)

    def add(self, *actors: Actor) -> None:
        """Let them answer."""
        for actor in actors:
            assert actor.name not in self.actors, actor.name
            self.actors[actor.name] = actor
            actor.port = self._listen(self._first(actor)) if actor.transport else self._shared

    def close(self) -> None:
        """Stop answering."""
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    @staticmethod
    def context(chain: str) -> ssl.SSLContext:
        """A server's side of TLS, with a certificate and its key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "tls.pem")
            path.write_text(chain)
            context.load_cert_chain(path)
        return context

    def _listen(self, handle: Callable[[Connection], None]) -> int:
        listener = socket.create_server((ADDRESS, 0), backlog=256)
        self._listeners.append(listener)

        def one(connection: Connection) -> None:
            with contextlib.suppress(OSError, ssl.SSLError, ValueError), connection:
                connection.settimeout(30)
                handle(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return int(listener.getsockname()[1])

    def _first(self, actor: Actor) -> Callable[[Connection], None]:
        def handle(connection: Connection) -> None:
            if self.behaving or actor.transport is None:
                self._secured(connection, self._tls)
            else:
                actor.transport(connection, self)

        return handle

    def _secured(self, plain: Connection, tls: ssl.SSLContext) -> None:
        with tls.wrap_socket(plain, server_side=True) as connection:
            self.serve(connection)

    def serve(self, connection: Connection) -> None:
        """Answer one request."""
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = connection.recv(65536)
            if not chunk:
                return
            head += chunk
        request, *lines = head.decode("latin-1").split("\r\n")
        _method, path, _version = request.split(" ")
        if path == "/api" or path.startswith(("/api/", "/apis/")):
            connection.sendall(as_json(API_ANSWERS.get(path, EMPTY_LIST)))
            return
        _empty, name, _metadata, document = path.split("/", 3)
        actor = self.actors[name]
        token = next((line.split(" ")[-1] for line in lines if line.lower().startswith("authorization:")), None)
        actor.seen.append((document, token))
        reply = self._reply(actor, document)
        if callable(reply):
            reply(connection)
        else:
            connection.sendall(reply)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)

    def _reply(self, actor: Actor, document: str) -> Reply:
        if not self.behaving and document in actor.replies:
            return actor.replies[document]()
        good = {PUBLIC: actor.public, FEDERATION: actor.offer, MULTICLUSTER: actor.joint}
        return as_json(good[document]()) if document in good else http(b"", "404 Not Found")

    def _other_host(self, connection: Connection) -> None:
        """Where redirects lead: nobody is to come here."""
        self.asked_elsewhere.append("a connection")
