# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From two clusters that know nothing of each other to calls in both directions; then nothing more to do.

The tests of this file build on each other, in their order.
"""

from __future__ import annotations

import json

import pytest

from .alliance import CLUSTERS, LEASE, NAMESPACE, A, Alliance, B, Run
from .test_02_publishing import until
from tests.demo.calls import call_until, curl


@pytest.fixture(scope="module")
def plan(fresh: Alliance) -> Run:
    """Check mode on the fresh pair."""
    return fresh.run("--check", "--diff")


@pytest.fixture(scope="module")
def first(fresh: Alliance, plan: Run) -> Run:
    """The run after the plan."""
    return fresh.converge()


def test_the_plan_writes_nothing(fresh: Alliance, plan: Run) -> None:
    assert plan.status == 0, plan.output
    assert fresh.writes() == {A: 0, B: 0}


def test_the_run_does_what_the_plan_said(plan: Run, first: Run) -> None:
    for cluster in CLUSTERS:
        planned = plan.objects(cluster)
        assert planned, "the plan names no object"
        assert first.objects(cluster) == planned


def test_the_diff_shows_every_object(plan: Run) -> None:
    for cluster in CLUSTERS:
        headers = {entry["after_header"] for entry in plan.diffs(cluster)}
        for _action, kind, namespace, name in plan.objects(cluster):
            assert " ".join(part for part in (kind, namespace, name) if part) in headers


def test_the_run_wrote_nothing_else_but_its_lease(fresh: Alliance, first: Run) -> None:
    for cluster in CLUSTERS:
        said = {name for _action, _kind, _namespace, name in first.objects(cluster)}
        references = [event["objectRef"] for event in fresh.audit(cluster)]
        assert {item["name"] for item in references if item["resource"] != "leases"} == said
        # The first request that makes a Lease has no name in its path.
        assert {item.get("name", LEASE) for item in references if item["resource"] == "leases"} == {LEASE}


def test_no_secret_is_in_the_output(fresh: Alliance, plan: Run, first: Run) -> None:
    for cluster in CLUSTERS:
        for secret in fresh.get(cluster, "secrets", "-n", NAMESPACE)["items"]:
            for key, value in secret["data"].items():
                if key in ("priv.pem", "tls.key"):
                    assert value not in first.output
        for run in (plan, first):
            assert "PRIVATE KEY" not in run.output
            assert "PRIVATE KEY" not in json.dumps(run.results)


@pytest.mark.parametrize(("caller", "service", "callee", "target"), [(A, "foo", B, "bar"), (B, "bar", A, "foo")])
def test_services_answer_over_mutual_tls(
    alliance: Alliance, first: Run, caller: str, service: str, callee: str, target: str
) -> None:
    answer = call_until(alliance.lab, caller, service, f"http://{target}.xyz.svc.{callee}.local/")
    assert (answer["service"], answer["cluster"]) == (target, callee)
    assert f"By=spiffe://{callee}.local/ns/xyz/sa/{target}" in answer["client"]
    assert f"URI=spiffe://{caller}.local/ns/xyz/sa/{service}" in answer["client"]


def test_grpc_and_tcp_ports_are_reached(alliance: Alliance) -> None:
    url = f"bar.xyz.svc.{B}.local"
    call_until(alliance.lab, A, "foo", f"http://{url}/")
    http2 = curl(alliance.lab, A, "foo", "--http2-prior-knowledge", "--fail-with-body", f"http://{url}:9090/")
    assert json.loads(http2.stdout)["cluster"] == B, http2.stderr
    tcp = curl(alliance.lab, A, "foo", "--max-time", "3", f"telnet://{url}:9000")
    assert f"bar {B}" in tcp.stdout, tcp.stderr


@pytest.mark.parametrize(("caller", "service", "callee"), [(A, "foo", B), (B, "bar", A)])
def test_neighbours_can_probe_the_data_plane(alliance: Alliance, caller: str, service: str, callee: str) -> None:
    """As a newer Deckhouse neighbour does it, under either name."""
    probe = (
        "-A",
        "alliance-healthcheck/1.0",
        "-H",
        f"X-alliance-healthcheck-from: {caller}",
        "--fail",
        "--max-time",
        "5",
    )
    for host in alliance.healthcheck_hosts(callee):
        until(
            lambda host=host: curl(alliance.lab, caller, service, *probe, f"http://{host}/healthz").stdout == "ok\n",
            f"{host} answers",
        )


def test_the_second_run_changes_and_writes_nothing(alliance: Alliance) -> None:
    before = alliance.writes()
    run = alliance.run()
    assert run.status == 0, run.output
    assert all(count == 0 for count in run.changed().values()), run.output
    assert alliance.writes() == before


def test_check_mode_then_plans_nothing(alliance: Alliance) -> None:
    before = alliance.writes()
    run = alliance.run("--check", "--diff")
    assert run.status == 0, run.output
    assert not any(run.objects(cluster) for cluster in CLUSTERS)
    assert alliance.writes() == before


def test_limit_does_not_shrink_the_alliance(alliance: Alliance) -> None:
    before = alliance.writes()
    run = alliance.run("--limit", A)
    assert run.status == 0, run.output
    assert alliance.writes() == before


def test_every_neighbour_has_a_status(alliance: Alliance) -> None:
    for cluster, neighbour in ((A, B), (B, A)):
        (resource,) = alliance.get(cluster, "istiofederations")["items"]
        cache = resource["status"]["metadataCache"]
        assert resource["metadata"]["name"] == neighbour
        assert cache["public"]["rootCA"].startswith("-----BEGIN CERTIFICATE-----")
        assert cache["private"]["publicServices"]
        assert cache["publicLastFetchTimestamp"]
        assert cache["privateLastFetchTimestamp"]
        conditions = {item["type"]: item["status"] for item in resource["status"]["conditions"]}
        assert conditions["PublicMetadataExchangeReady"] == "True"
        assert conditions["PrivateMetadataExchangeReady"] == "True"
