# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key vouches for the one that replaces it, towards neighbours that have nothing else to go by.

A JWS (RFC 7515, EdDSA) in the public document, signed with the key of before. Its header has a type of its own
(RFC 8725, section 3.11), so that it is never taken for a token, nor a token for it. Claims: sub (the clusterUUID),
authnKeyPub (the new key), iat and exp (the end of the overlap) in whole unix seconds.
"""

from __future__ import annotations

import contextlib
import re

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import (
    load_private_key,
    load_public_key,
    public_key_pem,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import ALGORITHM

with contextlib.suppress(ImportError):  # told by libraries.missing_libraries()
    import jwt

TYPE = "authn-key-change+jwt"
MOST_CHARACTERS = 4096

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def sign_key_change(previous_private_pem: str, *, subject: str, new_public_pem: str, now: float, until: float) -> str:
    """The key of before says that the new one takes its place. subject: clusterUUID; times: unix seconds."""
    claims: dict[str, object] = {"sub": subject, "authnKeyPub": new_public_pem, "iat": int(now), "exp": int(until)}
    return jwt.encode(claims, load_private_key(previous_private_pem), algorithm=ALGORITHM, headers={"typ": TYPE})


def written_key_change(value: object) -> str | None:
    """A text that has the form of one; None for anything else, which is as good as none."""
    formed = isinstance(value, str) and len(value) <= MOST_CHARACTERS and _COMPACT.fullmatch(value)
    return str(value) if formed else None


def key_change_end(change: str | None, *, subject: str, before: str, after: str, now: float) -> float | None:
    """Until when (unix seconds) it proves that the key C(before), PEM, was replaced by C(after); None for no proof."""
    if written_key_change(change) is None:
        return None
    try:
        told = jwt.PyJWS(algorithms=[ALGORITHM]).decode_complete(
            str(change), load_public_key(before), algorithms=[ALGORITHM]
        )
        claims = parse_json(told["payload"], max_bytes=MOST_CHARACTERS)
        if told["header"] != {"alg": ALGORITHM, "typ": TYPE} or not isinstance(claims, dict):
            return None
        key, end = claims.get("authnKeyPub"), claims.get("exp")
        same = isinstance(key, str) and public_key_pem(load_public_key(key)) == public_key_pem(load_public_key(after))
    except (jwt.InvalidTokenError, AllianceError):
        return None
    good = same and claims.get("sub") == subject and isinstance(end, int) and not isinstance(end, bool) and end > now
    return float(str(end)) if good else None
