# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs: one line of JSON each, and no secret in them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.exporter import logs
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import KeyPair

TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJkOC1pc3RpbyJ9.c2lnbmF0dXJl"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    text = io.StringIO()
    logs.configure("debug", text)
    yield text
    root.handlers[:] = handlers
    root.setLevel(level)


def only(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    entry: dict[str, Any] = json.loads(line)
    return entry


def test_an_entry(stream: io.StringIO) -> None:
    logs.LOGGER.info("hello %s", "you", extra={"fields": {"status": 200, "hosts": {"b", "a"}, "nothing": None}})
    entry = only(stream)
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "info",
        "logger": "metadata-exporter",
        "message": "hello you",
        "status": 200,
        "hosts": ["a", "b"],
        "nothing": None,
    }


@pytest.mark.parametrize(
    "text",
    [TOKEN, f"Bearer {TOKEN}", f"Authorization: Bearer {TOKEN}", TOKEN[:30], "bearer opaque-secret", f"x={TOKEN}&y=1"],
)
def test_tokens_are_removed_everywhere(stream: io.StringIO, text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        logs.LOGGER.exception("failed with %s", text, extra={"fields": {"detail": text, "more": [text]}})
    for secret in ("eyJpc3Mi", "eyJhbGciOiJFZERT", "opaque-secret", "c2lnbmF0dXJl"):
        assert secret not in stream.getvalue()
    assert "[removed]" in stream.getvalue()


def test_private_keys_are_removed(stream: io.StringIO, own: KeyPair) -> None:
    body = own.private_pem.splitlines()[1]
    logs.LOGGER.error(own.private_pem, extra={"fields": {"cut": own.private_pem[:-40]}})
    assert body not in stream.getvalue()
    assert body[:40] not in stream.getvalue()


def test_lines_cannot_be_forged(stream: io.StringIO) -> None:
    logs.LOGGER.warning('a\n{"level": "error"}', extra={"fields": {"path": "\r\n\u2028x"}})
    assert only(stream)["level"] == "warning"


def test_a_field_cannot_replace_the_level(stream: io.StringIO) -> None:
    logs.LOGGER.warning("a", extra={"fields": {"level": "info", "time": "never"}})
    entry = only(stream)
    assert entry["level"] == "warning"
    assert entry["time"] != "never"


def test_long_text_is_cut(stream: io.StringIO) -> None:
    logs.LOGGER.info("x" * 100_000)
    assert len(stream.getvalue()) < 3000
