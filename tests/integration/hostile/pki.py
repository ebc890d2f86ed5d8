# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates, good and bad, made without the collection's own code."""

from __future__ import annotations

import base64
import datetime
import functools
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
SUBJECT_PUBLIC_KEY = serialization.PublicFormat.SubjectPublicKeyInfo


@dataclass(frozen=True)
class Authority:
    """A CA: its certificate, PEM, and its key."""

    certificate: str
    key: Any

    @property
    def parsed(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate.encode())


def name(text: str, kind: Any = _ASN1Type.UTF8String) -> x509.Name:
    """A name of one organisation; C(kind) is the type of its string, whether or not the text is one of that type."""
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text, _type=kind, _validate=False)])


def authority(
    subject: str | x509.Name,
    key: Any = None,
    *extensions: x509.ExtensionType,
    ca: bool = True,
    begin: datetime.datetime = NOW - DAY,
    end: datetime.datetime = NOW + 3650 * DAY,
    path_length: int | None = None,
    key_id: bytes | None = b"",
) -> Authority:
    """A self-signed certificate. C(key_id): of the key when empty, none for None."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = name(subject) if isinstance(subject, str) else subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
    )
    if key_id is not None:
        identifier = x509.SubjectKeyIdentifier(
            key_id or x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
        )
        builder = builder.add_extension(identifier, critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.NameConstraints))
    return Authority(_signed(builder, key), key)


def leaf(issuer: Authority, names: Sequence[str], begin: datetime.datetime, end: datetime.datetime) -> str:
    """A server's certificate and its key in one PEM text."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name("server"))
        .issuer_name(issuer.parsed.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general(text) for text in names]), critical=False)
    )
    return _signed(builder, issuer.key) + private_pem(key)


def private_pem(key: Any) -> str:
    """A private key as PKCS#8."""
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def public_pem(key: Any, label: str = "ED25519 PUBLIC KEY") -> str:
    """The public half of a key under a label of one's choice."""
    return block(label, key.public_key().public_bytes(DER, SUBJECT_PUBLIC_KEY))


def block(label: str, content: bytes) -> str:
    """A PEM block."""
    text = base64.b64encode(content).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def der_of(pem: str) -> bytes:
    """The content of a certificate."""
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(DER)


def key_of(pem: str) -> bytes:
    """The public key of a certificate."""
    return x509.load_pem_x509_certificate(pem.encode()).public_key().public_bytes(DER, SUBJECT_PUBLIC_KEY)


@functools.cache
def small_rsa() -> Any:
    """A key that is too small."""
    return rsa.generate_private_key(65537, 1024)  # noqa: S505


def _signed(builder: x509.CertificateBuilder, key: Any) -> str:
    algorithm = None if isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(PEM).decode()


def _general(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
