# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that somebody else wrote, for logs and messages."""

from __future__ import annotations

_MOST_CHARACTERS = 400


def one_line(text: str) -> str:
    """A text on one line, without what a terminal would obey."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def printable(text: str) -> str:
    """The beginning of a text, as one_line() has it."""
    return one_line(text[:_MOST_CHARACTERS])
