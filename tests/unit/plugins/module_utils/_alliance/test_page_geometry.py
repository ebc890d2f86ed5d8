# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_geometry import Box, Point, arc, ring


@given(st.integers(1, 8))
def test_places_of_a_ring_are_apart(count: int) -> None:
    spots = ring(count, Point(0, 0), 300, 200)
    distances = [math.hypot(a.x - b.x, a.y - b.y) for a in spots for b in spots if a is not b]
    assert len(spots) == count
    assert min(distances, default=999) > 100


def test_two_are_side_by_side() -> None:
    left, right = ring(2, Point(0, 0), 300, 0)
    assert (left.x, right.x) == pytest.approx((-300, 300))


def test_both_directions_run_beside_each_other() -> None:
    one, other = arc(Point(0, 0), Point(100, 0), 10), arc(Point(100, 0), Point(0, 0), 10)
    assert one.at(0.5).y == pytest.approx(-10)
    assert other.at(0.5).y == pytest.approx(10)


def test_an_arrow_ends_before_the_card() -> None:
    first, last = Box(Point(0, 0), 40, 20), Box(Point(200, 0), 40, 20)
    wire = arc(first.middle, last.middle, 10).outside(first, last, 12)
    assert not first.holds(wire.start)
    assert not last.holds(wire.end, 11)
    assert 150 < wire.end.x < 170


def test_a_part_of_a_curve_lies_on_it() -> None:
    whole = arc(Point(0, 0), Point(100, 50), 20)
    part = whole.between(0.25, 0.75)
    for share, of_whole in ((0, 0.25), (0.5, 0.5), (1, 0.75)):
        assert part.at(share).x == pytest.approx(whole.at(of_whole).x)
        assert part.at(share).y == pytest.approx(whole.at(of_whole).y)
