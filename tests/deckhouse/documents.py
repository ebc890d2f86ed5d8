# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents that the exporter tells, from what the cluster holds. Pure."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from tests.deckhouse import pem
from tests.deckhouse.protocols import wire_protocol

Document = dict[str, Any]


def public(uuid: str, public_key: str, root: str) -> Document:
    """public.json; a field is empty while the cluster is coming up."""
    return {"clusterUUID": uuid, "authnKeyPub": public_key, "rootCA": root}


def spiffe(root: str) -> Document:
    """The SPIFFE bundle: the first PEM block, and only if its key is RSA."""
    entries = []
    block = pem.first_block(root)
    if block is not None:
        certificate = x509.load_der_x509_certificate(block.der)
        key = certificate.public_key()
        if isinstance(key, RSAPublicKey):
            numbers = key.public_numbers()
            x5c = [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()]
            entries = [{"kty": "RSA", "use": "x509-svid", "e": _number(numbers.e), "n": _number(numbers.n), "x5c": x5c}]
    return {"spiffe_sequence": 1, "spiffe_refresh_hint": 2419200, "keys": entries}


def federation(gateways: Sequence[Mapping[str, Any]] | None, services: Sequence[Mapping[str, Any]]) -> Document:
    """federation.json; gateways are null after an internal error."""
    return {"ingressGateways": gateways, "publicServices": services}


def multicluster(gateways: Sequence[Mapping[str, Any]] | None, api_host: str, domain: str, uuid: str) -> Document:
    """multicluster.json."""
    cluster_id = f"{domain.replace('.', '-')}-{zlib.adler32(uuid.encode())}"
    return {
        "ingressGateways": gateways,
        "apiHost": api_host,
        "networkName": f"network-{cluster_id}",
        "clusterID": cluster_id,
    }


def public_services(services: Iterable[Mapping[str, Any]], domain: str) -> list[Document]:
    """publicServices of labelled Services. ExternalName, port-less and unnamed-port ones can't be published."""
    told = []
    for service in services:
        spec, metadata = service.get("spec") or {}, service["metadata"]
        ports = spec.get("ports") or []
        if spec.get("type") == "ExternalName" or not ports or not all(port.get("name") for port in ports):
            continue
        told.append(
            {
                "hostname": f"{metadata['name']}.{metadata['namespace']}.svc.{domain}",
                "ports": [
                    {"name": port["name"], "port": port["port"], "protocol": wire_protocol(port["name"])}
                    for port in ports
                ],
            }
        )
    return sorted(told, key=lambda entry: str(entry["hostname"]))


def _number(value: int) -> str:
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
