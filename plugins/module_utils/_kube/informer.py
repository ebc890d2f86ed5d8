# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A live copy of a set of objects: one list, then a watch from its resourceVersion.

U(https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes)
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind

# A connection that died silently is noticed when the watch should have ended.
WATCH_SECONDS = 100
WATCH_JITTER_SECONDS = 20
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0
HEALTHY_WATCH = 5.0

_GONE = 410
_CHANGES = ("ADDED", "MODIFIED")

Object = dict[str, Any]
Key = tuple[str, str]
Store = dict[Key, Object]


class ListAnswer(Protocol):
    """What a list request returns."""

    @property
    def items(self) -> Sequence[Object]:
        """The objects."""

    @property
    def resource_version(self) -> str:
        """From where a watch goes on."""


class ListWatcher(Protocol):
    """The two requests that an informer needs; C(_kube.client.Client) has them."""

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> ListAnswer:
        """All objects that match."""

    def watch(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        resource_version: str,
        timeout_seconds: int,
    ) -> Iterator[tuple[str, Object]]:
        """The changes since C(resource_version), as pairs of event type and object."""


class Informer:
    """Keeps C(items) equal to what the API server holds, in a thread of its own.

    C(on_change) is called without arguments, in that thread, after each change of the store and after the first list;
    it must not block. C(keep) makes what is stored from an object, so that a large set costs little memory.
    C(on_restart) is called with a short reason each time the set has to be listed anew. While the API server can't be
    reached the last known objects stay.
    """

    def __init__(
        self,
        client: ListWatcher,
        kind: Kind,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        on_change: Callable[[], None],
        on_restart: Callable[[str], None] | None = None,
        keep: Callable[[Object], Object] | None = None,
        name: str | None = None,
    ) -> None:
        self.kind = kind
        self.name = name or kind.plural
        self._client = client
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._on_change = on_change
        self._on_restart = on_restart
        self._keep = keep
        self._lock = threading.Lock()
        self._store: Store = {}
        self._version = 0
        self._last_error = ""
        self._synced = threading.Event()
        self._stopped = threading.Event()
        self._jitter = random.SystemRandom()
        self._thread = threading.Thread(target=self._run, name=f"informer-{self.name}", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, timeout: float = 0.0) -> None:
        """Ask the thread to end and wait at most C(timeout) seconds; it's a daemon thread and may end later."""
        self._stopped.set()
        if timeout and self._thread.is_alive():
            self._thread.join(timeout)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def synced(self) -> bool:
        """Whether the whole set was listed at least once."""
        return self._synced.is_set()

    def wait_synced(self, timeout: float) -> bool:
        """Wait at most C(timeout) seconds for the first list."""
        return self._synced.wait(timeout)

    @property
    def version(self) -> int:
        """A number that grows with each change of the store."""
        return self._version

    @property
    def last_error(self) -> str:
        """The latest failure since the last success, else an empty string."""
        return self._last_error

    @property
    def store(self) -> Store:
        """A copy of the store: namespace and name (an empty namespace for cluster-scoped kinds) to object."""
        with self._lock:
            return dict(self._store)

    @property
    def items(self) -> tuple[Object, ...]:
        """The objects, sorted by namespace and name. They must not be changed."""
        with self._lock:
            return tuple(self._store[key] for key in sorted(self._store))

    def _run(self) -> None:
        resource_version = ""
        failures = 0
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                if not resource_version:
                    resource_version = self._list()
                resource_version = self._watch(resource_version)
                self._last_error = ""
                # A server that ends every watch at once must not be asked in a tight loop.
                failures = 0 if time.monotonic() - began >= HEALTHY_WATCH else failures + 1
            except ApiError as error:
                if resource_version and error.status == _GONE:
                    failures = failures + 1 if time.monotonic() - began < HEALTHY_WATCH else 0
                    self._restarting("expired")
                else:
                    failures += 1
                    self._last_error = str(error)
                    self._restarting(error.reason or str(error.status))
                resource_version = ""
            except Exception as error:
                # Whatever one object or one answer holds, the live copy must not die of it.
                failures += 1
                self._last_error = f"{type(error).__name__}: {error}"
                self._restarting(type(error).__name__)
                resource_version = ""
            if failures:
                self._stopped.wait(pause(failures, self._jitter.random()))

    def _restarting(self, reason: str) -> None:
        if self._on_restart is not None and not self._stopped.is_set():
            self._on_restart(reason)

    def _list(self) -> str:
        answer = self._client.list(
            self.kind,
            namespace=self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
        )
        fresh: Store = {}
        for item in answer.items:
            fresh[_key(item)] = self._kept(item)
        with self._lock:
            changed = fresh != self._store or not self._synced.is_set()
            self._store = fresh
            self._version += changed
        self._synced.set()
        self._last_error = ""
        if changed:
            self._on_change()
        return answer.resource_version

    def _watch(self, resource_version: str) -> str:
        """Follow the changes until the server ends the watch; returns the version to go on from."""
        events = self._client.watch(
            self.kind,
            namespace=self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            resource_version=resource_version,
            timeout_seconds=WATCH_SECONDS + self._jitter.randrange(WATCH_JITTER_SECONDS),
        )
        for event, item in events:
            if self._stopped.is_set():
                break
            if event == "ERROR":
                raise ApiError(
                    str(item.get("message", "watch failed")),
                    status=int(item.get("code", 0)),
                    reason=str(item.get("reason", "")),
                )
            resource_version = str(item.get("metadata", {}).get("resourceVersion", resource_version))
            if self._take(event, item):
                self._on_change()
        return resource_version

    def _take(self, event: str, item: Object) -> bool:
        """Bring one event into the store; says whether that changed anything."""
        if event not in _CHANGES and event != "DELETED":
            return False
        key = _key(item)
        kept = self._kept(item) if event in _CHANGES else None
        with self._lock:
            if self._store.get(key) == kept:
                return False
            if kept is None:
                del self._store[key]
            else:
                self._store[key] = kept
            self._version += 1
        return True

    def _kept(self, item: Object) -> Object:
        return item if self._keep is None else self._keep(item)


def pause(failures: int, chance: float) -> float:
    """Seconds to wait after so many failures in a row: doubling, between half and the whole by C(chance) (0 to 1)."""
    whole = min(LONGEST_PAUSE, FIRST_PAUSE * float(2 ** min(failures - 1, 16)))
    return whole * (0.5 + chance / 2)


def _key(item: Object) -> Key:
    metadata = item.get("metadata", {})
    return str(metadata.get("namespace", "")), str(metadata.get("name", ""))
