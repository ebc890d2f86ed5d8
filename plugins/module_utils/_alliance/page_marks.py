# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The marks of the levels on the page: each has a shape and a word of its own, so that colour is never needed."""

from __future__ import annotations

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import ERROR, OK, UNKNOWN, WARNING
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.markup import Markup, element, joined

WORDS = {OK: "OK", UNKNOWN: "Unknown", WARNING: "Warning", ERROR: "Error"}
MEANINGS = {
    OK: "looked at and well",
    UNKNOWN: "not looked at",
    WARNING: "needs attention",
    ERROR: "does not work",
}

# All in a square of 20 x 20: a ring, an open square, a triangle and a full octagon.
_SHAPES = {
    OK: (
        element("circle", cx=10, cy=10, r=8.2, class_="mark-ground"),
        element("circle", cx=10, cy=10, r=8.2, class_="mark-line"),
        element("path", d="M6.2 10.4l2.7 2.7 5-5.6", class_="mark-line"),
    ),
    UNKNOWN: (
        element("rect", x=2, y=2, width=16, height=16, rx=3.5, class_="mark-ground"),
        element("rect", x=2, y=2, width=16, height=16, rx=3.5, class_="mark-line", stroke_dasharray="2.5 3"),
        element("path", d="M7.4 8.1a2.7 2.7 0 1 1 3.9 2.4c-.9.5-1.3 1-1.3 1.9", class_="mark-line"),
        element("circle", cx=10, cy=15, r=1.3, class_="mark-full"),
    ),
    WARNING: (
        element("path", d="M10 1.8L19 17.8H1z", class_="mark-full"),
        element("path", d="M10 7.4v4.6", class_="mark-inner"),
        element("circle", cx=10, cy=15, r=1.35, class_="mark-dot"),
    ),
    ERROR: (
        element("path", d="M6.3 1h7.4L19 6.3v7.4L13.7 19H6.3L1 13.7V6.3z", class_="mark-full"),
        element("path", d="M6.6 6.6l6.8 6.8M13.4 6.6l-6.8 6.8", class_="mark-inner"),
    ),
}


def symbols() -> Markup:
    """The definitions that mark() refers to; once on a page."""
    listed = [
        element("symbol", *shape, id=f"mark-{level}", viewBox="0 0 20 20") for level, shape in sorted(_SHAPES.items())
    ]
    return element("svg", element("defs", *listed), width=0, height=0, aria_hidden="true", style="position:absolute")


def mark(level: str, **place: float) -> Markup:
    """The mark of a level, in a drawing with C(x), C(y), C(width) and C(height)."""
    return element("use", href=f"#mark-{level}", class_=f"level-{level}", **place)


def state(level: str, *, whole: bool = False) -> Markup:
    """Mark and word of a level in a text; C(whole): large, for that of all."""
    drawing = element("svg", element("use", href=f"#mark-{level}"), viewBox="0 0 20 20", aria_hidden="true")
    return element("span", drawing, WORDS[level], class_=f"state level-{level}{' whole' if whole else ''}")


def legend() -> Markup:
    """What each mark and line means."""
    items = [
        element(
            "li",
            element(
                "svg",
                element("path", d="M1 10H44", class_=f"wire {level}"),
                width=45,
                height=20,
                class_=f"level-{level}",
                aria_hidden="true",
            ),
            joined([state(level), element("span", f" {MEANINGS[level]}", class_="muted")]),
        )
        for level in WORDS
    ]
    return element("ul", *items, class_="legend")
