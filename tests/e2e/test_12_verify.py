# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verify.yml proves an alliance that works, and names the layer and the cluster of each fault that is made in it.

Every fault is looked at with the modules of the playbook, ALLIANCE_PLAYBOOK_FAULTS of them with the playbook too, and
with status.yml, which must not be better than what was verified.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import LAYERS, ProbeResult
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_report import Verification

from .alliance import CLUSTERS, NAMESPACE, A, Alliance, B
from .faults import BY_PLAYBOOK, FAULTS, HOST, Fault
from .looking import Looker, not_well, status, told, until
from .test_12_status import SEEN

pytestmark = pytest.mark.long

PROBE = "deployment/alliance-probe"
# One host of each cluster, and short steps: what is made silent costs its time in every look.
SERVICES = [f"bar.xyz.svc.{B}.local", f"foo.xyz.svc.{A}.local"]
STEP_SECONDS = 2


@dataclass(frozen=True)
class Verified:
    """One run: exit status, the recap of failures, every check, what was printed."""

    status: int
    failures: Mapping[str, int]
    checks: list[ProbeResult]
    output: str

    def edge(self, reader: str, neighbour: str) -> list[ProbeResult]:
        """The checks of one edge."""
        return [check for check in self.checks if (check.cluster, check.neighbour) == (reader, neighbour)]


class Verifier:
    """Runs verify.yml."""

    def __init__(self, alliance: Alliance, folder: Path) -> None:
        self.alliance = Alliance(alliance.lab, playbook="verify.yml")
        self.folder = folder

    def run(self, *arguments: str, **variables: Any) -> Verified:
        """One run; its files are in the folder."""
        result = self.folder / "result.json"
        result.unlink(missing_ok=True)
        files = {
            f"alliance_verify_{kind}_file": str(self.folder / f"result.{kind}") for kind in ("json", "junit", "page")
        }
        more = self.folder / "variables.json"
        more.write_text(json.dumps({**files, **variables}))
        done = self.alliance.run("-e", f"@{more}", *arguments)
        checks = json.loads(result.read_text())["results"] if result.exists() else []
        found = [ProbeResult.from_dict(check) for check in checks]
        return Verified(done.status, done.recap.get("failures", {}), found, done.output)


@pytest.fixture(scope="module")
def verifier(alliance: Alliance, looker: Looker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verifier]:
    # Other tests may have parted them.
    if not_well(looker.status()):
        alliance.converge()
    yield Verifier(alliance, tmp_path_factory.mktemp("verify"))
    for cluster in CLUSTERS:
        alliance.kubectl(cluster, "delete", "--ignore-not-found", "-n", NAMESPACE, PROBE)


def test_a_plan_runs_nothing(verifier: Verifier) -> None:
    before = verifier.alliance.writes()
    done = verifier.run("--check")
    assert done.status == 0, done.output
    assert "WOULD CALL" in done.output
    assert verifier.alliance.writes() == before
    assert not (verifier.folder / "result.json").exists()


def test_an_alliance_that_works_is_green(verifier: Verifier) -> None:
    """The probe stays: the faults are looked at through it."""
    done = verifier.run(verify_keep=True)
    assert done.status == 0, done.output
    for reader, neighbour in ((A, B), (B, A)):
        checks = done.edge(reader, neighbour)
        assert not [check for check in checks if not check.ok], done.output
        assert {check.check for check in checks} == {"service", "secrecy", "identity", "exporter"}
        domain = f"{neighbour}.local"
        services = [check for check in checks if check.check == "service"]
        assert all(check.identity.startswith(f"spiffe://{domain}/ns/") for check in services)
        assert all((check.ms or 0) > 0 for check in services)
        assert sum(check.check == "secrecy" for check in checks) == 3
        assert sum(check.check == "identity" for check in checks) == 4
    hidden = {check.name for check in done.edge(A, B) if check.check == "secrecy"}
    assert f"unpublished foo.xyz.svc.{B}.local:80" in hidden, "which is in the mesh"
    ports = {check.name for check in done.edge(A, B)} & {f"{HOST}:{port}" for port in (80, 9090, 9000)}
    assert len(ports) == 3, "HTTP, gRPC and TCP"


def named(checks: Sequence[ProbeResult]) -> list[tuple[str, str]]:
    """Layer and cluster of each failure, the first layer first."""
    found = {(check.layer, check.blamed) for check in checks if check.layer}
    return sorted(found, key=lambda item: LAYERS.index(item[0]))


def is_named(checks: Sequence[ProbeResult], fault: Fault) -> bool:
    """Behind the same Service is the exporter, so that more may fail; what comes first counts, and one place alone."""
    found = named(checks)
    return found[:1] == [(fault.layer, fault.blamed)] and {blamed for _layer, blamed in found} == {fault.blamed}


class Watched:
    """Looks at the edge of a fault, through the probe that a run left."""

    def __init__(self, alliance: Alliance, looker: Looker, fault: Fault) -> None:
        self._alliance = alliance
        self._looker = looker
        self._fault = fault
        self._edge = (fault.reader, fault.neighbour)

    def look(self) -> Verification:
        """What is found now; where it matters when the probe was started, by a new one."""
        if self._fault.new_probe:
            self._renew()
        return self._looker.verify([self._fault.reader], services=SERVICES, step_timeout=STEP_SECONDS)

    def results(self, verification: Verification) -> list[ProbeResult]:
        """Of the edge."""
        return verification.results(self._edge)

    def is_well(self, verification: Verification) -> bool:
        """Whether no fault of before lasts."""
        return all(result.ok for result in self.results(verification)) and verification.level(self._edge) == "ok"

    def _renew(self) -> None:
        where = (self._fault.reader, "-n", NAMESPACE)
        cluster, *namespace = where
        self._alliance.kubectl(cluster, "delete", "pod", *namespace, "-l", "app=alliance-probe", "--wait=false")
        self._alliance.kubectl(cluster, "rollout", "status", *namespace, PROBE, "--timeout=120s")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_the_layer_and_the_cluster_are_named(verifier: Verifier, looker: Looker, fault: Fault) -> None:
    watched = Watched(verifier.alliance, looker, fault)
    before = until(watched.look, watched.is_well)
    assert watched.is_well(before), before.lines()
    with fault.make(verifier.alliance):
        seen = until(watched.look, lambda found: is_named(watched.results(found), fault))
        lines, results = seen.lines(), watched.results(seen)
        assert is_named(results, fault), lines
        assert seen.red(fault.reader) == [fault.neighbour]
        assert any(_says(line, fault) for line in lines), lines
        assert all(check.reason and check.remedy for check in results if check.layer)
        # What status says is never better than what was verified.
        overview = looker.status(seen)
        edge = overview.edge(fault.reader, fault.neighbour)
        assert edge is not None
        assert (edge.level, overview.level) == ("error", "error")
        if fault.name in BY_PLAYBOOK:
            _by_playbook(verifier, fault)
    if fault.new_probe:
        after = until(watched.look, watched.is_well)
        assert watched.is_well(after), after.lines()


def _by_playbook(verifier: Verifier, fault: Fault) -> None:
    done = verifier.run(verify_services=SERVICES, verify_step_timeout=STEP_SECONDS, verify_keep=True)
    assert is_named(done.edge(fault.reader, fault.neighbour), fault), done.output
    assert done.status != 0
    assert fault.reader in done.failures
    assert any(_says(line, fault) for line in done.output.splitlines()), done.output
    verified = str(verifier.folder / "result.json")
    overview = status(verifier.alliance, verifier.folder, alliance_verify_json_file=verified)
    assert overview.level == "error"
    assert SEEN.get(fault.name, set()) <= not_well(overview), told(overview)


def _says(line: str, fault: Fault) -> bool:
    return f"{fault.reader} to {fault.neighbour}: {fault.layer}, in {fault.blamed}: " in line


def test_all_is_well_again_and_the_probe_is_gone(verifier: Verifier) -> None:
    done = verifier.run()
    assert done.status == 0, done.output
    for cluster in CLUSTERS:
        assert "alliance-probe" not in verifier.alliance.kubectl(
            cluster, "get", "deployments,serviceaccounts", "-n", NAMESPACE, "-o", "name"
        )
    assert list(ElementTree.parse(verifier.folder / "result.junit").iter("testcase"))
    page = (verifier.folder / "result.page").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert HOST in page
