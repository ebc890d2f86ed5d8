# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate of a metadata endpoint: a small CA of its own, and a leaf that is renewed under it.

Neighbours are given the CA, so a new leaf (other addresses, a new year) changes nothing for them. RFC 5280 profile,
accepted by verifiers that are
strict about it (key identifiers on both, CA constraint critical).
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    key_usage,
    load_certificate,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import CertificateError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    pass  # told by libraries.missing_libraries()

CA_DAYS = 3650
LEAF_DAYS = 365


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str = field(repr=False)


def make_ca(common_name: str, now: datetime.datetime) -> Issued:
    """A new self-signed CA, valid from now for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        _builder(name, name, key.public_key(), now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    return _issued(builder.sign(key, hashes.SHA256()), key)


def make_leaf(ca: Issued, names: Sequence[str], now: datetime.datetime) -> Issued:
    """A new server certificate for DNS names and IP addresses, valid from now for a year."""
    ca_certificate, ca_key = load_certificate(ca.certificate), _load_key(ca.key)
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_identifier = ca_certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "metadata-exporter")])
    builder = (
        _builder(subject, ca_certificate.subject, key.public_key(), now, LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_identifier), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
    )
    return _issued(builder.sign(ca_key, hashes.SHA256()), key)


def renewal_reason(leaf: Issued, ca_certificate: str, names: Sequence[str], now: datetime.datetime, days: int) -> str:
    """Why a leaf has to be made anew, in words for people; the empty string when it is good for C(days) more days."""
    try:
        certificate, ca = load_certificate(leaf.certificate), load_certificate(ca_certificate)
        certificate.verify_directly_issued_by(ca)
        if _public_bytes(_load_key(leaf.key).public_key()) != _public_bytes(certificate.public_key()):
            return "its key is another one's"
        present = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (CertificateError, ValueError, TypeError, x509.ExtensionNotFound):
        return "it can't be read, or another CA issued it"
    except Exception as error:  # cryptography's InvalidSignature has no common base with the above
        return f"another CA issued it ({type(error).__name__})"
    if set(present) != set(_general_names(names)):
        return "its names are not those of the gateway any more"
    if certificate.not_valid_after_utc <= now + datetime.timedelta(days=days):
        return f"it ends within {days} days"
    return ""


def ca_usable(ca: Issued, now: datetime.datetime, days: int) -> bool:
    """Whether a CA can sign and is valid for C(days) more days."""
    try:
        certificate = load_certificate(ca.certificate)
        same = _public_bytes(_load_key(ca.key).public_key()) == _public_bytes(certificate.public_key())
    except (CertificateError, ValueError, TypeError):
        return False
    return same and certificate.not_valid_after_utc > now + datetime.timedelta(days=days)


def _builder(subject: Any, issuer: Any, key: Any, now: datetime.datetime, days: int) -> Any:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # A little in the past, for clocks that are behind.
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _general_names(names: Sequence[str]) -> list[Any]:
    result: list[Any] = []
    for name in sorted(set(names)):
        try:
            result.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            result.append(x509.DNSName(name))
    return result


def _issued(certificate: Any, key: Any) -> Issued:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Issued(certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode())


def _load_key(pem: str) -> Any:
    return serialization.load_pem_private_key(pem.encode(), None)


def _public_bytes(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded
