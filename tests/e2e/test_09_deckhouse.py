# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mixed alliance: cluster-a with upstream Istio, cluster-c as Deckhouse sets it up, and a neighbour that isn't ours.

The tests of this file build on each other, in their order.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .alliance import LEASE, NAMESPACE, PUBLIC_LABEL, SELDOM, A, Alliance, Run
from .partner import DOMAIN, NAME, Partner
from .test_02_publishing import until
from tests.demo.calls import call_until, curl
from tests.lab.lab import Lab

C = "cluster-c"
PLATFORM_NAMESPACE = "d8-istio"
# What the administrators of cluster-c set before anybody thought of an alliance.
FOREIGN = {"tracing": {"enabled": False}, "dataPlane": {"trafficRedirectionSetupMode": "InitContainer"}}


@pytest.fixture(scope="module")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Partner]:
    """The neighbour that isn't ours, running; it knows nothing of us."""
    with Partner(tmp_path_factory.mktemp(NAME)).running() as partner:
        yield partner


@pytest.fixture(scope="module")
def mixed(lab: Lab, partner: Partner) -> Iterator[Alliance]:
    """The three members before their first run."""
    lab.up([], deckhouse=[C])
    told = {**partner.variables, "external_neighbour_directory": str(lab.layout.folder / "alliance-external")}
    mixed = Alliance(lab, (A, C), {A: dict(SELDOM), C: dict(SELDOM), NAME: told})
    mixed.reset(A)
    for gone in (("istiofederations", "--all"), ("moduleconfig", "istio"), ("namespace", NAMESPACE)):
        # In clusters that were kept from an earlier session; a kind that isn't served yet is none the worse.
        mixed.kubectl(C, "delete", "--ignore-not-found", *gone, check=False)
    spec = {"version": 3, "enabled": True, "settings": FOREIGN}
    name = {"name": "istio", "labels": {"team": "platform"}}
    mixed.apply(C, {"apiVersion": "deckhouse.io/v1alpha1", "kind": "ModuleConfig", "metadata": name, "spec": spec})
    handed_over(mixed).unlink(missing_ok=True)
    yield mixed
    shutil.rmtree(handed_over(mixed).parent, ignore_errors=True)
    # No test after these needs it.
    lab.stop([C])


@pytest.fixture(scope="module")
def plan(mixed: Alliance) -> Run:
    """Check mode before anything was done."""
    return mixed.run("--check", "--diff")


@pytest.fixture(scope="module")
def before(mixed: Alliance, plan: Run) -> dict[str, int]:
    """How many requests had been written before the first run."""
    return mixed.writes()


@pytest.fixture(scope="module")
def first(mixed: Alliance, before: dict[str, int]) -> Run:
    """The run after the plan."""
    return mixed.converge()


def handed_over(mixed: Alliance) -> Path:
    """What a run writes for the administrator of the neighbour that isn't ours."""
    return mixed.lab.layout.folder / "alliance-external" / f"{NAME}.yml"


def table(run: Run) -> dict[tuple[str, str], list[str]]:
    """The rows of the table that a run ends with: cells by cluster and neighbour."""
    rows = {}
    for line in run.output.splitlines():
        cells = re.split(r"\s{2,}", line.strip())
        if len(cells) >= 6 and {cells[0], cells[1]} <= {A, C, NAME}:
            rows[cells[0], cells[1]] = cells[2:]
    return rows


def test_the_plan_writes_nothing(plan: Run, before: dict[str, int], mixed: Alliance) -> None:
    assert plan.status == 0, plan.output
    assert before == mixed.writes()
    assert mixed.kubectl(C, "get", "namespace", NAMESPACE, "--ignore-not-found") == ""
    assert plan.objects(C), "the plan names no object"


def test_the_module_is_switched_on_and_keeps_what_others_set(mixed: Alliance, first: Run) -> None:
    config = mixed.get(C, "moduleconfig", "istio")
    assert config["metadata"]["labels"] == {"team": "platform"}
    settings = config["spec"]["settings"]
    assert {name: settings[name] for name in FOREIGN} == FOREIGN
    assert settings["federation"] == {"enabled": True}
    assert settings["alliance"]["ingressGateway"] == {"inlet": "NodePort", "nodePort": {"port": 30443}}
    assert (config["spec"]["version"], config["spec"]["enabled"]) == (3, True)


def test_the_platform_is_told_of_its_neighbours(mixed: Alliance, first: Run, partner: Partner) -> None:
    specs = {item["metadata"]["name"]: item["spec"] for item in mixed.get(C, "istiofederations")["items"]}
    assert set(specs) == {A, NAME}
    assert specs[A]["trustDomain"] == f"{A}.local"
    assert specs[A]["metadataEndpoint"].startswith("https://")
    assert "BEGIN CERTIFICATE" in specs[A]["metadata"]["clusterCA"]
    assert specs[NAME]["trustDomain"] == DOMAIN
    assert specs[NAME]["metadataEndpoint"] == partner.variables["alliance_metadata_endpoint"]
    assert specs[NAME]["metadata"]["clusterCA"].strip() == partner.variables["alliance_metadata_ca"].strip()


def test_nothing_else_was_written_to_the_platforms_cluster(mixed: Alliance, before: dict[str, int], first: Run) -> None:
    references = [event["objectRef"] for event in mixed.audit(C)[before[C] :]]
    assert {(item["resource"], item.get("name", LEASE)) for item in references} == {
        ("leases", LEASE),
        ("moduleconfigs", "istio"),
        ("namespaces", NAMESPACE),
        # The list of our objects.
        ("configmaps", "alliance-trust"),
        ("istiofederations", A),
        ("istiofederations", NAME),
    }
    assert {item["namespace"] for item in references if "namespace" in item} == {NAMESPACE}
    assert not [item for item in references if item.get("subresource") == "status"]


def test_the_table_shows_every_edge(first: Run) -> None:
    rows = table(first)
    assert {(A, C), (A, NAME), (C, A), (C, NAME)} <= set(rows), first.output
    assert rows[A, C][:2] == [f"{C}.local", "1 root"]
    assert rows[C, A][:2] == [f"{A}.local", "1 root"]
    assert int(rows[A, C][2]) >= 1
    assert int(rows[C, A][2]) >= 1
    assert re.search(rf"^\W*{NAME}\s.*external", first.output, re.MULTILINE), first.output


@pytest.mark.parametrize(("caller", "service", "callee", "target"), [(A, "foo", C, "bar"), (C, "bar", A, "foo")])
def test_services_answer_over_mutual_tls(
    mixed: Alliance, first: Run, caller: str, service: str, callee: str, target: str
) -> None:
    answer = call_until(mixed.lab, caller, service, f"http://{target}.xyz.svc.{callee}.local/")
    assert (answer["service"], answer["cluster"]) == (target, callee)
    assert f"By=spiffe://{callee}.local/ns/xyz/sa/{target}" in answer["client"]
    assert f"URI=spiffe://{caller}.local/ns/xyz/sa/{service}" in answer["client"]


def test_other_protocols_go_the_same_way(mixed: Alliance, first: Run) -> None:
    for caller, service, callee, target in ((A, "foo", C, "bar"), (C, "bar", A, "foo")):
        host = f"{target}.xyz.svc.{callee}.local"
        http2 = curl(mixed.lab, caller, service, "--http2-prior-knowledge", "--fail-with-body", f"http://{host}:9090/")
        assert f'"cluster": "{callee}"' in http2.stdout, http2.stderr
        tcp = curl(mixed.lab, caller, service, "--max-time", "3", f"telnet://{host}:9000")
        assert f"{target} {callee}" in tcp.stdout, tcp.stderr


def test_a_platform_can_probe_the_data_plane(mixed: Alliance, first: Run) -> None:
    """As a newer one does it from inside its mesh, under either name."""
    probe = ("-A", "alliance-healthcheck/1.0", "-H", f"X-alliance-healthcheck-from: {C}", "--fail")
    for host in mixed.healthcheck_hosts(A):

        def answers(url: str = f"http://{host}/healthz") -> bool:
            return curl(mixed.lab, C, "foo", *probe, url).returncode == 0

        until(answers, f"{host} answers in {C}")


def test_the_second_run_changes_and_writes_nothing(mixed: Alliance, first: Run) -> None:
    before = mixed.writes()
    run = mixed.converge()
    assert run.changed() == {}
    assert mixed.writes() == before


def test_the_neighbours_administrator_gets_what_is_to_be_entered(mixed: Alliance, first: Run) -> None:
    text = handed_over(mixed).read_text()
    manifests = {item["metadata"]["name"]: item for item in yaml.safe_load_all(text) if item}
    assert set(manifests) == {A, C}
    for name, manifest in manifests.items():
        assert manifest["kind"] == "IstioFederation"
        assert manifest["spec"]["trustDomain"] == f"{name}.local"
    theirs = mixed.get(C, "istiofederation", A)["spec"]
    assert manifests[A]["spec"]["metadataEndpoint"] == theirs["metadataEndpoint"]
    assert manifests[A]["spec"]["metadata"]["clusterCA"].strip() == theirs["metadata"]["clusterCA"].strip()
    assert "kind: IstioFederation" in first.output, "it is shown, ready to paste"


def test_the_neighbour_accepts_us_once_it_was_entered(mixed: Alliance, first: Run, partner: Partner) -> None:
    assert partner.service not in _imported(mixed, A)
    partner.enter(handed_over(mixed))
    wanted = {f"foo.xyz.svc.{A}.local", f"bar.xyz.svc.{C}.local"}
    until(lambda: wanted <= partner.imported(), f"{NAME} fetches what we publish")
    assert partner.refused() == []
    run = mixed.converge()
    assert partner.service in _imported(mixed, A)
    until(lambda: partner.service in _imported(mixed, C), f"the platform imports what {NAME} publishes")
    assert table(run)[A, NAME][:3] == [DOMAIN, "1 root", "1"]


def test_then_nothing_is_left_to_do(mixed: Alliance) -> None:
    before = mixed.writes()
    run = mixed.converge()
    assert run.changed() == {}
    assert mixed.writes() == before
    for edge in ((A, C), (A, NAME), (C, A), (C, NAME)):
        assert table(run)[edge][-1] == "-", run.output


def test_the_inventory_publishes_services_of_the_platforms_cluster(mixed: Alliance) -> None:
    mixed.variables[C]["alliance_public_services"] = ["xyz/foo"]
    mixed.converge()
    assert PUBLIC_LABEL in mixed.get(C, "service", "-n", "xyz", "foo")["metadata"]["labels"]
    assert _hosts(C, "foo", "bar") <= _imported(mixed, A), "what others published stays published"
    assert call_until(mixed.lab, A, "foo", f"http://foo.xyz.svc.{C}.local/")["cluster"] == C
    mixed.variables[C]["alliance_public_services"] = []
    mixed.converge()
    assert PUBLIC_LABEL not in mixed.get(C, "service", "-n", "xyz", "foo")["metadata"]["labels"]
    assert _imported(mixed, A) & _hosts(C, "foo", "bar") == _hosts(C, "bar")
    del mixed.variables[C]["alliance_public_services"]


def test_a_service_that_its_owner_withdraws_is_forgotten(mixed: Alliance) -> None:
    published = ((A, "foo"), (C, "bar"))
    try:
        for cluster, service in published:
            mixed.publish(cluster, service, public=False)
        until(lambda: not _hosts(A, "foo") & _imported(mixed, C), "the platform forgets the service")
        mixed.converge()
        assert not _hosts(C, "bar") & _imported(mixed, A)
    finally:
        for cluster, service in published:
            mixed.publish(cluster, service, public=True)
    mixed.converge()
    assert _hosts(C, "bar") <= _imported(mixed, A)


def test_a_platform_that_is_down_costs_the_others_nothing(mixed: Alliance) -> None:
    before = _imported(mixed, A)
    mixed.lab.stop([C])
    try:
        run = mixed.run()
        assert run.status != 0
        assert run.recap["failures"] == {C: 1}
        assert f"ERROR {C}: its API could not be read in this run" in run.output
        assert _imported(mixed, A) == before
    finally:
        mixed.lab.start([C])


def test_the_next_run_finds_everything_as_it_was(mixed: Alliance) -> None:
    call_until(mixed.lab, A, "foo", f"http://bar.xyz.svc.{C}.local/")
    call_until(mixed.lab, C, "bar", f"http://foo.xyz.svc.{A}.local/")
    mixed.converge()
    before = mixed.writes()
    assert mixed.converge().changed() == {}
    assert mixed.writes() == before


def _hosts(cluster: str, *services: str) -> set[str]:
    return {f"{service}.xyz.svc.{cluster}.local" for service in services}


def _imported(mixed: Alliance, cluster: str) -> set[str]:
    namespace = PLATFORM_NAMESPACE if cluster == C else NAMESPACE
    entries: list[dict[str, Any]] = mixed.get(cluster, "serviceentries", "-n", namespace)["items"]
    return {host for entry in entries for host in entry["spec"]["hosts"]}
