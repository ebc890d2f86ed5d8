# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this replica lives, and whether it may get requests."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.meshalliance.istio.exporter.documents import View


class Health:
    """C(dead) names threads that have ended though they must not; C(stale) says that the key file was replaced."""

    def __init__(
        self,
        view: Callable[[], View],
        *,
        dead: Callable[[], tuple[str, ...]] = lambda: (),
        stale: Callable[[], bool] = lambda: False,
        refresh: Callable[[], None] = lambda: None,
    ) -> None:
        self._view = view
        self._dead = dead
        self._stale = stale
        self._refresh = refresh
        self._draining = False

    def drain(self) -> None:
        """From now on not ready."""
        self._draining = True

    @property
    def draining(self) -> bool:
        """Whether the process is about to end."""
        return self._draining

    def not_live(self) -> tuple[str, ...]:
        """What only a restart can repair; empty when there is nothing."""
        return self._dead()

    def not_ready(self) -> tuple[str, ...]:
        """What is missing for answering requests; empty when ready."""
        if self._draining:
            return ("shutting down",)
        return self.fresh(self._view).missing

    def fresh(self, view: Callable[[], View]) -> View:
        """The view; sees to it that a replaced key file is taken up soon (each request looks, none waits)."""
        if self._stale():
            self._refresh()
        return view()
