# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One plan for the whole alliance, from what the modules of one run returned for each cluster.

In check mode it is what a run would do, with rendered files what applying them will do, otherwise what was done; all in
one form, and without anything that is different each time: two runs that mean the same make the same document.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conflicts import CONFLICTS
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member

# A new minor version adds keys, a new major one changes what keys mean.
FORMAT_VERSION = "1.0"

NONE, CHANGES, CONFLICTING, INCOMPLETE = "none", "changes", "conflicts", "incomplete"
# Nothing was written to clusters; it was; manifests became files, and what can't be a file was written.
CHECK, RUN, RENDER = "check", "run", "render"
FAIL_NEVER, FAIL_ON_CONFLICTS, FAIL_ON_CHANGES = "never", "conflicts", "changes"
FAIL_ON = (FAIL_NEVER, FAIL_ON_CONFLICTS, FAIL_ON_CHANGES)

ACTIONS = ("created", "updated", "deleted")

Finding = Mapping[str, str]


@dataclass(frozen=True)
class ClusterRun:
    """What the steps of a run returned for one cluster.

    C(objects): C({action, api_version, kind, name[, namespace]}); C(statuses): resources whose status was changed;
    C(changed): whether any step said so. C(trust_edges), C(import_edges): see edge_changes.py. C(platform): somebody
    else imports there. C(findings): of all steps. C(reached): whether the run came to it at all.
    C(rendered): whether manifests became files.
    """

    objects: tuple[Mapping[str, str], ...] = ()
    statuses: tuple[Mapping[str, str], ...] = ()
    changed: bool = False
    trust_edges: Mapping[str, Any] = field(default_factory=dict)
    import_edges: Mapping[str, Any] = field(default_factory=dict)
    platform: bool = False
    failures: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    reached: bool = True
    rendered: bool = False


def alliance_plan(members: Sequence[Member], runs: Mapping[str, ClusterRun], *, mode: str) -> dict[str, Any]:
    """The plan of C(members) by what was returned for those in C(runs), as plain values in a fixed order.

    Of edges, those with a change are in it. docs/plan.md describes the form.
    """
    called = {member.name: member for member in members}
    names = sorted(runs)
    clusters = [_cluster(name, runs[name]) for name in names]
    edges = [edge for name in names for edge in _edges(name, runs[name], called)]
    findings = _distinct(finding for name in names for finding in _located(name, runs[name]))
    conflicts = [finding for finding in findings if finding["code"] in CONFLICTS and not _ignored(finding, called)]
    errors = [finding for finding in findings if finding["code"] not in CONFLICTS and finding["severity"] == "error"]
    plan = {
        "format_version": FORMAT_VERSION,
        "mode": mode,
        "clusters": clusters,
        "edges": edges,
        "conflicts": conflicts,
        "errors": errors,
    }
    return {**plan, "summary": _summary(clusters, edges, conflicts, errors)}


def rendered(plan: Mapping[str, Any]) -> str:
    """The plan as JSON text, the same for the same plan."""
    return json.dumps(plan, indent=2, sort_keys=True) + "\n"


def fails(plan: Mapping[str, Any], fail_on: str) -> str:
    """Why a run with this plan is to end failed; empty when it is not.

    What is to fail on changes fails on conflicts too. Changes that a real run made are no failure of it.
    """
    summary = plan["summary"]
    conflicts = fail_on != FAIL_NEVER and summary["conflicts"]
    changes = fail_on == FAIL_ON_CHANGES and plan["mode"] == CHECK and summary["changed_clusters"]
    told = [
        *([f"{summary['conflicts']} conflicts"] if conflicts else []),
        *([f"changes in {summary['changed_clusters']} clusters"] if changes else []),
    ]
    return f"the plan has {' and '.join(told)} (alliance_plan_fail_on: {fail_on})" if told else ""


def _cluster(name: str, run: ClusterRun) -> dict[str, Any]:
    objects = sorted((_plain(item) for item in run.objects), key=_order)
    return {
        "name": name,
        "reached": run.reached,
        "changed": bool(run.changed or objects or run.statuses),
        "objects": objects,
        "statuses": sorted((_plain(item) for item in run.statuses), key=_order),
        "failures": list(run.failures),
    }


def _edges(reader: str, run: ClusterRun, called: Mapping[str, Member]) -> list[dict[str, Any]]:
    domains = {str(edge.get("trust_domain")): name for name, edge in run.trust_edges.items()}
    own = called.get(reader)
    changes: dict[str, dict[str, Any]] = {}
    for name, edge in run.trust_edges.items():
        changes[name] = {"trust_domain": edge.get("trust_domain") or "", "roots": edge["roots"]}
    for name, edge in run.import_edges.items():
        # A neighbour that left is known to the step of the imports by its domain alone.
        place = name if name in called else domains.get(name, name)
        changes.setdefault(place, {}).update(edge)
    edges = []
    for name in sorted(changes):
        neighbour, change = called.get(name), changes[name]
        edges.append(
            {
                "reader": reader,
                "neighbour": name,
                "trust_domain": change.get("trust_domain") or (neighbour.domain if neighbour else name),
                "mode": (own.mode_with(neighbour) if own and neighbour else None) or "",
                # What a platform imports is decided there, a minute later.
                "services": None
                if run.platform
                else {**_none("added", "removed", "changed"), **change.get("services", {})},
                "gateways": None if run.platform else {**_none("added", "removed"), **change.get("gateways", {})},
                "roots": {**_none("added", "removed"), **change.get("roots", {})},
            }
        )
    return edges


def _summary(
    clusters: Sequence[Mapping[str, Any]],
    edges: Sequence[Mapping[str, Any]],
    conflicts: Sequence[Finding],
    errors: Sequence[Finding],
) -> dict[str, Any]:
    actions = [item.get("action") for cluster in clusters for item in cluster["objects"]]
    changed = sum(cluster["changed"] for cluster in clusters)
    missing = any(cluster["failures"] or not cluster["reached"] for cluster in clusters)
    return {
        # The worst of it, for a job that branches on one word.
        "result": INCOMPLETE if missing else CONFLICTING if conflicts else CHANGES if changed else NONE,
        "changed_clusters": changed,
        "objects": {action: actions.count(action) for action in ACTIONS},
        "statuses": sum(len(cluster["statuses"]) for cluster in clusters),
        "services": {
            what: sum(len((edge["services"] or {}).get(what, ())) for edge in edges)
            for what in ("added", "removed", "changed")
        },
        "conflicts": len(conflicts),
        "errors": len(errors),
    }


def _located(name: str, run: ClusterRun) -> list[dict[str, str]]:
    return [{**_plain(finding), "cluster": finding.get("cluster") or name} for finding in run.findings]


def _ignored(finding: Finding, called: Mapping[str, Member]) -> bool:
    """Whether its cluster ignores it; errors can't be ignored."""
    member = called.get(finding["cluster"])
    return member is not None and finding["severity"] != "error" and finding["code"] in member.ignored_findings


def _distinct(findings: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Sorted, and one problem once: pre-flight and a module may both have found it."""
    keys = ("cluster", "code", "neighbour", "object")
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for finding in findings:
        found.setdefault(tuple(finding.get(key) or "" for key in keys), finding)
    return [found[key] for key in sorted(found)]


def _none(*names: str) -> dict[str, list[Any]]:
    return {name: [] for name in names}


def _plain(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in values.items()}


def _order(item: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(item.get(key, "") for key in ("kind", "namespace", "name", "action"))
