# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines and the table at the end of a run."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.report import (
    HostResult,
    alliance_table,
    finding_lines,
)

FINDING = {
    "severity": "error",
    "code": "public-FetchFailed",
    "message": "no answer.",
    "remedy": "start it",
    "cluster": "a",
    "neighbour": "b",
    "object": "Service x/y",
}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "ERROR a (neighbour b): Service x/y: no answer. Remedy: start it"),
        ({"neighbour": "", "object": ""}, "ERROR a: no answer. Remedy: start it"),
        ({"remedy": "", "severity": "warning", "cluster": ""}, "WARNING - (neighbour b): Service x/y: no answer"),
    ],
)
def test_lines(changes: dict[str, str], line: str) -> None:
    assert finding_lines([{**FINDING, **changes}]) == [line]


def member(name: str, **more: Any) -> Member:
    return Member(name, state=ClusterState(name=name, uuid=name, trust_domain=f"{name}.local"), **more)


def row(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def result(
    trusted: dict[str, list[str]], imported: dict[str, int], changes: int, findings: list[dict[str, str]] | None = None
) -> HostResult:
    return HostResult({"trusted": trusted, "findings": findings or []}, {"imported": imported}, changes)


def test_a_good_alliance() -> None:
    members = [member("a"), member("b"), member("cluster-with-a-long-name")]
    results = {
        "a": result({"b": ["1"], "cluster-with-a-long-name": ["1", "2"]}, {"b": 12}, 7),
        "b": result({"a": ["1"], "cluster-with-a-long-name": ["1"]}, {"a": 1}, 0),
        "cluster-with-a-long-name": result({"a": ["1"], "b": ["1"]}, {}, 0),
    }
    table = alliance_table(members, results)
    assert len(table) == 7
    assert row(table[1]) == ["a", "b", "b.local", "1 root", "12", "7", "-"]
    # A cluster's changes are counted once, in its first row.
    assert row(table[2]) == ["a", "cluster-with-a-long-name", "cluster-with-a-long-name.local", "2 roots", "0", "-"]
    starts = {line.index("b.local") for line in table if "b.local" in line and line.startswith("a ")}
    assert starts == {table[0].index("TRUST DOMAIN")}


def test_problems_are_in_the_row_and_below() -> None:
    members = [member("a"), member("b"), member("c")]
    table = alliance_table(members, {"a": result({"c": ["1"]}, {}, 0, [FINDING])})
    assert row(table[1])[3:] == ["no", "0", "0", "public-FetchFailed"]
    assert row(table[2])[-1] == "-"
    assert row(table[3])[-1] == "not run"
    blank = table.index("")
    assert table[blank + 1 :] == finding_lines([FINDING])


def test_a_failure_names_its_cluster_once() -> None:
    failures = ("cluster a: no answer", "cluster a, neighbour b: refused", "cluster ab: theirs", "killed")
    table = alliance_table([member("a"), member("b")], {"a": HostResult(None, None, 0, failures)})
    assert table[table.index("") + 1 :] == [
        "ERROR a: no answer",
        "ERROR a: neighbour b: refused",
        "ERROR a: cluster ab: theirs",
        "ERROR a: killed",
    ]


def test_a_cluster_that_was_not_reached_and_one_alone() -> None:
    table = alliance_table([Member("a", peers=("b",)), member("b"), member("c", peers=())], {})
    assert row(table[1]) == ["a", "b", "b.local", "?", "?", "-", "not reached"]
    assert row(table[2]) == ["b", "a", "?", "?", "?", "-", "not run"]
    assert row(table[3])[-1] == "it has no neighbour"
    assert table[-1] == "ERROR a: its API could not be read in this run; nothing there was changed"


def test_a_step_that_was_not_reached_is_unknown() -> None:
    table = alliance_table([member("a"), member("b")], {"a": HostResult({"trusted": {"b": ["1"]}}, None, 1)})
    assert row(table[1]) == ["a", "b", "b.local", "1 root", "?", "1", "-"]


def test_a_step_that_failed_is_told() -> None:
    failed = HostResult(None, None, 3, ("the gateway has no address",))
    table = alliance_table([member("a"), member("b")], {"a": failed})
    assert row(table[1]) == ["a", "b", "b.local", "?", "?", "3", "failed"]
    assert "ERROR a: the gateway has no address" in table


PARTNER = Member("p", provider="external", declared_domain="p.local")


def test_an_external_member_has_rows_without_numbers() -> None:
    """What it trusts is not ours to know; that its API was not read is no error."""
    trust = {"trusted": {"p": ["1"]}, "findings": []}
    results = {"a": HostResult(trust, {"imported": {"p": 3}}, 2), "p": HostResult(None, None, 0)}
    table = alliance_table([member("a"), PARTNER], results)
    assert row(table[1]) == ["a", "p", "p.local", "1 root", "3", "2", "-"]
    assert row(table[2]) == ["p", "a", "a.local", "-", "-", "-", "external"]
    assert len(table) == 3
    assert alliance_table([member("a"), PARTNER], {"a": results["a"]}) == table


def test_a_handover_that_failed_is_told() -> None:
    table = alliance_table([member("a"), PARTNER], {"p": HostResult(None, None, 0, ("no space left",))})
    assert row(table[2])[-1] == "failed, external"
    assert table[-1] == "ERROR p: no space left"


def test_what_the_platform_holds_counts_before_what_it_was_told() -> None:
    told = {"trusted": {"b": ["1"], "c": ["1"]}, "findings": []}
    held = {"trusted": {"b": ["1", "2"]}, "imported": {"b": 5}, "findings": [], "awaiting": ["c"]}
    members = [member("a", provider="deckhouse"), member("b"), member("c")]
    table = alliance_table(members, {"a": HostResult(told, held, 1)})
    assert row(table[1]) == ["a", "b", "b.local", "2 roots", "5", "1", "-"]
    assert row(table[2]) == ["a", "c", "c.local", "no", "0", "-"]


def test_findings_of_other_steps_are_problems() -> None:
    unpublished = {**FINDING, "code": "service-not-found", "cluster": "", "neighbour": "", "object": "Service x/y"}
    result = HostResult({"trusted": {}, "findings": []}, {"imported": {}, "findings": []}, 0, (), (unpublished,))
    table = alliance_table([member("a"), member("b")], {"a": result})
    assert row(table[1])[-1] == "-"
    assert table[-1] == "ERROR a: Service x/y: no answer. Remedy: start it"


def test_a_table_is_of_one_mode() -> None:
    """Clusters of one domain have their own playbook; who is shown comes from its group."""
    both = ("federation", "multicluster")
    mesh = {"modes": both, "declared_domain": "mesh.local"}
    members = [member("a"), member("d", **mesh), member("e", **mesh)]
    results = {name: result({}, {"e": 4}, 0) for name in "ade"}
    federation = alliance_table(members, results)
    assert [row(line)[:2] for line in federation[1:]] == [["a", "d"], ["a", "e"], ["d", "a"], ["e", "a"]]
    multicluster = alliance_table(members, results, shown=["d", "e"], mode="multicluster")
    assert [row(line)[:2] for line in multicluster[1:]] == [["d", "e"], ["e", "d"]]
    assert row(multicluster[1])[4] == "4"
