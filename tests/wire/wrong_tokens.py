# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens that nobody may let in, made by hand from a right one. Each is an Authorization header, or none at all."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.deckhouse import keys
from tests.deckhouse.keys import KeyPair

Claims = dict[str, Any]

SCOPE = "private-federation"
KNOWN, OTHER, BROKEN = (f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{digit * 12}" for digit in "234")


@dataclass(frozen=True)
class Bench:
    """A server's clusterUUID, two neighbours that it knows by their keys, and the time."""

    audience: str
    known: KeyPair
    other: KeyPair
    now: int

    def claims(self, **changes: Any) -> Claims:
        """The right claims; a changed one that is None is left out."""
        right = {
            "iss": "d8-istio",
            "aud": self.audience,
            "sub": KNOWN,
            "scope": SCOPE,
            "nbf": self.now,
            "exp": self.now + 60,
        }
        return {name: value for name, value in {**right, **changes}.items() if value is not None}

    def token(self, **changes: Any) -> str:
        """A token of the known neighbour with these claims changed."""
        return self.signed(self.claims(**changes))

    def signed(self, claims: Any, header: Mapping[str, Any] | None = None, pair: KeyPair | None = None) -> str:
        """A token with any claims and header, signed with Ed25519."""
        return compact(header or EDDSA, claims, private_key(pair or self.known).sign)


EDDSA = {"alg": "EdDSA", "typ": "JWT"}
Sign = Callable[[bytes], bytes]


def private_key(pair: KeyPair) -> Ed25519PrivateKey:
    """The private half, which is there."""
    key = keys.private_key(pair.private_pem)
    assert key is not None
    return key


def encoded(part: Any) -> str:
    """base64url of bytes, or of the JSON of anything else."""
    data = part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header: Any, claims: Any, sign: Sign) -> str:
    """A JWS in its compact form."""
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{encoded(sign(text.encode()))}"


def _parts(bench: Bench) -> list[str]:
    return bench.token().split(".")


def _joined(*parts: str) -> str:
    return ".".join(parts)


def _unsigned(bench: Bench) -> str:
    return _joined(encoded({"alg": "none", "typ": "JWT"}), encoded(bench.claims()), "")


def _named_none(bench: Bench) -> str:
    return bench.signed(bench.claims(), {"alg": "none", "typ": "JWT"})


def _hmac_with_public_key(bench: Bench) -> str:
    secret = bench.known.public_pem.encode()
    sign: Sign = lambda data: hmac.new(secret, data, hashlib.sha256).digest()  # noqa: E731
    return compact({"alg": "HS256", "typ": "JWT"}, bench.claims(), sign)


def _rsa(bench: Bench) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return compact({"alg": "RS256"}, bench.claims(), lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256()))


def _elliptic(bench: Bench) -> str:
    key = ec.generate_private_key(ec.SECP256R1())

    def sign(data: bytes) -> bytes:
        first, second = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return first.to_bytes(32, "big") + second.to_bytes(32, "big")

    return compact({"alg": "ES256"}, bench.claims(), sign)


def _swapped_claims(bench: Bench) -> str:
    header, _claims, signature = bench.token(aud="somebody-else").split(".")
    return _joined(header, encoded(bench.claims()), signature)


def _flipped_signature(bench: Bench) -> str:
    header, claims, signature = _parts(bench)
    first = "A" if signature[0] != "A" else "B"
    return _joined(header, claims, first + signature[1:])


def _embedded_key(bench: Bench) -> str:
    """The header brings the key that it is to be checked with."""
    stranger = Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encoded(stranger.public_key().public_bytes_raw())}
    return compact({**EDDSA, "jwk": jwk}, bench.claims(), stranger.sign)


def _padded(bench: Bench) -> str:
    return _joined(*(part + "=" * (-len(part) % 4) for part in _parts(bench)))


def _bearer(make: Callable[[Bench], str]) -> Callable[[Bench], str | None]:
    return lambda bench: f"Bearer {make(bench)}"


# Each stands for a mistake or a forgery that has happened somewhere.
HEADERS: dict[str, Callable[[Bench], str | None]] = {
    "no header": lambda bench: None,
    "an empty header": lambda bench: "",
    "another scheme": lambda bench: f"Basic {bench.token()}",
    "no scheme": lambda bench: bench.token(),
    "a scheme alone": lambda bench: "Bearer",
    "the scheme twice": lambda bench: f"Bearer Bearer {bench.token()}",
    "two tokens": lambda bench: f"Bearer {bench.token()} {bench.token()}",
}
TOKENS: dict[str, Callable[[Bench], str]] = {
    "no token at all": lambda bench: "nonsense",
    "two parts": lambda bench: _joined(*_parts(bench)[:2]),
    "four parts": lambda bench: _joined(*_parts(bench), "AAAA"),
    "five parts, as if encrypted": lambda bench: _joined(*_parts(bench), "AAAA", "AAAA"),
    "a header that is not base64": lambda bench: _joined("!!!!", *_parts(bench)[1:]),
    "a header that is not JSON": lambda bench: compact(b"EdDSA", bench.claims(), private_key(bench.known).sign),
    "a header without algorithm": lambda bench: bench.signed(bench.claims(), {"typ": "JWT"}),
    "an extension that must be understood": lambda bench: bench.signed(
        bench.claims(), {**EDDSA, "crit": ["exp2"], "exp2": 1}
    ),
    "claims that are not JSON": lambda bench: bench.signed(b"{"),
    "claims that are a list": lambda bench: bench.signed([bench.claims()]),
    "claims that are null": lambda bench: bench.signed(None),
    "base64 with padding": _padded,
    "algorithm none": _unsigned,
    "algorithm none with a signature": _named_none,
    "HMAC with the public key as secret": _hmac_with_public_key,
    "signed with RSA": _rsa,
    "signed with ECDSA": _elliptic,
    "its own key in the header": _embedded_key,
    "no audience": lambda bench: bench.token(aud=None),
    "an empty audience": lambda bench: bench.token(aud=""),
    "another cluster's audience": lambda bench: bench.token(aud=OTHER),
    "the audience in capitals": lambda bench: bench.token(aud=bench.audience.upper()),
    "several audiences": lambda bench: bench.token(aud=[bench.audience, OTHER]),
    "no scope": lambda bench: bench.token(scope=None),
    "the scope of the other mode": lambda bench: bench.token(scope="private-multicluster"),
    "the scope of the API proxy": lambda bench: bench.token(scope="api"),
    "several scopes in one text": lambda bench: bench.token(scope=f"{SCOPE} private-multicluster"),
    "several scopes in a list": lambda bench: bench.token(scope=[SCOPE]),
    "no expiry": lambda bench: bench.token(exp=None),
    "expired a second ago": lambda bench: bench.token(nbf=bench.now - 61, exp=bench.now - 1),
    "expired long ago": lambda bench: bench.token(nbf=1_500_000_000, exp=1_500_000_060),
    "expiry zero": lambda bench: bench.token(exp=0),
    "expiry as text": lambda bench: bench.token(exp=str(bench.now + 60)),
    "expiry as true": lambda bench: bench.token(exp=True),
    "no sender": lambda bench: bench.token(sub=None),
    "an empty sender": lambda bench: bench.token(sub=""),
    "an unknown sender": lambda bench: bench.token(sub="99999999-9999-4999-8999-999999999999"),
    "the server itself as sender": lambda bench: bench.token(sub=bench.audience),
    "the sender as a list": lambda bench: bench.token(sub=[KNOWN]),
    "a sender whose stored key is broken": lambda bench: bench.token(sub=BROKEN),
    "one neighbour in the name of another": lambda bench: bench.signed(bench.claims(sub=OTHER)),
    "the sender's claims with a stranger's signature": lambda bench: bench.signed(bench.claims(), pair=keys.generate()),
    "no signature": lambda bench: _joined(*_parts(bench)[:2], ""),
    "a cut-off signature": lambda bench: _joined(*_parts(bench)[:2], _parts(bench)[2][:-8]),
    "a signature with one other letter": _flipped_signature,
    "the signature of other claims": _swapped_claims,
}
WRONG: dict[str, Callable[[Bench], str | None]] = {
    **HEADERS,
    **{name: _bearer(make) for name, make in TOKENS.items()},
}

# Where one is stricter than the other.
ONLY_DECKHOUSE: dict[str, Callable[[Bench], str]] = {
    "the scheme in small letters": lambda bench: f"bearer {bench.token()}",
    "expiry with a fraction": lambda bench: f"Bearer {bench.token(exp=bench.now + 59.5)}",
}
ONLY_OURS: dict[str, Callable[[Bench], str]] = {
    "another issuer": lambda bench: f"Bearer {bench.token(iss='somebody')}",
    "not valid before tomorrow": lambda bench: f"Bearer {bench.token(nbf=bench.now + 86_400, exp=bench.now + 86_460)}",
}
