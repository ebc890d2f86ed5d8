# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings of the page: what is wrong, where, and what to do; what is wrong in many places is told once."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.markup import Markup, element, joined
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Overview
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_marks import state
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_words import Places, counted

# Where one finding is made in more places than so many, they are in a list that opens.
_MOST_PLACES = 4


def findings_list(overview: Overview, places: Places) -> Markup:
    """All findings, the worst first."""
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in overview.all_findings():
        groups.setdefault((finding.severity, finding.code, finding.message, finding.remedy), []).append(finding)
    if not groups:
        return element("p", "Nothing was found that is wrong or could not be looked at.")
    return joined([_finding(group, places) for group in groups.values()])


def _finding(group: Sequence[Finding], places: Places) -> Markup:
    first = group[0]
    where = [_place(finding, places) for finding in group]
    shown = (
        element("span", *_separated(where))
        if len(where) <= _MOST_PLACES
        else element(
            "details",
            element("summary", f"in {counted(len(where), 'place')}"),
            element("ul", *(element("li", item) for item in where), class_="plain"),
        )
    )
    remedy = element("p", element("b", "Remedy: "), first.remedy) if first.remedy else None
    return element(
        "article",
        element("div", state(first.severity), shown, element("code", first.code, class_="muted"), class_="head"),
        element("p", first.message),
        remedy,
        class_=f"finding is-{first.severity}",
    )


def _place(finding: Finding, places: Places) -> Markup:
    names = [name for name in (finding.cluster, finding.neighbour) if name]
    links = [
        element("a", name, href=f"#{places.cluster(name)}") if name in places.clusters else element("b", name)
        for name in names
    ]
    place = joined(links, " \u2192 ")
    thing = element("code", finding.object) if finding.object else None
    return joined([item for item in (place or None, thing) if item], ": ") or Markup("the alliance")


def _separated(items: Sequence[Markup]) -> list[Markup]:
    return [joined([", ", item]) if number else item for number, item in enumerate(items)]
