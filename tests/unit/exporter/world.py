# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small world: this cluster, one neighbour with a real key, and the exporter's application over both."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from werkzeug.test import Client

from ansible_collections.meshalliance.istio.exporter.documents import Inputs, MulticlusterInputs, View, build
from ansible_collections.meshalliance.istio.exporter.health import Health
from ansible_collections.meshalliance.istio.exporter.metrics import Metrics
from ansible_collections.meshalliance.istio.exporter.web import Application
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    GatewayAddress,
    PublicService,
    ServicePort,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import KeyPair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    SCOPE_FEDERATION,
    SCOPE_MULTICLUSTER,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token

OWN_UUID = "11111111-1111-4111-8111-111111111111"
NEIGHBOUR_UUID = "22222222-2222-4222-8222-222222222222"
NOW = 1_800_000_000.0
HOST = "bar.xyz.svc.cluster-b.local"


def make_root(name: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def service(hostname: str = HOST) -> PublicService:
    return PublicService(hostname, (ServicePort("http", 80, "HTTP"),))


@dataclass
class World:
    own: KeyPair
    neighbour: KeyPair
    inputs: Inputs
    view: View
    metrics: Metrics = field(default_factory=Metrics)
    dead: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.health = Health(lambda: self.view, dead=lambda: self.dead)
        self.application = Application(lambda: self.view, self.health, self.metrics, now=lambda: NOW)
        self.client = Client(self.application)

    def change(self, **inputs: Any) -> None:
        self.inputs = replace(self.inputs, **inputs)
        self.view = build(self.inputs)

    def token(self, **changes: Any) -> str:
        given: dict[str, Any] = {
            "subject": NEIGHBOUR_UUID,
            "audience": OWN_UUID,
            "scope": SCOPE_FEDERATION,
            "now": NOW,
            **changes,
        }
        return sign_token(given.pop("private_pem", self.neighbour.private_pem), **given)

    def federation(self, token: str | None = None, **headers: str) -> Any:
        return self._private("federation", token, headers)

    def multicluster(self, token: str | None = None, **headers: str) -> Any:
        return self._private("multicluster", token, headers)

    def join(self, scopes: list[str] | None = None, **multicluster: Any) -> None:
        """Multicluster mode on, and what the neighbour may ask for."""
        remote = json.loads(self.inputs.remote_metadata or "{}")
        remote[NEIGHBOUR_UUID]["scopes"] = [SCOPE_MULTICLUSTER] if scopes is None else scopes
        given = {"api_host": "192.0.2.7:30644", "addresses": (GatewayAddress("192.0.2.7", 30544),), **multicluster}
        self.change(remote_metadata=json.dumps(remote), multicluster=MulticlusterInputs("cluster-b", "net-b", **given))

    def _private(self, document: str, token: str | None, headers: dict[str, str]) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        return self.client.get(f"/metadata/private/{document}.json", headers=sent)

    def figure(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"meshalliance_exporter_{name}", labels)
