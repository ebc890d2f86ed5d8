# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates a verifier takes for the same issuer.

A verifier looks a certificate's issuer up by its name (RFC 5280, section 4.1.2.4), and where the certificate says so,
by the identifier of the issuer's key (sections 4.2.1.1 and 4.2.1.2). Envoy's takes the first that fits and never tries
another. So of two trusted roots that fit equally, one can make what the other has issued be refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    load_certificate,
    split_certificates,
)

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
except ImportError:
    pass  # told by libraries.missing_libraries()


@dataclass(frozen=True)
class Issuer:
    """A root as verifiers see it.

    C(fingerprint): of the certificate. C(key): SHA-256 of the public key. C(name): the subject's DER bytes. C(key_id):
    the SubjectKeyIdentifier, None when there is none.
    """

    fingerprint: str
    key: bytes
    name: bytes
    key_id: bytes | None

    def common_with(self, other: Issuer) -> str:
        """What this root has in common with another one that it can be taken for; empty when it can't be."""
        if self.key == other.key:
            return "public key"
        if self.key_id is not None and self.key_id == other.key_id:
            return "key identifier"
        if self.name == other.name and (self.key_id is None or other.key_id is None):
            return "name"
        return ""


def issuers_in(pem: str) -> tuple[Issuer, ...]:
    """The roots of a bundle, in its order. Raises CertificateError."""
    return tuple(_issuer(root) for root in split_certificates(pem))


def _issuer(root: str) -> Issuer:
    certificate = load_certificate(root)
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        key_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        key_id = None
    return Issuer(fingerprint(root), hashlib.sha256(key).digest(), certificate.subject.public_bytes(), key_id)
