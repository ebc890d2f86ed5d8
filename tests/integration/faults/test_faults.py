# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server that fails in all ways: every run ends as was asked or with a clear error, and the next one repairs.

ALLIANCE_FAULT_RUNS is how many runs meet faults (40, 500 in `make long`), ALLIANCE_FAULT_SEED what they are drawn by
(1); both are printed with the figures. A failure names its run by seed and number.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    federation_crd,
    multicluster_crd,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Overview
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import Applier
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client

from tests.gates.staging import ROOT
from tests.gates.test_module_coverage import MODULES, has_cluster, only_reads
from tests.integration.conftest import Admin
from tests.integration.faults.cases import CASES, Case, World
from tests.integration.faults.plan import FAULTS, Plan
from tests.integration.faults.proxy import FaultProxy, Seen
from tests.integration.forked import Forker, QuickRun, Settings
from tests.lab.controlplane import ControlPlane

RUNS = int(os.environ.get("ALLIANCE_FAULT_RUNS", "40"))
SEED = os.environ.get("ALLIANCE_FAULT_SEED", "1")
CLUSTER = "cluster-t"
CHECKED = 8  # one run in so many is in check mode
CHANGED = 3  # after one run in so many something else is asked for than what was begun
WAITED = 5  # after one run in so many its Lease is waited for, if it could not give it back
# Pauses between looks are no part of what is tested.
QUICK: Settings = {
    "_kube.istiod_restart": {"_PAUSE_SECONDS": 0.05},
    "_federation.rotation": {"_PAUSE_SECONDS": 0.05},
    "_federation.proxy_proof": {"PAUSE_SECONDS": 0.05},
}
# The waits that users have, in small.
IN_SMALL: Settings = {
    **QUICK,
    "_kube.client": {
        "CONNECT_SECONDS": 1.0,
        "READ_SECONDS": 0.3,
        "WATCH_GRACE_SECONDS": 0.5,
        "FIRST_PAUSE_SECONDS": 0.005,
        "LONGEST_PAUSE_SECONDS": 0.02,
    },
    "_kube.waiting": {"PAUSE_SECONDS": 0.02},
    "_kube.applyset": {"DEFINITION_SECONDS": 2.0},
    "_kube.remote_api": {"PAUSE_SECONDS": 0.02},
    "_kube.write_lease": {"_LOOK_SECONDS": 0.05},
    "_alliance.lease": {"LEASE_SECONDS": 1.0, "RENEW_SECONDS": 0.3, "LEADER_SECONDS": 0.7},
}
SECRET = re.compile(r"PRIVATE KEY|\beyJ[\w-]{8,}|Bearer [\w-]{20,}")
# What Python says of its own objects and mistakes is nothing to a user.
UNCLEAR = re.compile(r"Traceback|object at 0x|NoneType|KeyError")

UNREAD = re.compile(r"(?:GET|LIST|WATCH|POST) /|the API server ")
ELAPSED = re.compile(r"\d+ (?:second|minute|hour|day|year)s?\b")

Object = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """The ways to the API server, with faults and without."""

    world: World
    proxy: FaultProxy
    forker: Forker

    def run(self, case: Case, asked: Object, plan: Plan | None, *, check: bool = False) -> tuple[QuickRun, Seen]:
        """One run of a case's module, and what went through meanwhile."""
        seen = self.proxy.record(plan)
        done = self.forker(
            case.module,
            check=check,
            settings=IN_SMALL if plan else QUICK,
            variables=self.world.variables,
            kubeconfig=str(self.proxy.kubeconfig),
            cluster=CLUSTER,
            **asked,
        )
        self.proxy.record(None)
        return done, seen

    def end_leases(self) -> None:
        """As if the time were over of runs that could not give their Lease back."""
        for lease in self.world.listed("coordination.k8s.io/v1", "Lease", None):
            metadata = lease["metadata"]
            if metadata["name"] == names.WRITE_LEASE and lease["spec"].get("holderIdentity"):
                self.world.admin.delete("Lease", metadata["namespace"], metadata["name"], "coordination.k8s.io/v1")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A control plane of its own, so that nothing but the seed decides."""
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane("faults"))
        client = Client.from_options({"kubeconfig": str(plane.kubeconfig)}, "control-plane")
        stack.callback(client.close)
        applier = Applier(client, manager="somebody")
        applier.execute(applier.plan([federation_crd(), multicluster_crd()]))
        forker = stack.enter_context(Forker())
        proxy = stack.enter_context(FaultProxy(plane))
        yield Bench(World(Admin(client), forker, str(plane.operator_kubeconfig), stack), proxy, forker)


def findings(result: Object) -> list[Object]:
    """What a result tells of problems."""
    if "overview" in result:
        return [finding.to_dict() for finding in Overview.from_dict(result["overview"]).all_findings()]
    return list(result.get("findings") or (result.get("state") or {}).get("findings") or [])


def outcome(case: Case, done: QuickRun) -> str:
    """How a run ended: well, with problems that it tells, or with an error; fails for one that is not clear."""
    assert done.result, f"no result: {done.output}"
    assert not UNCLEAR.search(done.output), done.output
    assert not SECRET.search(done.output), done.output
    if done.result.get("failed"):
        assert done.status == 1
        error = done.result["error"]
        assert error["cluster"] == CLUSTER, done.output
        assert error["message"], done.output
        assert f"cluster {CLUSTER}" in done.result["msg"], done.output
        return "error"
    assert done.status == 0, done.output
    found = [item for item in findings(done.result) if item["code"] not in case.accepted]
    assert all(item["message"] and item.get("cluster") in (CLUSTER, None) for item in found), done.output
    return "told" if found or _unread(done.result) else "well"


def _unread(result: Object) -> list[Object]:
    """The checks of a probe that name a request which the API server did not answer: a reason as clear as a finding."""
    return [check for check in result.get("checks") or [] if UNREAD.match(check.get("reason", ""))]


def told(done: QuickRun) -> Object:
    """The result without what was asked and without problems: of those, outcome() has seen all that count.

    A status tells how long ago things were; that goes on between two looks.
    """
    kept = {name: value for name, value in done.result.items() if name not in ("invocation", "findings")}
    for part, left_out in (("state", "findings"), ("overview", "time")):
        if part in kept:
            kept[part] = {name: value for name, value in kept[part].items() if name != left_out}
    if "overview" in kept:
        kept["overview"] = json.loads(ELAPSED.sub("some time", json.dumps(kept["overview"])))
    return kept


def faulty_run(bench: Bench, case: Case, number: int) -> tuple[str, Seen]:
    """One run that meets faults, and what repairs it; how it ended, and its faults."""
    asked = case.next()
    check = case.writes and number % CHECKED == CHECKED - 1
    done, seen = bench.run(case, asked, Plan(f"{SEED}/{number}"), check=check)
    ended = outcome(case, done)
    if check or not case.writes:
        assert seen.writes == []
    other = case.writes and number % CHANGED == CHANGED - 1
    if other:
        asked = case.next()
    case.settle()
    if number % WAITED:
        bench.end_leases()
    repaired, repair = bench.run(case, asked, None)
    assert outcome(case, repaired) == "well", (done.output, repaired.output)
    if ended == "well" and not check and not other:
        assert (repaired.result["changed"], repair.writes) == (False, []), (done.output, repaired.output)
    if not case.writes and ended == "well":
        assert told(done) == told(repaired)
    case.holds(asked)
    if repaired.result["changed"] or repair.writes:
        again, rest = bench.run(case, asked, None)
        assert outcome(case, again) == "well", again.output
        assert (again.result["changed"], rest.writes) == (False, []), (repaired.output, again.output)
        case.holds(asked)
    return ended, seen


def test_every_module_that_has_a_cluster_is_run() -> None:
    """But those that are action plugins alone: behind their names is no program."""
    modules = ROOT / "plugins" / "modules"
    own = {name for name in MODULES if "def main(" in (modules / f"{name}.py").read_text()}
    wanted = {name: only_reads(name) for name in own if has_cluster(name)}
    assert {case.module: not case.writes for case in CASES.values()} == wanted


def test_faulty_runs(bench: Bench, figures: Callable[[str], None]) -> None:
    cases = [(name, make(bench.world)) for name, make in CASES.items()]
    ended: Counter[str] = Counter()
    by_case: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    number = 0
    while sum(ended.values()) < RUNS:
        name, case = cases[number % len(cases)]
        try:
            how, seen = faulty_run(bench, case, number)
        except Exception as error:
            error.add_note(f"seed {SEED}, run {number} ({name})")
            raise
        number += 1
        if seen.faults:
            ended[how] += 1
            by_case[name] += 1
            faults.update(seen.faults)
    figures(f"seed {SEED}, {RUNS} runs with {sum(faults.values())} faults: {dict(ended)}")
    figures(f"by module: {dict(by_case)}")
    figures(f"by fault: {dict(faults.most_common())}")
    if RUNS >= 100:
        assert set(faults) == {fault.name for fault in FAULTS}
        assert min(ended["well"], ended["error"]) > RUNS // 20
