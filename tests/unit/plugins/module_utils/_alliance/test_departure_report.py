# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a departure says at its end."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departure import Departure, departure
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departure_report import (
    HEADINGS,
    Departing,
    HostDeparture,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member

GROUPS = {"istio_federation": ["a", "b", "c"]}
LOOKED = {
    "ServiceEntry": 3,
    "Secret": 4,
    "istiods": 1,
    "anchors in istiods": 2,
    "remote clusters in istiods": 0,
    "proxies": 5,
    "roots in proxies": 10,
    "clusters in proxies": 200,
    "open connections of proxies": 30,
}
LEFTOVERS: dict[str, Any] = {"ours": [], "foreign": [], "resources": [], "looked_at": 60, "findings": []}
FINDING = {
    "severity": "error",
    "code": "left-root",
    "message": "it still trusts 1 of that cluster's roots",
    "remedy": "restart the pod",
    "cluster": "a",
    "neighbour": "b",
    "object": "Pod xyz/foo-1",
}


def members(**more: Any) -> list[Member]:
    return [Member(name, **more.get(name, {})) for name in ("a", "b", "c")]


def proof(proved: bool = True, *findings: dict[str, str], name: str = "b") -> dict[str, Any]:
    return {"proved": {name: proved}, "looked_at": LOOKED, "findings": list(findings)}


def gone(**more: Any) -> HostDeparture:
    return HostDeparture(**{"proof": proof(), "changes": 5, **more})


def left(**more: Any) -> HostDeparture:
    known = {"proof": {"proved": {"a": True, "c": True}, "looked_at": LOOKED, "findings": []}}
    refusal = {"refused": {"a": True, "c": True}, "findings": []}
    return HostDeparture(**{**known, "refusal": refusal, "leftovers": LEFTOVERS, "changes": 40, **more})


def departing(results: dict[str, HostDeparture], *, planning: bool = False, **more: Any) -> Departing:
    return Departing(departure(GROUPS, "b", ""), members(**more), results, planning)


def rows(lines: list[str]) -> dict[str, list[str]]:
    table = [re.split(r"\s{2,}", line) for line in lines[: lines.index("")] if line]
    assert table[0] == list(HEADINGS)
    return {row[0]: row[1:] for row in table[1:]}


def test_everything_was_proved() -> None:
    made = departing({"a": gone(), "b": left(), "c": gone(changes=0)})
    assert made.unfinished() == {}
    lines = made.lines()
    table = rows(lines)
    looked = ["7", "1", "2", "5", "10", "200", "30"]
    assert table["a"] == ["b", *looked, "yes", "5", "nothing is left"]
    assert table["c"] == ["b", *looked, "yes", "0", "nothing is left"]
    assert table["b"] == ["everybody", *looked, "-", "40", "emptied"]
    assert list(table) == ["a", "c", "b"]
    assert not [line for line in lines if line.startswith("ERROR")]
    assert "NOTE b: 60 kinds were listed, 0 objects of the alliance are left" in lines
    (task,) = [line for line in lines if line.startswith("TO DO")]
    assert task.startswith("TO DO: take b out of istio_federation in the inventory")


def test_a_dead_cluster_that_leaves_is_no_fault() -> None:
    made = departing({"a": gone(), "b": HostDeparture(away="it is off"), "c": gone()})
    assert made.unfinished() == {}
    lines = made.lines()
    assert rows(lines)["b"][-1] == "away"
    assert rows(lines)["a"][-3:] == ["-", "5", "nothing is left"]
    assert "NOTE b: it could not be read, and nothing there was changed: it is off" in lines
    assert any("run this playbook again when its API answers" in line for line in lines)


def test_one_that_is_in_no_group_and_no_play() -> None:
    made = Departing(departure({"istio_federation": ["a"]}, "b", ""), [Member("a")], {"a": gone()})
    assert made.unfinished() == {}
    lines = made.lines()
    assert rows(lines)["b"][-1] == "away"
    assert not [line for line in lines if "take b out" in line]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (None, "not run"),
        (HostDeparture(away="refused"), "not reached"),
        (HostDeparture(failures=("cluster a: 403",)), "failed"),
        (gone(proof=proof(False, FINDING)), "not proved"),
        (gone(proof=None), "not proved"),
    ],
)
def test_one_that_stays_and_is_not_done(result: HostDeparture | None, reason: str) -> None:
    results = {"b": left(kept=True, leftovers=None), "c": gone()}
    made = departing({**results, **({"a": result} if result else {})})
    assert made.unfinished() == {"a": reason}
    lines = made.lines()
    assert rows(lines)["a"][-1] == reason
    assert rows(lines)["b"][-1] == "kept ready"
    (note,) = [line for line in lines if line.startswith("NOTE b: its gateway, exporter and keys stay")]
    assert "(a)" in note
    assert [line for line in lines if line.startswith("ERROR a")]


def test_what_is_left_is_told_with_its_place_and_remedy() -> None:
    lines = departing({"a": gone(proof=proof(False, FINDING)), "b": left(), "c": gone()}).lines()
    assert (
        "ERROR a (neighbour b): Pod xyz/foo-1: it still trusts 1 of that cluster's roots. Remedy: restart the pod"
        in lines
    )


def test_an_identity_that_is_still_accepted() -> None:
    made = departing({"a": gone(), "b": left(refusal={"refused": {"a": False, "c": True}}), "c": gone()})
    assert made.unfinished() == {"a": "it still answers b"}
    assert rows(made.lines())["a"][-3:] == ["NO", "5", "it still answers b"]


def test_an_external_cluster_is_its_administrators_matter() -> None:
    made = departing(
        {"a": gone(), "b": left(refusal={"refused": {"a": True, "c": False}}), "c": HostDeparture()},
        c={"provider": "external"},
    )
    assert made.unfinished() == {}
    lines = made.lines()
    assert rows(lines)["c"][-1] == "external"
    assert "TO DO: c is not ours: its administrator has to delete there what is for b" in lines
    gone_external = departing({"a": gone(), "c": gone(), "b": HostDeparture()}, b={"provider": "external"})
    assert gone_external.unfinished() == {}


def test_a_plan_proves_nothing_and_misses_nothing() -> None:
    made = departing({"a": gone(proof=None), "b": left(proof=None, refusal=None), "c": gone(proof=None)}, planning=True)
    assert made.unfinished() == {}
    assert {row[-1] for row in rows(made.lines()).values()} == {"planned"}
    assert departing({"a": gone(), "b": left()}, planning=True).unfinished() == {"c": "not run"}


def test_what_keeps_a_cluster_from_being_emptied() -> None:
    item = {"kind": "ConfigMap", "namespace": "istio-alliance", "name": "theirs"}
    resource = {"kind": "IstioFederation", "name": "theirs"}
    leftovers = {**LEFTOVERS, "ours": [item], "foreign": [item], "resources": [resource]}
    lines = departing({"a": gone(), "b": left(leftovers=leftovers), "c": gone()}).lines()
    assert "NOTE b: ConfigMap istio-alliance/theirs is not ours and keeps the alliance's namespace" in lines
    assert "NOTE b: IstioFederation theirs is not ours and keeps the definitions of its kind" in lines
    assert "NOTE b: ConfigMap istio-alliance/theirs is left of the alliance" in lines


def test_who_lists_it_as_a_peer_is_told() -> None:
    results = {"a": gone(), "b": left(), "c": gone()}
    lines = departing(results, a={"peers": ("b",)}, c={"peers": ("a",)}).lines()
    assert "TO DO: take b out of alliance_peers of a" in lines
    lines = departing(results, b={"modes": ("federation", "multicluster")}).lines()
    assert any("take b out of istio_federation and istio_multicluster" in line for line in lines)


def test_an_edge() -> None:
    plan = Departure("", {"a": ("b",), "b": ("a",)})
    results = {
        "a": gone(refusal={"refused": {"b": True}}),
        "b": gone(proof=proof(name="a"), refusal={"refused": {"a": True}}),
    }
    made = Departing(plan, members(), results)
    assert made.unfinished() == {}
    lines = made.lines({"a": ["c"], "b": ["c"]})
    table = rows(lines)
    assert set(table) == {"a", "b"}
    assert [row[-3] for row in table.values()] == ["yes", "yes"]
    assert "  a: alliance_peers: [c]" in lines
    dead = Departing(plan, members(), {"a": gone(), "b": HostDeparture(away="it is off")})
    assert dead.unfinished() == {"b": "not reached"}, "of an edge both ends stay members"
