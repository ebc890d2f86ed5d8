# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who leaves whom."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departure import departure, parted
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member

GROUPS = {"istio_federation": ["a", "b"], "istio_multicluster": ["b", "c"], "others": ["x"]}


def test_one_leaves_all_others() -> None:
    plan = departure(GROUPS, "b", "")
    assert plan.to_dict() == {"leaving": "b", "departed": {"a": ["b"], "b": ["a", "c"], "c": ["b"]}}


def test_one_that_is_in_no_group_any_more_leaves_all_the_same() -> None:
    plan = departure(GROUPS, "z", [])
    assert plan.departed == {"a": ("z",), "b": ("z",), "c": ("z",), "z": ("a", "b", "c")}


@pytest.mark.parametrize("edge", ["a,c", " c , a ", ["a", "c"]])
def test_an_edge_parts_two(edge: Any) -> None:
    plan = departure(GROUPS, "", edge)
    assert (plan.leaving, dict(plan.departed)) == ("", {"a": ("c",), "c": ("a",)})


@pytest.mark.parametrize(
    ("leaving", "edge", "why"),
    [
        ("", "", "it is not said who leaves"),
        ("", ",", "it is not said who leaves"),
        ("a", "a,b", "both given"),
        ("", "a", "an edge has two ends"),
        ("", "a,a", "an edge has two ends, and these are 1"),
        ("", "a,b,c", "these are 3"),
        ("", "a,x", "x is in none of the groups"),
        ("", "a,*", "pattern"),
        ("all", "", "all is a pattern"),
        ("clu*", "", "pattern"),
        ("a:b", "", "pattern"),
        ("~a", "", "pattern"),
        ("!a", "", "pattern"),
        ("a[0]", "", "pattern"),
        ("A", "", "the Kubernetes name of A"),
    ],
)
def test_what_is_not_said_clearly_is_refused(leaving: str, edge: str, why: str) -> None:
    with pytest.raises(AllianceError, match=why.replace("[", "\\[")) as caught:
        departure(GROUPS, leaving, edge)
    assert caught.value.remedy


def neighbours(members: list[Member]) -> dict[str, list[str]]:
    return {member.name: [item.name for item in member.neighbours(members)] for member in members}


def test_the_members_without_the_one_that_leaves() -> None:
    members = [Member(name) for name in "abc"]
    assert neighbours(parted(members, departure(GROUPS, "b", ""))) == {"a": ["c"], "c": ["a"]}
    assert neighbours(parted(members, departure(GROUPS, "z", ""))) == neighbours(members)


def test_the_members_with_an_edge_less() -> None:
    members = [Member("a"), Member("b", peers=("a", "c")), Member("c")]
    assert neighbours(parted(members, departure(GROUPS, "", "a,b"))) == {"a": ["c"], "b": ["c"], "c": ["a", "b"]}
