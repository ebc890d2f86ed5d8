# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lengths of time and times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.durations import seconds_from
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import moment, rfc3339, unix_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("never", None),
        ("None", None),
        ("0", 0),
        (0, 0),
        (90, 90),
        ("600", 600),
        ("45s", 45),
        ("10m", 600),
        ("12h", 43200),
        ("90d", 7776000),
        ("1w", 604800),
        ("1d12h", 129600),
        (" 1D 12 h ", 129600),
    ],
)
def test_lengths_of_time(text: object, seconds: int | None) -> None:
    assert seconds_from(text, "overlap") == seconds


@pytest.mark.parametrize("text", ["-1", "1.5h", "90 days", "d", "1h x", "1e3", "10y", True, "1" * 13])
def test_what_is_no_length_of_time(text: object) -> None:
    with pytest.raises(AllianceError, match="overlap") as caught:
        seconds_from(text, "overlap")
    assert "90d" in (caught.value.remedy or "")


@given(st.integers(min_value=0, max_value=253402300799))
def test_a_time_is_read_as_it_was_written(seconds: int) -> None:
    assert unix_time(rfc3339(seconds)) == seconds


@given(st.text(max_size=40) | st.none() | st.integers() | st.lists(st.text(max_size=3)))
def test_what_is_no_time_is_none(value: object) -> None:
    found = moment(value)
    assert found is None or found.tzinfo is not None
    unix_time(value)


def test_the_edges_of_what_a_time_can_be() -> None:
    assert unix_time("2026-01-01T00:00:00") == unix_time("2026-01-01T00:00:00+00:00")
    for text in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        unix_time(text)
