# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.alliance_overview import (
    Compared,
    Told,
    assemble,
    recent,
    unreadable,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    Check,
    ClusterView,
    EdgeView,
    Overview,
    Probe,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.service_ports import pack_ports

NOW = "2026-01-01T12:00:00Z"
WELL = Check("api", "ok", "well")
UNTRIED = Check("traffic", "unknown", "nobody has tried it")


def member(name: str, **more: object) -> Member:
    state = ClusterState(
        name=name,
        uuid=f"uuid-{name}",
        trust_domain=f"{name}.local",
        cluster_domain=f"{name}.local",
        roots="x",
        pod_cidrs=(),
    )
    return Member(name, state=state, **more)  # type: ignore[arg-type]


def told(name: str, *neighbours: str, checks: tuple[Check, ...] = (WELL,)) -> Told:
    edges = tuple(EdgeView(name, neighbour, checks=checks) for neighbour in neighbours)
    view = ClusterView(name, "istio", trust_domain=f"{name}.local", checks=(WELL,))
    return Told(Overview("x", NOW, (view,), edges))


def test_all_is_well() -> None:
    overview = assemble("Status", NOW, [member("a"), member("b")], {"a": told("a", "b"), "b": told("b", "a")})
    assert overview.level == "ok"
    assert [(edge.reader, edge.neighbour) for edge in overview.edges] == [("a", "b"), ("b", "a")]


def test_a_cluster_that_nobody_looked_at_and_its_edges_are_unknown() -> None:
    overview = assemble("Status", NOW, [member("a"), Member("b")], {"a": told("a", "b")})
    levels = {view.name: view.level for view in overview.clusters}
    assert (levels, overview.edges[1].level, overview.level) == ({"a": "ok", "b": "unknown"}, "unknown", "unknown")
    assert (overview.edges[1].reader, overview.edges[1].neighbour) == ("b", "a")


def test_a_cluster_that_could_not_be_read_is_an_error_and_its_edges_are_unknown() -> None:
    failed = Told(None, (unreadable("connection refused"),))
    overview = assemble("Status", NOW, [member("a"), Member("b")], {"a": told("a", "b"), "b": failed})
    view = overview.clusters[1]
    assert (view.level, view.checks[0].text, view.findings[0].code) == (
        "error",
        "connection refused",
        "cluster-unreadable",
    )
    assert overview.edges[1].level == "unknown"


def test_an_edge_that_was_not_told_of_is_unknown() -> None:
    overview = assemble("Status", NOW, [member("a"), member("b")], {"a": told("a"), "b": told("b", "a")})
    assert overview.edge("a", "b") is not None
    assert overview.level == "unknown"


def test_what_the_preflight_finds_is_the_cluster_s_and_is_told_once() -> None:
    twin = replace(member("b"), state=replace(member("b").state, uuid="uuid-a"))  # type: ignore[type-var]
    overview = assemble("Status", NOW, [member("a"), twin], {"a": told("a", "b"), "b": told("b", "a")})
    assert [item.code for item in overview.clusters[0].findings] == ["cluster-twice"]
    assert overview.clusters[0].level == "error"
    known = overview.clusters[0].findings
    again = told("a", "b")
    assert again.part is not None
    part = replace(again.part, clusters=(replace(again.part.clusters[0], findings=known),))
    overview = assemble("Status", NOW, [member("a"), twin], {"a": Told(part), "b": told("b", "a")})
    assert [item.code for item in overview.clusters[0].findings] == ["cluster-twice"]


def test_what_roles_would_write_is_a_check_of_its_own() -> None:
    changed = ({"action": "updated", "kind": "Service", "namespace": "x", "name": "y"},)
    drifted = replace(told("a", "b"), compared=Compared(changed, 11))
    same = replace(told("b", "a"), compared=Compared((), 12))
    overview = assemble("Status", NOW, [member("a"), member("b")], {"a": drifted, "b": same})
    assert [view.level for view in overview.clusters] == ["warning", "ok"]
    assert "Service x/y differs" in overview.clusters[0].findings[0].message
    failed = replace(told("a", "b"), compared=Compared((), 3, ("no image is set",)))
    overview = assemble("Status", NOW, [member("a"), member("b")], {"a": failed, "b": same})
    assert [view.level for view in overview.clusters] == ["unknown", "ok"]


def test_somebody_else_s_cluster_is_known_by_what_others_learnt() -> None:
    outside = Member(
        "c",
        provider="external",
        declared_domain="c.local",
        endpoint="https://c.example/metadata/",
        root_fingerprints=(":".join(["AA"] * 32),),
    )
    lately = Check("learnt", "ok", "a minute ago")
    overview = assemble("Status", NOW, [member("a"), outside], {"a": told("a", "c", checks=(lately,))})
    assert (overview.level, len(overview.edges)) == ("ok", 1)
    long_ago = Check("learnt", "unknown", "a year ago")
    overview = assemble("Status", NOW, [member("a"), outside], {"a": told("a", "c", checks=(long_ago,))})
    assert overview.clusters[1].level == "unknown"


def test_requests_made_lately_are_what_is_known_of_the_traffic() -> None:
    members, parts = (
        [member("a"), member("b")],
        {
            "a": told("a", "b", checks=(WELL, UNTRIED)),
            "b": told("b", "a", checks=(WELL, UNTRIED)),
        },
    )
    assert assemble("Status", NOW, members, parts).level == "unknown"
    good, bad = Probe("x:80", "ok"), Probe("x:80", "error", layer="TLS")
    verified = Overview("Verify", NOW, (), (EdgeView("a", "b", probes=(good,)), EdgeView("b", "a", probes=(good,))))
    assert assemble("Status", NOW, members, parts, verified).level == "ok"
    half = replace(verified, edges=verified.edges[:1])
    assert assemble("Status", NOW, members, parts, half).level == "unknown"
    failed = replace(verified, edges=(EdgeView("a", "b", probes=(bad,)), verified.edges[1]))
    assert assemble("Status", NOW, members, parts, failed).level == "error"


def test_a_verification_is_recent_for_a_while() -> None:
    verified = Overview("Verify", "2026-01-01T11:30:00Z")
    assert recent(verified, NOW, 3600)
    assert not recent(verified, NOW, 60)
    assert not recent(Overview("Verify", "2026-01-02T00:00:00Z"), NOW, 3600)
    assert not recent(Overview("Verify", "soon"), NOW, 3600)


def test_findings_of_cluster_are_not_lost() -> None:
    part = told("a", "b").part
    assert part is not None
    view = replace(part.clusters[0], findings=(Finding("error", "gateway-down", "no pod"),))
    overview = assemble(
        "Status", NOW, [member("a"), member("b")], {"a": Told(replace(part, clusters=(view,))), "b": told("b", "a")}
    )
    assert overview.level == "error"


def test_what_the_inventory_says_of_somebody_else_s_cluster_is_told() -> None:
    outside = Member("c", provider="external", declared_domain="c.local", trust_on_first_use=True)
    overview = assemble("Status", NOW, [member("a"), outside], {"a": told("a", "c")})
    assert {item.code for item in overview.clusters[1].findings} == {"external-incomplete", "trust-on-first-use"}


def test_what_others_have_in_the_alliance_s_way_is_told() -> None:
    rule = {
        "kind": "DestinationRule",
        "namespace": "shop",
        "name": "x",
        "host": "bar.xyz.svc.b.local",
        "tls": ["DISABLE"],
    }
    own = replace(member("a"), state=replace(member("a").state, foreign=(rule,)))  # type: ignore[type-var]
    published = pack_ports({"bar.xyz.svc.b.local": [["http", 80, "HTTP"]]})
    other = replace(member("b"), state=replace(member("b").state, public_ports=published))  # type: ignore[type-var]
    parts = {"a": told("a", "b"), "b": told("b", "a")}
    view = assemble("Status", NOW, [own, other], parts).clusters[0]
    assert [item.code for item in view.findings] == ["destination-rule-taken"]
    assert (view.level, view.checks[-1].text) == ("warning", "1 problem, 1 conflict with others among them")
    ignoring = replace(own, ignored_findings=("destination-rule-taken",))
    assert assemble("Status", NOW, [ignoring, other], parts).level == "ok"


def test_all_that_a_verification_found_counts() -> None:
    """What failed without a request, too: never is the status well while the verification was not."""
    members, parts = [member("a"), member("b")], {"a": told("a", "b"), "b": told("b", "a")}
    broken = Finding("error", "probe-dns", "it resolves no imported name")
    edge = EdgeView("a", "b", probes=(Probe("x:80", "ok"),), findings=(broken,))
    overview = assemble("Status", NOW, members, parts, Overview("Verify", NOW, (), (edge,)))
    assert (overview.edges[0].level, overview.level) == ("error", "error")
    failed = ClusterView("b", "istio", findings=(Finding("error", "verify-failed", "no probe pod"),))
    overview = assemble("Status", NOW, members, parts, Overview("Verify", NOW, (failed,), ()))
    assert overview.clusters[1].level == "error"
    untried = Overview("Verify", NOW, (), (EdgeView("a", "b"),))
    assert assemble("Status", NOW, members, parts, untried).edges[0].level == "unknown"
