# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members from the inventory's variables, and who is whose neighbour."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.checks import preflight
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import (
    Member,
    members_from,
    resource_name,
)

STATE = ClusterState(
    name="a",
    uuid="uuid-a",
    trust_domain="a.local",
    metadata_endpoint="https://203.0.113.1/metadata/",
    metadata_ca="CA",
    gateways=({"address": "203.0.113.1", "port": 15443},),
)


OWN = Member("own", declared_domain="own.local")


class Tagged(str):
    """As ansible-core 2.19 hands texts over: a subclass that libraries stumble over."""


def test_variables_and_facts_are_joined() -> None:
    hostvars: dict[str, dict[str, Any]] = {
        "b": {
            "alliance_trust_domain": Tagged("b.local"),
            "alliance_metadata_endpoint": "https://b/",
            "alliance_root_fingerprints": ["AB"],
            "alliance_peers": ["a"],
            "alliance_metadata_insecure": True,
            "alliance_locality": "",
        },
        "a": {"preflight_state": STATE.to_dict(), "alliance_metadata_ca": None},
        "c": {},
    }
    a, b = members_from(hostvars, ["b", "a", "a"])
    assert a == Member("a", state=STATE)
    assert b == Member(
        "b",
        declared_domain="b.local",
        endpoint="https://b/",
        root_fingerprints=("AB",),
        peers=("a",),
        insecure=True,
    )
    assert b.declared_domain.__class__ is str


def test_an_external_member_has_no_state_whatever_its_host_says() -> None:
    """Credentials on such a host, or a fact of an earlier run when it was none, mean nothing."""
    hostvars = {"p": {"alliance_provider": "external", "alliance_kubeconfig": "k", "preflight_state": STATE.to_dict()}}
    (member,) = members_from(hostvars, ["p"], {"p": STATE.to_dict()})
    assert member.external
    assert member.state is None


def test_texts_of_an_ini_inventory() -> None:
    """There, and on the command line, every value is a text."""
    variables: dict[str, Any] = {
        "alliance_metadata_insecure": "false",
        "alliance_trust_on_first_use": "Yes",
        "alliance_peers": "b, c",
        "alliance_root_fingerprints": Tagged("AB:CD"),
        "alliance_ignored_findings": "",
    }
    (member,) = members_from({"a": variables}, ["a"])
    assert (member.insecure, member.trust_on_first_use) == (False, True)
    assert (member.peers, member.root_fingerprints, member.ignored_findings) == (("b", "c"), ("AB:CD",), ())


class Failing(dict[str, Any]):
    """A host's variables of which some can't be resolved, as ansible hands them over."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if isinstance(value, Exception):
            raise value
        return value

    def get(self, key: str, default: Any = None) -> Any:
        found = key in self
        return self[key] if found else default


def test_a_variable_that_cannot_be_resolved_costs_its_own_host_alone() -> None:
    missing = RuntimeError("The 'file' lookup failed:\nno partner-ca.pem")
    broken = Failing(alliance_trust_domain="a.local", alliance_metadata_ca=missing, alliance_peers=["{{ nobody }}"])
    a, b = members_from({"a": broken, "b": {}}, "ab")
    assert a.declared_domain == "a.local"
    assert (a.ca, a.peers) == (None, None)
    assert a.unusable == (
        "alliance_metadata_ca: The 'file' lookup failed: no partner-ca.pem",
        "alliance_peers: a variable that it refers to is not defined",
    )
    assert b == Member("b")
    (finding,) = [item for item in preflight([a, b]) if "alliance_metadata_ca" in item.message]
    assert (finding.severity, finding.code, finding.cluster) == ("error", "variables-unusable", "a")
    assert "no partner-ca.pem" in finding.message
    assert {item.cluster for item in preflight([a, b])} == {"a"}


def test_states_of_hosts_outside_of_the_play() -> None:
    (member,) = members_from({"a": {}}, ["a"], {"a": STATE.to_dict()})
    assert member.state == STATE


def test_the_way_through_a_variable_changes_nothing() -> None:
    for member in (
        Member("a", state=STATE, peers=("b",), root_fingerprints=("AB",), ignored_findings=("x",)),
        Member("b", declared_domain="b.local", unusable=("alliance_peers: no",)),
        Member("c", gateway={"advertise": [{"address": "a", "port": 1}]}, public_services=["x/y", {"selector": "a=b"}]),
    ):
        assert Member.from_dict(member.to_dict()) == member


def test_domains() -> None:
    assert Member("a", state=STATE).domain == "a.local"
    assert Member("a", state=STATE, declared_domain="d.local").domain == "d.local"
    assert Member("a").domain == ""


@pytest.mark.parametrize(
    ("peers", "expected"),
    [
        ({}, {"a": "bc", "b": "ac", "c": "ab"}),
        ({"a": ("b",)}, {"a": "b", "b": "ac", "c": "b"}),  # an edge needs both sides
        ({"a": ("b",), "b": ("c",)}, {"a": "", "b": "c", "c": "b"}),
        ({"a": ()}, {"a": "", "b": "c", "c": "b"}),
        ({"a": ("a", "b", "c")}, {"a": "bc", "b": "ac", "c": "ab"}),
    ],
)
def test_neighbours(peers: dict[str, tuple[str, ...]], expected: dict[str, str]) -> None:
    members = [Member(name, peers=peers.get(name)) for name in "abc"]
    assert {member.name: "".join(other.name for other in member.neighbours(members)) for member in members} == expected


def test_external_members_are_nothing_to_each_other() -> None:
    members = [Member("a"), Member("p", provider="external"), Member("q", provider="external"), Member("d")]
    made = {member.name: "".join(other.name for other in member.neighbours(members)) for member in members}
    assert made == {"a": "pqd", "p": "ad", "q": "ad", "d": "apq"}


BOTH = ("federation", "multicluster")


@pytest.mark.parametrize(
    ("one", "other", "mode"),
    [
        ({}, {}, "federation"),
        ({"modes": ("multicluster",)}, {"modes": ("multicluster",)}, "multicluster"),
        ({"modes": ("multicluster",)}, {}, None),
        ({"modes": BOTH}, {}, "federation"),
        ({"modes": BOTH}, {"modes": ("multicluster",)}, "multicluster"),
        ({"modes": BOTH, "declared_domain": "m"}, {"modes": BOTH, "declared_domain": "m"}, "multicluster"),
        ({"modes": BOTH, "declared_domain": "m"}, {"modes": BOTH, "declared_domain": "n"}, "federation"),
        ({"modes": BOTH, "declared_domain": "m"}, {"modes": BOTH}, None),
    ],
)
def test_how_two_members_are_joined(one: dict[str, Any], other: dict[str, Any], mode: str | None) -> None:
    first, second = Member("a", **one), Member("b", **other)
    assert first.mode_with(second) == second.mode_with(first) == mode


def test_members_without_a_common_group_are_no_neighbours() -> None:
    members = [Member("a"), Member("b", modes=BOTH), Member("c", modes=("multicluster",))]
    made = {member.name: "".join(other.name for other in member.neighbours(members)) for member in members}
    assert made == {"a": "b", "b": "ac", "c": "b"}
    assert [item.name for item in members[1].neighbours(members, "multicluster")] == ["c"]


def test_a_neighbour_in_both_groups_without_a_domain_is_held() -> None:
    """Whether it is of the same domain decides how it is joined: what it was before stays."""
    own = Member("a", modes=BOTH, declared_domain="m")
    known = Member("b", modes=BOTH).as_neighbour(own)
    assert known["mode"] == "unknown"
    assert "both groups" in known["hold"]
    assert known["trust_domain"] == "m"


def test_clusters_of_a_multicluster_have_one_domain() -> None:
    own = Member("a", modes=("multicluster",), declared_domain="m")
    known = Member("b", modes=("multicluster",), flat_network=True).as_neighbour(own)
    assert (known["mode"], known["trust_domain"], known["hold"]) == ("multicluster", "m", "")
    assert known["flat_network"] is True


def test_that_a_neighbour_has_no_gateway_is_confirmed_by_name() -> None:
    (own, *_others) = members_from({"a": {"alliance_confirm_no_gateways": "b, c"}}, ["a"])
    assert [Member(name).as_neighbour(own)["confirm_no_gateways"] for name in "bcd"] == [True, True, False]
    assert Member("a").as_neighbour(Member("b"))["confirm_no_gateways"] is False
    assert Member.from_dict(own.to_dict()) == own


def test_the_groups_of_a_host_say_how_it_may_be_joined() -> None:
    hostvars = {
        "a": {"group_names": ["istio_federation", "others"]},
        "b": {"group_names": ["istio_multicluster", "istio_federation"]},
        "c": {},
    }
    assert [member.modes for member in members_from(hostvars, "abc")] == [("federation",), BOTH, ("federation",)]


def test_as_neighbour_tells_the_provider() -> None:
    assert Member("a", provider="deckhouse").as_neighbour(OWN)["provider"] == "deckhouse"
    # Held anyway; the modules have to take the others.
    assert Member("a", provider="nomad").as_neighbour(OWN)["provider"] == "istio"


@pytest.mark.parametrize(("provider", "believed"), [("external", True), ("istio", False), ("deckhouse", False)])
def test_only_an_external_member_can_be_believed_at_first_sight(provider: str, believed: bool) -> None:
    made = Member("a", provider=provider, trust_on_first_use=True).as_neighbour(OWN)
    assert made["trust_on_first_use"] is believed


def test_as_neighbour_what_is_declared_wins() -> None:
    known = Member("a", state=STATE).as_neighbour(OWN)
    assert known["metadata_endpoint"] == STATE.metadata_endpoint
    assert known["metadata_ca"] == "CA"
    assert known["trust_domain"] == "a.local"
    assert known["hold"] == ""
    declared = Member("a", state=STATE, endpoint="https://e/", ca="other").as_neighbour(OWN, "why")
    assert (declared["metadata_endpoint"], declared["metadata_ca"], declared["hold"]) == ("https://e/", "other", "why")
    assert Member("a").as_neighbour(OWN)["state"] is None


@given(st.text(min_size=1, max_size=40))
def test_resource_names_are_names(name: str) -> None:
    made = resource_name(name)
    assert made
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert made[0] not in "-."
    assert made[-1] not in "-."
    assert resource_name(made) == made
