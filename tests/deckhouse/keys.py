# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ed25519 key pairs in the platform's PEM: labels that are not the standard's, bodies that are."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tests.deckhouse import pem

PUBLIC_LABEL, PRIVATE_LABEL = "ED25519 PUBLIC KEY", "ED25519 PRIVATE KEY"


@dataclass(frozen=True)
class KeyPair:
    """Both halves as PEM text."""

    private_pem: str = field(repr=False)
    public_pem: str


def generate() -> KeyPair:
    """A new key pair."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(pem.encode(PRIVATE_LABEL, private), pem.encode(PUBLIC_LABEL, public))


def private_key(text: str) -> Ed25519PrivateKey | None:
    """The private key, or None when it can't be used."""
    block = pem.first_block(text)
    if block is None or block.label != PRIVATE_LABEL:
        return None
    try:
        key = serialization.load_der_private_key(block.der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, Ed25519PrivateKey) else None


def public_key(text: object) -> Ed25519PublicKey | None:
    """A peer's public key; None when the label is another one, when a byte follows, or when it is no such key."""
    block = pem.first_block(text) if isinstance(text, str) else None
    if block is None or block.label != PUBLIC_LABEL or block.rest:
        return None
    try:
        key = serialization.load_der_public_key(block.der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, Ed25519PublicKey) else None
