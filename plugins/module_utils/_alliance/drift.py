# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that are not as a run would write them, told to people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import OK, UNKNOWN, WARNING
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Check

CHECK = "drift"
_MOST_NAMED = 5
_WORDS = {"created": "is missing", "updated": "differs", "deleted": "is not wanted any more"}


def drift(
    changed: Sequence[Mapping[str, Any]], unchanged: int, not_compared: Iterable[str] = (), name: str = CHECK
) -> tuple[Check, tuple[Finding, ...]]:
    """What a comparison came to. C(changed): as modules return C(objects); C(not_compared): why a part was not.

    C(name): of the check.
    """
    reasons = [str(reason) for reason in not_compared]
    findings = [
        Finding("unknown", "drift-unknown", reason, "repair that, and see with federate.yml --check --diff")
        for reason in reasons
    ]
    if changed:
        findings.insert(0, _differing(changed, unchanged + len(changed)))
    if changed:
        return Check(name, WARNING, findings[0].message), tuple(findings)
    if reasons:
        return Check(name, UNKNOWN, "not all objects could be compared with what a run would write"), tuple(findings)
    return Check(name, OK, f"all {unchanged} objects are as a run would write them"), ()


def named(reference: Mapping[str, Any]) -> str:
    """An object as errors name it."""
    place = f"{reference['namespace']}/" if reference.get("namespace") else ""
    return f"{reference.get('kind')} {place}{reference.get('name')}"


def _differing(changed: Sequence[Mapping[str, Any]], count: int) -> Finding:
    shown = ", ".join(
        f"{named(item)} {_WORDS.get(str(item.get('action')), 'differs')}" for item in changed[:_MOST_NAMED]
    )
    more = len(changed) - _MOST_NAMED
    return Finding(
        "warning",
        "drift",
        f"{len(changed)} of {count} objects are not as a run would write them: {shown}"
        + (f" and {more} more" if more > 0 else ""),
        "see the difference with --check --diff, and run the playbook",
    )
