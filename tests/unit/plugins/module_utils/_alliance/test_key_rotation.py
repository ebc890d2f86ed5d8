# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a key pair is replaced, and what happens to the one before it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_change import key_change_end
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_rotation import (
    CREATED,
    CREATED_ANNOTATION,
    KEPT,
    PREVIOUS_UNTIL_ANNOTATION,
    REPLACED,
    RETIRED,
    ROTATED,
    Policy,
    StoredKeys,
    due_at,
    next_keys,
    stored_keys,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair

START = 1767229200.0
DAY = 86400
YEARLY = Policy(max_age=365 * DAY, overlap=2 * DAY)


def step(stored: StoredKeys, policy: Policy, now: float, age_from: float | None = None) -> tuple[StoredKeys, str]:
    """One run: what it leaves behind is read back from what it wrote."""
    keys, action = next_keys(stored, policy, uuid="uuid-a", age_from=age_from, now=now)
    assert stored_keys(keys.values(), keys.annotations()) == keys
    return keys, action


def made(now: float = START, policy: Policy = YEARLY) -> StoredKeys:
    return step(StoredKeys(), policy, now)[0]


def test_a_rotation_from_its_beginning_to_its_end() -> None:
    first, action = step(StoredKeys(), YEARLY, START + 0.7)
    assert (action, first.created, first.previous) == (CREATED, START, None)
    assert set(first.values()) == {"pub.pem", "priv.pem"}
    assert due_at(first, YEARLY, None) == START + 365 * DAY
    assert step(first, YEARLY, START + 365 * DAY - 1) == (first, KEPT)

    due = START + 365 * DAY + 60
    second, action = step(first, YEARLY, due)
    assert action == ROTATED
    assert second.pair != first.pair
    assert second.previous is not None
    assert (second.previous.pair, second.previous.until) == (first.pair, due + 2 * DAY)
    assert second.pair is not None
    assert first.pair is not None
    keys = {"before": first.pair.public_pem, "after": second.pair.public_pem}
    assert key_change_end(second.previous.change, subject="uuid-a", now=due, **keys) == due + 2 * DAY
    assert set(second.annotations()) == {CREATED_ANNOTATION, PREVIOUS_UNTIL_ANNOTATION}

    assert step(second, YEARLY, due + 2 * DAY - 1) == (second, KEPT)
    assert second.previous_at(due + 2 * DAY - 1) == first.pair
    assert second.previous_at(due + 2 * DAY) is None
    third, action = step(second, YEARLY, due + 2 * DAY)
    assert (action, third) == (RETIRED, replace(second, previous=None))
    assert step(third, YEARLY, due + 2 * DAY) == (third, KEPT)


def test_a_run_that_comes_late_does_both_at_once() -> None:
    rotated, _action = step(made(), YEARLY, START + 400 * DAY)
    again, action = step(rotated, YEARLY, START + 800 * DAY)
    assert action == ROTATED
    assert again.previous is not None
    assert again.previous.pair == rotated.pair


def test_it_is_never_rotated_unless_asked() -> None:
    first = made(policy=Policy())
    assert due_at(first, Policy(), START) is None
    assert step(first, Policy(), START + 10000 * DAY) == (first, KEPT)


def test_an_end_that_was_told_stays_when_the_overlap_changes() -> None:
    rotated, _action = step(made(), YEARLY, START + 366 * DAY)
    for overlap in (0, 1, 100 * DAY):
        assert step(rotated, replace(YEARLY, overlap=overlap), START + 366 * DAY + 60) == (rotated, KEPT)


def test_a_pair_that_does_not_tell_its_age() -> None:
    """It is of an earlier release, and not older than its Secret."""
    first = replace(made(), created=None)
    assert first.annotations() == {}
    assert step(first, YEARLY, START + 364 * DAY, START) == (first, KEPT)
    assert step(first, YEARLY, START + 365 * DAY, START)[1] == ROTATED
    assert step(first, YEARLY, START + 365 * DAY) == (first, KEPT)


def test_forced_at_once_and_with_an_overlap() -> None:
    first = made(policy=Policy())
    forced = Policy(regenerate="always", overlap=DAY)
    second, action = step(first, forced, START + 1)
    assert (action, second.previous and second.previous.pair) == (ROTATED, first.pair)
    # Who knows only the first key would know neither of two others.
    assert step(second, forced, START + 2) == (second, KEPT)
    third, action = step(second, Policy(regenerate="always", overlap=0), START + 3)
    assert (action, third.previous) == (ROTATED, None)
    assert third.pair not in (first.pair, second.pair)


def test_a_pair_that_cannot_be_used() -> None:
    values = {**made().values(), "pub.pem": generate_key_pair().public_pem}
    broken = stored_keys(values, {})
    assert broken.pair is None
    with pytest.raises(AllianceError, match="can't be used") as caught:
        next_keys(broken, Policy(), uuid="uuid-a", age_from=START, now=START)
    assert "regenerate: unusable" in (caught.value.remedy or "")
    for regenerate in ("unusable", "always"):
        assert step(broken, Policy(regenerate=regenerate), START)[1] in (REPLACED, ROTATED)


def test_what_is_left_of_a_pair_of_before() -> None:
    """Without an end, or broken, it is none; the next run takes it away."""
    rotated, _action = step(made(), YEARLY, START + 366 * DAY)
    values, annotations = rotated.values(), rotated.annotations()
    for bad in (
        stored_keys(values, {**annotations, PREVIOUS_UNTIL_ANNOTATION: "for ever"}),
        stored_keys(values, {CREATED_ANNOTATION: annotations[CREATED_ANNOTATION]}),
        stored_keys({**values, "previous-pub.pem": generate_key_pair().public_pem}, annotations),
        stored_keys({**values, "previous-priv.pem": "no key"}, annotations),
    ):
        assert (bad.pair, bad.previous) == (rotated.pair, None)


def test_an_age_that_the_overlap_would_outlast_is_refused() -> None:
    for max_age in (DAY, 2 * DAY):
        with pytest.raises(AllianceError, match="172800 s"):
            next_keys(StoredKeys(), Policy(max_age=max_age, overlap=2 * DAY), uuid="uuid-a", age_from=None, now=START)


def test_no_private_key_is_shown() -> None:
    rotated, _action = step(made(), YEARLY, START + 366 * DAY)
    assert "PRIVATE" not in repr(rotated)


@given(st.lists(st.integers(min_value=0, max_value=40 * DAY), min_size=1, max_size=12))
def test_whenever_the_runs_come(pauses: list[int]) -> None:
    """The key that counted last still counts after a run, and every key of before has an end."""
    policy, now = Policy(max_age=30 * DAY, overlap=2 * DAY), START
    keys = made(policy=policy)
    for pause in pauses:
        now += pause
        before = keys
        keys, action = step(before, policy, now)
        pairs = {keys.pair, keys.previous_at(now)}
        assert before.pair in pairs
        assert before.previous_at(now) is None or before.previous_at(now) in pairs
        assert (keys == before) is (action == KEPT)
        assert step(keys, policy, now) == (keys, KEPT)
