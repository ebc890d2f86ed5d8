# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A neighbour: a real HTTPS server with its documents, which tests change, break and stop."""

from __future__ import annotations

import datetime
import json
import ssl
import tempfile
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import TokenError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca, make_leaf
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import verify_token

ADDRESS = "127.0.0.1"
# Where clusters of one domain say that their API is; tests lead it to a neighbour by a proxy.
API_DOMAIN = "api.example"
# Documentation addresses (RFC 5737): documents refuse loopback gateways.
GATEWAY = {"address": "203.0.113.10", "port": 15443}
HTTP = {"name": "http", "port": 80, "protocol": "HTTP"}


def make_root(domain: str) -> str:
    """A root certificate, PEM."""
    return make_ca(f"root of {domain}", datetime.datetime.now(datetime.timezone.utc)).certificate


class Neighbour:
    """One neighbour: C(root), C(uuid) as its API has them, C(told_root), C(told_uuid) as its exporter tells them."""

    def __init__(self, name: str, domain: str = "") -> None:
        self.name = name
        self.domain = domain or f"{name}.local"
        self.uuid = self.told_uuid = str(uuid.uuid4())
        self.root = self.told_root = make_root(self.domain)
        self.keys = generate_key_pair()
        self.key_change = ""  # how its key of before vouches for this one
        self.services = [self.service("bar")]
        self.gateways: list[dict[str, Any]] | None = [GATEWAY]
        self.status = 200
        self.multicluster: dict[str, Any] = {
            "ingressGateways": [GATEWAY],
            "apiHost": f"{name}.{API_DOMAIN}:6443",
            "networkName": f"network-{name}",
            "clusterID": f"cluster-{name}",
        }
        self.api_status = 200
        self.api_tokens: list[str] = []
        self.refusals = 0  # so many private requests are answered by 401, whatever their token
        self.trusted: dict[str, str] = {}  # clusterUUID to public key
        self.requests: list[tuple[str, bool]] = []  # (path, whether it carried a token)
        now = datetime.datetime.now(datetime.timezone.utc)
        self._ca = make_ca(f"endpoint of {name}", now)
        self._leaf = make_leaf(self._ca, [ADDRESS, f"{name}.{API_DOMAIN}"], now)
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    def service(self, name: str) -> dict[str, Any]:
        """A published service as on the wire."""
        return {"hostname": f"{name}.xyz.svc.{self.domain}", "ports": [HTTP]}

    def rotate(self) -> None:
        """A new root, known to its API and its exporter."""
        self.root = self.told_root = make_root(self.domain)

    @property
    def tokens_seen(self) -> int:
        """How many requests carried a token."""
        return sum(with_token for _path, with_token in self.requests)

    @property
    def fingerprints(self) -> list[str]:
        """The fingerprints of its roots, as its API has them."""
        return [fingerprint(root) for root in split_certificates(self.root)]

    def state(self, **changes: Any) -> dict[str, Any]:
        """What cluster_info says of it."""
        known: dict[str, Any] = {
            "name": self.name,
            "uuid": self.uuid,
            "trust_domain": self.domain,
            "cluster_domain": self.domain,
            "roots": self.root,
            "root_fingerprints": tuple(self.fingerprints),
            "authn_key_pub": self.keys.public_pem,
            "gateways": tuple(self.gateways or ()) or None,
            "published": tuple(self.services),
            "cluster_id": self.multicluster["clusterID"],
            "network": self.multicluster["networkName"],
        }
        return ClusterState(**{**known, **changes}).to_dict()

    def option(self, **changes: Any) -> dict[str, Any]:
        """Its entry in the option neighbours."""
        return {
            "name": self.name,
            "trust_domain": self.domain,
            "metadata_endpoint": f"https://{ADDRESS}:{self._port}/metadata/",
            "metadata_ca": self._ca.certificate,
            "state": self.state(),
            **changes,
        }

    @property
    def port(self) -> int:
        """Where it answers on this machine."""
        return self._port

    def start(self) -> None:
        """Answer, at the same port as before."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            chain = Path(folder, "tls.pem")
            chain.write_text(self._leaf.certificate + self._leaf.key)
            context.load_cert_chain(chain)
        self._server = ThreadingHTTPServer((ADDRESS, self._port), _handler(self))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections; stopping twice is no error."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, path: str, token: str | None) -> tuple[int, bytes]:
        """Status and body for a request."""
        self.requests.append((path, token is not None))
        if self.status != 200:
            return self.status, b"out of order"
        if path == f"{names.METADATA_PATH}{names.PUBLIC_DOCUMENT}":
            told = PublicMetadata.create(
                self.told_uuid, self.keys.public_pem, self.told_root, self.domain, self.key_change
            )
            return 200, told.render()
        if path == f"{names.METADATA_PATH}{names.FEDERATION_DOCUMENT}":
            if self.refusals or not self._trusts(token or ""):
                self.refusals = max(0, self.refusals - 1)
                return 401, b"unauthorized"
            offer = {"ingressGateways": self.gateways, "publicServices": self.services}
            return 200, FederationMetadata.from_dict(offer).render()
        if path == f"{names.METADATA_PATH}{names.MULTICLUSTER_DOCUMENT}":
            if not self._trusts(token or "", names.SCOPE_MULTICLUSTER):
                return 401, b"unauthorized"
            return 200, json.dumps(self.multicluster).encode()
        if path.startswith("/api"):
            return self._api(path, token or "")
        return 404, b"not found"

    def _api(self, path: str, token: str) -> tuple[int, bytes]:
        """What its API answers: as much of one as is asked for."""
        self.api_tokens.append(token)
        if not self._trusts(token, names.SCOPE_API):
            return 401, b"{}"
        if self.api_status != 200:
            return self.api_status, b"{}"
        if path == "/api":
            return 200, b'{"kind": "APIVersions", "versions": ["v1"]}'
        return 200, b'{"kind": "EndpointSliceList", "metadata": {}, "items": []}'

    def _trusts(self, token: str, scope: str = names.SCOPE_FEDERATION) -> bool:
        try:
            verify_token(
                token,
                audience=self.told_uuid,
                scope=scope,
                public_keys=self.trusted,
                now=time.time(),
            )
        except TokenError:
            return False
        return True


def _handler(neighbour: Neighbour) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = self.headers.get("Authorization")
            status, body = neighbour.answer(self.path, token.removeprefix("Bearer ") if token else None)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            """Nothing: the test's output is the test's."""

    return Handler
