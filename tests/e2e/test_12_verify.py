# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verify.yml proves an alliance that works, and names the layer and the cluster of each fault that is made in it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import LAYERS

from .alliance import CLUSTERS, NAMESPACE, A, Alliance, B
from .faults import FAULTS, HOST, Fault

# istiods and proxies follow within a moment; one that is slow is given so many runs more.
SETTLE_SECONDS = 3
RUNS = 4
# One host of each cluster, and short steps: what is made silent costs its time in every run.
QUICK = {"verify_services": [f"bar.xyz.svc.{B}.local", f"foo.xyz.svc.{A}.local"], "verify_step_timeout": 2}


@dataclass(frozen=True)
class Verified:
    """One run: exit status, the recap of failures, every check, what was printed."""

    status: int
    failures: Mapping[str, int]
    checks: list[dict[str, Any]]
    output: str

    def edge(self, reader: str, neighbour: str) -> list[dict[str, Any]]:
        """The checks of one edge."""
        return [check for check in self.checks if (check["cluster"], check["neighbour"]) == (reader, neighbour)]

    def named(self, reader: str, neighbour: str) -> list[tuple[str, str]]:
        """Layer and cluster of each failure of an edge, the first layer first."""
        found = {(check["layer"], check["blamed"]) for check in self.edge(reader, neighbour) if "layer" in check}
        return sorted(found, key=lambda item: LAYERS.index(item[0]))


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
        return Verified(done.status, done.recap.get("failures", {}), checks, done.output)

    def until(self, wanted: Callable[[Verified], bool], **variables: Any) -> Verified:
        """The first run that is as it should be, or the last one."""
        for _run in range(RUNS):
            time.sleep(SETTLE_SECONDS)
            done = self.run(**{**QUICK, "verify_keep": True, **variables})
            if wanted(done):
                return done
        return done

    def status(self) -> str:
        """How the alliance is by status.yml, which counts what was verified lately."""
        result = self.folder / "status.json"
        variables = {"alliance_verify_json_file": str(self.folder / "result.json"), "status_json_file": str(result)}
        more = self.folder / "variables.json"
        more.write_text(json.dumps(variables))
        Alliance(self.alliance.lab, playbook="status.yml").run("-e", f"@{more}")
        level: str = json.loads(result.read_text())["level"]
        return level


@pytest.fixture(scope="module")
def verifier(alliance: Alliance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verifier]:
    # Other tests may have parted them.
    alliance.converge()
    yield Verifier(alliance, tmp_path_factory.mktemp("verify"))
    for cluster in CLUSTERS:
        alliance.kubectl(cluster, "delete", "--ignore-not-found", "-n", NAMESPACE, "deployment/alliance-probe")


def test_a_plan_runs_nothing(verifier: Verifier) -> None:
    before = verifier.alliance.writes()
    done = verifier.run("--check")
    assert done.status == 0, done.output
    assert "WOULD CALL" in done.output
    assert verifier.alliance.writes() == before
    assert not (verifier.folder / "result.json").exists()


def test_an_alliance_that_works_is_green(verifier: Verifier) -> None:
    done = verifier.run()
    assert done.status == 0, done.output
    for reader, neighbour in ((A, B), (B, A)):
        checks = done.edge(reader, neighbour)
        assert not [check for check in checks if "layer" in check or "skipped" in check], done.output
        assert {check["check"] for check in checks} == {"service", "secrecy", "identity", "exporter"}
        domain = f"{neighbour}.local"
        services = [check for check in checks if check["check"] == "service"]
        assert all(check["identity"].startswith(f"spiffe://{domain}/ns/") for check in services)
        assert all(check["ms"] > 0 for check in services)
        assert sum(check["check"] == "secrecy" for check in checks) == 3
        assert sum(check["check"] == "identity" for check in checks) == 4
    ports = {check["name"] for check in done.edge(A, B)} & {f"{HOST}:{port}" for port in (80, 9090, 9000)}
    assert len(ports) == 3, "HTTP, gRPC and TCP"


def test_what_it_leaves(verifier: Verifier) -> None:
    """Files, and nothing in the clusters."""
    assert list(ElementTree.parse(verifier.folder / "result.junit").iter("testcase"))
    page = (verifier.folder / "result.page").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert HOST in page
    for cluster in CLUSTERS:
        found = verifier.alliance.kubectl(
            cluster, "get", "deployment,serviceaccount", "-n", NAMESPACE, "-o", "name", "--ignore-not-found"
        )
        assert "alliance-probe" not in found


# Of each layer one fault is looked at with status.yml too.
STATUS = {fault.layer: fault for fault in reversed(FAULTS)}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_the_layer_and_the_cluster_are_named(verifier: Verifier, fault: Fault) -> None:
    edge = (fault.reader, fault.neighbour)

    def as_it_should(run: Verified) -> bool:
        # Behind the same Service is the exporter, so that more may fail; what comes first counts, and one place alone.
        named = run.named(*edge)
        return named[:1] == [(fault.layer, fault.blamed)] and {blamed for _layer, blamed in named} == {fault.blamed}

    if fault.new_probe:
        _new_probe(verifier.alliance, fault.reader)
    try:
        with fault.make(verifier.alliance):
            done = verifier.until(as_it_should)
    finally:
        if fault.new_probe:
            _new_probe(verifier.alliance, fault.reader)
    assert as_it_should(done), done.output
    assert done.status != 0
    assert fault.reader in done.failures
    assert f"{fault.reader} to {fault.neighbour}: {fault.layer}, in {fault.blamed}: " in done.output
    assert all(check["reason"] and check["remedy"] for check in done.edge(*edge) if "layer" in check)
    if fault is STATUS[fault.layer]:
        assert verifier.status() == "error"


def _new_probe(alliance: Alliance, cluster: str) -> None:
    """The next run makes it anew."""
    alliance.kubectl(
        cluster, "delete", "-n", NAMESPACE, "deployment/alliance-probe", "--ignore-not-found", "--cascade=foreground"
    )


def test_all_is_well_again_and_the_probe_is_gone(verifier: Verifier) -> None:
    done = verifier.until(lambda run: run.status == 0, verify_keep=False, verify_services=[])
    assert done.status == 0, done.output
    for cluster in CLUSTERS:
        assert "alliance-probe" not in verifier.alliance.kubectl(
            cluster, "get", "pods,deployments", "-n", NAMESPACE, "-o", "name"
        )
