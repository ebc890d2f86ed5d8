# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alliance as one HTML page: a picture, what needs attention, and everything that is known, to open.

It refers to nothing outside of itself, has no script, and forbids both by its own policy. Its text is escaped where
elements are made (markup.py).
"""

from __future__ import annotations

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import ERROR, LEVELS, UNKNOWN, WARNING
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.markup import Markup, element
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Overview
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_findings import findings_list
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_graph import graph
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_marks import (
    WORDS,
    legend,
    state,
    symbols,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_matrix import matrix
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_style import style_sheet
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_tables import (
    cluster_sections,
    cluster_table,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_words import Places, counted

# Up to so many clusters and edges are drawn as cards and arrows.
GRAPH_CLUSTERS, GRAPH_EDGES = 6, 12
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(overview: Overview) -> str:
    """The whole document, UTF-8 once it is written."""
    places = Places.of(overview)
    # A style sheet is no text: nothing in it is escaped, and nothing of it comes from anywhere but page_style.py.
    style = Markup(style_sheet())
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{overview.title}: {WORDS[overview.level]}"),
        element("style", style),
    )
    body = element(
        "body",
        element("a", "To what needs attention", href="#attention", class_="skip"),
        symbols(),
        _header(overview),
        element("main", _counts(overview), *_sections(overview, places)),
        element("footer", element("p", "Made by meshalliance.istio. This page refers to nothing outside of itself.")),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _header(overview: Overview) -> Markup:
    return element(
        "header",
        element(
            "div",
            element("h1", overview.title),
            element("p", "As of ", element("time", overview.time, datetime=overview.time), class_="muted"),
        ),
        state(overview.level, whole=True),
    )


def _counts(overview: Overview) -> Markup:
    findings = overview.all_findings()
    shown: list[tuple[str, int]] = [
        ("Clusters", len(overview.clusters)),
        ("Edges", len(overview.edges)),
        ("Published", sum(view.published_count for view in overview.clusters)),
    ]
    probes = sum(len(edge.probes) for edge in overview.edges)
    shown += [("Requests made", probes)] if probes else []
    for name, level in (("Errors", ERROR), ("Warnings", WARNING), ("Not known", UNKNOWN)):
        shown.append((name, sum(finding.severity == level for finding in findings)))
    entries = [element("div", element("dt", name), element("dd", f"{number:,}")) for name, number in shown]
    return element("dl", *entries, class_="counts")


def _sections(overview: Overview, places: Places) -> list[Markup]:
    if not overview.clusters:
        return [_section("attention", "What needs attention", findings_list(overview, places))]
    small = len(overview.clusters) <= GRAPH_CLUSTERS and len(overview.edges) <= GRAPH_EDGES
    picture = graph(overview, places) if small else matrix(overview, places)
    only = element(
        "label",
        element("input", type="checkbox", id="only"),
        "Show only what is not well",
        class_="only",
    )
    return [
        _section(
            "picture",
            "The alliance",
            element("p", _told(overview), class_="muted"),
            element("div", picture, class_="panel picture"),
            legend(),
        ),
        _section("attention", "What needs attention", findings_list(overview, places)),
        _section(
            "clusters",
            "Clusters",
            only,
            element("div", cluster_table(overview, places), class_="panel"),
        ),
        _section("details", "Details", *cluster_sections(overview, places)),
    ]


def _section(name: str, heading: str, *content: Markup) -> Markup:
    return element("section", element("h2", heading), *content, id=name)


def _told(overview: Overview) -> str:
    """The whole picture in one sentence."""
    parts = []
    for what, views in (("cluster", overview.clusters), ("edge", overview.edges)):
        counts = [(sum(view.level == level for view in views), level) for level in reversed(LEVELS)]
        words = ", ".join(f"{number} {WORDS[level].lower()}" for number, level in counts if number)
        parts.append(f"{counted(len(views), what)} ({words})" if words else counted(len(views), what))
    return f"{' and '.join(parts)}."
