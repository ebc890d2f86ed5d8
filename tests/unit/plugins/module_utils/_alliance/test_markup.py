# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.markup import (
    Markup,
    element,
    escaped,
    joined,
)


class Seen(HTMLParser):
    """What a browser's parser makes of a text."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def printed(text: str) -> str:
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


@given(st.text(), st.text())
def test_no_text_becomes_markup(content: str, value: str) -> None:
    seen = Seen(element("p", content, title=value))
    assert seen.tags == ["p"]
    assert seen.text == printed(content)
    assert seen.attributes == [("title", printed(value))]


def test_children_that_are_markup_stay_so() -> None:
    assert element("p", element("b", "a<b"), None, " & c") == "<p><b>a&lt;b</b> &amp; c</p>"


def test_attributes() -> None:
    made = element("rect", x=1, y=2.50, height=1 / 3, class_="box", stroke_width=2, title=None, hidden=False, open=True)
    assert made == '<rect x="1" y="2.5" height="0.33" class="box" stroke-width="2" open></rect>'


def test_elements_without_content() -> None:
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'


@pytest.mark.parametrize("name", ["p onclick", "p>", "", "1", "a b"])
def test_names_are_names(name: str) -> None:
    with pytest.raises(ValueError):
        element(name)
    with pytest.raises(ValueError):
        element("p", **{name: "x"})


def test_what_does_not_print_is_shown() -> None:
    assert escaped("a\u202eb\x00c\ud800") == "a\ufffdb\ufffdc\ufffd"


def test_separators_are_texts() -> None:
    assert joined([Markup("<i></i>"), "<"], " & ") == "<i></i> &amp; &lt;"
