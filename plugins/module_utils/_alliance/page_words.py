# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of the page: counts, times that pass, and the places that its links lead to."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import UNKNOWN
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import MODE_MULTICLUSTER
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    ClusterView,
    EdgeView,
    Overview,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_marks import WORDS
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import unix_time

_UNITS = ((365 * 86400, "year"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
# So much of a unit is there before it is used: 47 hours say more than 2 days.
_ENOUGH = 2


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def shortened(text: str, most: int) -> str:
    """A text of at most C(most) characters; what is left out is marked."""
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def duration(seconds: float) -> str:
    """A length of time in one unit, rounded down."""
    for size, unit in _UNITS:
        if seconds >= size * _ENOUGH:
            return counted(int(seconds // size), unit)
    return counted(max(int(seconds), 0), "second")


def time_left(ends: str, now: str) -> str:
    """How long something lasts that ends then, from C(now) (both RFC 3339)."""
    end, start = unix_time(ends), unix_time(now)
    if not ends:
        return "does not end"
    if end is None or start is None:
        return "not known"
    return f"ended {duration(start - end)} ago" if end <= start else f"{duration(end - start)} left"


def time_ago(then: str, now: str) -> str:
    """How long before C(now) something was (both RFC 3339)."""
    was, start = unix_time(then), unix_time(now)
    if not then:
        return "never"
    return "not known" if was is None or start is None else f"{duration(start - was)} before"


def edge_name(edge: EdgeView) -> str:
    """An edge as it is called in a text."""
    return f"{edge.reader} \u2192 {edge.neighbour}"


def published(view: ClusterView) -> str:
    """How many services a cluster publishes."""
    if not (view.published_count or view.uuid or view.roots):
        return "services not known"
    return f"{counted(view.published_count, 'service')} published"


def imported(edge: EdgeView) -> str:
    """What comes over an edge."""
    if edge.level == UNKNOWN and not edge.service_count and not edge.last_fetch:
        return "not known"
    if edge.mode == MODE_MULTICLUSTER and not edge.service_count:
        return "one mesh"
    return counted(edge.service_count, "service")


def edge_title(edge: EdgeView) -> str:
    """An edge in one line, for who can't see the picture or points at it."""
    problems = sorted({finding.message for finding in edge.findings if finding.severity == edge.level})
    failed = [f"{probe.target}: {probe.message or probe.layer}" for probe in edge.probes if probe.level == edge.level]
    unwell = [check.text for check in edge.checks if check.level == edge.level]
    reasons = [] if edge.level == "ok" else [*problems, *failed, *unwell][:1]
    return "; ".join([f"{edge.reader} calls {edge.neighbour}: {WORDS[edge.level]}, {imported(edge)}", *reasons])


@dataclass(frozen=True)
class Places:
    """The places on the page that links lead to, by number: names of clusters may be any text."""

    clusters: dict[str, int]

    @classmethod
    def of(cls, overview: Overview) -> Places:
        """Those of all clusters that are named anywhere."""
        named = [view.name for view in overview.clusters]
        named += [name for edge in overview.edges for name in (edge.reader, edge.neighbour)]
        return cls({name: number for number, name in enumerate(dict.fromkeys(named))})

    def cluster(self, name: str) -> str:
        """The place of a cluster."""
        return f"cluster-{self.clusters[name]}"

    def edge(self, edge: EdgeView) -> str:
        """The place of an edge."""
        return f"edge-{self.clusters[edge.reader]}-{self.clusters[edge.neighbour]}"
