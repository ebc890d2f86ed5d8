# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table and the targets."""

from __future__ import annotations

from typing import Any

from tests.benchmark.applying import FLOOR, KUBECTL, OURS, START, THEIRS, THEIRS_APPLY

Figures = dict[str, Any]


def median(figures: Figures, *path: str) -> float:
    """The median of one contestant in one case."""
    for name in path:
        figures = figures[name]
    value: float = figures["median"]
    return value


def applying(figures: Figures, objects: int) -> str:
    """The table of the race."""
    lines = [f"{f'{objects} objects, medians in seconds':<40}{'create':>10}{'nothing to do':>16}"]
    for name in (OURS, THEIRS, THEIRS_APPLY, KUBECTL, FLOOR, START):
        if name not in figures:
            continue
        cells = [
            f"{figures[name][case]['median']:.2f}" if case in figures[name] else "-"
            for case in ("create", "nothing_to_do")
        ]
        lines.append(f"{name:<40}{cells[0]:>10}{cells[1]:>16}")
    return "\n".join(lines)


def targets(figures: Figures) -> list[Figures]:
    """What is to be reached, what was, and whether: seconds, the smaller the better."""
    ours, nothing = median(figures, OURS, "create"), median(figures, OURS, "nothing_to_do")
    start = median(figures, START, "nothing_to_do")
    limits = [
        ("create: 1/4 of kubernetes.core", ours, median(figures, THEIRS, "create") / 4),
        ("create: 1.5 x floor + one module start", ours, 1.5 * median(figures, FLOOR, "create") + start),
        ("nothing to do: 1/4 of kubernetes.core", nothing, median(figures, THEIRS, "nothing_to_do") / 4),
        ("nothing to do: less than kubectl", nothing, median(figures, KUBECTL, "nothing_to_do")),
    ]
    return [
        {"target": name, "limit_s": round(limit, 3), "measured_s": round(measured, 3), "reached": measured <= limit}
        for name, measured, limit in limits
    ]


def target_table(found: list[Figures]) -> str:
    """The targets as lines."""
    lines = [f"{'target':<40}{'limit':>10}{'measured':>16}"]
    for entry in found:
        word = "" if entry["reached"] else "  NOT REACHED"
        lines.append(f"{entry['target']:<40}{entry['limit_s']:>10.2f}{entry['measured_s']:>16.2f}{word}")
    return "\n".join(lines)


def exporting(figures: Figures) -> str:
    """The exporter's figures as lines."""
    services = figures["services"]
    label, unlabel = figures["label_to_document_s"], figures["unlabel_to_document_s"]
    rows = [
        ("resident memory, MiB", figures["memory_without_services"]["resident_mib"], figures["memory"]["resident_mib"]),
        ("highest memory, MiB", figures["memory_without_services"]["peak_mib"], figures["memory"]["peak_mib"]),
        ("label to document, s", label["without_services"]["median"], label["with_services"]["median"]),
        ("label's removal to document, s", unlabel["without_services"]["median"], unlabel["with_services"]["median"]),
    ]
    lines = [f"{'metadata-exporter':<40}{'no service':>10}{f'{services} services':>16}"]
    lines += [f"{name:<40}{without:>10.2f}{with_services:>16.2f}" for name, without, with_services in rows]
    lines.append(f"{'ready to complete document, s':<40}{'-':>10}{figures['start_to_complete_document_s']:>16.2f}")
    lines.append(f"{'processor at rest, % of a core':<40}{'-':>10}{figures['idle_cpu_percent']:>16.2f}")
    return "\n".join(lines)


def proxying(figures: Figures) -> str:
    """The api-proxy beside a direct connection, as lines; what it adds is the difference."""
    services, watches, changes = figures["services"], figures["watches"], figures["burst"]
    rows = [
        (f"list of {services} services, ms", "list_s", 1000),
        ("the same, MiB/s", "list_mib_s", 1),
        ("small request, ms", "small_s", 1000),
        (f"a change to all of {watches} watches, ms", "watch_s", 1000),
        (f"{changes} changes to all of them, events/s", "watch_events_s", 1),
    ]
    lines = [f"{'api-proxy':<42}{'direct':>12}{'api-proxy':>12}{'difference':>12}"]
    for name, key, factor in rows:
        direct, proxied = (factor * median(figures[key], way) for way in ("direct", "api_proxy"))
        lines.append(f"{name:<42}{direct:>12.2f}{proxied:>12.2f}{proxied - direct:>12.2f}")
    memory = figures["memory"]
    lines.append(f"{'resident memory, MiB':<42}{'':>12}{memory['resident_mib']:>12.2f}")
    return "\n".join(lines)
