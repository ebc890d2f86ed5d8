# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a large alliance: readers down, neighbours across, and in each cell what the one has of the other.

Edges that are well are small and quiet, so that in a field of thousands the others are seen at once.
"""

from __future__ import annotations

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import OK
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.markup import Markup, element
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import EdgeView, Overview
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_marks import WORDS, mark
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_words import (
    Places,
    counted,
    edge_title,
    shortened,
)

_MOST_CELL, _LEAST_CELL = 40.0, 18.0
# Names across lean; where cells are smaller than this they stand upright, as they would touch each other.
_LEANING = 26.0
# The field is about so wide; cells get smaller until they reach their least size, then it grows.
_FIELD = 720.0
_NAME_LENGTH = 22
_LETTER = 7.4


def matrix(overview: Overview, places: Places) -> Markup:
    """The drawing."""
    names = [view.name for view in overview.clusters]
    levels = {view.name: view.level for view in overview.clusters}
    cell = min(_MOST_CELL, max(_LEAST_CELL, _FIELD / len(names)))
    longest = max(len(shortened(name, _NAME_LENGTH)) for name in names)
    leaning = cell >= _LEANING
    # What leans by half a right angle takes up 0.71 of its length in each direction.
    left, top = longest * _LETTER + 40, longest * _LETTER * (0.71 if leaning else 1) + 24
    right = max(longest * _LETTER * 0.71 - cell / 2, 12) if leaning else 12
    width, height = left + len(names) * cell + right, top + len(names) * cell + 12
    known = {(edge.reader, edge.neighbour): edge for edge in overview.edges}
    drawn: list[Markup] = []
    for row, reader in enumerate(names):
        for column, neighbour in enumerate(names):
            x, y = left + column * cell, top + row * cell
            if reader == neighbour:
                drawn.append(element("rect", x=x + 1, y=y + 1, width=cell - 2, height=cell - 2, rx=3, class_="self"))
            elif (reader, neighbour) in known:
                drawn.append(_cell(known[reader, neighbour], x, y, cell, places))
            else:
                drawn.append(element("rect", x=x, y=y, width=cell, height=cell, class_="cell none"))
    return element(
        "svg",
        element(
            "title", f"{counted(len(names), 'cluster')} and {counted(len(known), 'edge')}: {WORDS[overview.level]}"
        ),
        element("desc", "Each row is a cluster, each column a neighbour that it calls. Tables below tell the same."),
        element("text", "calls \u2192", x=left - 8, y=top - 10, font_size=12, text_anchor="end", class_="quiet"),
        *(_row_name(name, levels[name], left, top + row * cell + cell / 2, places) for row, name in enumerate(names)),
        *(_column_name(name, left + column * cell + cell / 2, top - 8, leaning) for column, name in enumerate(names)),
        *drawn,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=width,
        height=height,
        role="group",
        aria_label="Picture of the alliance",
    )


def _cell(edge: EdgeView, x: float, y: float, size: float, places: Places) -> Markup:
    side = size * (0.5 if edge.level == OK else 0.74)
    inset = (size - side) / 2
    return element(
        "a",
        element("title", edge_title(edge)),
        element("rect", x=x, y=y, width=size, height=size, class_=f"cell {edge.level}"),
        mark(edge.level, x=x + inset, y=y + inset, width=side, height=side),
        href=f"#{places.edge(edge)}",
        class_=f"edge level-{edge.level}",
        # Of thousands of cells none stops the tab key; the tables have the same links.
        tabindex=-1,
    )


def _row_name(name: str, level: str, left: float, middle: float, places: Places) -> Markup:
    return element(
        "a",
        element("title", f"{name}: {WORDS[level]}"),
        mark(level, x=left - 24, y=middle - 8, width=16.0, height=16.0),
        element("text", shortened(name, _NAME_LENGTH), x=left - 32, y=middle + 4.5, font_size=13, text_anchor="end"),
        href=f"#{places.cluster(name)}",
    )


def _column_name(name: str, x: float, y: float, leaning: bool) -> Markup:
    return element(
        "g",
        element("title", name),
        element("text", shortened(name, _NAME_LENGTH), font_size=13),
        transform=f"translate({x + (0 if leaning else 4.5):.1f} {y:.1f}) rotate({-45 if leaning else -90})",
    )
