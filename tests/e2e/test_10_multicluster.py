# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clusters of one domain become one mesh, and a federated cluster sees them as one.

The tests of this file build on each other, in their order.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._kube import istiod, kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError

from .alliance import NAMESPACE, SELDOM, A, Alliance, Run
from .observing import (
    ROOT_NAMESPACE,
    client,
    held,
    istiods,
    open_requests,
    rejections,
    watching_calls,
    watching_endpoints,
)
from .test_02_publishing import until
from tests.demo.calls import answers_until, call_until
from tests.demo.locality import preferring_near, without_pods
from tests.lab.inventory import FEDERATION, MULTICLUSTER
from tests.lab.lab import Lab
from tests.processes import kill_with_children

D, E = "cluster-d", "cluster-e"
PAIR = (D, E)
DOMAIN = "mesh.local"
HOST = f"bar.xyz.svc.{DOMAIN}"
URL = f"http://{HOST}/"
CALLS = 40
EITHER = [pytest.param(D, E, id=D), pytest.param(E, D, id=E)]
PATIENCE_SECONDS = 300
KILLED_AT = (0.2, 0.5, 0.8)


@pytest.fixture(scope="module")
def pair(lab: Lab) -> Alliance:
    """The two clusters before their first run."""
    lab.up(PAIR, domains=dict.fromkeys(PAIR, DOMAIN))
    seldom = {name: dict(SELDOM) for name in PAIR}
    pair = Alliance(lab, PAIR, seldom, playbook="multicluster.yml", groups={MULTICLUSTER: PAIR})
    # For clusters that were kept from an earlier session.
    pair.reset()
    return pair


@pytest.fixture(scope="module")
def before(pair: Alliance) -> dict[str, int]:
    """How many requests had been written before the plan."""
    return pair.writes()


@pytest.fixture(scope="module")
def plan(pair: Alliance, before: dict[str, int]) -> Run:
    """Check mode on the fresh pair."""
    return pair.run("--check", "--diff")


@pytest.fixture(scope="module")
def first(pair: Alliance, plan: Run) -> Run:
    """The run after the plan."""
    return pair.converge()


@pytest.fixture(scope="module")
def joined(pair: Alliance, first: Run) -> Alliance:
    """The pair after a run."""
    return pair


def only(*names: str) -> Any:
    """Whether exactly these clusters answered."""
    return lambda found: set(found) == set(names)


def token_of(alliance: Alliance, cluster: str, remote: str) -> str:
    """The token for a remote cluster in the remote secret for it."""
    with client(alliance, cluster) as opened:
        kubeconfig = remote_kubeconfig(opened, remote)
    token: str = kubeconfig["users"][0]["user"]["token"]
    return token


def remote_kubeconfig(opened: Client, remote: str) -> dict[str, Any]:
    """The kubeconfig by which a cluster's istiod reads a remote one."""
    secret = opened.get(kinds.SECRET, f"istio-remote-secret-{remote}", ROOT_NAMESPACE)
    assert secret is not None
    kubeconfig: dict[str, Any] = json.loads(base64.b64decode(secret["data"][remote]))
    return kubeconfig


def test_the_plan_writes_nothing(pair: Alliance, before: dict[str, int], plan: Run) -> None:
    assert plan.status == 0, plan.output
    assert pair.writes() == before


def test_the_run_does_what_the_plan_said(plan: Run, first: Run) -> None:
    for cluster in PAIR:
        planned = plan.objects(cluster)
        assert planned, "the plan names no object"
        assert first.objects(cluster) == planned


def test_no_token_is_in_the_output(joined: Alliance, plan: Run, first: Run) -> None:
    for cluster, remote in (PAIR, PAIR[::-1]):
        signature = token_of(joined, cluster, remote).rsplit(".", 1)[1]
        for run in (plan, first):
            assert signature not in run.output
            assert signature not in json.dumps(run.results)


def test_the_second_run_changes_and_writes_nothing(joined: Alliance) -> None:
    written = joined.writes()
    run = joined.run()
    assert run.status == 0, run.output
    assert all(count == 0 for count in run.changed().values()), run.output
    assert joined.writes() == written


@pytest.mark.parametrize(("cluster", "remote"), EITHER)
def test_istiod_is_synced_and_holds_what_the_other_has(joined: Alliance, cluster: str, remote: str) -> None:
    secret = f"{ROOT_NAMESPACE}/istio-remote-secret-{remote}"
    assert istiod.not_synced(istiods(joined, cluster), remote, secret) == ""
    pods = joined.get(remote, "pods", "-n", "xyz", "-l", "app=bar")["items"]
    assert held(joined, cluster, remote)["xyz", "bar"] == {pod["status"]["podIP"] for pod in pods}


@pytest.mark.parametrize(("cluster", "remote"), EITHER)
def test_a_service_is_answered_from_both_clusters(joined: Alliance, cluster: str, remote: str) -> None:
    answers_until(joined.lab, cluster, "foo", URL, CALLS, only(*PAIR))
    answer = call_until(joined.lab, cluster, "foo", URL)
    assert f"URI=spiffe://{DOMAIN}/ns/xyz/sa/foo" in answer["client"]


@pytest.mark.parametrize(("cluster", "remote"), EITHER)
def test_without_own_pods_the_other_cluster_answers(joined: Alliance, cluster: str, remote: str) -> None:
    with without_pods(joined.lab, cluster, "bar"):
        answers_until(joined.lab, cluster, "foo", URL, CALLS, only(remote))
    answers_until(joined.lab, cluster, "foo", URL, CALLS, only(*PAIR))


def test_what_is_near_is_preferred_and_what_is_far_is_better_than_nothing(joined: Alliance) -> None:
    with preferring_near(joined.lab, PAIR, HOST):
        for cluster in PAIR:
            answers_until(joined.lab, cluster, "foo", URL, CALLS, only(cluster))
        with without_pods(joined.lab, D, "bar"):
            answers_until(joined.lab, D, "foo", URL, CALLS, only(E))
    answers_until(joined.lab, D, "foo", URL, CALLS, only(*PAIR))


def test_no_call_and_no_endpoint_is_lost_while_tokens_are_renewed(joined: Alliance) -> None:
    """A shorter life forces a renewal; going back to the usual one forces another."""
    expected = {remote: dict(held(joined, cluster, remote)) for cluster, remote in (PAIR, PAIR[::-1])}
    assert all(("xyz", "bar") in endpoints for endpoints in expected.values())
    events = {cluster: istiods(joined, cluster)[0].secret_events or 0 for cluster in PAIR}
    tokens = [{(cluster, remote): token_of(joined, cluster, remote) for cluster, remote in (PAIR, PAIR[::-1])}]
    with (
        watching_endpoints(joined, D, E, expected[E]) as at_d,
        watching_endpoints(joined, E, D, expected[D]) as at_e,
        watching_calls(joined, D, URL) as from_d,
        watching_calls(joined, E, URL) as from_e,
    ):
        for arguments in (("-e", "remote_clusters_token_lifetime=1800"), ()):
            run = joined.run(*arguments)
            assert run.status == 0, run.output
            tokens.append({edge: token_of(joined, *edge) for edge in tokens[0]})
            for cluster, remote in (PAIR, PAIR[::-1]):
                _await_reading_anew(joined, cluster, remote, events[cluster] + len(tokens) - 1)
    for edge in tokens[0]:
        assert len({renewed[edge] for renewed in tokens}) == 3
    for endpoints in (at_d, at_e):
        assert set(endpoints.seen) == {"all"}, endpoints.seen
        assert endpoints.seen["all"] >= 50
    for calls in (from_d, from_e):
        assert set(calls.seen) == set(PAIR), calls.seen
        assert min(calls.seen.values()) >= 20
    print(f"looks: {at_d.seen['all']} + {at_e.seen['all']}, calls: {dict(from_d.seen)} + {dict(from_e.seen)}")


def _await_reading_anew(alliance: Alliance, cluster: str, remote: str, events: int) -> None:
    """Wait until an istiod has seen so many changes of remote secrets, and is synced by the last of them."""
    until(lambda: (istiods(alliance, cluster)[0].secret_events or 0) >= events, f"{cluster} sees the new token")
    until(lambda: not istiod.not_synced(istiods(alliance, cluster), remote), f"{cluster} is synced again")


def test_after_the_renewal_there_is_nothing_to_do(joined: Alliance) -> None:
    written = joined.writes()
    assert joined.run().status == 0
    assert joined.writes() == written


class Watch(threading.Thread):
    """A watch of services through a neighbour's api-proxy, as istiod has it."""

    def __init__(self, kubeconfig: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.client = Client.from_options({"kubeconfig": kubeconfig})
        self.version = self.client.list(kinds.SERVICE).resource_version
        self.end: str = ""

    def run(self) -> None:
        try:
            for _event in self.client.watch(kinds.SERVICE, resource_version=self.version, timeout_seconds=3000):
                pass
            self.end = "ended"
        except ApiError as error:
            self.end = f"failed: {error.message}"


def test_a_neighbour_that_is_removed_loses_its_open_watches(joined: Alliance) -> None:
    with client(joined, E) as opened:
        watch = Watch(remote_kubeconfig(opened, D))
    watch.start()
    until(lambda: (open_requests(joined, D, E) or 0) >= 5, "istiod of the neighbour watches")
    alone = Alliance(joined.lab, (D,), {D: dict(SELDOM)}, playbook="multicluster.yml", groups={MULTICLUSTER: (D,)})
    try:
        run = alone.run()
        assert run.status == 0, run.output
        until(lambda: bool(watch.end), "the open watch ends")
        until(lambda: not open_requests(joined, D, E), "no request of the neighbour is open")
        with pytest.raises(ApiError) as caught:
            watch.client.list(kinds.SERVICE)
        assert caught.value.status in (401, 403)
        before = istiods(joined, E)
        until(lambda: istiod.failing(before, istiods(joined, E), D) != "", "its istiod is refused")
        # And the other way: the cluster does not read the removed one any more.
        until(lambda: not istiods(joined, D)[0].clusters, "istiod forgets the removed cluster")
    finally:
        watch.client.close()
        joined.converge()
    answers_until(joined.lab, D, "foo", URL, CALLS, only(*PAIR))
    until(lambda: (open_requests(joined, D, E) or 0) >= 5, "the neighbour watches again")


@pytest.mark.long
def test_killed_runs_are_completed_by_the_next(joined: Alliance, first: Run) -> None:
    joined.reset()
    base = sum(joined.writes().values())
    total = sum(len(first.objects(cluster)) for cluster in PAIR)
    for share in KILLED_AT:
        assert _killed_after(joined, base + int(total * share)), "a run ended before it could be killed"
    joined.converge()
    for cluster in PAIR:
        answers_until(joined.lab, cluster, "foo", URL, CALLS, only(*PAIR))
    written = joined.writes()
    run = joined.run()
    assert run.status == 0, run.output
    assert joined.writes() == written


def _killed_after(alliance: Alliance, writes: int) -> bool:
    """Start a run and kill it and all its children once so many requests were written; False when it ended before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with alliance.started() as process:
        while process.poll() is None:
            assert time.monotonic() < deadline, "the run neither writes nor ends"
            if sum(alliance.writes().values()) >= writes:
                kill_with_children(process)
                return True
            time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def triangle(joined: Alliance) -> Iterator[Alliance]:
    """The pair, each of them federated with cluster-a as well, after a run."""
    members = (A, *PAIR)
    joined.reset(A)
    triangle = Alliance(
        joined.lab,
        members,
        {name: dict(SELDOM) for name in members},
        groups={FEDERATION: members, MULTICLUSTER: PAIR},
    )
    joined.groups = triangle.groups
    triangle.converge()
    yield triangle


def test_a_federated_cluster_sees_one_service_behind_both_gateways(triangle: Alliance) -> None:
    entries = [
        item for item in triangle.get(A, "serviceentries", "-A")["items"] if HOST in item["spec"].get("hosts", [])
    ]
    (entry,) = entries
    assert entry["metadata"]["namespace"] == NAMESPACE
    assert {endpoint["address"] for endpoint in entry["spec"]["endpoints"]} == {
        address["address"]
        for cluster in PAIR
        for node in triangle.get(cluster, "nodes")["items"]
        for address in node["status"]["addresses"]
        if address["type"] == "InternalIP"
    }
    answers_until(triangle.lab, A, "foo", URL, CALLS, only(*PAIR))
    answer = call_until(triangle.lab, A, "foo", URL)
    assert f"URI=spiffe://{triangle.domain(A)}/ns/xyz/sa/foo" in answer["client"]


@pytest.mark.parametrize("cluster", PAIR)
def test_the_pair_sees_the_federated_cluster_and_still_each_other(triangle: Alliance, cluster: str) -> None:
    answer = call_until(triangle.lab, cluster, "foo", f"http://foo.xyz.svc.{triangle.domain(A)}/")
    assert answer["cluster"] == A
    answers_until(triangle.lab, cluster, "foo", URL, CALLS, only(*PAIR))


def test_both_playbooks_leave_each_others_work_alone(triangle: Alliance, joined: Alliance) -> None:
    joined.converge()
    triangle.converge()
    written = triangle.writes()
    for alliance in (joined, triangle):
        run = alliance.run()
        assert run.status == 0, run.output
        assert all(count == 0 for count in run.changed().values()), run.output
    assert triangle.writes() == written


def test_no_proxy_rejected_any_configuration(triangle: Alliance) -> None:
    assert {cluster: rejections(triangle, cluster) for cluster in (A, *PAIR)} == {A: {}, D: {}, E: {}}


def test_one_of_the_pair_is_enough_for_the_federated_cluster(triangle: Alliance) -> None:
    """Its endpoint in the other cluster is reached through the gateway that was called, or through its own."""
    with without_pods(triangle.lab, D, "bar"):
        answers_until(triangle.lab, A, "foo", URL, CALLS, only(E))
    answers_until(triangle.lab, A, "foo", URL, CALLS, lambda found: Counter(found)["none"] == 0 and len(found) == 2)
