# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""status.yml on clusters that work, and on clusters with faults that can be seen without a request.

Faults are looked at with the modules of the playbook; test_12_verify.py does so with the playbook as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .alliance import CLUSTERS, A, Alliance, B
from .faults import FAULTS, Fault
from .looking import Looker, not_well, status, told, until

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


@pytest.fixture(scope="module", autouse=True)
def _together(alliance: Alliance, looker: Looker) -> None:
    # Other tests may have parted them.
    if not_well(looker.status()):
        alliance.converge()


def test_clusters_that_work_are_well(alliance: Alliance, looker: Looker, tmp_path: Path) -> None:
    # The exporters probe once in a while.
    until(looker.status, lambda overview: overview.level == "ok")
    overview = status(alliance, tmp_path)
    assert not_well(overview) == set(), told(overview)
    assert overview.level == "ok"
    assert {view.name for view in overview.clusters} == set(CLUSTERS)
    assert all("objects" in {check.name for check in view.checks} for view in overview.clusters)
    ends = {expiry.name for view in overview.clusters for expiry in view.expiries}
    assert {"root", "certificate that istiod signs with", "certificate of the metadata endpoint"} <= ends
    assert (tmp_path / "status.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in SEEN], ids=lambda fault: fault.name)
def test_faults_are_seen_without_a_request(fault: Fault, alliance: Alliance, looker: Looker) -> None:
    before = until(looker.status, lambda overview: not not_well(overview))
    assert not_well(before) == set(), told(before)
    # The roles compare objects, in the playbook alone.
    wanted = {check for check in SEEN[fault.name] if check[1] != "objects"}
    with fault.make(alliance):
        overview = until(looker.status, lambda overview: wanted <= not_well(overview))
        assert wanted <= not_well(overview), told(overview)
        assert overview.level in ("warning", "error")


def test_every_fault_that_is_to_be_seen_is_made() -> None:
    assert set(SEEN) <= {fault.name for fault in FAULTS}
