# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML and SVG in which a text can't become markup: it is escaped, by the one function that makes elements.

Names of services and messages of errors come from neighbours, so nothing of theirs is ever pasted into a template.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9:-]*")
_KEPT_CONTROLS = "\n\t"
# Elements that have no content and no end tag in HTML.
_VOID = frozenset({"br", "col", "hr", "input", "link", "meta"})


class Markup(str):
    """A text that is markup already, because the functions here made it."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    """A text as it has to stand in an element or a quoted attribute.

    What does not print (control characters, halves of surrogate pairs, marks that turn the direction of writing) is
    shown as U+FFFD: it would be no valid HTML, or show another name than there is.
    """
    shown = "".join(char if char.isprintable() or char in _KEPT_CONTROLS else "\ufffd" for char in text)
    return Markup(html.escape(shown, quote=True))


def element(_element: str, *children: str | None, **attributes: str | float | bool | None) -> Markup:
    """An element with its children, of which those that are no Markup are escaped; None stands for nothing.

    Of an attribute's name a trailing underscore is dropped (C(class_)) and others are hyphens (C(stroke_width)); None
    and False leave it out, True gives it no value. Raises ValueError for a name that can't be one.
    """
    words = [_checked(_element)]
    for key, value in attributes.items():
        name = _checked(key.rstrip("_").replace("_", "-"))
        if value is True:
            words.append(name)
        elif value is not None and value is not False:
            words.append(f'{name}="{escaped(_written(value))}"')
    start = f"<{' '.join(words)}>"
    return Markup(start if _element in _VOID else f"{start}{joined(children)}</{_element}>")


def joined(children: Iterable[str | None], separator: str = "") -> Markup:
    """Children one after another, those that are no Markup escaped; None stands for nothing."""
    parts = [child if isinstance(child, Markup) else escaped(child) for child in children if child is not None]
    return Markup(escaped(separator).join(parts))


def _written(value: str | float) -> str:
    """A value of an attribute; numbers in as few digits as a drawing needs."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!a} is no name of an element or attribute")
    return name
