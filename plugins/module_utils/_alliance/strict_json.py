# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON of strangers, read with limits.

RFC 8259 leaves open what a reader does with duplicate names, with huge numbers and with deep nesting; here all of
them are refused, so that two readers of a document never see different things.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import DocumentError

MAX_DEPTH = 16
_MAX_DIGITS = 32
_STRUCTURE = re.compile(r'\\.|["\[\]{}]', re.DOTALL)


class _RefusedError(ValueError):
    """Raised from inside the parser's hooks."""


def _refuse_constant(text: str) -> NoReturn:
    raise _RefusedError(f"{text} is not a JSON number")


def _parse_int(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise _RefusedError("a number has too many digits")
    return int(text)


def _parse_float(text: str) -> float:
    value = float(text) if len(text) <= _MAX_DIGITS else float("inf")
    if value in (float("inf"), float("-inf")):
        raise _RefusedError("a number is out of range")
    return value


def _unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _RefusedError("an object names a field twice")
    return result


def _depth(text: str) -> int:
    """The deepest nesting, found without recursion. Only exact for valid JSON, never too small for it."""
    depth = deepest = 0
    in_string = False
    for match in _STRUCTURE.finditer(text):
        mark = match.group()
        if mark == '"':
            in_string = not in_string
        elif in_string or len(mark) == 2:
            continue
        elif mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def parse_json(data: bytes | str, *, max_bytes: int, what: str = "the document") -> object:
    """The value of a JSON text of at most max_bytes bytes of UTF-8.

    Raises DocumentError, reason InvalidJSON: too large, not UTF-8, not JSON, NaN or Infinity, a field named twice,
    nested deeper than 16, numbers of more than 32 characters, strings that are no Unicode text.
    """

    def refuse(why: str) -> DocumentError:
        return DocumentError(
            f"{what} can't be read: {why}",
            reason="InvalidJSON",
            remedy="check what answers at this address; a proxy's error page is a common cause",
        )

    try:
        raw = data.encode("utf-8") if isinstance(data, str) else bytes(data)
    except UnicodeEncodeError:
        raise refuse("it is not UTF-8") from None
    if len(raw) > max_bytes:
        raise refuse(f"it has {len(raw)} bytes, more than the {max_bytes} allowed")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise refuse("it is not UTF-8") from None
    if _depth(text) > MAX_DEPTH:
        raise refuse(f"it is nested deeper than {MAX_DEPTH} levels")
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_unique_names,
            parse_constant=_refuse_constant,
            parse_int=_parse_int,
            parse_float=_parse_float,
        )
        if "\\u" in text:
            # A lone half of a surrogate pair is valid JSON and no text: it could not be written again.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except _RefusedError as error:
        raise refuse(str(error)) from None
    except json.JSONDecodeError as error:
        raise refuse(f"it is not JSON ({error.msg} at character {error.pos})") from None
    except UnicodeEncodeError:
        raise refuse("a string is not Unicode text") from None
    return value
