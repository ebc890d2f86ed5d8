# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of strangers' JSON."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import DocumentError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff", "not UTF-8"),
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a":NaN}', "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e999]", "out of range"),
        (b"[1" + b"0" * 40 + b"]", "too many digits"),
        (b'{"a":1,"a":1}', "twice"),
        (b'{"b":{"a":1,"\\u0061":2}}', "twice"),
        (b'["\\ud800"]', "not Unicode"),
        ("\ud800", "not UTF-8"),
        (b"[" * 17 + b"]" * 17, "deeper than 16"),
        (b"[" * 200_000, "deeper than 16"),
        (b'{"a":' * 200_000, "deeper than 16"),
        (b" " * 1_000_001, "more than the 1000000 allowed"),
        (b'"' + b'\\"' * 400_000, "not JSON"),
    ],
)
def test_what_is_refused(data, why):
    with pytest.raises(DocumentError, match=why) as caught:
        parse_json(data, max_bytes=1_000_000)
    assert caught.value.reason == "InvalidJSON"
    assert caught.value.remedy


def test_brackets_in_strings_are_no_nesting():
    text = json.dumps(["[" * 100, '\\"{{{' * 10])
    assert parse_json(text, max_bytes=1000) == json.loads(text)


def test_sixteen_levels_are_enough():
    assert parse_json("[" * 16 + "]" * 16, max_bytes=100)


@given(st.binary() | st.text())
def test_anything_is_read_or_refused(data):
    with contextlib.suppress(DocumentError):
        parse_json(data, max_bytes=1000)


_SCALARS = st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.text()


@given(
    st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner), max_leaves=9)
)
def test_what_python_writes_is_read(value):
    text = json.dumps(value)
    try:
        assert parse_json(text, max_bytes=100_000) == value
    except DocumentError as error:
        assert "nested" in error.message
