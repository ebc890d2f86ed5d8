# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""X.509 certificates in PEM form (RFC 5280, RFC 7468): split, compare, look inside."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import pem as pem_text
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import CertificateError

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
except ImportError:
    pass  # told by libraries.missing_libraries()

MAX_CERTIFICATES = 64
_MAX_CHARACTERS = 512 * 1024
_LABEL = "CERTIFICATE"


def split_certificates(pem: str) -> tuple[str, ...]:
    """Each certificate of a bundle as one PEM block in the same form, in the bundle's order.

    Text outside of the blocks is ignored. Raises CertificateError: no block, a damaged one, another label (a private
    key must not travel here), more than 64, or content that is no certificate.
    """
    if len(pem) > _MAX_CHARACTERS:
        raise _unusable(f"the bundle is longer than {_MAX_CHARACTERS} characters")
    try:
        blocks = pem_text.decode(pem)[0]
    except ValueError as error:
        raise _unusable(str(error)) from None
    if not blocks:
        raise _unusable("there is no PEM block")
    if len(blocks) > MAX_CERTIFICATES:
        raise _unusable(f"there are {len(blocks)} certificates, more than the {MAX_CERTIFICATES} allowed")
    for block in blocks:
        if block.label != _LABEL:
            raise _unusable(f"a PEM block is labelled {block.label}, not {_LABEL}")
        _parse(block.der)
    return tuple(pem_text.encode(_LABEL, block.der) for block in blocks)


def load_certificate(pem: str) -> x509.Certificate:
    """The certificate of a PEM text that holds exactly one. Raises CertificateError."""
    return _parse(certificate_der(pem))


def certificate_der(pem: str) -> bytes:
    """The DER bytes of a PEM text that holds exactly one certificate. Raises CertificateError."""
    certificates = split_certificates(pem)
    if len(certificates) != 1:
        raise _unusable(f"one certificate was expected and {len(certificates)} were found")
    return pem_text.decode(certificates[0])[0][0].der


def fingerprint(pem: str) -> str:
    """SHA-256 of the DER bytes as "AB:CD:...", as `openssl x509 -fingerprint -sha256` prints it."""
    return _with_colons(hashlib.sha256(certificate_der(pem)).hexdigest())


def normalise_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint in any usual spelling, in the form of fingerprint(). Raises CertificateError."""
    stripped = re.sub(r"^\s*sha-?256(?:\s+fingerprint)?\s*[=:]\s*", "", text, flags=re.IGNORECASE)
    digits = re.sub(r"[\s:-]", "", stripped).upper()
    if not re.fullmatch(r"[0-9A-F]{64}", digits):
        raise CertificateError(
            f"{text[:80]!a} is not a SHA-256 fingerprint",
            remedy="give 64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` prints them",
        )
    return _with_colons(digits)


def is_ca(pem: str) -> bool:
    """True when basicConstraints says CA. Raises CertificateError when the certificate can't be read."""
    certificate = load_certificate(pem)
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise _unusable("its extensions can't be read") from None


def not_after(pem: str) -> datetime:
    """The end of validity, in UTC. Raises CertificateError."""
    try:
        return load_certificate(pem).not_valid_after_utc
    except ValueError:
        raise _unusable("its validity can't be read") from None


def _with_colons(digits: str) -> str:
    return ":".join(digits[start : start + 2] for start in range(0, len(digits), 2)).upper()


def _parse(der: bytes) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(der)
        # Read lazily: touched here, so that a certificate that is taken can be used later.
        certificate.public_key()
        len(certificate.subject.rfc4514_string()), len(certificate.extensions)
    except (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        raise _unusable("its content is no X.509 certificate that can be read") from None
    return certificate


def _unusable(why: str) -> CertificateError:
    return CertificateError(f"a certificate can't be used: {why}", remedy="use CA certificates in PEM form")


def key_usage(**used: bool) -> x509.KeyUsage:
    """The extension in which only the bits that are named are set (RFC 5280, section 4.2.1.3)."""
    bits = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{bit: used.get(bit, False) for bit in bits})
