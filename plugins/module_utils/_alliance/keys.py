# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ed25519 keys in the two PEM forms that are on the wire.

Neighbours exchange PEM blocks labelled "ED25519 PUBLIC KEY" whose body is an ordinary SubjectPublicKeyInfo; the
private key is PKCS#8 under "ED25519 PRIVATE KEY". The labels of RFC 7468 are read as well, never written.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import pem as pem_text
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import KeyPairError

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
except ImportError:
    pass  # told by libraries.missing_libraries()

PUBLIC_LABEL = "ED25519 PUBLIC KEY"
PRIVATE_LABEL = "ED25519 PRIVATE KEY"
_MAX_CHARACTERS = 8192


@dataclass(frozen=True)
class KeyPair:
    """A cluster's identity towards its neighbours' exporters. The private key never appears in repr()."""

    private_pem: str = field(repr=False)
    public_pem: str


def generate_key_pair() -> KeyPair:
    """A new key pair, both halves under the wire's labels."""
    key = Ed25519PrivateKey.generate()
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyPair(pem_text.encode(PRIVATE_LABEL, der), public_key_pem(key.public_key()))


def public_key_pem(key: Ed25519PublicKey) -> str:
    """The public key as its own PEM block: nothing but one newline follows it, as strict readers demand."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem_text.encode(PUBLIC_LABEL, der)


def load_private_key(pem: str) -> Ed25519PrivateKey:
    """The private key of exactly one PEM block. Raises KeyPairError, which never quotes the input."""
    der = _single_block(pem, (PRIVATE_LABEL, "PRIVATE KEY"), "private key")
    try:
        key = serialization.load_der_private_key(der, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unusable("private key", "its content is not a PKCS#8 key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable("private key", "it is not an Ed25519 key")
    return key


def load_public_key(pem: str) -> Ed25519PublicKey:
    """The public key of exactly one PEM block. Raises KeyPairError."""
    der = _single_block(pem, (PUBLIC_LABEL, "PUBLIC KEY"), "public key")
    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unusable("public key", "its content is not a SubjectPublicKeyInfo") from None
    if not isinstance(key, Ed25519PublicKey):
        raise _unusable("public key", "it is not an Ed25519 key")
    return key


def _single_block(text: str, labels: tuple[str, ...], what: str) -> bytes:
    if len(text) > _MAX_CHARACTERS:
        raise _unusable(what, f"it is longer than {_MAX_CHARACTERS} characters")
    try:
        blocks, outside = pem_text.decode(text)
    except ValueError as error:
        raise _unusable(what, str(error)) from None
    if len(blocks) != 1 or outside.strip():
        raise _unusable(what, "it must be exactly one PEM block and nothing else")
    if blocks[0].label not in labels:
        raise _unusable(what, f"its PEM label must be one of: {', '.join(labels)}")
    return blocks[0].der


def _unusable(what: str, why: str) -> KeyPairError:
    return KeyPairError(f"the {what} can't be used: {why}", remedy="use an Ed25519 key in PEM form")
