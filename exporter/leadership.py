# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holds the Lease, or waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from ansible_collections.meshalliance.istio.exporter.logs import LOGGER
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import lease
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import EXPORTER
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError

FIELD_MANAGER = "meshalliance.istio-exporter"
RETRY_SECONDS = 2.0

_CONFLICT = 409


class Applier(Protocol):
    """The write that the Lease needs; C(_kube.client.Client) has it."""

    def apply(
        self, obj: dict[str, Any], *, field_manager: str, subresource: str | None = None
    ) -> tuple[dict[str, Any], bool]:
        """Server-side apply one object: what the server has now, and whether it was created."""


class Leadership:
    """Not thread-safe: one thread calls tick() and release(). C(observe) gives the Lease as the informer sees it,
    C(synced) whether the informer has seen anything yet.
    """

    def __init__(
        self,
        client: Applier,
        namespace: str,
        identity: str,
        observe: Callable[[], dict[str, Any] | None],
        *,
        synced: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._identity = identity
        self._observe = observe
        self._synced = synced
        self._clock = clock
        self._wall_clock = wall_clock
        self._record: lease.Record | None = None
        self._not_before = 0.0

    @property
    def leading(self) -> bool:
        """Whether this replica may write now."""
        return lease.is_leader(self._record, self._identity, self._clock())

    def tick(self) -> float:
        """Look at the Lease, take or renew it when it's time; returns the seconds until the next look."""
        if not self._synced():
            # A Lease that isn't seen yet may well be somebody's.
            return RETRY_SECONDS
        self._look()
        now = self._clock()
        step = lease.next_step(self._record, self._identity, now)
        if step.action == "wait":
            return step.wait
        if now < self._not_before:
            return self._not_before - now
        led = self.leading
        self._write(lease.lease_object(self._namespace, EXPORTER, self._identity, self._record, self._wall_clock()))
        if self.leading and not led:
            LOGGER.info("this replica writes the Gateway now", extra={"fields": {"identity": self._identity}})
        now = self._clock()
        return max(self._not_before - now, lease.next_step(self._record, self._identity, now).wait, 0.05)

    def release(self) -> None:
        """Give the Lease back, so that another replica needs not wait until it expires."""
        if self._record is None or not self.leading:
            return
        self._write(lease.release_object(self._namespace, EXPORTER, self._record, self._wall_clock()))

    def _look(self) -> None:
        seen = self._observe()
        if seen is None:
            return
        if self._record is not None and _older(seen, self._record):
            return  # the informer is behind our own write
        self._record = lease.record_of(seen, self._record, self._clock())

    def _write(self, obj: dict[str, Any]) -> None:
        # Counted from before the request: until then at the latest another replica may have begun to wait.
        began = self._clock()
        try:
            answer, created = self._client.apply(obj, field_manager=FIELD_MANAGER)
        except ApiError as error:
            self._not_before = self._clock() + RETRY_SECONDS
            if error.status == _CONFLICT:
                # Another replica was faster, or the Lease is gone: the informer knows or will.
                if self._observe() is None:
                    self._record = None
            else:
                LOGGER.warning("the Lease can't be written", extra={"fields": {"error": str(error)}})
            return
        record = lease.record_of(answer, None, began)
        if not created and "resourceVersion" not in obj["metadata"]:
            # Written over another replica's new Lease: let the next renewal, which names a version, decide.
            record = lease.Record(
                record.holder,
                record.renewed,
                record.transitions,
                record.duration,
                record.resource_version,
                began - lease.LEADER_SECONDS,
            )
        self._record = record


def _older(seen: dict[str, Any], record: lease.Record) -> bool:
    """Resource versions of one resource are comparable numbers (KEP-5504); others count as newer."""
    version = str(seen.get("metadata", {}).get("resourceVersion", ""))
    return version.isdigit() and record.resource_version.isdigit() and int(version) < int(record.resource_version)
