# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the current View: one thread that computes it again after each change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ansible_collections.meshalliance.istio.exporter.documents import (
    FEDERATION,
    MULTICLUSTER,
    PUBLIC,
    SPIFFE,
    Inputs,
    View,
    build,
)
from ansible_collections.meshalliance.istio.exporter.logs import LOGGER
from ansible_collections.meshalliance.istio.exporter.metrics import Metrics
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding

# Changes that come within this time are answered by one computation; with many Services it is as long as the
# latest computation took, so that a burst of changes never costs more than half a processor.
GATHER_SECONDS = 0.02
LONGEST_GATHER_SECONDS = 0.5
RETRY_SECONDS = 5.0


class Publisher:
    """C(view) is what requests are answered from; C(on_view) is called after it was replaced."""

    def __init__(
        self,
        read: Callable[[], Inputs],
        metrics: Metrics,
        on_view: Callable[[View], None] = lambda view: None,
        *,
        multicluster: bool = False,
    ) -> None:
        self.view = View(multicluster=multicluster)
        self._read = read
        self._metrics = metrics
        self._on_view = on_view
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin with what is known now; returns at once."""
        self._changed.set()
        self._thread.start()

    def stop(self) -> None:
        """End after the computation that is under way."""
        self._stopped.set()
        self._changed.set()

    def poke(self) -> None:
        """Something changed. May be called from any thread, doesn't block."""
        self._changed.set()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def refresh(self) -> None:
        """Compute the view now."""
        before, view = self.view, build(self._read())
        self.view = view
        self._tell(before, view)
        self._on_view(view)

    def _run(self) -> None:
        took = 0.0
        while not self._stopped.is_set():
            self._changed.wait()
            self._stopped.wait(min(max(took, GATHER_SECONDS), LONGEST_GATHER_SECONDS))
            self._changed.clear()
            if self._stopped.is_set():
                return
            began = time.monotonic()
            try:
                self.refresh()
                took = time.monotonic() - began
            except Exception:
                # The last view stays: what neighbours were told before is better than nothing.
                LOGGER.exception("the documents can't be computed")
                self._stopped.wait(RETRY_SECONDS)
                self._changed.set()

    def _tell(self, before: View, view: View) -> None:
        for name in (PUBLIC, SPIFFE, FEDERATION, *([MULTICLUSTER] if view.multicluster else [])):
            old, new = before.documents.get(name), view.documents.get(name)
            self._metrics.document_bytes.labels(name).set(len(new.body) if new else 0)
            if new != old:
                self._metrics.document_changed.labels(name).set(time.time())
                fields = {"document": name, "bytes": len(new.body) if new else 0, "etag": new.etag if new else ""}
                LOGGER.info("document changed", extra={"fields": fields})
        self._metrics.services.labels("wanted").set(len(view.wanted or ()))
        self._metrics.services.labels("published").set(view.published)
        self._metrics.neighbours.set(len({uuid for keys in view.neighbour_keys.values() for uuid in keys}))
        self._metrics.addresses.set(view.addresses)
        if view.missing != before.missing:
            LOGGER.info("readiness", extra={"fields": {"missing": view.missing}})
        self._tell_findings(before, view)

    def _tell_findings(self, before: View, view: View) -> None:
        counts = {finding.code: 0 for finding in before.findings}
        for finding in view.findings:
            counts[finding.code] = counts.get(finding.code, 0) + 1
        for code, count in counts.items():
            self._metrics.findings.labels(code).set(count)
        known = set(before.findings)
        for finding in view.findings:
            if finding not in known:
                _log(finding)


def _log(finding: Finding) -> None:
    fields = {"code": finding.code, "object": finding.object, "remedy": finding.remedy}
    log = LOGGER.error if finding.severity == "error" else LOGGER.warning
    log(finding.message, extra={"fields": fields})
