# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the Gateway of published Services: one thread, in each replica, of which the leader's writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from ansible_collections.meshalliance.istio.exporter import gateway
from ansible_collections.meshalliance.istio.exporter.leadership import FIELD_MANAGER, Applier, Leadership
from ansible_collections.meshalliance.istio.exporter.logs import LOGGER
from ansible_collections.meshalliance.istio.exporter.metrics import Metrics
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import PUBLISHED_GATEWAY
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.informer import pause
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import GATEWAY, Kind

# The first write of a burst goes out at once; the next ones are gathered.
WRITE_GAP_SECONDS = 0.5
OBSERVE_SECONDS = 5.0

Object = dict[str, Any]


class Writer(Applier, Protocol):
    """The writing half of C(_kube.client.Client)."""

    def delete(self, kind: Kind, name: str, namespace: str | None = None) -> bool:
        """Delete one object; whether it was there."""


class Keeper:
    """C(observe) gives the Gateway as the informer sees it; C(want) the hosts to be open, None while not certain."""

    def __init__(
        self,
        client: Writer,
        namespace: str,
        leadership: Leadership,
        observe: Callable[[], Object | None],
        want: Callable[[], frozenset[str] | None],
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._leadership = leadership
        self._observe = observe
        self._want = want
        self._metrics = metrics
        self._clock = clock
        self._failures = 0
        self._next_write = 0.0
        self._written: tuple[Object | None, gateway.Decision, float] | None = None
        self._refused: Object | None = None
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Give the Lease back and end, within C(timeout) seconds if the API server answers."""
        self._stopped.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def poke(self) -> None:
        """Something changed. May be called from any thread, doesn't block."""
        self._changed.set()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def step(self) -> float:
        """One look at Lease and Gateway; returns the seconds until the next one, if nothing changes before."""
        wait = self._leadership.tick()
        leading = self._leadership.leading
        self._metrics.leader.set(leading)
        return min(wait, self._keep()) if leading else wait

    def _run(self) -> None:
        wait = 0.0
        while not self._stopped.is_set():
            self._changed.wait(wait)
            self._changed.clear()
            if self._stopped.is_set():
                break
            try:
                wait = self.step()
            except Exception:
                LOGGER.exception("the Gateway can't be kept")
                wait = pause(5, 1.0)
        try:
            self._leadership.release()
        except Exception:
            LOGGER.exception("the Lease can't be given back")
        self._metrics.leader.set(0)

    def _keep(self) -> float:
        wanted, observed = self._want(), self._observe()
        if wanted is None:
            return OBSERVE_SECONDS
        decision = gateway.decide(wanted, observed)
        if decision.action == "none":
            self._failures, self._written = 0, None
            return OBSERVE_SECONDS
        if decision.action == "refuse":
            self._refuse(observed)
            return OBSERVE_SECONDS
        now = self._clock()
        if self._written is not None and self._written[:2] == (observed, decision):
            # Just written: the informer has not told us yet.
            left = self._written[2] + OBSERVE_SECONDS - now
            if left > 0:
                return left
        if now < self._next_write:
            return self._next_write - now
        self._write(decision, observed)
        return max(self._next_write - self._clock(), 0.0)

    def _write(self, decision: gateway.Decision, observed: Object | None) -> None:
        fields = {"action": decision.action, "hosts": len(decision.hosts)}
        try:
            if decision.action == "delete":
                self._client.delete(GATEWAY, PUBLISHED_GATEWAY, self._namespace)
            else:
                manifest = gateway.published_gateway(self._namespace, decision.hosts)
                self._client.apply(manifest, field_manager=FIELD_MANAGER)
        except ApiError as error:
            self._failures += 1
            self._next_write = self._clock() + WRITE_GAP_SECONDS + pause(self._failures, 1.0)
            self._metrics.gateway_writes.labels(decision.action, "failed").inc()
            LOGGER.error("the Gateway can't be written", extra={"fields": {**fields, "error": str(error)}})
            return
        before = self._written
        # Our write did not become what we asked for: somebody else writes this object too. Don't race with them.
        self._failures = self._failures + 1 if before is not None and before[1] == decision else 0
        self._next_write = self._clock() + WRITE_GAP_SECONDS + (pause(self._failures, 1.0) if self._failures else 0.0)
        self._written = (observed, decision, self._clock())
        self._metrics.gateway_writes.labels(decision.action, "done").inc()
        LOGGER.info("Gateway written", extra={"fields": fields})

    def _refuse(self, observed: Object | None) -> None:
        if observed == self._refused:
            return
        self._refused = observed
        self._metrics.gateway_writes.labels("refuse", "failed").inc()
        fields = {
            "object": f"Gateway {self._namespace}/{PUBLISHED_GATEWAY}",
            "remedy": "delete this Gateway: it wasn't made by the exporter, which needs its name",
        }
        LOGGER.error("nothing can be published: a Gateway of another owner is in the way", extra={"fields": fields})
