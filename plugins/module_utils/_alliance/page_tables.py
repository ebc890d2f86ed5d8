# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the page: clusters, what each has of its neighbours, and the details that open."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import ERROR, OK
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.markup import Markup, element, joined
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    Check,
    ClusterView,
    EdgeView,
    Overview,
    Probe,
    Service,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_marks import state
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_words import (
    Places,
    counted,
    edge_name,
    imported,
    time_ago,
    time_left,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import unix_time

# So many services of edges are listed on the whole page, and at least so many of each.
_SERVICES_OF_ALL, _SERVICES_OF_ONE = 3000, 3
# In an alliance that is so small, clusters that are not well are shown open.
_MOST_OPEN = 10


def table(caption: str, heads: Sequence[str], rows: Sequence[Markup]) -> Markup:
    """A table with a caption, and columns as they are named; C(heads) that begin with C(#) are of numbers."""
    cells = [
        element("th", head.removeprefix("#"), scope="col", class_="number" if head.startswith("#") else None)
        for head in heads
    ]
    return element(
        "div",
        element(
            "table",
            element("caption", caption),
            element("thead", element("tr", *cells)),
            element("tbody", *rows),
        ),
        class_="scroll",
    )


def cluster_table(overview: Overview, places: Places) -> Markup:
    """One row a cluster."""
    rows = [
        element(
            "tr",
            element("th", element("a", view.name, href=f"#{places.cluster(view.name)}"), scope="row"),
            element("td", state(view.level)),
            element("td", view.provider),
            element("td", view.trust_domain or "not known"),
            element("td", view.istio or "not known"),
            element("td", _lines(view.gateways) or "none"),
            element("td", str(view.published_count), class_="number"),
            element("td", _next_end(view, overview.time)),
            class_=f"is-{view.level}",
        )
        for view in overview.clusters
    ]
    heads = ("Cluster", "State", "Provider", "Trust domain", "Istio", "Gateways", "#Published", "Ends next")
    return table("Each cluster as its own API tells it", heads, rows)


def cluster_sections(overview: Overview, places: Places) -> list[Markup]:
    """One section a cluster, which opens."""
    most = max(_SERVICES_OF_ONE, _SERVICES_OF_ALL // max(len(overview.edges), 1))
    opened = len(overview.clusters) <= _MOST_OPEN
    return [_section(view, overview, places, most, opened=opened) for view in overview.clusters]


def _section(view: ClusterView, overview: Overview, places: Places, most: int, *, opened: bool) -> Markup:
    edges = [edge for edge in overview.edges if edge.reader == view.name]
    bad = ERROR in (view.level, *(edge.level for edge in edges))
    calm = view.level == OK and all(edge.level == OK for edge in edges)
    return element(
        "details",
        element(
            "summary",
            element("b", view.name),
            state(view.level),
            element("span", _summary(view, edges), class_="muted small"),
        ),
        element(
            "div",
            _facts(view),
            _checks(view.checks, "What was looked at in the cluster"),
            _expiries(view, overview.time),
            _published(view),
            _edges(edges, overview.time, places, most, opened=opened),
            class_="body",
        ),
        id=places.cluster(view.name),
        open=opened and bad,
        class_=f"cluster{' is-ok' if calm else ''}",
    )


def _summary(view: ClusterView, edges: Sequence[EdgeView]) -> str:
    unwell = sum(edge.level != OK for edge in edges)
    texts = [view.trust_domain, counted(len(edges), "neighbour")]
    texts.append(f"{unwell} of them not well" if unwell else "")
    return " \u00b7 ".join(text for text in texts if text)


def _facts(view: ClusterView) -> Markup:
    facts: list[tuple[str, str | None]] = [
        ("Provider", view.provider),
        ("Trust domain", view.trust_domain or "not known"),
        ("clusterUUID", element("code", view.uuid) if view.uuid else "not known"),
        ("Istio", view.istio or "not known"),
        ("Gateways", _lines(view.gateways) or "none"),
        ("Roots", _lines(tuple(root.fingerprint for root in view.roots), tag="code") or "not known"),
    ]
    return element(
        "dl", *(joined([element("dt", name), element("dd", value)]) for name, value in facts), class_="facts"
    )


def _checks(checks: Sequence[Check], caption: str) -> Markup:
    rows = [
        element(
            "tr",
            element("th", check.name, scope="row"),
            element("td", state(check.level)),
            element("td", check.text),
        )
        for check in checks
    ]
    return (
        table(caption, ("Check", "State", "What was found"), rows) if rows else element("p", "Nothing was looked at.")
    )


def _expiries(view: ClusterView, now: str) -> Markup | None:
    if not view.expiries:
        return None
    rows = [
        element(
            "tr",
            element("th", item.name, scope="row"),
            element("td", item.object),
            element("td", element("time", item.ends, datetime=item.ends) if item.ends else "never"),
            element("td", time_left(item.ends, now)),
        )
        for item in sorted(view.expiries, key=lambda item: (not item.ends, item.ends, item.name))
    ]
    return joined(
        [
            element("h3", "What ends"),
            table("The first to end comes first", ("What", "Object", "Ends", "Time left"), rows),
        ]
    )


def _published(view: ClusterView) -> Markup | None:
    if not view.published_count:
        return None
    return joined(
        [
            element("h3", "Published services"),
            _service_list(view.published, view.published_count, len(view.published)),
        ]
    )


def _edges(edges: Sequence[EdgeView], now: str, places: Places, most: int, *, opened: bool) -> Markup:
    if not edges:
        return element("p", "It has no neighbour.", class_="muted")
    heads = ("Neighbour", "State", "Joined by", "Imports", "Calls it at", "Last learnt from")
    rows = [
        _edge_rows(edge, now, places, _edge_details(edge, most, opened=opened and edge.level == ERROR), len(heads))
        for edge in edges
    ]
    return joined([element("h3", "Neighbours"), table("What it has of each neighbour that it calls", heads, rows)])


def _edge_rows(edge: EdgeView, now: str, places: Places, details: Markup, columns: int) -> Markup:
    """An edge's row, and one below it for its details, which are as wide as the table."""
    link = element("a", edge.neighbour, href=f"#{places.cluster(edge.neighbour)}")
    row = element(
        "tr",
        element("th", link, scope="row"),
        element("td", state(edge.level)),
        element("td", edge.mode),
        element("td", imported(edge)),
        element("td", _lines(edge.gateways) or "-"),
        element("td", time_ago(edge.last_fetch, now)),
        id=places.edge(edge),
        class_=f"is-{edge.level}",
    )
    more = element("tr", element("td", details, colspan=columns), class_=f"more is-{edge.level}")
    return joined([row, more])


def _edge_details(edge: EdgeView, most: int, *, opened: bool) -> Markup:
    parts: list[str | None] = [_checks(edge.checks, edge_name(edge))]
    if edge.probes:
        parts += [element("h3", "Requests"), _probes(edge.probes)]
    if edge.service_count:
        parts += [element("h3", "Imported services"), _service_list(edge.services, edge.service_count, most)]
    if edge.roots:
        parts += [element("h3", "Roots trusted for it"), _lines(edge.roots, tag="code")]
    levels = [*(check.level for check in edge.checks), *(probe.level for probe in edge.probes)]
    done = f"{levels.count(OK)} of {counted(len(levels), 'check')} well"
    return element(
        "details", element("summary", "Details of ", edge_name(edge), f": {done}", class_="small"), *parts, open=opened
    )


def _probes(probes: Sequence[Probe]) -> Markup:
    rows = [
        element(
            "tr",
            element("th", probe.target, scope="row"),
            element("td", state(probe.level)),
            element("td", probe.gateway or "-"),
            element("td", "to be refused" if probe.expected == "refusal" else "to be answered"),
            element("td", ": ".join(text for text in (probe.layer, probe.message) if text) or "as expected"),
            element("td", "-" if probe.seconds is None else f"{probe.seconds * 1000:.0f} ms", class_="number"),
            element("td", element("code", probe.identity) if probe.identity else "-"),
        )
        for probe in probes
    ]
    heads = ("Request", "State", "Through", "Expected", "What came of it", "#Time", "Answered by")
    return table("Real requests from inside the cluster", heads, rows)


def _service_list(services: Sequence[Service], count: int, most: int) -> Markup:
    shown = services[:most]
    items = [
        joined([element("code", service.host), " ", element("span", ", ".join(service.ports), class_="muted")])
        for service in shown
    ]
    more = [f"and {counted(count - len(shown), 'other')}"] if count > len(shown) else []
    return element("ul", *(element("li", item) for item in [*items, *more]), class_="plain")


def _lines(texts: Sequence[str], tag: str = "") -> Markup | None:
    items = [element(tag, text) if tag else text for text in texts]
    return element("ul", *(element("li", item) for item in items), class_="plain") if items else None


def _next_end(view: ClusterView, now: str) -> str:
    ending = [item for item in view.expiries if unix_time(item.ends) is not None]
    first = min(ending, key=lambda item: unix_time(item.ends) or 0, default=None)
    return f"{first.name}: {time_left(first.ends, now)}" if first else "-"
