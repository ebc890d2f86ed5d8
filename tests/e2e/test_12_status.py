# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""status.yml on clusters that work, and on clusters with faults that can be seen without a request."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Overview

from .alliance import CLUSTERS, A, Alliance, B
from .faults import FAULTS, Fault

# What of a fault is not well, by its name: checks of clusters and, as (reader, neighbour), of edges.
SEEN: dict[str, set[tuple[Any, str]]] = {
    "gateway Service deleted": {(B, "addresses"), (B, "gateway"), (B, "objects"), ((A, B), "imports")},
    "wrong NodePort": {(B, "objects"), ((A, B), "imports")},
    "ServiceEntry deleted": {(A, "drift")},
    "anchor expired": {(A, "drift")},
    "not published any more": {((A, B), "imports")},
    "the neighbour's istiod is down": {(B, "istiod"), (B, "proxies")},
    "exporter down": {(B, "exporter")},
    "exporter does not know our key": {(B, "drift")},
    "DestinationRule DISABLE": {(A, "drift")},
    "DestinationRule of others": {(A, "inventory")},
    "no pods behind the service": {(B, "published")},
}
# Deployments and what is published follow within moments.
SETTLE_SECONDS = 5
RUNS = 6


def status(alliance: Alliance, folder: Path) -> Overview:
    """What a run of status.yml finds; it writes nothing."""
    before = alliance.writes()
    files = {"status_json_file": str(folder / "status.json"), "status_page_file": str(folder / "status.html")}
    more = folder / "variables.json"
    more.write_text(json.dumps(files))
    done = Alliance(alliance.lab, playbook="status.yml").run("-e", f"@{more}")
    assert done.status == 0, done.output
    assert alliance.writes() == before
    return Overview.from_dict(json.loads((folder / "status.json").read_text()))


def not_well(overview: Overview) -> set[tuple[Any, str]]:
    """The checks that are not well, but for traffic, of which the exporters hear a moment later."""
    found: set[tuple[Any, str]] = set()
    for view in overview.clusters:
        found |= {(view.name, check.name) for check in view.checks if check.level != "ok"}
    for edge in overview.edges:
        place = (edge.reader, edge.neighbour)
        found |= {(place, check.name) for check in edge.checks if check.level != "ok" and check.name != "traffic"}
    return found


@pytest.fixture(scope="module", autouse=True)
def _together(alliance: Alliance) -> None:
    # Other tests may have parted them.
    alliance.converge()


def test_clusters_that_work_are_well(alliance: Alliance, tmp_path: Path) -> None:
    overview = status(alliance, tmp_path)
    for _run in range(RUNS):
        if overview.level == "ok":
            break
        # The exporters probe once in a while.
        time.sleep(SETTLE_SECONDS)
        overview = status(alliance, tmp_path)
    assert not_well(overview) == set(), [finding.message for finding in overview.all_findings()]
    assert overview.level == "ok"
    assert {view.name for view in overview.clusters} == set(CLUSTERS)
    ends = {expiry.name for view in overview.clusters for expiry in view.expiries}
    assert {"root", "certificate that istiod signs with", "certificate of the metadata endpoint"} <= ends
    assert (tmp_path / "status.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in SEEN], ids=lambda fault: fault.name)
def test_faults_are_seen_without_a_request(fault: Fault, alliance: Alliance, tmp_path: Path) -> None:
    wanted = SEEN[fault.name]
    found: set[tuple[Any, str]] = set()
    with fault.make(alliance):
        for _run in range(RUNS):
            time.sleep(SETTLE_SECONDS)
            overview = status(alliance, tmp_path)
            found = not_well(overview)
            if wanted <= found:
                break
    assert wanted <= found
    assert overview.level in ("warning", "error")


def test_every_fault_that_is_to_be_seen_is_made() -> None:
    assert set(SEEN) <= {fault.name for fault in FAULTS}
