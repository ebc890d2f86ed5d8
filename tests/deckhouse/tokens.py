# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tokens by which clusters ask each other for private documents: JWS compact with EdDSA, for a minute."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import jwt

from tests.deckhouse import facts, keys


def sign(
    private_pem: str, *, subject: str, audience: str, scope: str, now: float, seconds: int = facts.TOKEN_SECONDS
) -> str | None:
    """A token from one clusterUUID to another, or None when the key can't be used."""
    key = keys.private_key(private_pem)
    if key is None:
        return None
    issued = int(now)
    claims = {
        "iss": facts.ISSUER,
        "aud": audience,
        "sub": subject,
        "scope": scope,
        "nbf": issued,
        "exp": issued + seconds,
    }
    return jwt.encode(claims, key, algorithm="EdDSA")


def refusal(header: str | None, *, audience: str, scope: str, peers: Mapping[str, Any], now: float) -> str | None:
    """Why an Authorization header is refused, None when it isn't.

    The checks and their order are the platform's: prefix, form, aud, scope, exp without leeway, sub, PEM, signature.
    iss and nbf are not looked at. `peers` maps a clusterUUID to its public metadata.
    """
    if not (header or "").startswith("Bearer "):
        return "no bearer token"
    token = str(header).removeprefix("Bearer ")
    claims = _claims(token)
    if claims is None:
        return "the token can't be parsed"
    if claims.get("aud") != audience:
        return "the token is meant for somebody else"
    if claims.get("scope") != scope:
        return "the token has another scope"
    expires = claims.get("exp")
    # A Go program reads the claim into a whole number.
    if not isinstance(expires, int) or isinstance(expires, bool) or expires <= now:
        return "the token is expired"
    peer = peers.get(str(claims.get("sub")))
    if not isinstance(peer, Mapping):
        return "the sender is not known"
    key = keys.public_key(peer.get("authnKeyPub"))
    if key is None:
        return "the sender's key can't be decoded"
    try:
        jwt.PyJWS(algorithms=["EdDSA"]).decode(token, key, algorithms=["EdDSA"])
    except jwt.InvalidTokenError:
        return "the signature is wrong"
    return None


def _claims(token: str) -> Mapping[str, Any] | None:
    """The claims of a token in the right form, which says nothing about who made it."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        return None
    header, claims = (_json(part) for part in parts[:2])
    if not isinstance(header, Mapping) or not isinstance(claims, Mapping):
        return None
    if header.get("alg") != "EdDSA" or "crit" in header:
        return None
    if _decoded(parts[2]) is None:
        return None
    # Claims of another type than the platform's struct has can't be read into it.
    texts = all(isinstance(claims.get(name, ""), str) for name in ("iss", "aud", "sub", "scope"))
    return claims if texts else None


def _json(part: str) -> object:
    decoded = _decoded(part)
    try:
        return None if decoded is None else json.loads(decoded)
    except ValueError:
        return None


def _decoded(part: str) -> bytes | None:
    """base64url without padding, as JWS demands."""
    if not part.replace("-", "").replace("_", "").isalnum() or not part.isascii():
        return None
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        return None
