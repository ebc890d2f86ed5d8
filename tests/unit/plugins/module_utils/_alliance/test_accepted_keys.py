# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys of a neighbour are accepted while it rotates them."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.accepted_keys import (
    AcceptedKeys,
    accepted_keys,
    entry_of,
    told_before,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_change import sign_key_change
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339

NOW = 1767229200.0
UNTIL = NOW + 3600
OLD, NEW, OTHER = (generate_key_pair().public_pem for _number in range(3))


@cache
def root() -> str:
    return make_ca("b", datetime.datetime.now(datetime.timezone.utc)).certificate


def document(key: str) -> PublicMetadata:
    return PublicMetadata.create("uuid-b", key, root(), "b.local")


def api(current: str | None, previous: str | None = None, until: float = UNTIL) -> ClusterState:
    return ClusterState(
        name="b",
        uuid="uuid-b",
        authn_key_pub=current,
        previous_authn_key_pub=previous,
        previous_authn_key_until=rfc3339(until) if previous else None,
    )


ROTATING = api(NEW, OLD)
BOTH = AcceptedKeys(NEW, OLD, UNTIL)


@pytest.mark.parametrize(
    ("told", "state", "before", "expected"),
    [
        # A first meeting, in the middle of a rotation: only the key that both paths tell.
        (OLD, ROTATING, None, AcceptedKeys(OLD)),
        (NEW, ROTATING, None, AcceptedKeys(NEW)),
        # Its exporter has not read the new key yet; its API alone vouches for none.
        (OLD, ROTATING, AcceptedKeys(OLD), AcceptedKeys(OLD)),
        (NEW, ROTATING, AcceptedKeys(OLD), BOTH),
        (NEW, ROTATING, BOTH, BOTH),
        # A replica that is behind.
        (OLD, ROTATING, BOTH, BOTH),
        # The overlap is over, at its API or by the clock.
        (NEW, api(NEW), BOTH, AcceptedKeys(NEW)),
        (NEW, api(NEW, OLD, NOW), BOTH, AcceptedKeys(NEW)),
        # A key of before that its API names and nobody has ever seen.
        (NEW, api(NEW, OTHER), BOTH, AcceptedKeys(NEW)),
        (NEW, api(NEW, NEW), BOTH, AcceptedKeys(NEW)),
        # Its API can't be read: what was proved stays, as long as it was to.
        (NEW, None, BOTH, BOTH),
        (NEW, None, AcceptedKeys(NEW, OLD, NOW), AcceptedKeys(NEW)),
        (OLD, None, BOTH, BOTH),
        (OLD, None, AcceptedKeys(NEW, OLD, NOW), AcceptedKeys(OLD)),
        (OTHER, None, BOTH, AcceptedKeys(OTHER)),
        (NEW, None, None, AcceptedKeys(NEW)),
        (NEW, api(None), BOTH, BOTH),
    ],
)
def test_the_keys_that_are_accepted(
    told: str, state: ClusterState | None, before: AcceptedKeys | None, expected: AcceptedKeys
) -> None:
    assert accepted_keys(document(told), state, before, NOW) == expected


def test_a_key_vouches_for_its_successor_where_no_api_does() -> None:
    old, new = generate_key_pair(), generate_key_pair()
    change = sign_key_change(old.private_pem, subject="uuid-b", new_public_pem=new.public_pem, now=NOW, until=UNTIL)
    told = replace(document(new.public_pem), key_change=change)
    assert accepted_keys(told, None, AcceptedKeys(old.public_pem), NOW) == AcceptedKeys(
        new.public_pem, old.public_pem, UNTIL
    )
    for before in (AcceptedKeys(OTHER), None, AcceptedKeys(new.public_pem)):
        assert accepted_keys(told, None, before, NOW) == AcceptedKeys(new.public_pem)
    assert accepted_keys(told, None, AcceptedKeys(old.public_pem), UNTIL) == AcceptedKeys(new.public_pem)
    assert "authnKeyChange" not in entry_of(told, AcceptedKeys(new.public_pem), [])


def test_what_the_exporter_is_told_is_read_back() -> None:
    entry = entry_of(document(OLD), BOTH, ["private-federation"])
    assert entry == {
        "clusterUUID": "uuid-b",
        "authnKeyPub": NEW,
        "previousAuthnKeyPub": OLD,
        "previousAuthnKeyUntil": rfc3339(UNTIL),
        "rootCA": root(),
        "scopes": ["private-federation"],
    }
    assert told_before(json.dumps({"uuid-b": entry})) == {"uuid-b": BOTH}
    assert set(entry_of(document(OLD), AcceptedKeys(OLD), [])) == {"clusterUUID", "authnKeyPub", "rootCA", "scopes"}


def test_an_entry_that_cannot_be_used_tells_nothing() -> None:
    good = entry_of(document(NEW), BOTH, [])
    for bad in ({**good, "authnKeyPub": "x"}, {**good, "clusterUUID": "uuid-x"}, [], None):
        assert told_before(json.dumps({"uuid-b": bad, "uuid-c": {**good, "clusterUUID": "uuid-c"}})) == {"uuid-c": BOTH}


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([NEW, OLD, "uuid-b", rfc3339(UNTIL)])
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["uuid-b", "clusterUUID", "authnKeyPub", "previousAuthnKeyPub", "previousAuthnKeyUntil"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(_JSON.map(json.dumps) | st.text(max_size=60) | st.none())
def test_nothing_in_the_secret_makes_it_fail(text: str | None) -> None:
    for keys in told_before(text).values():
        assert keys.current in (NEW, OLD)
        assert keys.previous in ("", NEW, OLD)
