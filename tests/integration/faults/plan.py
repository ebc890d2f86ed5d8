# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong between a module and an API server, and when: drawn by a seed."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

# How the answer is spoilt.
STATUS, RESET, HANG, TRUNCATE = "status", "reset", "hang", "truncate"
# Where: before the API server has got the request, instead of its answer, or in the middle of it.
BEFORE, AFTER, AMID = "before", "after", "amid"

WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
RETRY_AFTER = (None, "0", "1", "30", "3600", "soon", "Thu, 01 Jan 2026 00:00:00 GMT", "-1", "99999999999999999999")
REASONS = {
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}


@dataclass(frozen=True)
class Fault:
    """One fault. C(form): for truncated bodies how the end is told, for resets where; C(page): HTML, not a Status."""

    name: str
    how: str
    where: str = BEFORE
    status: int = 0
    form: str = ""
    page: bool = False


FAULTS = (
    Fault("429", STATUS, status=429),
    Fault("500", STATUS, status=500),
    Fault("500 after", STATUS, AFTER, status=500),
    Fault("503", STATUS, status=503),
    Fault("503 after", STATUS, AFTER, status=503),
    Fault("503 page", STATUS, status=503, page=True),
    Fault("409", STATUS, status=409),
    Fault("reset", RESET),
    Fault("reset after", RESET, AFTER),
    Fault("reset amid", RESET, AMID),
    Fault("reset handshake", RESET, form="handshake"),
    Fault("hang", HANG),
    Fault("hang after", HANG, AFTER),
    Fault("hang amid", HANG, AMID),
    Fault("truncated", TRUNCATE, AMID, form="length"),
    Fault("truncated chunks", TRUNCATE, AMID, form="chunks"),
    Fault("truncated json", TRUNCATE, AMID, form="corrected"),
    Fault("truncated without length", TRUNCATE, AMID, form="none"),
)
# A hanging server costs its time limit each time: it is drawn less often.
WEIGHTS = tuple(1 if fault.how == HANG else 3 for fault in FAULTS)


class Plan:
    """The faults of one run: which request gets which.

    What a request gets depends on the seed, its method and path, and how often it was sent: not on the order in which
    a module's threads get to send theirs. Thread-safe.
    """

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self._lock = threading.Lock()
        self._sent: Counter[tuple[str, str]] = Counter()
        self._requests = 0
        self.style = random.Random(f"{seed} style").choice(tuple(STYLES))
        self._draw = STYLES[self.style](random.Random(f"{seed} {self.style}"))

    def next(self, method: str, path: str) -> Fault | None:
        """The fault for a request, or None."""
        with self._lock:
            number = self._sent[(method, path)]
            self._sent[(method, path)] += 1
            self._requests += 1
            return self._draw(random.Random(f"{self.seed} {method} {path} {number}"), method, self._requests)

    def retry_after(self) -> str | None:
        """A value of Retry-After, also such as no API server sends."""
        with self._lock:
            return random.Random(f"{self.seed} retry {self._requests}").choice(RETRY_AFTER)


Draw = Callable[[random.Random, str, int], "Fault | None"]


def _any(chance: random.Random) -> Fault:
    return chance.choices(FAULTS, WEIGHTS)[0]


def _sprinkled(run: random.Random) -> Draw:
    """Each request has the same chance to fail."""
    share = run.choice((0.1, 0.25, 0.5))
    return lambda chance, _method, _number: _any(chance) if chance.random() < share else None


def _one_kind(run: random.Random) -> Draw:
    """Many requests fail, all in the same way."""
    fault, share = _any(run), run.choice((0.3, 0.7))
    return lambda chance, _method, _number: fault if chance.random() < share else None


def _outage(run: random.Random) -> Draw:
    """From some request on, all fail in the same way: for a while, or for good."""
    fault, first, length = _any(run), run.randint(1, 12), run.choice((2, 5, 10**6))
    return lambda _chance, _method, number: fault if first <= number < first + length else None


def _writes(run: random.Random) -> Draw:
    """The cluster can be read, but writes fail."""
    share = run.choice((0.3, 0.7, 1.0))
    return lambda chance, method, _number: _any(chance) if method in WRITING and chance.random() < share else None


STYLES: dict[str, Callable[[random.Random], Draw]] = {
    "sprinkled": _sprinkled,
    "one kind": _one_kind,
    "outage": _outage,
    "writes": _writes,
}
