# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody gives out another cluster's root as its own, and nobody loses a root because somebody else claims it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.roots import borrowed, outdone

KEY = generate_key_pair().public_pem


@cache
def root(name: str) -> str:
    return make_ca(name, datetime.datetime.now(datetime.timezone.utc)).certificate


def document(name: str, *roots: str) -> PublicMetadata:
    return PublicMetadata.create(f"uuid-{name}", KEY, "".join(root(item) for item in roots or (name,)))


def external(name: str, **changes: Any) -> Neighbour:
    known = Neighbour(name, provider="external", trust_domain=f"{name}.local", trust_on_first_use=True)
    return replace(known, **changes)


def member(name: str, *roots: str, **changes: Any) -> Neighbour:
    """One whose API has these roots, its own without any."""
    told = "".join(root(item) for item in roots or (name,))
    state = ClusterState(name=name, uuid=f"uuid-{name}", trust_domain=f"{name}.local", roots=told)
    return replace(Neighbour(name, trust_domain=f"{name}.local", state=state), **changes)


def pinned(name: str, *pins: str) -> Neighbour:
    return external(name, root_fingerprints=tuple(fingerprint(root(pin)) for pin in pins or (name,)))


def test_the_reader_s_own_root() -> None:
    """Also when its API says the same, and when it was believed before."""
    told = document("b", "b", "own")
    for who in (external("b"), member("b", "b", "own"), pinned("b", "b", "own")):
        for remembered in ({}, {"b": told}):
            error = borrowed([who], {"b": told}, remembered, [root("own")])["b"]
            assert "this cluster's own" in error.message
            assert fingerprint(root("own")) in error.message
            assert error.remedy
            assert error.reason == "InvalidPublicMetadata"
            assert outdone([who], remembered, [root("own")]) == set(remembered)
    assert borrowed([external("b")], {"b": document("b")}, {}, [root("own")]) == {}


def test_clusters_of_the_reader_s_domain_may_share_its_root() -> None:
    joined = [member(name, "own", mode="multicluster", trust_domain="mesh.local") for name in ("d", "e")]
    told = {name: document(name, "own") for name in ("d", "e")}
    assert borrowed(joined, told, {}, [root("own")]) == {}
    assert borrowed(joined, told, dict(told), [root("own")]) == {}
    # But not bring in that of a federated one.
    assert set(borrowed([*joined, member("c")], {"d": document("d", "c")}, {}, [root("own")])) == {"d"}


def test_neighbours_of_one_foreign_domain_may_share_a_root() -> None:
    one, two = external("one", trust_domain="b.local"), external("two", trust_domain="b.local")
    told = {"one": document("one", "shared"), "two": document("two", "shared")}
    assert borrowed([one, two], told, {}) == {}


@pytest.mark.parametrize(
    ("owner", "remembered"),
    [
        (member("c"), ()),
        (pinned("c"), ()),
        (external("c"), ("c",)),
        (member("c"), ("c",)),
    ],
)
@pytest.mark.parametrize("name", ["b", "d"])
def test_another_neighbour_s_root(owner: Neighbour, remembered: Sequence[str], name: str) -> None:
    """Whatever the thief's name, and whether or not the owner answers now."""
    told = {name: document(name, name, "c"), "c": document("c")}
    before = {item: document(item) for item in remembered}
    refused = borrowed([external(name), owner], told, before)
    assert set(refused) == {name}
    assert "neighbour c's" in refused[name].message
    assert fingerprint(root("c")) in refused[name].message
    if before or owner.state:  # of a pin alone, nothing is known but a fingerprint
        del told["c"]
        assert set(borrowed([external(name), owner], told, before)) == {name}
    assert outdone([external(name), owner], before) == frozenset()


def test_of_two_new_ones_neither_is_believed() -> None:
    told = {"b": document("b", "same"), "c": document("c", "same")}
    refused = borrowed([external("b"), external("c")], told, {})
    assert set(refused) == {"b", "c"}
    assert "neighbour c's" in refused["b"].message
    assert "neighbour b's" in refused["c"].message
    assert set(borrowed([member("b", "same"), member("c", "same")], told, {})) == {"b", "c"}


def test_who_claimed_a_root_before_its_owner_came_loses_it() -> None:
    """b is believed with the root of c, which joins later and whose API or pins speak for it."""
    before = {"b": document("b", "c")}
    for owner in (member("c"), pinned("c")):
        assert set(borrowed([external("b"), owner], {"b": document("b", "c"), "c": document("c")}, before)) == {"b"}
    assert outdone([external("b"), member("c")], before) == {"b"}
    # An external one that nobody vouches for takes nothing away.
    assert set(borrowed([external("b"), external("c")], {"c": document("c")}, before)) == {"c"}
    assert outdone([external("b"), external("c")], before) == frozenset()


def test_what_two_were_believed_with_is_not_taken_from_either() -> None:
    before = {"b": document("b", "same"), "c": document("c", "same")}
    assert set(borrowed([external("b"), external("c")], before, before)) == {"b", "c"}
    assert outdone([external("b"), external("c")], before) == frozenset()


def test_an_api_that_leads_to_another_cluster_takes_nothing_away() -> None:
    """The kubeconfig of a is that of c's cluster, whose own can't be read."""
    wrong = member("a", "c")
    assert wrong.state is not None
    wrong = replace(wrong, state=replace(wrong.state, uuid="uuid-c"))
    before = {"a": document("a"), "c": document("c")}
    assert borrowed([wrong, member("c", state=None)], {"c": document("c")}, before) == {}
    assert outdone([wrong, member("c", state=None)], before) == frozenset()


def test_a_rotation_is_nobody_else_s_matter() -> None:
    told = {"b": document("b", "new"), "c": document("c")}
    before = {"b": document("b"), "c": document("c")}
    assert borrowed([member("b", "new"), member("c")], told, before, [root("own")]) == {}


def test_pins_and_roots_that_cannot_be_read_stop_nobody_else() -> None:
    damaged = [external("b", root_fingerprints=("nonsense",)), member("d")]
    assert damaged[1].state is not None
    damaged[1] = replace(damaged[1], state=replace(damaged[1].state, roots="nonsense"))
    told = {"b": document("b"), "c": document("c"), "d": document("d")}
    assert borrowed([*damaged, external("c")], told, {}, [root("own")]) == {}
