# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import LEVELS, worst
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    MOST_SERVICES,
    Check,
    ClusterView,
    EdgeView,
    Expiry,
    Overview,
    Probe,
    Root,
    Service,
    cut_services,
)

LOOKED = Check("api", "ok", "its API answered")
STALE = Finding("warning", "neighbour-stale", "it does not answer", "repair it")
CLUSTER = ClusterView(
    "cluster-a",
    "istio",
    trust_domain="cluster-a.local",
    uuid="11111111-2222-3333-4444-555555555555",
    istio="1.31.1",
    gateways=("192.0.2.1:15443",),
    roots=(Root("ab" * 32, "2036-01-01T00:00:00Z"),),
    published=(Service("bar.xyz.svc.cluster-a.local", ("80/HTTP",)),),
    published_count=1,
    expiries=(Expiry("root", "ConfigMap istio-system/istio-ca-root-cert", "2036-01-01T00:00:00Z"),),
    checks=(LOOKED,),
)
EDGE = EdgeView(
    "cluster-a",
    "cluster-b",
    services=(Service("foo.xyz.svc.cluster-b.local", ("80/HTTP",)),),
    service_count=1,
    roots=("cd" * 32,),
    last_fetch="2026-01-01T00:00:00Z",
    probes=(Probe("foo.xyz.svc.cluster-b.local:80", "ok", "192.0.2.2:15443", seconds=0.25),),
    checks=(LOOKED,),
)
OVERVIEW = Overview("Status", "2026-01-01T00:00:00Z", (CLUSTER,), (EDGE,))


def test_what_nobody_looked_at_is_unknown() -> None:
    assert ClusterView("cluster-a", "istio").level == "unknown"
    assert EdgeView("cluster-a", "cluster-b").level == "unknown"
    assert Overview("Status", "2026-01-01T00:00:00Z").level == "unknown"


def test_one_unknown_part_keeps_the_whole_from_being_well() -> None:
    assert OVERVIEW.level == "ok"
    assert replace(OVERVIEW, edges=(EDGE, EdgeView("cluster-b", "cluster-a"))).level == "unknown"
    assert replace(OVERVIEW, clusters=(CLUSTER, ClusterView("cluster-b", "istio"))).level == "unknown"


def test_a_failed_probe_is_the_edge_s_level() -> None:
    failed = Probe("foo.xyz.svc.cluster-b.local:80", "error", layer="TLS", message="certificate has expired")
    assert replace(EDGE, probes=(*EDGE.probes, failed)).level == "error"


@given(st.lists(st.sampled_from(LEVELS)), st.lists(st.sampled_from(LEVELS[1:])), st.lists(st.sampled_from(LEVELS)))
def test_a_level_is_the_worst_of_its_parts(checks: list[str], findings: list[str], probes: list[str]) -> None:
    edge = EdgeView(
        "cluster-a",
        "cluster-b",
        checks=tuple(Check("x", level, "") for level in checks),
        findings=tuple(Finding(level, "x", "") for level in findings),  # type: ignore[arg-type]
        probes=tuple(Probe("x", level) for level in probes),
    )
    assert edge.level == worst([*checks, *findings, *probes])
    overview = replace(OVERVIEW, edges=(edge,))
    assert overview.level == edge.level


def test_json_and_back() -> None:
    overview = replace(OVERVIEW, edges=(replace(EDGE, findings=(STALE,)),), findings=(STALE,))
    data = json.loads(json.dumps(overview.to_dict()))
    assert Overview.from_dict(data) == overview
    assert (data["level"], data["clusters"][0]["level"], data["edges"][0]["level"]) == ("warning", "ok", "warning")


def test_a_newer_reader_s_keys_do_no_harm_and_levels_are_not_believed() -> None:
    data = OVERVIEW.to_dict()
    data["clusters"][0] = {**data["clusters"][0], "level": "error", "colour": "blue"}
    data["edges"][0]["probes"][0]["colour"] = "blue"
    assert Overview.from_dict(data) == OVERVIEW


@pytest.mark.parametrize(
    "data",
    [
        {},
        {**OVERVIEW.to_dict(), "schema": 2},
        {"schema": 1, "title": "x"},
        {**OVERVIEW.to_dict(), "clusters": [{"provider": "istio"}]},
        {**OVERVIEW.to_dict(), "clusters": "none"},
        {**OVERVIEW.to_dict(), "edges": [{"reader": "a", "neighbour": "b", "probes": [{"target": "x"}]}]},
    ],
)
def test_what_is_no_overview_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(AllianceError):
        Overview.from_dict(data)


def test_findings_tell_their_place_and_the_worst_comes_first() -> None:
    broken = Finding("error", "gateway-missing", "there is no gateway")
    overview = replace(
        OVERVIEW,
        clusters=(replace(CLUSTER, findings=(broken,)),),
        edges=(replace(EDGE, findings=(STALE, STALE)),),
        findings=(Finding("unknown", "not-asked", "nobody was asked"),),
    )
    assert [(item.code, item.cluster, item.neighbour) for item in overview.all_findings()] == [
        ("gateway-missing", "cluster-a", ""),
        ("neighbour-stale", "cluster-a", "cluster-b"),
        ("not-asked", "", ""),
    ]


def test_an_edge_is_found_in_its_direction_only() -> None:
    assert OVERVIEW.edge("cluster-a", "cluster-b") is EDGE
    assert OVERVIEW.edge("cluster-b", "cluster-a") is None


def test_of_many_services_the_first_are_listed() -> None:
    many = [Service(f"s{number:04}.xyz.svc.cluster-b.local") for number in reversed(range(1000))]
    assert [service.host[:5] for service in cut_services(many)][:2] == ["s0000", "s0001"]
    assert len(cut_services(many)) == MOST_SERVICES
