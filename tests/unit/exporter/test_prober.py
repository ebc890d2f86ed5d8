# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds of probes, without a network."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.exporter import prober as prober_module
from ansible_collections.meshalliance.istio.exporter.neighbour_state import NeighbourState
from ansible_collections.meshalliance.istio.exporter.prober import MOST_AT_ONCE, Prober
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.healthcheck import (
    ANSWERED,
    LATE,
    NOT_PUBLISHED,
    Reply,
)

OWN = ("a.local", "uuid-a")


def state(name: str, **more: Any) -> NeighbourState:
    given = {"trust_domain": f"{name}.local", "healthcheck": f"h.ns.svc.{name}.local", **more}
    return NeighbourState(name, given.pop("kind", "IstioFederation"), **given)


class Mesh:
    """Answers as it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.reply = Reply(200)
        self.at_once = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, host: str, own_uuid: str) -> Reply:
        with self._lock:
            self.asked.append((host, own_uuid))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(0.01)
        with self._lock:
            self.at_once -= 1
        if self.reply.status < 0:
            raise RuntimeError("a fault of ours")
        return self.reply


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make(*states: NeighbourState, interval: float = 60) -> tuple[Prober, Mesh, list[NeighbourState], Clock]:
    mesh, known, clock = Mesh(), list(states), Clock()
    return Prober(lambda: known, lambda: OWN, interval, asker=mesh, clock=clock), mesh, known, clock


def test_each_neighbour_is_asked_as_who_we_are() -> None:
    prober, mesh, _known, _clock = make(state("b"), state("c"))
    prober.round()
    assert sorted(mesh.asked) == [("h.ns.svc.b.local", "uuid-a"), ("h.ns.svc.c.local", "uuid-a")]
    told = prober.measured()
    assert [(item.name, item.outcome, item.at, item.succeeded) for item in told.neighbours] == [
        ("b", ANSWERED, 1000.0, 1000.0),
        ("c", ANSWERED, 1000.0, 1000.0),
    ]
    assert (told.time, told.interval) == (1000.0, 60)


def test_who_is_not_asked() -> None:
    others = [
        state("c", kind="IstioMulticluster"),
        state("d", healthcheck=None),
        state("e", trust_domain="a.local"),
        state("f", trust_domain=""),
    ]
    prober, mesh, _known, _clock = make(*others)
    prober.round()
    assert mesh.asked == []
    assert [(item.name, item.outcome) for item in prober.measured().neighbours] == [("d", NOT_PUBLISHED)]


def test_the_last_success_is_remembered() -> None:
    prober, mesh, _known, clock = make(state("b"))
    prober.round()
    mesh.reply, clock.now = Reply(outcome=LATE), 1060.0
    prober.round()
    (found,) = prober.measured().neighbours
    assert (found.outcome, found.at, found.succeeded) == (LATE, 1060.0, 1000.0)
    assert found.reason == "h.ns.svc.b.local did not answer in time"
    assert {outcome: count for (_key, outcome), count in prober.counts().items()} == {ANSWERED: 1, LATE: 1}


def test_who_is_gone_is_forgotten() -> None:
    prober, _mesh, known, _clock = make(state("b"), state("c"))
    prober.round()
    known.pop()
    prober.round()
    assert [item.name for item in prober.measured().neighbours] == ["b"]
    assert {key for key, _outcome in prober.counts()} == {("IstioFederation", "b")}


def test_only_so_many_at_a_time() -> None:
    prober, mesh, _known, _clock = make(*(state(f"n{number}") for number in range(3 * MOST_AT_ONCE)))
    prober.round()
    assert len(mesh.asked) == 3 * MOST_AT_ONCE
    assert mesh.most <= MOST_AT_ONCE


def test_a_fault_of_ours_ends_no_round() -> None:
    prober, mesh, _known, _clock = make(state("b"))
    mesh.reply = Reply(-1)
    prober.round()
    assert prober.measured().neighbours == ()


def test_it_goes_on_by_itself_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prober_module, "_FIRST_SECONDS", 0.0)
    prober, mesh, _known, _clock = make(state("b"), interval=0.01)
    prober.start()
    assert prober.alive
    deadline = time.monotonic() + 20
    while len(mesh.asked) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(mesh.asked) >= 3
    prober.stop()
    prober._thread.join(10)
    assert not prober.alive


def test_switched_off_it_needs_no_thread() -> None:
    prober, mesh, _known, _clock = make(state("b"), interval=0)
    prober.start()
    assert prober.alive
    assert not prober._thread.is_alive()
    assert mesh.asked == []
