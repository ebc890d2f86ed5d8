# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server's audit log: what it was asked for, and by whom."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

_RECEIVED = "RequestReceived"
# A write that takes longer is not waited for.
_WRITE_SECONDS = 5.0


class AuditLog:
    """The events of one log; each look reads on where the last one ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._events: list[dict[str, Any]] = []
        self._underway: set[str] = set()

    def events(self, user: str | None = None) -> list[dict[str, Any]]:
        """All answers so far, of one user or of all, oldest first.

        An answer is written to the log a little later than it is sent. The policy has an event of a write's beginning
        too, so that writes whose answers are still to come are known: they are waited for.
        """
        deadline = time.monotonic() + _WRITE_SECONDS
        self._look()
        while self._underway and time.monotonic() < deadline:
            time.sleep(0.01)
            self._look()
        self._underway.clear()  # an API server that was stopped never answers: nobody waits for it twice
        # A request that was not authenticated has no name.
        return [event for event in self._events if user is None or event["user"].get("username") == user]

    def _look(self) -> None:
        with self._path.open("rb") as log:
            log.seek(self._read)
            content = log.read()
        complete = content[: content.rfind(b"\n") + 1]  # the last line may be half written
        self._read += len(complete)
        for line in complete.splitlines():
            event = json.loads(line)
            if event["stage"] == _RECEIVED:
                self._underway.add(event["auditID"])
            else:
                self._underway.discard(event["auditID"])
                self._events.append(event)
