# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a small alliance: its clusters as cards, and an arrow from each reader to each neighbour it calls.

What is drawn near the reader is what the reader sees. A larger alliance is drawn as a matrix (page_matrix.py).
"""

from __future__ import annotations

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import LEVELS
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.markup import Markup, element
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    ClusterView,
    EdgeView,
    Overview,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_geometry import (
    Box,
    Curve,
    Point,
    arc,
    ring,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_marks import WORDS, mark
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_words import (
    Places,
    counted,
    edge_title,
    imported,
    published,
    shortened,
)

CARD_WIDTH, CARD_HEIGHT = 216.0, 92.0
# Half axes of the ellipse on which the cards stand, by their number; more get the last one.
_AXES = {1: (0.0, 0.0), 2: (280.0, 0.0), 3: (320.0, 165.0), 4: (330.0, 165.0)}
_MOST_AXES = (360.0, 230.0)
# From the middle of an outer card to the edge of the drawing.
_ROOM_X, _ROOM_Y = CARD_WIDTH / 2 + 16, CARD_HEIGHT / 2 + 16
# How far an arrow runs beside the line between two clusters, so that both directions are seen.
_BEND = 34.0
# Where on its way an edge has its label: nearer to the reader, and never where two diagonals cross.
_LABEL_SHARE = 0.4
_LABEL_HEIGHT = 26.0
_ARROW = 13.0


def graph(overview: Overview, places: Places) -> Markup:
    """The drawing."""
    count = len(overview.clusters)
    across, down = _AXES.get(count, _MOST_AXES)
    spots = ring(count, Point(0, 0), across, down)
    # An odd number of cards leaves room below them.
    left, top = min(spot.x for spot in spots), min(spot.y for spot in spots)
    boxes = {
        view.name: Box(Point(spot.x - left + _ROOM_X, spot.y - top + _ROOM_Y), CARD_WIDTH, CARD_HEIGHT)
        for view, spot in zip(overview.clusters, spots, strict=True)
    }
    width = max(box.middle.x for box in boxes.values()) + _ROOM_X
    height = max(box.middle.y for box in boxes.values()) + _ROOM_Y
    edges = [edge for edge in overview.edges if edge.reader in boxes and edge.neighbour in boxes]
    wires = {(edge.reader, edge.neighbour): _wire(edge, boxes) for edge in edges}
    return element(
        "svg",
        element("title", f"{counted(count, 'cluster')} and {counted(len(edges), 'edge')}: {WORDS[overview.level]}"),
        element("desc", "An arrow leads from a cluster to a neighbour that it calls. Tables below tell the same."),
        element("defs", *(_arrow(level) for level in LEVELS)),
        *(_edge(edge, wires[edge.reader, edge.neighbour], places) for edge in edges),
        *(_card(view, boxes[view.name], places) for view in overview.clusters),
        *(_label(edge, wires[edge.reader, edge.neighbour], places) for edge in edges),
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="group",
        aria_label="Picture of the alliance",
    )


def _arrow(level: str) -> Markup:
    return element(
        "marker",
        element("path", d="M0 0L10 5L0 10z", class_=f"head level-{level}"),
        id=f"arrow-{level}",
        viewBox="0 0 10 10",
        refX=1.5,
        refY=5,
        markerWidth=_ARROW,
        markerHeight=_ARROW,
        markerUnits="userSpaceOnUse",
        orient="auto",
    )


def _wire(edge: EdgeView, boxes: dict[str, Box]) -> Curve:
    first, last = boxes[edge.reader], boxes[edge.neighbour]
    return arc(first.middle, last.middle, _BEND).outside(first, last, _ARROW)


def _edge(edge: EdgeView, wire: Curve, places: Places) -> Markup:
    path = (
        f"M{wire.start.x:.1f} {wire.start.y:.1f}"
        f"Q{wire.control.x:.1f} {wire.control.y:.1f} {wire.end.x:.1f} {wire.end.y:.1f}"
    )
    return element(
        "a",
        element("title", edge_title(edge)),
        element("path", d=path, class_=f"wire {edge.level}", marker_end=f"url(#arrow-{edge.level})"),
        href=f"#{places.edge(edge)}",
        class_=f"edge level-{edge.level}",
        tabindex=-1,
    )


def _label(edge: EdgeView, wire: Curve, places: Places) -> Markup:
    text = imported(edge)
    width = 34 + 7.2 * len(text)
    at = wire.at(_LABEL_SHARE)
    left, top = at.x - width / 2, at.y - _LABEL_HEIGHT / 2
    return element(
        "a",
        element("title", edge_title(edge)),
        element(
            "rect",
            x=left,
            y=top,
            width=width,
            height=_LABEL_HEIGHT,
            rx=_LABEL_HEIGHT / 2,
            class_=f"box {edge.level}",
        ),
        mark(edge.level, x=left + 6, y=top + 5, width=16.0, height=16.0),
        element("text", text, x=left + 27, y=at.y + 4.5, font_size=13),
        href=f"#{places.edge(edge)}",
        class_=f"label level-{edge.level}",
        aria_label=edge_title(edge),
    )


def _card(view: ClusterView, box: Box, places: Places) -> Markup:
    left, top = box.middle.x - box.width / 2, box.middle.y - box.height / 2
    below = f"{published(view)} \u00b7 {view.provider}"
    about = f"{view.name}: {WORDS[view.level]}, {view.trust_domain or 'trust domain not known'}, {published(view)}"
    return element(
        "a",
        element("title", about),
        element("rect", x=left, y=top, width=box.width, height=box.height, rx=12, class_=f"box {view.level}"),
        mark(view.level, x=left + box.width - 36, y=top + 13, width=22.0, height=22.0),
        element("text", shortened(view.name, 18), x=left + 16, y=top + 30, font_size=17, font_weight=650),
        element(
            "text",
            shortened(view.trust_domain or "trust domain not known", 26),
            x=left + 16,
            y=top + 53,
            font_size=13,
            class_="quiet",
        ),
        element("text", below, x=left + 16, y=top + 74, font_size=12.5, class_="quiet"),
        href=f"#{places.cluster(view.name)}",
        class_=f"card level-{view.level}",
        aria_label=about,
    )
