# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For how long what was known of a neighbour stays in use when that one does not answer.

It is counted from the first failure that was seen, not from the last answer: between two runs nobody asks, and a day
without a run says nothing of a neighbour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import PRIVATE_READY, condition
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339, unix_time

DEFAULT_WARN_SECONDS = 600

_LAST_ANSWER = "privateLastFetchTimestamp"


@dataclass(frozen=True)
class StalePolicy:
    """After how many seconds without an answer a neighbour is warned of, and what it offered is used no more.

    None is never.
    """

    after: int | None = None
    warn_after: int | None = DEFAULT_WARN_SECONDS


NEVER = StalePolicy()


@dataclass(frozen=True)
class Staleness:
    """A neighbour that does not answer now: C(since), and its C(last) answer, as RFC 3339, C(last) empty for none.

    C(evicted): what it offered is used no more. C(stale): it is, and has been for longer than it is kept silent of.
    C(ends): when it will be evicted; empty for never.
    """

    since: str
    last: str = ""
    stale: bool = False
    evicted: bool = False
    ends: str = ""

    def finding(self, neighbour: str) -> Finding | None:
        """What people are told; None while that is only that it does not answer."""
        heard = f"since {self.since}" + (f" (the last answer was at {self.last})" if self.last else "")
        if self.evicted:
            return Finding(
                "error",
                "neighbour-evicted",
                f"it has not answered {heard}: nothing of it is imported any more",
                "it comes back with its next answer; a longer alliance_stale_after brings back what was known of it",
                neighbour=neighbour,
            )
        if self.stale:
            end = f"until {self.ends}" if self.ends else "for as long as it does not answer"
            return Finding(
                "warning",
                "neighbour-stale",
                f"it has not answered {heard}: what was known of it stays in use {end}",
                "repair it, take it out of the inventory, or set alliance_stale_after",
                neighbour=neighbour,
            )
        return None


def staleness(status: Mapping[str, Any] | None, policy: StalePolicy, now: float) -> Staleness:
    """How stale a neighbour is that does not answer at C(now) (unix seconds), by the status of the runs before."""
    failing = condition((status or {}).get("conditions") or [], PRIVATE_READY) or {}
    began = unix_time(failing.get("lastTransitionTime")) if failing.get("status") == "False" else None
    start = float(int(now)) if began is None else began
    cache = (status or {}).get("metadataCache")
    last = cache.get(_LAST_ANSWER) if isinstance(cache, Mapping) else None
    evicted = policy.after is not None and now - start >= policy.after
    return Staleness(
        since=rfc3339(start),
        last=str(last or ""),
        stale=not evicted and policy.warn_after is not None and now - start >= policy.warn_after,
        evicted=evicted,
        ends="" if policy.after is None else rfc3339(start + policy.after),
    )
