# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an alliance for people: a table of edges, what is behind its numbers, conflicts, and a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_words import counted
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.plan import CHECK, RENDER, RUN
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.report import aligned, finding_lines

HEADINGS = ("EDGE", "SERVICES", "GATEWAYS", "ROOTS")
# So many lines are shown for one edge; the file has all.
MOST_LINES = 20
_TITLES = {
    CHECK: "PLAN: what a run would change",
    RUN: "DONE: what this run changed",
    RENDER: "PLAN: what applying the rendered files will change",
}
_PLATFORM = "by the platform"


def plan_lines(plan: Mapping[str, Any]) -> list[str]:
    """The lines of the plan."""
    lines = [_TITLES[plan["mode"]], ""]
    edges = plan["edges"]
    if edges:
        lines += [*aligned([HEADINGS, *(_row(edge) for edge in edges)]), ""]
        for edge in edges:
            lines += [*_details(edge), ""]
    for cluster in plan["clusters"]:
        counts = _counts([item.get("action", "") for item in cluster["objects"]])
        if cluster["changed"]:
            lines.append(f"{cluster['name']}: {counts}{_statuses(cluster)}")
        elif not cluster["reached"]:
            lines.append(f"{cluster['name']}: not known, the run did not come to it")
    if plan["conflicts"]:
        lines += ["", "CONFLICTS", *finding_lines(plan["conflicts"])]
    return [*lines, "", _summary(plan)]


def _row(edge: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        _name(edge),
        _PLATFORM if edge["services"] is None else _numbers(edge["services"]),
        _PLATFORM if edge["gateways"] is None else _numbers(edge["gateways"]),
        _numbers(edge["roots"]),
    )


def _name(edge: Mapping[str, Any]) -> str:
    return f"{edge['reader']} <- {edge['neighbour']}"


def _numbers(change: Mapping[str, Sequence[Any]]) -> str:
    signs = (("+", "added"), ("-", "removed"), ("~", "changed"))
    return " ".join(f"{sign}{len(change[what])}" for sign, what in signs if change.get(what)) or "-"


def _details(edge: Mapping[str, Any]) -> list[str]:
    services, gateways = edge["services"] or {}, edge["gateways"] or {}
    lines = [f"+ {item['hostname']} {_ports(item['ports'])}" for item in services.get("added", ())]
    lines += [f"- {item['hostname']} {_ports(item['ports'])}" for item in services.get("removed", ())]
    lines += [
        f"~ {item['hostname']} {_ports(item['before'])} -> {_ports(item['after'])}"
        for item in services.get("changed", ())
    ]
    for what, change in (("gateway", gateways), ("root", edge["roots"])):
        lines += [
            f"{sign} {what} {item}" for sign, key in (("+", "added"), ("-", "removed")) for item in change.get(key, ())
        ]
    more = [f"  … and {len(lines) - MOST_LINES} more (alliance_plan_file has all)"] if len(lines) > MOST_LINES else []
    return [_name(edge), *(f"  {line}" for line in lines[:MOST_LINES]), *more]


def _ports(ports: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{port['port']}/{port['protocol']}" for port in ports)


def _counts(actions: Sequence[str]) -> str:
    told = [
        f"{counted(actions.count(action), 'object')} {action}"
        for action in ("created", "updated", "deleted")
        if action in actions
    ]
    return ", ".join(told) or "no objects"


def _statuses(cluster: Mapping[str, Any]) -> str:
    return f", {counted(len(cluster['statuses']), 'status', 'statuses')} updated" if cluster["statuses"] else ""


def _summary(plan: Mapping[str, Any]) -> str:
    summary = plan["summary"]
    if not summary["changed_clusters"] and not summary["conflicts"]:
        return (
            "No changes: the alliance is as the inventory says." if summary["result"] == "none" else "No changes seen."
        )
    objects, services = summary["objects"], summary["services"]
    begin = "Done" if plan["mode"] == RUN else "Plan"
    return (
        f"{begin}: {counted(objects['created'], 'object')} created, {objects['updated']} updated,"
        f" {objects['deleted']} deleted in {counted(summary['changed_clusters'], 'cluster')};"
        f" services: {services['added']} more, {services['removed']} fewer, {services['changed']} changed;"
        f" {counted(summary['conflicts'], 'conflict')}."
    )
