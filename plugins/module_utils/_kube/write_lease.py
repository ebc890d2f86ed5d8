# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time writes to a cluster: it holds a Lease (coordination.k8s.io/v1) meanwhile.

The Lease is looked at before a run reads anything and taken before its first write, so a run that has nothing to write
only reads it. Whoever got it after somebody else had it has read what may have changed since: SupersededError tells the
caller to begin anew, holding the Lease. A holder that died is taken over when its time is up.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import lease, names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError

_CONFLICT, _NOT_FOUND, _FORBIDDEN = 409, 404, 403
_LOOK_SECONDS = 0.5


class SupersededError(Exception):
    """Somebody else has written since the cluster was read; nothing was written with what was read then."""


class WriteLease:
    """The Lease of one run in one cluster. C(identity): who the others are told holds it. C(wait): seconds for which
    another run is waited for.

    C(hold) is thread-safe. Errors are AllianceError; C(hold) also raises SupersededError, until C(begin_anew).
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        identity: str,
        *,
        wait: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client.beside()
        self._namespace = namespace
        self._identity = identity
        self._wait = wait
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()
        self._record: lease.Record | None = None
        self._looked_at = ""
        self._held = self._superseded = False
        self._ended = threading.Event()

    @property
    def _place(self) -> str:
        return f"Lease {self._namespace}/{names.WRITE_LEASE}"

    def look(self) -> None:
        """Remember how the Lease is now, before the cluster is read."""
        self._read()
        # With a holder: somebody is writing or died while writing, and what is read now isn't final.
        self._looked_at = _version(self._record) if self._record is None or not self._record.holder else "held"

    def hold(self) -> None:
        """Take the Lease, wait for it, or see that it's still held. To be called before each write."""
        with self._lock:
            if not self._held:
                self._take()
            elif not lease.is_leader(self._record, self._identity, self._clock()):
                raise AllianceError(
                    "this run could not renew its Lease in time, so another one may write by now",
                    cluster=self._client.cluster,
                    obj=self._place,
                    remedy="run it again; what was written stays, the rest is completed",
                )
            if self._superseded:
                raise SupersededError

    def begin_anew(self) -> None:
        """After SupersededError: from now on everything is read again."""
        self._superseded = False

    def release(self) -> None:
        """Give the Lease back, if it is held. A failure is no error: its time will be up."""
        self._ended.set()
        with self._lock:
            record, held = self._record, self._held
            self._held = False
        if not held or record is None or record.holder != self._identity:
            return
        with contextlib.suppress(ApiError):
            self._write(lease.release_object(self._namespace, names.WRITE_LEASE, record, time.time()))

    def _take(self) -> None:
        deadline = self._clock() + self._wait
        while True:
            self._read()
            step = lease.next_step(self._record, self._identity, self._clock())
            # Ours already: the answer to our own request got lost.
            if step.action != "wait" or (self._record and self._record.holder == self._identity):
                found = _version(self._record)
                if not self._acquire():
                    continue
                if self._held:
                    self._superseded = found != self._looked_at
                return
            if self._clock() >= deadline:
                raise self._busy()
            self._pause(min(step.wait, _LOOK_SECONDS))

    def _acquire(self) -> bool:
        """Whether there is nothing more to try: the Lease is ours now, or there can be none."""
        began = self._clock()
        wanted = lease.lease_object(self._namespace, names.WRITE_LEASE, self._identity, self._record, time.time())
        try:
            answer = self._write(wanted)
        except ApiError as error:
            if error.status == _CONFLICT:
                return False
            if _no_place(error):
                # Nobody holds a Lease in a namespace that isn't there yet, or is going.
                return True
            raise self._refused(error) from error
        self._record = lease.record_of(answer, None, began)
        self._held = True
        threading.Thread(target=self._keep, daemon=True).start()
        return True

    def _keep(self) -> None:
        while not self._ended.wait(lease.RENEW_SECONDS):
            with contextlib.suppress(ApiError):  # the next time, or never: then hold() says so
                if not self._renew():
                    return

    def _renew(self) -> bool:
        """Renew the Lease; False when it is not ours any more. Raises ApiError."""
        began = self._clock()
        wanted = lease.lease_object(self._namespace, names.WRITE_LEASE, self._identity, self._record, time.time())
        try:
            answer: dict[str, Any] | None = self._write(wanted)
        except ApiError as error:
            if error.status not in (_CONFLICT, _NOT_FOUND):
                raise
            # Ours still when only the answer to an earlier request was lost.
            answer = self._client.get(kinds.LEASE, names.WRITE_LEASE, self._namespace)
        record = None if answer is None else lease.record_of(answer, None, began)
        ours = record is not None and record.holder == self._identity
        with self._lock:
            if not self._ended.is_set():
                self._record = record
                if record is None:
                    # Gone, with its namespace perhaps: the next write looks for it.
                    self._held, self._looked_at = False, ""
        return ours

    def _read(self) -> None:
        found = self._client.get(kinds.LEASE, names.WRITE_LEASE, self._namespace)
        self._record = None if found is None else lease.record_of(found, self._record, self._clock())

    def _write(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """POST what isn't there yet, PUT the version that was read: whoever is slower gets a conflict."""
        known = "resourceVersion" in wanted["metadata"]
        path = kinds.LEASE.path(self._namespace, names.WRITE_LEASE if known else None)
        answer: dict[str, Any] = self._client.request("PUT" if known else "POST", path, body=wanted).body
        return answer

    def _busy(self) -> AllianceError:
        record = self._record
        holder, renewed = (record.holder, record.renewed) if record else ("somebody", "")
        return AllianceError(
            f"another run is writing to this cluster: {holder} holds it, last renewed at {renewed}",
            cluster=self._client.cluster,
            obj=self._place,
            remedy=f"start this run again when that one has ended, or raise lease_wait (now {self._wait:g} s);"
            f" a run that died is taken over {lease.LEASE_SECONDS:g} s after its last renewal",
        )

    def _refused(self, error: ApiError) -> AllianceError:
        if error.status != _FORBIDDEN:
            return error
        return AllianceError(
            f"the Lease that keeps two runs from writing at once can't be taken: {error.message}",
            cluster=self._client.cluster,
            obj=self._place,
            remedy="grant the user of the inventory get, create and update of leases (coordination.k8s.io) there",
        )


def _version(record: lease.Record | None) -> str:
    return "" if record is None else record.resource_version


def _no_place(error: ApiError) -> bool:
    terminating = error.status == _FORBIDDEN and "being terminated" in error.message
    return error.status == _NOT_FOUND or terminating
