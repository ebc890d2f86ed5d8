# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which neighbours keep a rotation from going on, and why."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.filter.rotation import FilterModule, unproved_neighbours

PROVED = {"root_rotation_proof": {"proved": True, "reasons": {}}}


def gaps(variables: dict[str, Any], *, reached: bool = True, excused: bool = False) -> list[str]:
    """What is said of one neighbour of cluster-b."""
    return unproved_neighbours(
        {"cluster-a": variables}, "cluster-b", ["cluster-a"], ["cluster-a"] if reached else [], ["cluster-a"] * excused
    )


def test_only_what_is_proved_in_this_run_is_proved() -> None:
    assert gaps(PROVED) == []
    assert gaps(PROVED, reached=False) == ["cluster-a (it could not be read or written in this run)"]


def test_who_is_named_may_be_unproved() -> None:
    assert gaps({}, reached=False, excused=True) == []
    assert unproved_neighbours({}, "cluster-b", ["cluster-a", "cluster-c"], [], ["cluster-c"]) == [
        "cluster-a (it could not be read or written in this run)"
    ]


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"root_rotation_proof": {"skipped": True}}, "its proxies were not asked"),
        ({"root_rotation_proof": {"failed": True, "msg": "may not forward"}}, "may not forward"),
        ({"root_rotation_proof": {"failed": True}}, "its proxies could not be asked"),
        ({"alliance_provider": "external"}, "it is external, so its proxies can't be asked: ask its administrator"),
        (
            {
                "root_rotation_proof": {"proved": False, "reasons": {"xyz/foo": "it does not trust AB"}},
                "root_exchange_result": {"findings": [{"neighbour": "cluster-c", "message": "down"}]},
            },
            "Pod xyz/foo: it does not trust AB",
        ),
        (
            {
                "root_rotation_proof": {"proved": False, "reasons": {"xyz/foo": "it does not trust AB"}},
                "root_exchange_result": {"findings": [{"neighbour": "cluster-b", "message": "its roots differ"}]},
            },
            "its roots differ",
        ),
    ],
)
def test_the_reason_is_told(variables: dict[str, Any], why: str) -> None:
    assert gaps(variables) == [f"cluster-a ({why})"]


def test_many_pods_are_not_all_told() -> None:
    reasons = {f"xyz/{number}": "no" for number in range(7)}
    (told,) = gaps({"root_rotation_proof": {"proved": False, "reasons": reasons}})
    assert told.endswith("Pod xyz/4: no, and 2 more)")


def test_the_filter_is_there() -> None:
    assert FilterModule().filters()["unproved_neighbours"] is unproved_neighbours
