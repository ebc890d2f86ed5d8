# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA that istiod signs with: made anew, or read from the texts of a Secret and checked.

The four texts are those of Istio's Secret C(cacerts) (security/pkg/pki/ca/ca.go): the signing certificate, its key, the
intermediates between it and the root, and the roots. How a new one is to be made is described with the options of
community.crypto's C(openssl_privatekey) and C(x509_certificate).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import pem as pem_text
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    is_ca,
    key_usage,
    load_certificate,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.chains import root_of
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import CertificateError

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # told by libraries.missing_libraries()

CERTIFICATE = "ca-cert.pem"
KEY = "ca-key.pem"
CHAIN = "cert-chain.pem"
ROOTS = "root-cert.pem"

RSA, ECC = "RSA", "ECC"
CURVES = ("secp256r1", "secp384r1", "secp521r1")
SMALLEST_RSA = 2048
LARGEST_RSA = 8192
# Nodes' clocks need not agree with that of the machine which makes the certificate.
_LEEWAY = timedelta(hours=1)
_RELATIVE = re.compile(r"\+(?=\d)(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_ATTRIBUTES = {
    "CN": "COMMON_NAME",
    "commonName": "COMMON_NAME",
    "O": "ORGANIZATION_NAME",
    "organizationName": "ORGANIZATION_NAME",
    "OU": "ORGANIZATIONAL_UNIT_NAME",
    "organizationalUnitName": "ORGANIZATIONAL_UNIT_NAME",
    "C": "COUNTRY_NAME",
    "countryName": "COUNTRY_NAME",
    "ST": "STATE_OR_PROVINCE_NAME",
    "stateOrProvinceName": "STATE_OR_PROVINCE_NAME",
    "L": "LOCALITY_NAME",
    "localityName": "LOCALITY_NAME",
}


@dataclass(frozen=True, repr=False)
class SigningCa:
    """A CA as istiod takes it; no repr, because one field is its private key. All PEM.

    C(certificate): what signs. C(chain): intermediates up to the root, empty when the root itself signs. C(roots): what
    is handed out as trusted, C(root) the one of them that vouches for the certificate.
    """

    certificate: str
    key: str
    chain: str
    roots: tuple[str, ...]
    root: str

    def values(self, roots: tuple[str, ...] | None = None) -> dict[str, str]:
        """The texts of a Secret C(cacerts), with other roots when given."""
        return {
            CERTIFICATE: self.certificate,
            KEY: self.key,
            CHAIN: self.chain,
            ROOTS: "".join(self.roots if roots is None else roots),
        }


@dataclass(frozen=True)
class NewCa:
    """How a CA is to be made. C(not_after): C(+3650d) and the like, or an absolute C(YYYYMMDDHHMMSSZ)."""

    type: str = RSA
    size: int = 4096
    curve: str = "secp384r1"
    not_after: str = "+3650d"
    subject: Mapping[str, str] = field(default_factory=dict)


def make_authority(wanted: NewCa, now: datetime) -> SigningCa:
    """A new self-signed CA. Raises CertificateError for what can't be made so."""
    key = _new_key(wanted)
    name = _name(wanted.subject)
    end = _end(wanted.not_after, now)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = pem_text.encode("CERTIFICATE", certificate.public_bytes(serialization.Encoding.DER))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return SigningCa(pem, private.decode(), "", (pem,), pem)


def read_authority(values: Mapping[str, str]) -> SigningCa:
    """The CA of a Secret's texts; without C(root-cert.pem), as in C(istio-ca-secret), it is its own root.

    Raises CertificateError: a text is missing or unusable, the key is another certificate's, it is no CA, or none of
    its roots vouches for it. Messages say nothing of the key.
    """
    for name in (CERTIFICATE, KEY):
        if not values.get(name, "").strip():
            raise CertificateError(f"it has no {name}", remedy=f"give {CERTIFICATE}, {KEY}, {CHAIN} and {ROOTS}")
    certificates = split_certificates(values[CERTIFICATE])
    if len(certificates) != 1:
        raise CertificateError(f"its {CERTIFICATE} holds {len(certificates)} certificates", remedy="leave one there")
    certificate = certificates[0]
    if not is_ca(certificate):
        raise CertificateError(f"its {CERTIFICATE} is not a CA certificate", remedy="give a CA")
    _match(values[KEY], certificate)
    chain = split_certificates(values[CHAIN]) if values.get(CHAIN, "").strip() else ()
    roots = split_certificates(values.get(ROOTS, "").strip() or certificate)
    root = root_of((certificate, *chain), roots)
    if root is None:
        raise CertificateError(
            f"none of the certificates in its {ROOTS} vouches for its {CERTIFICATE}",
            remedy=f"give the root, and in {CHAIN} the intermediates",
        )
    return SigningCa(certificate, values[KEY], "".join(chain), roots, root)


def check_new(new: SigningCa, old: SigningCa, now: datetime) -> None:
    """What must hold before a cluster moves from one CA to another. Raises CertificateError."""
    if len(new.roots) != 1:
        raise CertificateError(
            f"its {ROOTS} holds {len(new.roots)} certificates", remedy="leave the root of the new CA alone there"
        )
    if fingerprint(new.root) in {fingerprint(root) for root in old.roots}:
        raise CertificateError("its root is one that the cluster trusts already", remedy="give a CA with a new root")
    if _key_bytes(new.root) in {_key_bytes(root) for root in old.roots}:
        raise CertificateError("its root has the key of the old one", remedy="give a CA with a root that has a new key")
    for pem in (new.certificate, *split_certificates(new.chain or new.root), new.root):
        certificate = load_certificate(pem)
        if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
            raise CertificateError(
                f"the certificate {fingerprint(pem)} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} to"
                f" {certificate.not_valid_after_utc:%Y-%m-%d} only",
                remedy="give one that is valid now",
            )


def _key_bytes(pem: str) -> bytes:
    return (
        load_certificate(pem)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _match(key_pem: str, certificate: str) -> None:
    try:
        key = serialization.load_pem_private_key(key_pem.encode(), None)
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CertificateError(
            f"its {KEY} is no private key that can be read", remedy="give an RSA or EC key in PEM without a passphrase"
        ) from None
    if public != _key_bytes(certificate):
        raise CertificateError(f"its {KEY} is not the key of its {CERTIFICATE}", remedy="give the two that belong")


def _new_key(wanted: NewCa) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    if wanted.type == ECC:
        curves: dict[str, ec.EllipticCurve] = {
            "secp256r1": ec.SECP256R1(),
            "secp384r1": ec.SECP384R1(),
            "secp521r1": ec.SECP521R1(),
        }
        if wanted.curve not in curves:
            raise CertificateError(f"{wanted.curve!a} is no curve for it", remedy=f"use one of {', '.join(CURVES)}")
        return ec.generate_private_key(curves[wanted.curve])
    if wanted.type != RSA or not SMALLEST_RSA <= wanted.size <= LARGEST_RSA:
        raise CertificateError(
            f"a key of type {wanted.type!a} with {wanted.size} bits can't be made",
            remedy=f"use {RSA} with {SMALLEST_RSA} to {LARGEST_RSA} bits, or {ECC}",
        )
    return rsa.generate_private_key(65537, wanted.size)


def _name(subject: Mapping[str, str]) -> x509.Name:
    unknown = sorted(set(subject) - set(_ATTRIBUTES))
    if unknown or not subject:
        raise CertificateError(
            f"its subject has attributes that are not known: {', '.join(unknown)}" if unknown else "it has no subject",
            remedy=f"use some of {', '.join(sorted(_ATTRIBUTES))}",
        )
    try:
        return x509.Name(
            [x509.NameAttribute(getattr(NameOID, _ATTRIBUTES[key]), str(value)) for key, value in subject.items()]
        )
    except ValueError as error:
        raise CertificateError(f"its subject can't be used: {error}", remedy="correct the subject") from None


def _end(text: str, now: datetime) -> datetime:
    match = _RELATIVE.fullmatch(text)
    try:
        if match:
            weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
            end = now + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
        else:
            end = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        raise CertificateError(f"{text!a} is no end of validity", remedy="give +3650d or YYYYMMDDHHMMSSZ") from None
    if end <= now:
        raise CertificateError(f"its validity would have ended at {text}", remedy="give a later not_after")
    return end
