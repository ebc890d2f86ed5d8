# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Check, Overview, Probe
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview_table import (
    MOST_EDGES,
    MOST_FINDINGS,
    overview_lines,
)

from tests.page.samples import alliance, with_probes


def test_clusters_edges_findings_and_the_level_of_all() -> None:
    lines = overview_lines(alliance(3, {(0, 1): "error", (1, 2): "warning", (2, 0): "unknown"}))
    text = "\n".join(lines)
    assert lines[0].split() == [
        "CLUSTER",
        "STATE",
        "TRUST",
        "DOMAIN",
        "ISTIO",
        "GATEWAYS",
        "PUBLISHED",
        "ENDS",
        "NEXT",
        "NOT",
        "WELL",
    ]
    assert any(line.split()[:3] == ["cluster-a", "cluster-b", "ERROR"] for line in lines)
    assert any(line.split()[:3] == ["cluster-c", "cluster-a", "UNKNOWN"] for line in lines)
    assert "ERROR cluster-a (neighbour cluster-b): the neighbour's gateway" in text
    assert lines[-1] == "Status of the alliance: ERROR"


def test_checks_that_are_not_well_are_named() -> None:
    overview = alliance(2)
    checks = (Check("identity", "warning", "x"), Check("traffic", "unknown", "y"), Check("trust", "ok", "z"))
    edge = replace(overview.edges[0], checks=checks, probes=(Probe("x:80", "error", layer="DNS"),))
    lines = overview_lines(replace(overview, edges=(edge,)))
    assert any(line.endswith("identity, traffic?, DNS") for line in lines)
    assert "alliance_verify_json_file" in lines[-3], "who makes it known"
    assert "alliance_verify_json_file" not in "".join(overview_lines(alliance(2)))


def test_many_findings_are_cut() -> None:
    many = tuple(Finding("warning", f"code-{number}", "m") for number in range(MOST_FINDINGS + 7))
    lines = overview_lines(replace(alliance(2), findings=many))
    assert "and 7 other findings" in lines
    assert sum(line.startswith("WARNING") for line in lines) == MOST_FINDINGS


def test_nothing_acts_on_the_terminal() -> None:
    overview = Overview("x", "2026-01-01T00:00:00Z", findings=(Finding("error", "x", "\x1b[2Jgone\u202e"),))
    assert all(line.isprintable() for line in overview_lines(overview))


def test_a_verification() -> None:
    lines = overview_lines(with_probes(alliance(2), [("cluster-a", "cluster-b")]))
    assert any(line.startswith("cluster-a") and line.endswith("gateway") for line in lines)


def test_of_many_edges_the_worst_are_printed() -> None:
    lines = overview_lines(alliance(20, {(19, 0): "error", (18, 3): "unknown"}))
    shown = [line.split()[2] for line in lines if line.startswith("prod-") and "federation" in line]
    assert len(shown) == MOST_EDGES
    assert sorted(set(shown)) == ["ERROR", "OK", "UNKNOWN"]
    assert "and 280 edges that are no worse" in lines
