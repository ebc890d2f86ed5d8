# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says to people: findings as lines, the alliance as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import MODE_FEDERATION

HEADINGS = ("CLUSTER", "NEIGHBOUR", "TRUST DOMAIN", "TRUST", "SERVICES", "CHANGES", "PROBLEMS")


@dataclass(frozen=True)
class HostResult:
    """What the steps of a run returned for one cluster; None for steps it did not come to, C(failures) why it ended.

    C(imports) of a Deckhouse cluster has C(trusted) too: what the platform holds. C(findings) are those of other steps.
    """

    trust: Mapping[str, Any] | None
    imports: Mapping[str, Any] | None
    changes: int
    failures: tuple[str, ...] = ()
    findings: tuple[Mapping[str, str], ...] = ()


def finding_lines(findings: Iterable[Mapping[str, str]]) -> list[str]:
    """One line a finding: what, where, and what to do."""
    lines = []
    for finding in findings:
        place = finding.get("object") or ""
        neighbour = f" (neighbour {finding['neighbour']})" if finding.get("neighbour") else ""
        text = f"{finding['severity'].upper()} {finding.get('cluster') or '-'}{neighbour}: "
        text += f"{place}: " if place else ""
        text += finding["message"].rstrip(".")
        lines.append(f"{text}. Remedy: {finding['remedy']}" if finding.get("remedy") else text)
    return lines


def alliance_table(
    members: Sequence[Member],
    results: Mapping[str, HostResult],
    *,
    shown: Iterable[str] | None = None,
    mode: str = MODE_FEDERATION,
) -> list[str]:
    """The lines of the table clusters x neighbours, with the problems below it.

    Of C(members), those that are C(shown) (all without it), and their neighbours that are joined in one mode.
    """
    wanted = {member.name for member in members} if shown is None else set(shown)
    rows: list[tuple[str, ...]] = []
    problems: list[str] = []
    for member in (member for member in members if member.name in wanted):
        result = results.get(member.name)
        neighbours = [item for item in member.neighbours(members) if member.mode_with(item) in (mode, None)]
        rows += [_row(member, neighbour, result, first=neighbour is neighbours[0]) for neighbour in neighbours]
        if not neighbours:
            rows.append((member.name, "-", "", "", "", _changes(member, result), "it has no neighbour"))
        if member.state is None and not member.external:
            problems.append(f"ERROR {member.name}: its API could not be read in this run; nothing there was changed")
        failures = result.failures if result else ()
        problems += [f"ERROR {member.name}: {without_cluster(member.name, failure)}" for failure in failures]
        for step in (result.trust, result.imports) if result else ():
            problems += finding_lines((step or {}).get("findings") or [])
        for finding in result.findings if result else ():
            problems += finding_lines([{**finding, "cluster": finding.get("cluster") or member.name}])
    return [*aligned([HEADINGS, *rows]), *(["", *problems] if problems else [])]


def without_cluster(name: str, failure: str) -> str:
    """An error's text, without the name of its cluster: AllianceError begins with it, other tools' texts don't."""
    cluster = f"cluster {name}"
    named = failure.startswith((f"{cluster}:", f"{cluster},"))
    return failure[len(cluster) + 1 :].lstrip() if named else failure


def _row(member: Member, neighbour: Member, result: HostResult | None, *, first: bool) -> tuple[str, ...]:
    place = (member.name, neighbour.name, neighbour.domain or "?")
    changes = _changes(member, result) if first else ""
    failed = result is not None and bool(result.failures)
    if member.external:
        # What it trusts and calls is known to its administrator alone.
        return (*place, "-", "-", changes, "failed, external" if failed else "external")
    trust, imports = (result.trust, result.imports) if result else (None, None)
    codes = {
        finding["code"]
        for step in (trust, imports)
        for finding in (step or {}).get("findings") or []
        if finding.get("neighbour") == neighbour.name
    }
    services = "?" if imports is None else str((imports.get("imported") or {}).get(neighbour.name, 0))
    problem = ", ".join([*(["failed"] if failed else []), *sorted(codes)])
    if result is None:
        problem = "not reached" if member.state is None else "not run"
    return (*place, _trusted(trust, imports, neighbour.name), services, changes, problem or "-")


def _trusted(trust: Mapping[str, Any] | None, imports: Mapping[str, Any] | None, name: str) -> str:
    """How many roots of a neighbour are trusted; what a platform says that it holds counts before what it was told."""
    held = (imports or {}).get("trusted")
    if held is None and trust is None:
        return "?"
    roots = ((trust or {}).get("trusted") if held is None else held) or {}
    count = len(roots.get(name) or ())
    return f"{count} root{'s' if count > 1 else ''}" if count else "no"


def _changes(member: Member, result: HostResult | None) -> str:
    return "-" if result is None or member.external else str(result.changes)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table whose rows have equally many cells."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
