# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One plan for the alliance, as a document, as lines and as a reason to fail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.plan import (
    FAIL_ON,
    ClusterRun,
    alliance_plan,
    fails,
    rendered,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.plan_report import MOST_LINES, plan_lines

MEMBERS = [Member(name, declared_domain=f"{name}.local") for name in ("a", "b")]
HTTP = {"name": "http", "port": 80, "protocol": "HTTP"}
GRPC = {"name": "grpc", "port": 90, "protocol": "HTTP2"}
OBJECT = {"action": "created", "api_version": "v1", "kind": "ConfigMap", "name": "x", "namespace": "n"}
CONFLICT = Finding("warning", "import-shadowed", "it is there too", "delete it", "a", "b", "ServiceEntry n/x").to_dict()
ERROR = Finding("error", "public-FetchFailed", "no answer", "start it", "", "b").to_dict()
SERVICES: dict[str, Any] = {
    "added": [{"hostname": "new.n.svc.b.local", "ports": [HTTP]}],
    "removed": [{"hostname": "gone.n.svc.b.local", "ports": [HTTP]}],
    "changed": [{"hostname": "other.n.svc.b.local", "before": [HTTP], "after": [HTTP, GRPC]}],
}
IMPORTS = {"b": {"services": SERVICES, "gateways": {"added": ["203.0.113.1:15443"], "removed": []}}}
TRUST = {"b": {"trust_domain": "b.local", "roots": {"added": ["AA"], "removed": ["BB"]}}}
CHANGED = ClusterRun((OBJECT,), changed=True, trust_edges=TRUST, import_edges=IMPORTS)


def plan(check: bool = True, **runs: ClusterRun) -> dict[str, Any]:
    return alliance_plan(MEMBERS, runs, mode="check" if check else "run")


def test_all_of_an_edge_is_in_one_place() -> None:
    (edge,) = plan(a=CHANGED)["edges"]
    assert edge == {
        "reader": "a",
        "neighbour": "b",
        "trust_domain": "b.local",
        "mode": "federation",
        "services": SERVICES,
        "gateways": {"added": ["203.0.113.1:15443"], "removed": []},
        "roots": {"added": ["AA"], "removed": ["BB"]},
    }


def test_who_left_is_found_by_its_domain() -> None:
    run = ClusterRun(
        trust_edges={"old": {"trust_domain": "old.local", "roots": {"added": [], "removed": ["AA"]}}},
        import_edges={"old.local": IMPORTS["b"], "unknown.local": IMPORTS["b"]},
    )
    found = {edge["neighbour"]: (edge["trust_domain"], edge["roots"]["removed"]) for edge in plan(a=run)["edges"]}
    assert found == {"old": ("old.local", ["AA"]), "unknown.local": ("unknown.local", [])}


def test_what_a_platform_imports_is_not_known() -> None:
    (edge,) = plan(a=ClusterRun(trust_edges=TRUST, platform=True))["edges"]
    assert (edge["services"], edge["gateways"], edge["roots"]["added"]) == (None, None, ["AA"])
    assert "by the platform" in "\n".join(plan_lines(plan(a=ClusterRun(trust_edges=TRUST, platform=True))))


def test_the_document_is_the_same_in_any_order() -> None:
    other = {**OBJECT, "name": "y"}
    one = alliance_plan(MEMBERS, {"a": ClusterRun((OBJECT, other)), "b": CHANGED}, mode="check")
    two = alliance_plan(MEMBERS[::-1], {"b": CHANGED, "a": ClusterRun((other, OBJECT))}, mode="check")
    assert rendered(one) == rendered(two)
    assert json.loads(rendered(one)) == one


def test_a_problem_that_was_found_twice_is_told_once() -> None:
    made = plan(a=ClusterRun(findings=(CONFLICT, CONFLICT, ERROR)))
    assert made["conflicts"] == [CONFLICT]
    assert made["errors"] == [{**ERROR, "cluster": "a"}]
    assert (made["summary"]["conflicts"], made["summary"]["errors"]) == (1, 1)


@pytest.mark.parametrize(("severity", "conflicts"), [("warning", 0), ("error", 1)])
def test_a_conflict_that_its_cluster_ignores_is_none_unless_it_is_an_error(severity: str, conflicts: int) -> None:
    told = {**CONFLICT, "severity": severity}
    members = [replace(member, ignored_findings=(CONFLICT["code"],)) for member in MEMBERS]
    made = alliance_plan(members, {"a": ClusterRun(findings=(told,))}, mode="check")
    assert (made["summary"]["conflicts"], made["errors"]) == (conflicts, [])


@pytest.mark.parametrize(
    ("run", "result"),
    [
        (ClusterRun(), "none"),
        (ClusterRun(changed=True), "changes"),
        (ClusterRun(statuses=({"api_version": "v", "kind": "K", "name": "b"},)), "changes"),
        (ClusterRun((OBJECT,), findings=(CONFLICT,)), "conflicts"),
        (ClusterRun((OBJECT,), findings=(CONFLICT,), failures=("no",)), "incomplete"),
        (ClusterRun(reached=False), "incomplete"),
    ],
)
def test_the_worst_of_it_in_one_word(run: ClusterRun, result: str) -> None:
    assert plan(a=run)["summary"]["result"] == result


@pytest.mark.parametrize("fail_on", FAIL_ON)
@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("run", "kind"), [(ClusterRun(), ""), (CHANGED, "changes"), (ClusterRun(findings=(CONFLICT,)), "conflicts")]
)
def test_when_a_run_ends_failed(fail_on: str, check: bool, run: ClusterRun, kind: str) -> None:
    expected = {
        "": False,
        "changes": fail_on == "changes" and check,
        "conflicts": fail_on in ("changes", "conflicts"),
    }[kind]
    why = fails(plan(check, a=run), fail_on)
    assert bool(why) is expected
    assert not why or (kind in why and fail_on in why)


def test_the_lines() -> None:
    lines = plan_lines(plan(a=ClusterRun(**{**vars(CHANGED), "findings": (CONFLICT,)}), b=ClusterRun(reached=False)))
    assert [line.split() for line in lines if line.startswith("a <- b  ")] == [
        ["a", "<-", "b", "+1", "-1", "~1", "+1", "+1", "-1"]
    ]
    start = lines.index("a <- b")
    assert lines[start + 1 : start + 7] == [
        "  + new.n.svc.b.local 80/HTTP",
        "  - gone.n.svc.b.local 80/HTTP",
        "  ~ other.n.svc.b.local 80/HTTP -> 80/HTTP, 90/HTTP2",
        "  + gateway 203.0.113.1:15443",
        "  + root AA",
        "  - root BB",
    ]
    assert "a: 1 object created" in lines
    assert "b: not known, the run did not come to it" in lines
    assert "WARNING a (neighbour b): ServiceEntry n/x: it is there too. Remedy: delete it" in lines
    assert lines[-1].startswith("Plan: 1 object created, 0 updated, 0 deleted in 1 cluster; services: 1 more, 1 fewer")


def test_a_long_list_is_cut_for_people() -> None:
    services = {**SERVICES, "added": SERVICES["added"] * 100}
    lines = plan_lines(plan(a=ClusterRun(import_edges={"b": {"services": services}})))
    assert sum(line.startswith("  + ") for line in lines) == MOST_LINES
    assert "  … and 82 more (alliance_plan_file has all)" in lines


def test_nothing_to_do_is_one_line() -> None:
    assert plan_lines(plan(a=ClusterRun()))[-1] == "No changes: the alliance is as the inventory says."
    assert plan_lines(plan(a=ClusterRun(reached=False)))[-1] == "No changes seen."
