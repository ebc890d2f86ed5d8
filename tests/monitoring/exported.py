# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of figures: those that an exporter has, and those that an expression asks for."""

from __future__ import annotations

import re

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily

from ansible_collections.meshalliance.istio.exporter.metrics import Metrics
from ansible_collections.meshalliance.istio.exporter.neighbour_metrics import NeighbourCollector
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import Measured

_NAME = re.compile(r"\b(?:meshalliance|d8_istio|process|up\b)[a-z0-9_]*")
_STRINGS = re.compile(r'"[^"]*"')


def exported_names() -> set[str]:
    """Of series, as Prometheus keeps them, and the one that it makes of each scrape."""
    registry: CollectorRegistry = Metrics().registry
    registry.register(NeighbourCollector(tuple, lambda: Measured(0.0, 60.0), dict, dict))
    names = {"up"}
    for family in registry.collect():
        counter = isinstance(family, CounterMetricFamily) or family.type == "counter"
        names.add(f"{family.name}_total" if counter else family.name)
        if family.type == "histogram":
            names |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
    return names


def names_in(expression: str) -> set[str]:
    """Of series that a PromQL expression asks for."""
    return set(_NAME.findall(_STRINGS.sub('""', expression)))
