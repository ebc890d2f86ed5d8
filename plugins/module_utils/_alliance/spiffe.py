# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's roots as a SPIFFE trust bundle.

Source: SPIFFE Trust Domain and Bundle (bundle format), X.509-SVID (section 6.2), RFC 7517 (JWK), RFC 7518 (RSA, EC)
and RFC 8037 (Ed25519).
"""

from __future__ import annotations

import base64
import json

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    certificate_der,
    load_certificate,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import CertificateError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
except ImportError:
    pass  # told by libraries.missing_libraries()

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def spiffe_bundle(roots_pem: str, *, sequence: int, refresh_hint: int = 2419200) -> bytes:
    """The JSON of the bundle with every root of the PEM text. refresh_hint: seconds.

    Raises CertificateError: no certificate, or a key that is not RSA, EC (P-256, P-384, P-521) or Ed25519.
    """
    keys = [_jwk(root) for root in dict.fromkeys(split_certificates(roots_pem))]
    document = {"spiffe_sequence": sequence, "spiffe_refresh_hint": refresh_hint, "keys": keys}
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _jwk(pem: str) -> dict[str, object]:
    der = base64.b64encode(certificate_der(pem)).decode("ascii")
    parameters = _key_parameters(load_certificate(pem))
    return {"kty": parameters.pop("kty"), "use": "x509-svid", **parameters, "x5c": [der]}


def _key_parameters(certificate: x509.Certificate) -> dict[str, str]:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _base64url(_octets(numbers.n)), "e": _base64url(_octets(numbers.e))}
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        point = key.public_numbers()
        size = (key.key_size + 7) // 8
        return {
            "kty": "EC",
            "crv": _CURVES[key.curve.name],
            "x": _base64url(point.x.to_bytes(size, "big")),
            "y": _base64url(point.y.to_bytes(size, "big")),
        }
    if isinstance(key, ed25519.Ed25519PublicKey):
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(raw)}
    raise CertificateError(
        "a root's key can't be written into a SPIFFE bundle", remedy="use a root with an RSA or EC key"
    )


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
