# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix, the XML and the model: what failed is in all of them, and nothing that was not tried counts as well."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.junit import junit_xml
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Overview
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page import page
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import ProbeResult
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_overview import overview_of
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_report import (
    HostVerification,
    Verification,
    grouped,
)

NAMES = ("cluster-a", "cluster-b", "cluster-c")
TIME = "2026-01-02T03:04:05Z"


def member(name: str, **more: Any) -> Member:
    domain = more.pop("domain", f"{name}.local")
    state = ClusterState(name=name, uuid=f"uuid-{name}", trust_domain=domain, cluster_domain=domain)
    return Member(name, state=state, **more)


def well(cluster: str, neighbour: str, name: str = "bar:80", **more: Any) -> ProbeResult:
    return ProbeResult(cluster, neighbour, "service", name, ms=4.0, gateways=("10.0.0.1:1",), **more)


def failed(cluster: str, neighbour: str, layer: str = "tls", name: str = "bar:80", why: str = "why") -> ProbeResult:
    return ProbeResult(cluster, neighbour, "service", name, layer, why, "do it", neighbour)


def verification(*results: ProbeResult, **more: Any) -> Verification:
    """Three clusters; each edge is well unless results for it are given."""
    given = {(result.cluster, result.neighbour) for result in results}
    every = [well(one, other) for one in NAMES for other in NAMES if one != other and (one, other) not in given]
    hosts = {
        name: HostVerification(tuple(result for result in (*every, *results) if result.cluster == name))
        for name in NAMES
    }
    return Verification([member(name) for name in NAMES], {**hosts, **more.pop("hosts", {})}, **more)


def test_all_is_well() -> None:
    assert verification().lines() == [
        "FROM \\ TO  cluster-a           cluster-b           cluster-c",
        "cluster-a  .                   ok, 1 checks, 4 ms  ok, 1 checks, 4 ms",
        "cluster-b  ok, 1 checks, 4 ms  .                   ok, 1 checks, 4 ms",
        "cluster-c  ok, 1 checks, 4 ms  ok, 1 checks, 4 ms  .",
    ]
    assert not any(verification().red(name) for name in NAMES)


def test_what_fails_is_told_once_with_its_place_and_remedy() -> None:
    checks = [failed("cluster-a", "cluster-b", name=f"s{number}:80") for number in range(5)]
    found = verification(
        *checks, failed("cluster-a", "cluster-b", "dns", why="no name"), well("cluster-a", "cluster-b")
    )
    lines = found.lines()
    assert "FAIL dns, tls" in lines[1]
    assert lines[5:] == [
        "ERROR cluster-a to cluster-b: dns, in cluster-b: no name (bar:80). Remedy: do it",
        "ERROR cluster-a to cluster-b: tls, in cluster-b: why (s0:80, s1:80, s2:80 and 2 more). Remedy: do it",
    ]
    assert found.red("cluster-a") == ["cluster-b"]
    assert found.red("cluster-b") == []


def test_a_gateway_that_others_reach_is_not_the_first_place_to_look_at() -> None:
    found = verification(failed("cluster-a", "cluster-b", "gateway"), failed("cluster-c", "cluster-a", "gateway"))
    lines = "\n".join(found.lines())
    assert "cluster-a to cluster-b: gateway, in cluster-b: why (bar:80). Remedy: do it; cluster-c can reach it" in lines
    alone = Verification(
        [member("cluster-a"), member("cluster-b")],
        {
            "cluster-a": HostVerification((failed("cluster-a", "cluster-b", "gateway"),)),
            "cluster-b": HostVerification(),
        },
    )
    assert "can reach it" not in "\n".join(alone.lines())


def test_what_was_not_probed_is_not_well() -> None:
    skipped = ProbeResult("cluster-a", "cluster-b", "service", "bar:80", skipped="the time was over")
    found = verification(skipped, hosts={"cluster-c": HostVerification(failures=("cluster cluster-c: away",))})
    lines = found.lines()
    assert lines[1].split() == ["cluster-a", ".", "not", "probed", "ok,", "1", "checks,", "4", "ms"]
    assert lines[3].count("not probed") == 2
    assert "ERROR cluster-c: away" in lines
    assert "NOTE cluster-a to cluster-b: not tried, the time was over (bar:80)" in lines
    assert found.red("cluster-a") == ["cluster-b"]
    assert found.red("cluster-c") == ["cluster-a", "cluster-b"]


def test_one_that_was_not_reached_is_told() -> None:
    hosts = {name: HostVerification((well(name, "cluster-a"),)) for name in ("cluster-b",)}
    found = Verification([member("cluster-a"), member("cluster-b")], hosts)
    assert "ERROR cluster-a: nothing was done there in this run" in found.lines()
    assert found.level(("cluster-a", "cluster-b")) == "unknown"


def test_a_sample_is_told_as_one() -> None:
    host = HostVerification(
        (well("cluster-a", "cluster-b"),), targets={"cluster-b": ["bar:80"]}, offered={"cluster-b": 9}
    )
    found = Verification(
        [member("cluster-a"), member("cluster-b")], {"cluster-a": host, "cluster-b": HostVerification()}
    )
    assert "NOTE cluster-a to cluster-b: 1 of 9 ports were called" in found.lines()


def test_clusters_of_one_domain_are_told_and_not_red() -> None:
    modes = ("federation", "multicluster")
    members = [member(name, domain="mesh.local", modes=modes) for name in ("cluster-a", "cluster-b")]
    found = Verification(members, {name.name: HostVerification() for name in members})
    assert found.red("cluster-a") == []
    assert "clusters of one domain are not probed" in "\n".join(found.lines())


def test_a_cluster_that_is_not_ours_is_called_and_does_not_call() -> None:
    external = Member("partner", provider="external", declared_domain="partner.local")
    found = Verification(
        [member("cluster-a"), external], {"cluster-a": HostVerification((well("cluster-a", "partner"),))}
    )
    assert found.edges() == [("cluster-a", "partner")]
    assert "ok, 1 checks" in found.lines()[1]


def test_a_plan_says_what_would_be_called() -> None:
    host = HostVerification(targets={"cluster-b": ["a:1", "b:1", "c:1", "d:1"]}, offered={"cluster-b": 4})
    members = [member("cluster-a"), member("cluster-b")]
    lines = Verification(members, {"cluster-a": host, "cluster-b": HostVerification()}, planning=True).lines()
    assert [line.split() for line in lines[:3]] == [
        ["CLUSTER", "NEIGHBOUR", "WOULD", "CALL", "OF"],
        ["cluster-a", "cluster-b", "a:1,", "b:1,", "c:1", "and", "1", "more", "4"],
        ["cluster-b", "cluster-a", "nothing", "0"],
    ]


def test_grouping_keeps_what_differs_apart() -> None:
    groups = grouped([failed("a", "b"), failed("a", "b", name="c:1"), failed("a", "b", why="else"), well("a", "b")])
    assert [(finding.message, names) for finding, names in groups] == [("else", ["bar:80"]), ("why", ["bar:80", "c:1"])]


EVIL = "\x00\x1b</testcase>&\"'<![CDATA[ \ud800"


def xml(*results: ProbeResult) -> ElementTree.Element:
    return ElementTree.fromstring(junit_xml({("cluster-a", "cluster-b"): list(results)}, TIME))


def test_the_xml_has_what_its_readers_require() -> None:
    root = xml(
        well("cluster-a", "cluster-b"),
        failed("cluster-a", "cluster-b"),
        ProbeResult("cluster-a", "cluster-b", "identity", "forged", skipped="no way"),
    )
    assert root.tag == "testsuites"
    (suite,) = root
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped", "hostname", "timestamp")} == {
        "tests": "3",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
        "hostname": "cluster-a",
        "timestamp": "2026-01-02T03:04:05",
    }
    # The order and the required attributes of the schema.
    assert [child.tag for child in suite] == ["properties", *["testcase"] * 3, "system-out", "system-err"]
    assert {"id", "package", "name", "time"} <= set(suite.attrib)
    for case in suite.iter("testcase"):
        assert set(case.attrib) == {"name", "classname", "time"}
    failure = next(suite.iter("failure"))
    assert failure.get("type") == "tls"
    assert failure.get("message") == "tls, in cluster-b: why"
    assert failure.text == "Remedy: do it"
    assert [case.get("time") for case in suite.iter("testcase")] == ["0.004", "0.000", "0.000"]


def test_whatever_others_write_is_text_in_the_xml() -> None:
    root = xml(failed("cluster-a", "cluster-b", why=EVIL, name=EVIL))
    failure = next(root.iter("failure"))
    assert "</testcase>&\"'<![CDATA[" in str(failure.get("message"))
    assert "\x00" not in str(failure.get("message"))
    assert len(list(root.iter("testcase"))) == 1


def test_an_edge_of_which_nothing_is_told_fails_in_the_files() -> None:
    """Nobody may take a file without failures for an alliance that works."""
    skipped = ProbeResult("cluster-a", "cluster-b", "service", "bar:80", skipped="the time was over")
    found = verification(skipped, hosts={"cluster-c": HostVerification(failures=("cluster cluster-c: away",))})
    assert [(check.skipped, check.layer) for check in found.checks(("cluster-a", "cluster-b"))] == [
        ("the time was over", ""),
        ("", "workload"),
    ]
    (away,) = found.checks(("cluster-c", "cluster-a"))
    assert (away.layer, away.reason, away.blamed) == ("workload", "away", "cluster-c")
    assert [check.ok for check in found.checks(("cluster-b", "cluster-a"))] == [True]
    modes = ("federation", "multicluster")
    members = [member(name, domain="mesh.local", modes=modes) for name in ("cluster-a", "cluster-b")]
    shared = Verification(members, {item.name: HostVerification() for item in members})
    (check,) = shared.checks(("cluster-a", "cluster-b"))
    assert (check.skipped, check.layer) == ("clusters of one domain are not probed", "")


def test_the_xml_is_the_same_for_the_same_results() -> None:
    results = {("a", "b"): [well("a", "b")], ("b", "a"): [failed("b", "a")]}
    assert junit_xml(results, TIME) == junit_xml(dict(reversed(results.items())), TIME)


def test_the_model_has_the_levels_and_goes_round() -> None:
    found = verification(failed("cluster-a", "cluster-b"))
    overview = overview_of(found, TIME)
    assert overview.level == "error"
    bad = overview.edge("cluster-a", "cluster-b")
    good = overview.edge("cluster-b", "cluster-a")
    assert bad is not None
    assert good is not None
    assert (bad.level, good.level) == ("error", "ok")
    assert [item.code for item in bad.findings] == ["probe-tls"]
    assert bad.probes[0].layer == "tls"
    assert good.probes[0].seconds == pytest.approx(0.004)
    assert Overview.from_dict(overview.to_dict()).to_dict() == overview.to_dict()


@pytest.mark.parametrize(("result", "level"), [(well, "ok"), (failed, "error")])
def test_a_cluster_that_is_not_ours_is_as_its_answers_are(result: Any, level: str) -> None:
    external = Member("partner", provider="external", declared_domain="partner.local")
    found = Verification(
        [member("cluster-a"), external], {"cluster-a": HostVerification((result("cluster-a", "partner"),))}
    )
    assert overview_of(found, TIME).level == level


def test_nothing_probed_is_not_well_in_the_model() -> None:
    members = [member("cluster-a"), member("cluster-b")]
    overview = overview_of(Verification(members, {}), TIME)
    assert {edge.level for edge in overview.edges} == {"unknown"}
    assert overview.level == "unknown"


def test_the_page_shows_what_failed() -> None:
    text = page(overview_of(verification(failed("cluster-a", "cluster-b", why="<script>why")), TIME))
    assert "&lt;script&gt;why" in text
    assert "<script>why" not in text
