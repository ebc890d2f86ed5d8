# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exporters measured, as they tell it, and what their words come to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.healthcheck import (
    ANSWERED,
    LATE,
    NOT_PUBLISHED,
    OUTCOMES,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import (
    MAX_MEASURED_BYTES,
    Asked,
    Measured,
    Measurement,
    verdict,
)

KEY = ("IstioFederation", "b")
NOW = 1_800_000_000.0


def measured(outcome: str = ANSWERED, *, at: float = NOW - 60, interval: float = 60.0, **more: Any) -> Measured:
    return Measured(NOW, interval, (Measurement(*KEY, outcome, at=at, **more),))


def test_it_is_read_as_it_was_written() -> None:
    written = measured(LATE, host="h.b.local", reason="h did not answer", seconds=10.0, succeeded=NOW - 600)
    assert Measured.parse(written.render()) == written
    assert Measured.parse(Measured(NOW, 0).render()) == Measured(NOW, 0)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
fields = st.sampled_from(["kind", "name", "outcome", "host", "reason", "at", "seconds", "succeeded"])
words = st.sampled_from([*OUTCOMES, *KEY])
entries = st.lists(st.dictionaries(fields, anything | words) | anything)
documents = anything | st.fixed_dictionaries(
    {"format": st.just(1)}, optional={"time": anything, "interval": anything, "neighbours": entries | anything}
)


@given(documents)
def test_whatever_answers_costs_nothing_but_its_answer(value: object) -> None:
    try:
        read = Measured.parse(json.dumps(value).encode())
    except AllianceError:
        return
    for item in read.neighbours:
        assert item.outcome in OUTCOMES
        assert (item.host + item.reason + item.kind + item.name).isprintable()
    said = verdict([Asked("one", read)], KEY)
    assert said is None or said.level in ("ok", "error", "unknown")
    assert Measured.parse(read.render()) == read


@given(st.binary())
def test_bytes_of_any_kind(data: bytes) -> None:
    with pytest.raises(AllianceError):
        Measured.parse(data)


def test_another_form_and_too_much_are_refused() -> None:
    with pytest.raises(AllianceError, match="another form"):
        Measured.parse(b'{"format": 2}')
    with pytest.raises(AllianceError, match="bytes"):
        Measured.parse(b" " * (MAX_MEASURED_BYTES + 1))


@pytest.mark.parametrize(
    ("asked", "level", "part"),
    [
        ([Asked("one", measured())], "ok", "all exporters"),
        ([Asked("one", measured()), Asked("two", measured())], "ok", "(2)"),
        ([Asked("one", measured()), Asked("two", measured(LATE, reason="no answer"))], "error", "1 of 2"),
        ([Asked("one", measured(LATE, reason="no answer")), Asked("two", error="x")], "error", "no answer"),
        ([Asked("one", measured()), Asked("two", error="403")], "unknown", "two can't be asked: 403"),
        ([Asked("one", measured()), Asked("two", measured(at=NOW - 3600))], "unknown", "1 of 2"),
        ([Asked("one", error="403")], "unknown", "one can't be asked: 403"),
        ([Asked("one", measured(NOT_PUBLISHED))], "unknown", "no healthcheck"),
        # A clock is compared with itself alone, however wrong it is.
        ([Asked("one", measured(at=NOW + 10))], "ok", ""),
        ([Asked("one", measured(at=NOW - 1000, interval=600))], "ok", ""),
    ],
)
def test_all_have_to_say_yes_and_one_no_is_enough(asked: list[Asked], level: str, part: str) -> None:
    said = verdict(asked, KEY)
    assert said is not None
    assert said.level == level
    assert part in said.text


def test_where_nobody_tries_nothing_is_said() -> None:
    for asked in ([], [Asked("one", Measured(NOW, 0))], [Asked("one", measured(at=0))], [Asked("o", measured(at=1))]):
        assert verdict(asked, KEY) is None
    assert verdict([Asked("one", measured())], ("IstioMulticluster", "b")) is None
