# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves of the picture: pure geometry in the units of the drawing, x to the right and y down."""

from __future__ import annotations

import math
from dataclasses import dataclass

_STEPS = 200


@dataclass(frozen=True)
class Point:
    """A place in the drawing."""

    x: float
    y: float

    def towards(self, other: Point, share: float) -> Point:
        """The place at a share of the way to another one."""
        return Point(self.x + (other.x - self.x) * share, self.y + (other.y - self.y) * share)


@dataclass(frozen=True)
class Box:
    """A rectangle around a middle."""

    middle: Point
    width: float
    height: float

    def holds(self, point: Point, margin: float = 0) -> bool:
        """Whether a point is in it, or nearer to it than C(margin)."""
        return (
            abs(point.x - self.middle.x) <= self.width / 2 + margin
            and abs(point.y - self.middle.y) <= self.height / 2 + margin
        )


@dataclass(frozen=True)
class Curve:
    """A quadratic Bezier curve."""

    start: Point
    control: Point
    end: Point

    def at(self, share: float) -> Point:
        """The place at a share (0 to 1) of the curve."""
        return self.start.towards(self.control, share).towards(self.control.towards(self.end, share), share)

    def between(self, first: float, last: float) -> Curve:
        """The part between two shares of it."""
        start, end = self.at(first), self.at(last)
        before, after = self.start.towards(self.control, first), self.control.towards(self.end, first)
        return Curve(start, before.towards(after, last), end)

    def outside(self, first: Box, last: Box, margin: float) -> Curve:
        """The part that is in neither of the boxes in which it begins and ends."""
        shares = [step / _STEPS for step in range(_STEPS + 1)]
        begin = next((share for share in shares if not first.holds(self.at(share), 2)), 0.0)
        end = next((share for share in reversed(shares) if not last.holds(self.at(share), margin)), 1.0)
        return self.between(begin, max(begin, end))


def arc(first: Point, last: Point, bend: float) -> Curve:
    """A curve between two points that runs beside their line, by C(bend) at most, to the left of the way there."""
    length = math.hypot(last.x - first.x, last.y - first.y) or 1.0
    across = Point((last.y - first.y) / length, -(last.x - first.x) / length)
    middle = first.towards(last, 0.5)
    return Curve(first, Point(middle.x + across.x * bend * 2, middle.y + across.y * bend * 2), last)


def ring(count: int, middle: Point, across: float, down: float) -> list[Point]:
    """Places on an ellipse, with half axes C(across) and C(down), clockwise; of two, one is left and one right."""
    # Four stand as a rectangle, which leaves their diagonals room.
    first = {1: 0.0, 2: math.pi, 4: -0.75 * math.pi}.get(count, -math.pi / 2)
    angles = [first + 2 * math.pi * number / count for number in range(count)]
    return [Point(middle.x + across * math.cos(angle), middle.y + down * math.sin(angle)) for angle in angles]
