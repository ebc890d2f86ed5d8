# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exporter's own figures, in a registry of their own."""

from __future__ import annotations

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from ansible_collections.meshalliance.istio.exporter.version import collection_version

_PREFIX = "meshalliance_exporter_"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """Labels have few values, all of them known beforehand: nothing from a request becomes a label."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

        self.requests = Counter(
            _PREFIX + "requests", "Requests by route and status.", ["route", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            _PREFIX + "request_duration_seconds",
            "Time from a complete request to its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.auth_failures = Counter(
            _PREFIX + "auth_failures", "Refused tokens by reason.", ["reason"], registry=self.registry
        )
        self.services = Gauge(
            _PREFIX + "services",
            "Services by state: wanted (labelled and publishable), published (open at the gateway and told).",
            ["state"],
            registry=self.registry,
        )
        self.neighbours = self._gauge("neighbours", "Neighbours whose tokens are accepted.")
        self.addresses = self._gauge("gateway_addresses", "Known addresses of the gateway; 0: told as unknown.")
        self.findings = Gauge(
            _PREFIX + "findings", "Problems found in what is published.", ["code"], registry=self.registry
        )
        self.document_bytes = Gauge(
            _PREFIX + "document_bytes", "Size of a document.", ["document"], registry=self.registry
        )
        self.document_changed = Gauge(
            _PREFIX + "document_changed_timestamp_seconds",
            "When this replica last saw the content of a document change.",
            ["document"],
            registry=self.registry,
        )
        self.informer_synced = Gauge(
            _PREFIX + "informer_synced", "1 after the first list of an informer.", ["informer"], registry=self.registry
        )
        self.informer_failing = Gauge(
            _PREFIX + "informer_failing",
            "1 while an informer can't follow its objects: what was seen last is told on.",
            ["informer"],
            registry=self.registry,
        )
        self.informer_restarts = Counter(
            _PREFIX + "informer_restarts",
            "Watches that broke off and lists that failed.",
            ["informer"],
            registry=self.registry,
        )
        self.gateway_writes = Counter(
            _PREFIX + "gateway_writes",
            "Writes of the Gateway of published Services.",
            ["action", "outcome"],
            registry=self.registry,
        )
        self.leader = self._gauge("leader", "1 in the replica that writes the Gateway.")
        self.ready = self._gauge("ready", "1 when ready.")
        build = Gauge(_PREFIX + "build_info", "The running version.", ["version", "python"], registry=self.registry)
        build.labels(collection_version(), platform.python_version()).set(1)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(_PREFIX + name, text, registry=self.registry)
