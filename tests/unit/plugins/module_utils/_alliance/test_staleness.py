# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For how long what was known of a neighbour stays, and what its status says of that."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import FederationMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    Failure,
    cached_private,
    federation_status,
    rfc3339,
    same_except_timestamps,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.staleness import (
    NEVER,
    Staleness,
    StalePolicy,
    staleness,
)

NOW = 1767229200.0
HOUR = 3600
POLICY = StalePolicy(after=24 * HOUR, warn_after=600)
DOWN = Failure("FetchFailed", "no answer")


def offer(gateways: bool = True) -> FederationMetadata:
    host = {"hostname": "bar.xyz.svc.b.local", "ports": [{"name": "http", "port": 80, "protocol": "HTTP"}]}
    listed = [{"address": "203.0.113.10", "port": 15443}] if gateways else []
    return FederationMetadata.from_dict({"ingressGateways": listed, "publicServices": [host]})


def answered(at: float = NOW) -> dict[str, Any]:
    return federation_status(None, now_iso=rfc3339(at), private=offer())


def failed(status: dict[str, Any], at: float, policy: StalePolicy = POLICY) -> dict[str, Any]:
    """The status after a run in which it does not answer."""
    return federation_status(status, now_iso=rfc3339(at), private=DOWN, stale=staleness(status, policy, at))


def condition(status: dict[str, Any], type_: str = "Stale") -> tuple[str, str] | None:
    return next(((c["status"], c["reason"]) for c in status["conditions"] if c["type"] == type_), None)


def test_a_neighbour_that_stays_away() -> None:
    """It is silent, then warned of, then nothing of it is used; each of that is written once."""
    begin = NOW + HOUR
    status = failed(answered(), begin)
    assert condition(status) is None
    for age, expected, services in (
        (599, None, 1),
        (600, ("True", "LastKnownGood"), 1),
        (24 * HOUR - 1, ("True", "LastKnownGood"), 1),
        (24 * HOUR, ("True", "Evicted"), 0),
        (1000 * HOUR, ("True", "Evicted"), 0),
    ):
        status = failed(status, begin + age)
        assert (condition(status), status["publicServices"]) == (expected, services)
        assert failed(status, begin + age + 0.5) == status
        # What was known of it is not forgotten.
        assert cached_private(status) == offer()
    back = federation_status(status, now_iso=rfc3339(NOW + 2000 * HOUR), private=offer())
    assert (condition(back), back["publicServices"]) == (("False", "Succeeded"), 1)
    again = failed(back, NOW + 2001 * HOUR)
    assert (condition(again), again["publicServices"]) == (("False", "Succeeded"), 1)


def test_it_is_counted_from_the_first_failure() -> None:
    """Between two runs nobody asks: a day without a run evicts nobody."""
    late = NOW + 365 * 24 * HOUR
    found = staleness(answered(), POLICY, late)
    assert found == Staleness(since=rfc3339(late), last=rfc3339(NOW), ends=rfc3339(late + 24 * HOUR))
    assert found.finding("b") is None


def test_never_is_never() -> None:
    status = failed(answered(), NOW)
    found = staleness(status, NEVER, NOW + 10000 * HOUR)
    assert (found.stale, found.evicted, found.ends) == (True, False, "")
    assert staleness(status, StalePolicy(None, None), NOW + 10000 * HOUR).stale is False


def test_a_longer_time_brings_back_what_was_known() -> None:
    status = failed(failed(answered(), NOW), NOW + 25 * HOUR)
    assert (condition(status), status["publicServices"]) == (("True", "Evicted"), 0)
    status = failed(status, NOW + 26 * HOUR, StalePolicy(after=100 * HOUR))
    assert (condition(status), status["publicServices"]) == (("True", "LastKnownGood"), 1)


@pytest.mark.parametrize(
    ("age", "code", "words"), [(HOUR, "stale", "stays in use until"), (25 * HOUR, "evicted", "any more")]
)
def test_what_people_are_told(age: int, code: str, words: str) -> None:
    finding = staleness(failed(answered(), NOW + 60), POLICY, NOW + 60 + age).finding("b")
    assert finding is not None
    assert (finding.code, finding.neighbour) == (f"neighbour-{code}", "b")
    for text in (rfc3339(NOW), rfc3339(NOW + 60), words):
        assert text in finding.message
    assert "alliance_stale_after" in finding.remedy


def test_no_gateways_count_only_when_that_is_confirmed() -> None:
    for confirmed, expected in ((False, (("False", "InvalidPrivateMetadata"), 1)), (True, (("True", "Succeeded"), 0))):
        status = federation_status(
            answered(), now_iso=rfc3339(NOW), private=offer(gateways=False), no_gateways=confirmed
        )
        assert (condition(status, "PrivateMetadataExchangeReady"), status["publicServices"]) == expected
        kept = cached_private(status)
        assert kept is not None
        assert bool(kept.ingress_gateways) is not confirmed
    # That it doesn't know them is no answer, whatever is confirmed.
    unknown = FederationMetadata(None, ())
    status = federation_status(answered(), now_iso=rfc3339(NOW), private=unknown, no_gateways=True)
    assert condition(status, "PrivateMetadataExchangeReady") == ("False", "InvalidPrivateMetadata")


_TEXTS = st.sampled_from(["True", "False", "PrivateMetadataExchangeReady", "Stale", rfc3339(NOW), "never"]) | st.text(
    max_size=5
)
_VALUES = st.recursive(
    st.none() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_CONDITIONS = st.lists(
    st.fixed_dictionaries(
        {"type": _TEXTS, "status": _TEXTS},
        optional={"lastTransitionTime": _VALUES, "reason": _TEXTS, "message": _TEXTS},
    ),
    max_size=4,
)
_CACHES = st.fixed_dictionaries({}, optional={"privateLastFetchTimestamp": _VALUES, "private": _VALUES}) | _VALUES


@given(
    _CONDITIONS, _CACHES, st.none() | st.integers(0, 10**7), st.none() | st.integers(0, 10**7), st.integers(0, 10**7)
)
def test_whatever_a_status_holds(
    conditions: list[dict[str, Any]], cache: Any, after: int | None, warn_after: int | None, age: int
) -> None:
    status = {"conditions": conditions, "metadataCache": cache}
    before, policy = copy.deepcopy(status), StalePolicy(after, warn_after)
    found = staleness(status, policy, NOW + age)
    assert not (found.stale and found.evicted)
    assert not (found.evicted and after is None)
    found.finding("b")
    assert status == before


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30 * HOUR)), max_size=10))
def test_a_run_with_nothing_new_changes_nothing(runs: list[tuple[bool, int]]) -> None:
    status, now = answered(), NOW
    for answers, pause in runs:
        now += pause
        if answers:
            status = federation_status(status, now_iso=rfc3339(now), private=offer())
            again = federation_status(status, now_iso=rfc3339(now), private=offer())
        else:
            status = failed(status, now)
            again = failed(status, now)
        assert again == status
        assert same_except_timestamps(again, status)
        assert (condition(status) == ("True", "Evicted")) is (status["publicServices"] == 0)
