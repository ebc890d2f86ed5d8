# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why each of the wrong tokens is refused, so that none is refused for another reason than its name says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """ours: the class of refusal in our exporter's log and metrics; platform: what its answer says."""

    ours: str
    platform: str


_NO_TOKEN = Reason("missing", "no bearer token")
_FORM = Reason("malformed", "the token can't be parsed")
_ALGORITHM = Reason("algorithm", "the token can't be parsed")
_AUDIENCE = Reason("audience", "the token is meant for somebody else")
_SCOPE = Reason("scope", "the token has another scope")
_EXPIRED = Reason("expired", "the token is expired")
_NO_TIME = Reason("malformed", "the token is expired")
_SENDER = Reason("subject", "the sender is not known")
_SIGNATURE = Reason("signature", "the signature is wrong")
_BY_REASON: dict[Reason, tuple[str, ...]] = {
    _NO_TOKEN: ("no header", "an empty header", "another scheme", "no scheme", "a scheme alone"),
    _FORM: (
        "the scheme twice",
        "two tokens",
        "no token at all",
        "two parts",
        "four parts",
        "five parts, as if encrypted",
        "a header that is not base64",
        "a header that is not JSON",
        "an extension that must be understood",
        "claims that are not JSON",
        "claims that are a list",
        "claims that are null",
        "base64 with padding",
        # Without a third part it is no token at all, whatever its algorithm.
        "algorithm none",
        "no signature",
    ),
    _ALGORITHM: (
        "a header without algorithm",
        "algorithm none with a signature",
        "HMAC with the public key as secret",
        "signed with RSA",
        "signed with ECDSA",
    ),
    _AUDIENCE: ("no audience", "an empty audience", "another cluster's audience", "the audience in capitals"),
    # The platform reads claims into fields that have a type.
    Reason("audience", "the token can't be parsed"): ("several audiences",),
    _SCOPE: (
        "no scope",
        "the scope of the other mode",
        "the scope of the API proxy",
        "several scopes in one text",
    ),
    Reason("scope", "the token can't be parsed"): ("several scopes in a list",),
    _EXPIRED: ("expired a second ago", "expired long ago", "expiry zero"),
    _NO_TIME: ("no expiry", "expiry as text", "expiry as true"),
    _SENDER: ("no sender", "an empty sender", "an unknown sender", "the server itself as sender"),
    Reason("subject", "the token can't be parsed"): ("the sender as a list",),
    # We don't know a neighbour whose key can't be used.
    Reason("subject", "the sender's key can't be decoded"): ("a sender whose stored key is broken",),
    _SIGNATURE: (
        "its own key in the header",
        "one neighbour in the name of another",
        "the sender's claims with a stranger's signature",
        "a cut-off signature",
        "a signature with one other letter",
        "the signature of other claims",
    ),
}
REASONS = {name: reason for reason, names in _BY_REASON.items() for name in names}
# The tokens that only one of the two refuses.
ONLY_PLATFORM_REASONS = {
    "the scheme in small letters": "no bearer token",
    "expiry with a fraction": "the token is expired",
}
ONLY_OUR_REASONS = {"another issuer": "issuer", "not valid before tomorrow": "not-yet-valid"}
