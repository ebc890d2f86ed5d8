# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is believed of an istiod: with one that answers as told, and time that passes in pauses alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import RemoteCluster
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import sync
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.sync import Seen, Watcher
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import istiod
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.istiod import Istiod

E = RemoteCluster("e", "cluster-e", "203.0.113.9:6443", "network-e")
SECRET = "istio/istio-remote-secret-e"
LISTED = {("xyz", "bar"): frozenset({"10.1.0.1"}), ("xyz", "foo"): frozenset({"10.1.0.2"})}


class Fake:
    """One istiod, whose answers a test changes as time goes on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.status, self.secret, self.events, self.errors = "synced", SECRET, 5, 0
        self.held: dict[tuple[str, str], frozenset[str]] = dict(LISTED)
        self.listed = dict(LISTED)
        self.failure: AllianceError | None = None
        self.later: Callable[[Fake], None] = lambda _fake: None
        self.selective = False

    def look(self, *_where: Any) -> list[Istiod]:
        clusters = {"cluster-e": istiod.RemoteCluster("cluster-e", self.secret, self.status)}
        return [Istiod("istiod-1", clusters, {"cluster-e": self.errors}, self.events)]

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.later(self)

    def list_endpoints(self, _kubeconfig: Any) -> Any:
        if self.failure is not None:
            raise self.failure
        return self.listed

    def see(self, *, written: int = 0, before: Any = None) -> Seen:
        watcher = Watcher(None, "istio", None, self.pause, lambda: self.now)  # type: ignore[arg-type]
        return watcher.see([E], before or self.look(), written=written, patience=60)

    def codes(self, **how: Any) -> list[str]:
        return [finding.code for finding in self.see(**how).findings({"e": E})]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    for module in (sync, istiod):
        monkeypatch.setattr(module, "remote_clusters", made.look)
    monkeypatch.setattr(sync, "istiod_pods", lambda *_where: ["istiod-1"])
    monkeypatch.setattr(sync, "selects_namespaces", lambda *_where: made.selective)
    monkeypatch.setattr(sync, "held_endpoints", lambda *_where: {"cluster-e": made.held})
    monkeypatch.setattr(sync, "list_endpoints", made.list_endpoints)
    return made


def test_all_is_well_and_costs_no_time(fake: Fake) -> None:
    seen = fake.see()
    assert (seen.synced, seen.services, seen.findings({"e": E})) == ({"cluster-e"}, {"cluster-e": 2}, [])
    assert fake.now == 0


def test_nothing_is_asked_for_nothing(fake: Fake) -> None:
    watcher = Watcher(None, "istio", None)  # type: ignore[arg-type]
    assert watcher.see([], [], written=0, patience=60) == Seen()


def test_an_istiod_that_is_syncing_is_waited_for_after_a_change_only(fake: Fake) -> None:
    fake.status = "syncing"
    assert fake.codes() == ["istiod-not-synced"]
    assert fake.now == 0

    def follow(one: Fake) -> None:
        one.status = "synced" if one.now >= 10 else "syncing"

    fake.later = follow
    before = fake.look()
    fake.events += 1
    assert fake.codes(written=1, before=before) == []
    assert 10 <= fake.now < 60


def test_what_an_istiod_says_of_the_old_secret_is_not_believed(fake: Fake) -> None:
    """It is synced all the time, but has not seen the new Secret."""
    before = fake.look()
    assert fake.codes(written=1, before=before) == ["istiod-not-synced"]
    assert fake.now >= 60

    def notice(one: Fake) -> None:
        one.events = 6 if one.now >= 70 else 5

    fake.later = notice
    assert fake.codes(written=1, before=before) == []


def test_a_pod_that_is_new_or_has_no_counter_is_believed(fake: Fake) -> None:
    fake.events = 1
    assert fake.codes(written=1, before=[Istiod("istiod-0", {}, {}, 9)]) == []
    fake.events = None  # type: ignore[assignment]
    assert fake.codes(written=1) == []


def test_a_secret_of_somebody_else_is_not_ours(fake: Fake) -> None:
    fake.secret = "istio/by-hand"
    assert fake.codes() == ["istiod-not-synced"]


def test_an_istiod_that_lags_for_a_moment_is_no_problem(fake: Fake) -> None:
    fake.held = {}

    def catch_up(one: Fake) -> None:
        one.held = dict(LISTED)

    fake.later = catch_up
    assert fake.codes() == []


@pytest.mark.parametrize("lost", [("xyz", "bar"), None])
def test_an_istiod_that_does_not_follow(fake: Fake, lost: tuple[str, str] | None) -> None:
    fake.held = {key: value for key, value in LISTED.items() if lost is not None and key != lost}
    assert fake.codes() == ["istiod-behind"]


def test_a_namespace_may_be_missing_only_where_namespaces_are_selected(fake: Fake) -> None:
    fake.listed = {**LISTED, ("other", "svc"): frozenset({"10.1.0.3"})}
    assert fake.codes() == ["istiod-behind"]
    fake.selective = True
    assert fake.codes() == []


def test_a_quiet_cluster_whose_token_ended_is_found_by_its_failures(fake: Fake) -> None:
    fake.errors = 3
    assert fake.codes() == []

    def fail(one: Fake) -> None:
        one.errors += 1

    fake.later = fail
    assert fake.codes() == ["istiod-refused"]


def test_failures_while_a_secret_was_replaced_are_over(fake: Fake) -> None:
    before = fake.look()
    fake.errors, fake.events = 4, 6
    assert fake.codes(written=1, before=before) == []


def test_an_api_that_does_not_answer_is_told_elsewhere(fake: Fake) -> None:
    fake.failure = AllianceError("no answer")
    assert fake.codes() == []


@pytest.mark.parametrize("when", ["before", "then"])
def test_an_istiod_that_cannot_be_asked_is_a_warning(fake: Fake, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    error = AllianceError("forbidden", obj="Pod istio/istiod-1", remedy="grant it")
    if when == "then":

        def refuse(*_where: Any) -> Any:
            raise error

        before = fake.look()
        monkeypatch.setattr(sync, "remote_clusters", refuse)
        seen = fake.see(before=before)
    else:
        seen = fake.see(before=error)
    (finding,) = seen.findings({"e": E})
    assert (finding.severity, finding.code, finding.remedy) == ("warning", "istiod-unseen", "grant it")
