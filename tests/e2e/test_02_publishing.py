# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A label publishes, its removal closes: live at the gateway, and with the next run at the neighbour."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from .alliance import NAMESPACE, A, Alliance, B
from .certificates import Files, signed_by
from .tls import call_gateway
from tests.demo.calls import call_until, curl

HOST = f"foo.xyz.svc.{B}.local"
PATIENCE_SECONDS = 120


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, patiently; how long it takes is no assertion."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.3)


@pytest.fixture(scope="module")
def member(alliance: Alliance, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A certificate of cluster-a's mesh, which is valid at cluster-b."""
    return signed_by(alliance, A, f"spiffe://{A}.local/ns/xyz/sa/foo", tmp_path_factory.mktemp("member"))


def test_what_was_never_published_can_not_be_reached(alliance: Alliance, member: Files) -> None:
    assert call_gateway(alliance, B, f"bar.xyz.svc.{B}.local", member) == "HTTP/1.1 200 OK"
    assert call_gateway(alliance, B, HOST, member).startswith("refused")
    assert call_gateway(alliance, B, f"istiod.istio-system.svc.{B}.local", member).startswith("refused")


def test_a_label_publishes(alliance: Alliance, member: Files) -> None:
    alliance.publish(B, "foo", public=True)
    until(lambda: call_gateway(alliance, B, HOST, member) == "HTTP/1.1 200 OK", "the gateway opens by itself")
    run = alliance.converge()
    assert {kind for action, kind, _ns, name in run.objects(A) if action == "created" and name == HOST} == {
        "ServiceEntry",
        "DestinationRule",
    }
    answer = call_until(alliance.lab, A, "foo", f"http://{HOST}/")
    assert (answer["service"], answer["cluster"]) == ("foo", B)


def test_without_the_label_the_gateway_closes_without_a_run(alliance: Alliance, member: Files) -> None:
    alliance.publish(B, "foo", public=False)
    until(lambda: call_gateway(alliance, B, HOST, member).startswith("refused"), "the gateway closes by itself")
    assert call_gateway(alliance, B, f"bar.xyz.svc.{B}.local", member) == "HTTP/1.1 200 OK"


def test_the_next_run_removes_the_import(alliance: Alliance) -> None:
    run = alliance.converge()
    assert {(action, kind) for action, kind, _ns, name in run.objects(A) if name == HOST} == {
        ("deleted", "ServiceEntry"),
        ("deleted", "DestinationRule"),
    }
    names = {item["metadata"]["name"] for item in alliance.get(A, "serviceentries", "-n", NAMESPACE)["items"]}
    assert names == {*alliance.healthcheck_hosts(B), f"bar.xyz.svc.{B}.local"}
    until(lambda: curl(alliance.lab, A, "foo", "--fail", f"http://{HOST}/").returncode != 0, "the call fails")


@pytest.mark.parametrize(("services", "action"), [('["xyz/foo"]', "created"), ("[]", "deleted")])
def test_the_inventory_publishes_and_withdraws(alliance: Alliance, services: str, action: str) -> None:
    """One run is enough for both sides, and its plan knew of it."""
    named = ("-e", f"'{{\"alliance_public_services\": {services}}}'")
    plan = alliance.run("--check", "--diff", *named)
    run = alliance.run(*named)
    assert (plan.status, run.status) == (0, 0), run.output
    assert {(kind, name) for done, kind, _ns, name in run.objects(A) if done == action} == {
        ("ServiceEntry", HOST),
        ("DestinationRule", HOST),
    }
    for cluster in (A, B):
        assert ("updated", "Service", "xyz", "foo") in run.objects(cluster)
        assert run.objects(cluster) == plan.objects(cluster)
    before = alliance.writes()
    assert alliance.run(*named).status == 0
    assert alliance.writes() == before
    # In cluster-a foo carries its owner's label, which stays.
    assert call_until(alliance.lab, B, "bar", f"http://foo.xyz.svc.{A}.local/")["cluster"] == A


def test_the_gateway_lists_what_is_published_and_no_more(alliance: Alliance) -> None:
    gateway = alliance.get(B, "gateways.networking.istio.io", "-n", NAMESPACE, "alliance-published")
    hosts = sorted([*alliance.healthcheck_hosts(B), f"bar.xyz.svc.{B}.local"])
    assert [server["hosts"] for server in gateway["spec"]["servers"]] == [hosts]
