# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key vouches for its successor, and for nothing else."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import TokenError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_change import (
    TYPE,
    key_change_end,
    sign_key_change,
    written_key_change,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import (
    generate_key_pair,
    load_private_key,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token, verify_token

OLD, NEW, OTHER = (generate_key_pair() for _number in range(3))
NOW, UNTIL = 1767229200.0, 1767232800.0
CLAIMS = {"sub": "uuid-b", "authnKeyPub": NEW.public_pem, "iat": int(NOW), "exp": int(UNTIL)}
CHANGE = sign_key_change(OLD.private_pem, subject="uuid-b", new_public_pem=NEW.public_pem, now=NOW, until=UNTIL)


def end(change: Any, **expected: Any) -> float | None:
    known = {"subject": "uuid-b", "before": OLD.public_pem, "after": NEW.public_pem, "now": NOW}
    return key_change_end(change, **{**known, **expected})


def made(claims: Any, headers: dict[str, Any] | None = None) -> str:
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jwt.PyJWS().encode(payload, load_private_key(OLD.private_pem), "EdDSA", headers or {"typ": TYPE})


def test_it_proves_one_change_for_one_cluster_until_its_end() -> None:
    assert end(CHANGE) == end(CHANGE, now=UNTIL - 1) == UNTIL
    for expected in (
        {"now": UNTIL},
        {"subject": "uuid-c"},
        {"before": NEW.public_pem},
        {"before": OTHER.public_pem},
        {"after": OTHER.public_pem},
        {"after": OLD.public_pem},
        {"before": "no key"},
        {"after": "no key"},
    ):
        assert end(CHANGE, **expected) is None


@pytest.mark.parametrize(
    "change",
    [
        made({**CLAIMS, "sub": 7}),
        made({**CLAIMS, "exp": str(int(UNTIL))}),
        made({**CLAIMS, "exp": True}),
        made({**CLAIMS, "exp": UNTIL + 0.5}),
        made({name: value for name, value in CLAIMS.items() if name != "exp"}),
        made({**CLAIMS, "authnKeyPub": None}),
        made({**CLAIMS, "authnKeyPub": OTHER.public_pem}),
        made([CLAIMS]),
        made(b"no json"),
        made(b'{"sub": "uuid-b", "sub": "uuid-b"}'),
        made(CLAIMS, {"typ": "JWT"}),
        made(CLAIMS, {"typ": TYPE, "kid": "x"}),
        made(CLAIMS, {"typ": TYPE, "crit": ["x"], "x": 1}),
        CHANGE[:-4],
        f"{CHANGE}.x",
        f"{CHANGE} ",
        CHANGE.rpartition(".")[0] + ".",
        "a.b.c",
        "",
        None,
        7,
    ],
)
def test_what_proves_nothing(change: Any) -> None:
    assert end(change) is None


def test_the_form() -> None:
    assert written_key_change(CHANGE) == CHANGE
    for value in (None, 7, "", "a.b", [CHANGE], CHANGE + "\n", f"{CHANGE}{'A' * 4096}"):
        assert written_key_change(value) is None


def test_it_is_no_token_and_a_token_is_none_of_it() -> None:
    for scope in ("private-federation", "api"):
        with pytest.raises(TokenError):
            verify_token(CHANGE, audience="uuid-a", scope=scope, public_keys={"uuid-b": OLD.public_pem}, now=NOW)
    token = sign_token(OLD.private_pem, subject="uuid-b", audience="uuid-a", scope="private-federation", now=NOW)
    assert end(token) is None


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
_CLAIMS = st.dictionaries(
    st.sampled_from(["sub", "authnKeyPub", "iat", "exp", "x"]),
    _SCALARS | st.sampled_from(["uuid-b", NEW.public_pem, int(UNTIL)]) | st.lists(_SCALARS, max_size=2),
)
_HEADERS = st.dictionaries(
    st.sampled_from(["typ", "kid", "x"]), st.sampled_from([TYPE, "JWT", ""]) | st.text(max_size=5)
)


@given(_CLAIMS, _HEADERS)
def test_whatever_was_signed_with_the_key(claims: dict[str, Any], headers: dict[str, Any]) -> None:
    """Only with the claims that it must have, whatever stands beside them."""
    try:
        change = made(claims, {"typ": TYPE, **headers})
    except Exception:
        return
    proves = end(change) is not None
    assert proves is (
        headers in ({}, {"typ": TYPE})
        and claims.get("sub") == "uuid-b"
        and claims.get("authnKeyPub") == NEW.public_pem
        and isinstance(claims.get("exp"), int)
        and not isinstance(claims.get("exp"), bool)
        and claims["exp"] > NOW
    )


@given(st.text(alphabet='abcAZ09._-= {}"', max_size=80) | st.text() | _SCALARS)
def test_whatever_a_neighbour_sends(value: Any) -> None:
    assert end(value) is None
