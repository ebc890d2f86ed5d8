# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults are drawn by the seed alone, and all of them are drawn."""

from __future__ import annotations

import random
from collections import Counter

from tests.integration.faults.plan import FAULTS, STYLES, WRITING, Plan

REQUESTS = [(method, f"/api/v1/things/{number}") for number in range(20) for method in ("GET", "PATCH", "DELETE")]


def test_a_seed_gives_the_same_faults() -> None:
    for number in range(50):
        first, second = Plan(f"1/{number}"), Plan(f"1/{number}")
        assert first.style == second.style
        assert [first.next(*request) for request in REQUESTS] == [second.next(*request) for request in REQUESTS]


def test_another_order_of_requests_gives_each_the_same_fault() -> None:
    """But in an outage, which begins at some request."""
    for number in range(50):
        first, second = Plan(f"1/{number}"), Plan(f"1/{number}")
        if first.style != "outage":
            drawn = {request: first.next(*request) for request in REQUESTS}
            shuffled = random.Random(number).sample(REQUESTS, len(REQUESTS))
            assert {request: second.next(*request) for request in shuffled} == drawn


def test_a_request_that_is_repeated_is_drawn_for_anew() -> None:
    plan = next(plan for plan in (Plan(f"2/{number}") for number in range(50)) if plan.style == "sprinkled")
    assert len({plan.next("GET", "/api") for _number in range(100)}) > 2


def test_all_faults_and_styles_are_drawn() -> None:
    plans = [Plan(f"3/{number}") for number in range(300)]
    assert {plan.style for plan in plans} == set(STYLES)
    drawn = Counter(fault.name for plan in plans for request in REQUESTS if (fault := plan.next(*request)) is not None)
    assert set(drawn) == {fault.name for fault in FAULTS}


def test_where_only_writes_fail_all_can_be_read() -> None:
    for plan in (Plan(f"4/{number}") for number in range(100)):
        if plan.style == "writes":
            assert all(plan.next(*request) is None for request in REQUESTS if request[0] not in WRITING)
