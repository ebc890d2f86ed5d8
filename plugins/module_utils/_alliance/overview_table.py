# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alliance's state as lines of a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.alliance_overview import TRAFFIC_CHECK
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import LEVELS, OK, UNKNOWN
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    Check,
    ClusterView,
    EdgeView,
    Overview,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_words import (
    counted,
    imported,
    time_ago,
    time_left,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.report import aligned, finding_lines
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import unix_time

CLUSTERS = ("CLUSTER", "STATE", "TRUST DOMAIN", "ISTIO", "GATEWAYS", "PUBLISHED", "ENDS NEXT", "NOT WELL")
EDGES = ("CLUSTER", "NEIGHBOUR", "STATE", "JOINED BY", "IMPORTS", "LAST ANSWER", "NOT WELL")
# So many edges and findings are printed, the worst ones; all are in the JSON file and on the page.
MOST_EDGES, MOST_FINDINGS = 100, 50
_UNTRIED = (
    "traffic?: nobody has tried lately whether requests get through. verify.yml does, and tells it here when both have"
    " alliance_verify_json_file"
)


def overview_lines(overview: Overview) -> list[str]:
    """The tables of clusters and edges, the findings below them, and the level of all in the last line."""
    lines = aligned([CLUSTERS, *(_cluster(view, overview.time) for view in overview.clusters)])
    edges = _worst(overview.edges)
    if edges:
        lines += ["", *aligned([EDGES, *(_edge(edge, overview.time) for edge in edges)])]
    if len(edges) < len(overview.edges):
        lines.append(f"and {counted(len(overview.edges) - len(edges), 'edge')} that are no worse")
    found = overview.all_findings()
    if found:
        lines += ["", *finding_lines(item.to_dict() for item in found[:MOST_FINDINGS])]
    if len(found) > MOST_FINDINGS:
        lines.append(f"and {counted(len(found) - MOST_FINDINGS, 'other finding')}")
    if any((check.name, check.level) == (TRAFFIC_CHECK, UNKNOWN) for edge in overview.edges for check in edge.checks):
        lines += ["", _UNTRIED]
    return [_printable(line) for line in [*lines, "", f"{overview.title}: {overview.level.upper()}"]]


def _worst(edges: Sequence[EdgeView]) -> list[EdgeView]:
    """The edges to print, in their order: all of few, of many the worst."""
    if len(edges) <= MOST_EDGES:
        return list(edges)
    ranked = sorted(range(len(edges)), key=lambda place: (-LEVELS.index(edges[place].level), place))
    return [edges[place] for place in sorted(ranked[:MOST_EDGES])]


def _cluster(view: ClusterView, now: str) -> tuple[str, ...]:
    ending = [item for item in view.expiries if unix_time(item.ends) is not None]
    first = min(ending, key=lambda item: unix_time(item.ends) or 0.0, default=None)
    return (
        view.name,
        view.level.upper(),
        view.trust_domain or "?",
        view.istio or "?",
        ", ".join(view.gateways) or "-",
        str(view.published_count) if view.published_count or view.uuid or view.roots else "?",
        time_left(first.ends, now) if first else "-",
        _not_well(view.checks),
    )


def _edge(edge: EdgeView, now: str) -> tuple[str, ...]:
    failed = [probe.layer or "request" for probe in edge.probes if probe.level != OK]
    return (
        edge.reader,
        edge.neighbour,
        edge.level.upper(),
        edge.mode,
        imported(edge),
        time_ago(edge.last_fetch, now),
        _not_well(edge.checks, sorted(set(failed))),
    )


def _not_well(checks: Iterable[Check], more: Sequence[str] = ()) -> str:
    """The names of checks that are not well; those of which nothing is known with a question mark."""
    names = [f"{check.name}{'?' if check.level == UNKNOWN else ''}" for check in checks if check.level != OK]
    return ", ".join([*names, *more]) or "-"


def _printable(line: str) -> str:
    """A terminal acts on what is no text: names and messages may be a neighbour's."""
    return "".join(char if char.isprintable() else "\ufffd" for char in line)
