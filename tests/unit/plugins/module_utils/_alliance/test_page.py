# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import LEVELS
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    Check,
    ClusterView,
    EdgeView,
    Expiry,
    Overview,
    Probe,
    Root,
    Service,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page import GRAPH_CLUSTERS, page
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_marks import WORDS
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_style import PALETTE, style_sheet

from tests.page.samples import alliance, with_probes

VOID = {"meta", "input"}
# Without these, what a neighbour says can't do anything but be read.
_ELEMENTS = """
html head meta title style body a svg defs symbol circle rect path use marker desc text g header div h1 h2 h3 p span
time main dl dt dd section ul li article b code label input table caption thead tbody tr th td details summary footer
"""
HARMLESS = frozenset(_ELEMENTS.split())
HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</title></svg><iframe src=//evil.example>",
    "&lt;script&gt;",
    "]]><!--",
    "\u202egnp.exe",
    "a\x00b",
]


class Document(HTMLParser):
    """A page as a parser sees it; complains about tags that don't match."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]

    def of_class(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _tag, attributes in self.tags if name in (attributes.get("class") or "").split()]


def is_closed_off(document: Document) -> None:
    """Nothing that could run, and nothing from outside: links lead to the page itself."""
    assert {tag for tag, _attributes in document.tags} <= HARMLESS
    for _tag, attributes in document.tags:
        assert not {name for name in attributes if name.startswith("on")}
        assert not set(attributes) & {"src", "srcset", "action", "formaction", "xlink:href", "background"}
        assert (attributes.get("href") or "#").startswith("#")
        assert attributes.get("style") in (None, "position:absolute")
    assert not [word for word in ("url(", "@import", "@font-face") if word in style_sheet()]


texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
levels = st.sampled_from(LEVELS)
findings = st.builds(Finding, st.sampled_from(LEVELS[1:]), texts, texts, texts, object=texts)
checks = st.builds(Check, texts, levels, texts)
services = st.lists(st.builds(Service, texts, st.tuples(texts)), max_size=2).map(tuple)


@st.composite
def overviews(draw: st.DrawFn) -> Overview:
    names = draw(st.lists(texts, min_size=1, max_size=GRAPH_CLUSTERS + 2, unique=True))
    clusters = tuple(
        ClusterView(
            name,
            draw(texts),
            draw(texts),
            draw(texts),
            draw(texts),
            gateways=(draw(texts),),
            roots=(Root(draw(texts), draw(texts)),),
            published=draw(services),
            published_count=draw(st.integers(0, 5)),
            expiries=(Expiry(draw(texts), draw(texts), draw(texts)),),
            checks=(draw(checks),),
            findings=(draw(findings),),
        )
        for name in names
    )
    edges = tuple(
        EdgeView(
            reader,
            neighbour,
            draw(texts),
            gateways=(draw(texts),),
            services=draw(services),
            service_count=draw(st.integers(0, 5)),
            roots=(draw(texts),),
            last_fetch=draw(texts),
            probes=(
                Probe(draw(texts), draw(levels), draw(texts), draw(texts), draw(texts), draw(texts), 1.5, draw(texts)),
            ),
            checks=(draw(checks),),
            findings=(draw(findings),),
        )
        for reader, neighbour in itertools.pairwise(names)
    )
    return Overview(draw(texts), draw(texts), clusters, edges, (draw(findings),))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(overviews())
def test_whatever_a_neighbour_says_stays_text(overview: Overview) -> None:
    document = Document(page(overview))
    is_closed_off(document)
    ids = [attributes["id"] for _tag, attributes in document.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_hostile_names_are_shown_as_they_are() -> None:
    document = Document(page(Overview("x", "y", (ClusterView(HOSTILE[0], "istio"),))))
    assert HOSTILE[0] in document.text


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 10, 50])
def test_alliances_of_any_size(count: int) -> None:
    document = Document(page(alliance(count, {(0, 1): "error"} if count > 1 else None)))
    is_closed_off(document)
    assert len(document.of_class("card")) == (count if count <= 4 else 0)
    assert len(document.of_class("edge")) == count * (count - 1)
    assert len(document.of_class("cluster")) == count


def test_every_link_leads_somewhere() -> None:
    for overview in (alliance(3, {(0, 1): "error"}), alliance(12, {(0, 1): "warning", (3, 2): "unknown"})):
        document = Document(page(overview))
        ids = {attributes.get("id") for _tag, attributes in document.tags}
        targets = {str(attributes["href"])[1:] for _tag, attributes in document.tags if "href" in attributes}
        assert targets <= ids


def test_an_edge_to_a_cluster_that_is_none_of_them_is_still_told_of() -> None:
    overview = replace(alliance(2), edges=(EdgeView("cluster-a", "elsewhere", checks=(Check("trust", "ok", "x"),)),))
    assert "elsewhere" in Document(page(overview)).text


def test_a_large_alliance_makes_no_huge_page() -> None:
    assert len(page(alliance(50))) < 6_000_000


def test_every_state_is_said_in_words_and_drawn_with_a_shape_and_line_of_its_own() -> None:
    document = Document(page(alliance(3, {(0, 1): "error", (1, 2): "warning", (2, 0): "unknown"})))
    for level in LEVELS:
        assert WORDS[level] in document.text
        assert [link for link in document.named("use") if link["href"] == f"#mark-{level}"]
        assert [line for line in document.named("path") if line.get("class") == f"wire {level}"]
        broken = [a for a in document.of_class("label") if f"level-{level}" in str(a["class"])]
        assert all(WORDS[level] in str(label["aria-label"]) for label in broken)
        assert broken


def test_findings_come_with_their_remedies_and_the_same_ones_once() -> None:
    document = Document(page(alliance(10, {(3, number): "error" for number in range(10)})))
    assert len(document.named("article")) == 1
    assert "in 9 places" in document.text
    assert "see with kubectl get pods" in document.text


def test_requests_are_shown_with_the_layer_that_failed() -> None:
    document = Document(page(with_probes(alliance(3), [("cluster-a", "cluster-b")])))
    assert "gateway: connection refused" in document.text
    assert "spiffe://cluster-b.local/ns/shop/sa/default" in document.text


@pytest.mark.parametrize("scheme", PALETTE)
def test_colours_are_legible(scheme: str) -> None:
    colours = PALETTE[scheme]
    grounds = ("ground", "surface")
    pairs = [(text, ground) for text in ("text", "muted", "link", *LEVELS) for ground in grounds]
    pairs += [(text, f"{level}-tint") for level in LEVELS for text in (level, "text")]
    assert [pair for pair in pairs if contrast(colours[pair[0]], colours[pair[1]]) < 4.5] == []


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(value * weight for value, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def test_every_colour_that_is_used_is_defined() -> None:
    used = {part.split(")")[0] for part in style_sheet().split("var(--")[1:]}
    for colours in PALETTE.values():
        assert used <= set(colours)
