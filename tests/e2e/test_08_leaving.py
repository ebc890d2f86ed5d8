# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster leaves the alliance, dead and alive: nothing is left of it, no connection is open to it, it is refused.

The tests of this file build on each other, in their order.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departed import Departed
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.departure import (
    Examination,
    Place,
    examine,
)

from .alliance import CLUSTERS, NAMESPACE, OURS, A, Alliance, B, Run
from .certificates import Files, signed_by
from .observing import client
from .test_02_publishing import until
from .test_05_stopped_cluster import await_exporter
from .tls import call_gateway
from tests.demo.calls import call_until, curl
from tests.lab.inventory import FEDERATION
from tests.processes import kill_with_children

LEAVING = ("-e", f"alliance_leaving={B}")
HOST = f"bar.xyz.svc.{B}.local"
PATIENCE_SECONDS = 300
# So many objects of the one that stays are deleted when the run is killed: some of the imports, nothing of the trust.
KILLED_AFTER = 2
# Where a thing of the one that left could be, as the proof counts it.
LOOKED_AT = frozenset(
    {"ConfigMap", "Secret", "istiods", "anchors in istiods", "proxies", "roots in proxies", "clusters in proxies"}
)


@pytest.fixture(scope="module")
def pair(alliance: Alliance) -> Alliance:
    """Both clusters federated, whatever the tests before have done."""
    alliance.converge()
    call_both_ways(alliance)
    return alliance


@pytest.fixture(scope="module")
def leaving(pair: Alliance) -> Alliance:
    """The same clusters and another playbook."""
    return Alliance(pair.lab, CLUSTERS, playbook="unfederate.yml")


@pytest.fixture(scope="module")
def known(pair: Alliance) -> Departed:
    """What the one that stays knows of the other, while it knows it."""
    return Departed.from_resource(B, pair.get(A, "istiofederation", B))


@pytest.fixture(scope="module")
def endpoint(pair: Alliance) -> str:
    """Where the exporter of the one that leaves is, while somebody knows it."""
    return str(pair.get(A, "istiofederation", B)["spec"]["metadataEndpoint"])


@pytest.fixture(scope="module")
def member(pair: Alliance, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A certificate as cluster-b's CA signs it for its workloads, from before it was switched off."""
    return signed_by(pair, B, f"spiffe://{B}.local/ns/xyz/sa/anybody", tmp_path_factory.mktemp("member"))


@pytest.fixture(scope="module")
def before(pair: Alliance, known: Departed, endpoint: str, member: Files) -> Examination:
    """What there is of the neighbour before it leaves: what the proof is to find must be there to be found."""
    assert call_gateway(pair, A, f"foo.xyz.svc.{A}.local", member) == "HTTP/1.1 200 OK"
    return examined(pair, known)


def call_both_ways(alliance: Alliance) -> None:
    assert call_until(alliance.lab, A, "foo", f"http://{HOST}/")["cluster"] == B
    assert call_until(alliance.lab, B, "bar", f"http://foo.xyz.svc.{A}.local/")["cluster"] == A


def examined(alliance: Alliance, gone: Departed, cluster: str = A) -> Examination:
    """Look in a cluster for another one, once."""
    with client(alliance, cluster) as opened:
        own = ClusterState(name=cluster, uuid="", trust_domain=f"{cluster}.local")
        return examine(opened, [gone], Place(own=own))


def row(run: Run, cluster: str) -> list[str]:
    """The cells of the table's line for a cluster."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in run.output.splitlines()]
    (found,) = [cells for cells in lines if cells[0] == cluster and len(cells) == 12]
    return found


def test_before_there_is_what_the_proof_looks_for(before: Examination) -> None:
    codes = {finding.code for finding in before.left}
    assert codes == {"left-object", "left-anchor", "left-root", "left-cluster", "left-connection"}
    assert before.unseen == []
    assert before.connections[B] > 0
    print(f"open connections of {A} to {B}: {before.connections[B]}; looked at: {dict(before.looked_at)}")


def test_a_cluster_that_is_switched_off_leaves(pair: Alliance, leaving: Alliance, before: Examination) -> None:
    pair.lab.stop([B])
    written = leaving.writes()
    plan = leaving.run(*LEAVING, "--check", "--diff")
    assert plan.status == 0, plan.output
    assert leaving.writes() == written
    run = leaving.run(*LEAVING)
    assert run.status == 0, run.output
    deleted = {(kind, name) for action, kind, _namespace, name in run.objects(A) if action == "deleted"}
    planned = {(kind, name) for action, kind, _namespace, name in plan.objects(A) if action == "deleted"}
    assert {("ServiceEntry", HOST), ("DestinationRule", HOST), ("IstioFederation", B)} <= planned
    # Beside the plan only the memory went, which the run itself had made.
    assert deleted - planned == {("ConfigMap", "alliance-departures"), ("ConfigMap", "alliance-departure")}
    assert row(run, A)[-1] == "nothing is left"
    assert row(run, B)[-1] == "away"
    (proof,) = [result for result in run.results[A] if "looked_at" in result and "proved" in result]
    assert proof["proved"] == {B: True}
    assert set(proof["looked_at"]) >= LOOKED_AT
    assert proof["looked_at"]["proxies"] == before.looked_at["proxies"]
    assert f"TO DO: take {B} out of {FEDERATION}" in run.output


def test_nothing_of_it_is_left_and_it_is_refused(
    pair: Alliance, known: Departed, before: Examination, member: Files
) -> None:
    found = examined(pair, known)
    assert found.findings == []
    assert found.connections[B] == 0
    print(f"open connections of {A} to {B}: {before.connections[B]} before, {found.connections[B]} after")
    assert call_gateway(pair, A, f"foo.xyz.svc.{A}.local", member).startswith("refused")
    assert curl(pair.lab, A, "foo", "--fail", f"http://{HOST}/").returncode != 0
    assert B not in pair.kubectl(A, "get", "configmap", "-n", "istio-system", "istio-federation", "-o", "yaml")


def test_the_second_run_proves_again_and_writes_nothing(leaving: Alliance) -> None:
    written = leaving.writes()
    run = leaving.run(*LEAVING)
    assert run.status == 0, run.output
    assert not run.changed(), run.output
    assert leaving.writes() == written


def test_it_comes_back_when_it_is_federated_again(pair: Alliance, endpoint: str, member: Files) -> None:
    pair.lab.start([B])
    await_exporter(endpoint, B)
    pair.converge()
    call_both_ways(pair)
    assert call_gateway(pair, A, f"foo.xyz.svc.{A}.local", member) == "HTTP/1.1 200 OK"


@pytest.fixture(scope="module")
def retired(pair: Alliance) -> Alliance:
    """The inventory has it in no group of the alliance any more."""
    return Alliance(pair.lab, CLUSTERS, playbook="unfederate.yml", groups={FEDERATION: [A], "retired": [B]})


def test_a_run_that_is_killed_in_the_middle(pair: Alliance, retired: Alliance) -> None:
    base = len(pair.audit(A))
    deadline = time.monotonic() + PATIENCE_SECONDS
    with retired.started(*LEAVING) as process:
        while process.poll() is None and _deletes(pair, base) < KILLED_AFTER:
            assert time.monotonic() < deadline, "the run neither deletes nor ends"
            time.sleep(0.02)
        assert process.poll() is None, "the run ended before it could be killed"
        kill_with_children(process)
    memory = pair.get(A, "configmap", "-n", NAMESPACE, "alliance-departures")["data"]
    assert set(memory) == {B}


def _deletes(alliance: Alliance, base: int) -> int:
    return sum(event["verb"] == "delete" for event in alliance.audit(A)[base:])


@pytest.fixture(scope="module")
def gone(pair: Alliance, retired: Alliance) -> Iterator[Run]:
    """The run that completes it, with the cluster alive; in the end both are federated again."""
    yield retired.run(*LEAVING)
    pair.converge()
    call_both_ways(pair)


def test_the_next_run_completes_it_with_the_cluster_running(gone: Run) -> None:
    assert gone.status == 0, gone.output
    assert row(gone, A)[-3] == "yes", "cluster-b asked with its own key, and was refused"
    assert row(gone, A)[-1] == "nothing is left"
    assert row(gone, B)[-1] == "emptied"
    (refusal,) = [result for result in gone.results[B] if "answers" in result]
    assert refusal["refused"] == {A: True}
    assert refusal["answers"][A]["federation"] == 401
    assert f"take {B} out" not in gone.output


def test_neither_has_anything_of_the_other(pair: Alliance, gone: Run, known: Departed, member: Files) -> None:
    found = examined(pair, known)
    assert (found.findings, found.connections[B]) == ([], 0)
    assert call_gateway(pair, A, f"foo.xyz.svc.{A}.local", member).startswith("refused")
    for cluster, workload, host in ((A, "foo", HOST), (B, "bar", f"foo.xyz.svc.{A}.local")):
        assert curl(pair.lab, cluster, workload, "--fail", f"http://{host}/").returncode != 0


def test_the_one_that_left_is_as_it_was_before(pair: Alliance, gone: Run) -> None:
    until(lambda: pair.kubectl(B, "get", "namespace", NAMESPACE, "--ignore-not-found") == "", "the namespace is gone")
    kinds = "configmaps,secrets,services,daemonsets,deployments,proxyconfigs,serviceentries,gateways,leases,crd"
    left = {item["metadata"]["name"] for item in pair.get(B, kinds, "-A", "-l", OURS)["items"]}
    # The mesh itself goes on needing what tells how its root was rotated.
    assert left <= {"alliance-root-rotation"}
    istiod: dict[str, Any] = pair.get(B, "deployment", "-n", "istio-system", "istiod")
    env = {item["name"] for item in istiod["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert not env & {"ISTIO_MULTIROOT_MESH", "SHARED_MESH_CONFIG"}
    assert istiod["status"]["readyReplicas"] == 1


def test_a_second_run_changes_nothing_there(pair: Alliance, retired: Alliance, gone: Run) -> None:
    written = pair.writes()
    run = retired.run(*LEAVING)
    assert run.status == 0, run.output
    assert not run.changed(), run.output
    assert pair.writes() == written
