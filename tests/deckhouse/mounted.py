# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Secret as a pod sees it that has it mounted: some time after it was changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Mounted:
    """`delay`: seconds from the moment when a change is noticed until the pod has it, 0 for at once.

    A change is noticed when text() is asked; who changes the Secret does well to ask.
    """

    def __init__(self, read: Callable[[], str], now: Callable[[], float] = time.monotonic) -> None:
        self.delay = 0.0
        self._read, self._now = read, now
        self._shown = ""
        self._differs_since: float | None = None
        self._lock = threading.Lock()

    def text(self) -> str:
        """What the pod sees now. Several changes arrive together, as the kubelet brings them."""
        with self._lock:
            live = self._read()
            if live == self._shown:
                self._differs_since = None
                return live
            if self._differs_since is None:
                self._differs_since = self._now()
            if self._now() - self._differs_since >= self.delay:
                self._shown, self._differs_since = live, None
            return self._shown
