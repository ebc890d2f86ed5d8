# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the neighbours' healthchecks through the mesh, again and again.

Every replica does: it is one request a minute, and what it tells is how its own sidecar sees the neighbour.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ansible_collections.meshalliance.istio.exporter.healthcheck_request import ask
from ansible_collections.meshalliance.istio.exporter.logs import LOGGER
from ansible_collections.meshalliance.istio.exporter.neighbour_state import NeighbourState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.healthcheck import (
    ANSWERED,
    NOT_PUBLISHED,
    Reply,
    outcome_of,
    reason_of,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import Key, Measured, Measurement
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import MODE_FEDERATION

# So many at a time: what does not answer takes ten seconds each.
MOST_AT_ONCE = 8
# Replicas that were started together must not ask together for ever.
_JITTER = 0.1
_FIRST_SECONDS = 2.0
_RETRY_SECONDS = 5.0


class Asker(Protocol):
    """C(healthcheck_request.ask), or what stands for it in a test."""

    def __call__(self, host: str, own_uuid: str) -> Reply:
        """One request."""


class Prober:
    """C(neighbours) gives what the cluster knows of each; C(identity) the own trust domain and clusterUUID.

    C(interval): seconds between two rounds; with 0 nothing is asked.
    """

    def __init__(
        self,
        neighbours: Callable[[], Sequence[NeighbourState]],
        identity: Callable[[], tuple[str, str]],
        interval: float,
        *,
        asker: Asker = ask,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._neighbours = neighbours
        self._identity = identity
        self._interval = interval
        self._ask = asker
        self._clock = clock
        self._jitter = random.SystemRandom()
        self._lock = threading.Lock()
        self._last: dict[Key, Measurement] = {}
        self._counts: dict[tuple[Key, str], int] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)

    def start(self) -> None:
        """Begin, unless it is switched off; returns at once."""
        if self._interval > 0:
            self._thread.start()

    def stop(self) -> None:
        """Ask no more. Its threads are daemons: a request that is under way doesn't hold up the process."""
        self._stopped.set()

    @property
    def alive(self) -> bool:
        """Whether the thread runs, or need not."""
        return self._interval <= 0 or self._thread.is_alive()

    def measured(self) -> Measured:
        """The last answer of each neighbour."""
        with self._lock:
            found = tuple(self._last[key] for key in sorted(self._last))
        return Measured(self._clock(), self._interval, found)

    def counts(self) -> Mapping[tuple[Key, str], int]:
        """How many requests ended so, by neighbour and outcome."""
        with self._lock:
            return dict(self._counts)

    def round(self) -> None:
        """Ask every neighbour once, and forget those that are gone."""
        own_domain, own_uuid = self._identity()
        targets = [
            state
            for state in self._neighbours()
            if state.mode == MODE_FEDERATION and state.trust_domain not in ("", own_domain)
        ]
        left = deque(targets)

        def work() -> None:
            while not self._stopped.is_set():
                try:
                    state = left.popleft()
                except IndexError:
                    return
                try:
                    self._note(self._probe(state, own_uuid))
                except Exception:
                    LOGGER.exception("a neighbour can't be probed", extra={"fields": {"neighbour": state.name}})

        workers = [threading.Thread(target=work, name="probe", daemon=True) for _each in targets[:MOST_AT_ONCE]]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self._forget({state.key for state in targets})

    def _run(self) -> None:
        wait = _FIRST_SECONDS
        while not self._stopped.wait(wait * self._jitter.uniform(1 - _JITTER, 1 + _JITTER)):
            try:
                self.round()
                wait = self._interval
            except Exception:
                LOGGER.exception("the neighbours can't be probed")
                wait = max(self._interval, _RETRY_SECONDS)

    def _probe(self, state: NeighbourState, own_uuid: str) -> Measurement:
        host = state.healthcheck
        if host is None:
            reason = "it publishes no healthcheck"
            return Measurement(state.kind, state.name, NOT_PUBLISHED, reason=reason, at=self._clock())
        began = time.monotonic()
        reply = self._ask(host, own_uuid)
        seconds = time.monotonic() - began
        reason = reason_of(reply, host)
        return Measurement(state.kind, state.name, outcome_of(reply), host, reason, self._clock(), round(seconds, 6))

    def _note(self, found: Measurement) -> None:
        with self._lock:
            before = self._last.get(found.key)
            succeeded = found.at if found.outcome == ANSWERED else before.succeeded if before else 0.0
            self._last[found.key] = replace(found, succeeded=succeeded)
            counted = (found.key, found.outcome)
            self._counts[counted] = self._counts.get(counted, 0) + 1
        if before is None or before.outcome != found.outcome:
            log = LOGGER.info if found.outcome in (ANSWERED, NOT_PUBLISHED) else LOGGER.warning
            fields = {"neighbour": found.name, "host": found.host, "outcome": found.outcome, "reason": found.reason}
            log("a neighbour's healthcheck", extra={"fields": fields})

    def _forget(self, kept: set[Key]) -> None:
        with self._lock:
            self._last = {key: found for key, found in self._last.items() if key in kept}
            self._counts = {counted: count for counted, count in self._counts.items() if counted[0] in kept}
