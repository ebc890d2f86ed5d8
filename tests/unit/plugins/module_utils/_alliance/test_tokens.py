# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: exactly the wire's claims out, nothing but a right token in."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import tokens
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import KeyPairError, TokenError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import (
    generate_key_pair,
    load_private_key,
)

NOW = 1_800_000_000.9
PAIR = generate_key_pair()
CLAIMS = {"iss": "d8-istio", "aud": "uuid-b", "sub": "uuid-a", "scope": "private-federation"}
TIMES = {"nbf": 1_800_000_000, "exp": 1_800_000_060}


def sign(now=NOW, **kwargs):
    arguments = {"subject": "uuid-a", "audience": "uuid-b", "scope": "private-federation", **kwargs}
    return tokens.sign_token(PAIR.private_pem, now=now, **arguments)


def check(token, now=NOW, keys=None):
    known = {"uuid-a": PAIR.public_pem} if keys is None else keys
    return tokens.verify_token(token, audience="uuid-b", scope="private-federation", public_keys=known, now=now)


def made_of(claims, headers=None, key=None, algorithm="EdDSA"):
    return jwt.api_jws.encode(
        json.dumps(claims).encode(), key or load_private_key(PAIR.private_pem), algorithm=algorithm, headers=headers
    )


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def refusal(token, **kwargs):
    with pytest.raises(TokenError) as caught:
        check(token, **kwargs)
    return caught.value.reason


def test_the_claims_on_the_wire():
    token = sign()
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "JWT"}
    assert jwt.decode(token, options={"verify_signature": False}) == {**CLAIMS, **TIMES}
    assert check(token) == "uuid-a"


def test_a_key_that_is_none():
    with pytest.raises(KeyPairError):
        tokens.sign_token("x", subject="a", audience="b", scope="c", now=NOW)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"aud": "uuid-c"}, "audience"),
        ({"aud": ["uuid-b"]}, "audience"),
        ({"aud": None}, "audience"),
        ({"scope": "private-multicluster"}, "scope"),
        ({"scope": ["private-federation"]}, "scope"),
        ({"scope": {}}, "scope"),
        ({"sub": "uuid-x"}, "subject"),
        ({"sub": ["uuid-a"]}, "subject"),
        ({"sub": 7}, "subject"),
        ({"sub": ""}, "subject"),
        ({"iss": "someone"}, "issuer"),
        ({"iss": ["d8-istio"]}, "issuer"),
        ({"exp": 1_800_000_000}, "expired"),
        ({"exp": -1}, "expired"),
        ({"exp": "1800000060"}, "malformed"),
        ({"exp": None}, "malformed"),
        ({"exp": True}, "malformed"),
        ({"exp": [1]}, "malformed"),
        ({"nbf": "soon"}, "malformed"),
        ({"nbf": 1_800_000_031}, "not-yet-valid"),
    ],
)
def test_claims_that_are_refused(change, reason):
    assert refusal(made_of({**CLAIMS, **TIMES, **change})) == reason


def test_the_end_of_life_has_no_leeway_and_the_begin_has_thirty_seconds():
    assert check(sign(), now=1_800_000_059.9) == "uuid-a"
    assert refusal(sign(), now=1_800_000_060) == "expired"
    assert check(sign(), now=1_800_000_000 - 30) == "uuid-a"
    assert refusal(sign(), now=1_800_000_000 - 30.1) == "not-yet-valid"


def test_fields_of_others_and_a_missing_issuer_or_begin_are_taken():
    claims = {"aud": "uuid-b", "sub": "uuid-a", "scope": "private-federation", "exp": TIMES["exp"], "jti": "x"}
    assert check(made_of(claims)) == "uuid-a"


def test_algorithms_that_are_refused():
    claims = {**CLAIMS, **TIMES}
    assert refusal(f"{part({'alg': 'none'})}.{part(claims)}.") == "malformed"
    signature = sign().split(".")[2]
    for name in ("none", "None", "HS256", "ES256", "eddsa", None, ["EdDSA"]):
        assert refusal(f"{part({'alg': name})}.{part(claims)}.{signature}") == "algorithm"
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert refusal(made_of(claims, key=rsa_key, algorithm="RS256")) == "algorithm"


def test_the_public_key_is_no_shared_secret():
    import hashlib
    import hmac

    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({**CLAIMS, **TIMES})}"
    mac = hmac.new(PAIR.public_pem.encode(), signed.encode(), hashlib.sha256).digest()
    token = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    assert refusal(token) == "algorithm"


def test_headers_that_change_the_meaning_are_refused():
    head = {"alg": "EdDSA", "b64": False, "crit": ["b64"]}
    body, signature = sign().split(".")[1:]
    assert refusal(f"{part(head)}.{body}.{signature}") == "malformed"


def test_tampered_and_foreign_signatures():
    head, body, signature = sign().split(".")
    assert refusal(f"{head}.{part({**CLAIMS, **TIMES, 'x': 1})}.{signature}") == "signature"
    assert refusal(f"{head}.{body}.{'A' * 86}") == "signature"
    assert refusal(f"{head}.{body}.AA") == "signature"
    assert refusal(sign(), keys={"uuid-a": generate_key_pair().public_pem}) == "signature"


def test_subjects_without_a_usable_key():
    assert refusal(sign(), keys={}) == "subject"
    assert refusal(sign(), keys={"uuid-a": "no key"}) == "subject"
    assert refusal(sign(), keys={"uuid-a": ""}) == "subject"


def test_the_stand_in_key_opens_nothing():
    key = tokens._stand_in_key()
    assert refusal(made_of({**CLAIMS, **TIMES}, key=key)) == "signature"
    assert refusal(made_of({**CLAIMS, **TIMES, "sub": "uuid-x"}, key=key)) == "subject"
    assert refusal(tokens._stand_in_token()) == "audience"


def test_forms_that_are_refused():
    head, body, signature = sign().split(".")
    deep = base64.urlsafe_b64encode(b"[" * 2000).rstrip(b"=").decode()
    twice = base64.urlsafe_b64encode(b'{"sub":"uuid-a","sub":"uuid-x"}').rstrip(b"=").decode()
    for token in (
        "",
        "a.b",
        "a.b.c.d",
        f" {sign()}",
        f"{sign()}\n",
        f"{head}.{body}.{signature}=",
        f"{head}.{deep}.{signature}",
        f"{head}.{twice}.{signature}",
        f"{head}.{part([])}.{signature}",
        f"{part('x')}.{body}.{signature}",
        f"{head}.{body}.{'A' * 5000}",
        "ü.ü.ü",
        "\ud800",
    ):
        assert refusal(token) == "malformed"


def test_the_same_signature_work_for_every_refusal(monkeypatch):
    head, body, signature = sign().split(".")
    calls = []
    real = jwt.PyJWS.decode
    monkeypatch.setattr(jwt.PyJWS, "decode", lambda *args, **kwargs: calls.append(1) or real(*args, **kwargs))
    cases = [
        "x",
        f"{part({'alg': 'none'})}.{body}.{signature}",
        made_of({**CLAIMS, **TIMES, "aud": "x"}),
        made_of({**CLAIMS, **TIMES, "sub": "x"}),
        made_of({**CLAIMS, **TIMES, "exp": 1}),
        f"{head}.{body}.{'A' * 86}",
    ]
    for token in cases:
        calls.clear()
        refusal(token)
        assert calls == [1] * tokens.MOST_KEYS


def test_two_keys_of_a_caller_that_rotates():
    old = generate_key_pair()
    for keys in ([PAIR.public_pem, old.public_pem], (old.public_pem, PAIR.public_pem), ["no key", PAIR.public_pem]):
        assert check(sign(), keys={"uuid-a": keys}) == "uuid-a"
    assert refusal(sign(), keys={"uuid-a": [old.public_pem, generate_key_pair().public_pem]}) == "signature"
    assert refusal(sign(), keys={"uuid-a": ["no key", ""]}) == "subject"
    assert refusal(sign(), keys={"uuid-a": []}) == "subject"
    stranger = made_of({**CLAIMS, **TIMES}, key=tokens._stand_in_key())
    assert refusal(stranger, keys={"uuid-a": [PAIR.public_pem, old.public_pem]}) == "signature"
    assert refusal(stranger, keys={"uuid-a": [PAIR.public_pem]}) == "signature"


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner))


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", fullmatch=True))
def test_any_text_is_refused_in_one_way(token):
    assert refusal(token)


@given(st.dictionaries(st.sampled_from(["iss", "aud", "sub", "scope", "nbf", "exp"]), _VALUES))
def test_any_claims_are_refused_in_one_way(claims):
    assert refusal(made_of(claims))
