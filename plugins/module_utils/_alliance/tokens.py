# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens by which a cluster proves to a neighbour's exporter who it is (JWS, RFC 7515, with EdDSA, RFC 8037).

Claims: iss, aud (the clusterUUID of the server), sub (the clusterUUID of the caller), scope, nbf and exp in whole
unix seconds.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import (
    DocumentError,
    KeyPairError,
    TokenError,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import (
    load_private_key,
    load_public_key,
    public_key_pem,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import ISSUER
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json

try:
    import jwt
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ImportError:
    pass  # told by libraries.missing_libraries()

ALGORITHM = "EdDSA"
MAX_TOKEN_CHARACTERS = 4096
# A caller has two keys while it replaces one by another.
MOST_KEYS = 2
# Clocks of neighbours may differ by this much; a token made "in the future" is still theirs.
NOT_BEFORE_LEEWAY = 30.0

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# Nobody is asked to believe this key: it stands in where there is none, so that each refusal costs the same work.
_STAND_IN_SEED = hashlib.sha256(b"meshalliance.istio stand-in key").digest()


def sign_token(private_pem: str, *, subject: str, audience: str, scope: str, now: float, lifetime: int = 60) -> str:
    """A token from subject to audience (both clusterUUIDs), valid from now for lifetime seconds.

    Raises KeyPairError when the private key can't be used.
    """
    issued = int(now)
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": audience,
        "sub": subject,
        "scope": scope,
        "nbf": issued,
        "exp": issued + lifetime,
    }
    return jwt.encode(claims, load_private_key(private_pem), algorithm=ALGORITHM)


def verify_token(
    token: str, *, audience: str, scope: str, public_keys: Mapping[str, str | Sequence[str]], now: float
) -> str:
    """The subject (clusterUUID) of a valid token. public_keys: clusterUUID to public key PEM, or to MOST_KEYS of them.

    Raises TokenError with .reason malformed, algorithm, issuer, audience, scope, expired, not-yet-valid, subject or
    signature. For a token of acceptable size the same signature checks are done whatever the outcome.
    """
    claims, reason = _read(token)
    subject = claims.get("sub")
    known = _usable_keys(public_keys.get(subject)) if isinstance(subject, str) else []
    # An unreadable token is replaced by one that can be checked; its result is not looked at.
    checked = _stand_in_token() if reason else token
    held = [_signature_holds(checked, key) for key in (*known, *[_stand_in_pem()] * (MOST_KEYS - len(known)))]
    signature_holds = any(held[: len(known)])
    reason = reason or _claims_problem(claims, audience, scope, now)
    if not reason and not known:
        reason = "subject"
    if not reason and not signature_holds:
        reason = "signature"
    if reason:
        raise TokenError(reason)
    return str(subject)


def token_expiry(token: str) -> float:
    """When a token ends, in unix seconds, as it says itself; 0 when it doesn't say. Nothing of it is verified."""
    expires = _read(token)[0].get("exp")
    return float(str(expires)) if _is_number(expires) else 0.0


def _read(token: object) -> tuple[dict[str, object], str]:
    """The claims, not proven yet, and the class of refusal if the form is wrong ("" if not)."""
    if not isinstance(token, str) or len(token) > MAX_TOKEN_CHARACTERS or not _COMPACT.fullmatch(token):
        return {}, "malformed"
    try:
        header, claims = (_json_part(part) for part in token.split(".")[:2])
    except (DocumentError, binascii.Error):
        return {}, "malformed"
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return {}, "malformed"
    if header.get("alg") != ALGORITHM:
        return claims, "algorithm"
    if "crit" in header or "b64" in header:
        return claims, "malformed"
    return claims, ""


def _json_part(part: str) -> object:
    padded = part + "=" * (-len(part) % 4)
    return parse_json(base64.urlsafe_b64decode(padded), max_bytes=MAX_TOKEN_CHARACTERS)


def _claims_problem(claims: Mapping[str, object], audience: str, scope: str, now: float) -> str:
    if "iss" in claims and not _same(claims["iss"], ISSUER):
        return "issuer"
    if not _same(claims.get("aud"), audience):
        return "audience"
    if not _same(claims.get("scope"), scope):
        return "scope"
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if not _is_number(expires) or not _is_number(begins):
        return "malformed"
    if float(str(expires)) <= now:
        return "expired"
    if float(str(begins)) > now + NOT_BEFORE_LEEWAY:
        return "not-yet-valid"
    return ""


def _same(claim: object, expected: str) -> bool:
    return isinstance(claim, str) and hmac.compare_digest(claim.encode("utf-8"), expected.encode("utf-8"))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _usable_keys(given: str | Sequence[str] | None) -> list[str]:
    listed = [given or ""] if given is None or isinstance(given, str) else [*given]
    # As many are looked at whatever was given.
    keys = [*listed, *[""] * MOST_KEYS][:MOST_KEYS]
    return [key for key in keys if _is_usable(key or _stand_in_pem()) and key]


def _is_usable(key_pem: str) -> bool:
    try:
        load_public_key(key_pem)
    except KeyPairError:
        return False
    return True


def _signature_holds(token: str, key_pem: str) -> bool:
    key = load_public_key(key_pem)
    try:
        jwt.PyJWS(algorithms=[ALGORITHM]).decode(token, key, algorithms=[ALGORITHM])
    except jwt.InvalidTokenError:
        return False
    return True


@lru_cache(maxsize=1)
def _stand_in_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_STAND_IN_SEED)


@lru_cache(maxsize=1)
def _stand_in_pem() -> str:
    return public_key_pem(_stand_in_key().public_key())


@lru_cache(maxsize=1)
def _stand_in_token() -> str:
    return jwt.encode({"sub": "nobody"}, _stand_in_key(), algorithm=ALGORITHM)
