# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written to the Gateway of published Services, and what neighbours may be told."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.exporter.gateway import (
    Decision,
    decide,
    is_ours,
    open_hosts,
    published_gateway,
    visible,
)

NAMESPACE = "istio-alliance"
A, B = "a.n.svc.cluster-a.local", "b.n.svc.cluster-a.local"

hosts = st.frozensets(st.sampled_from([f"s{number}.n.svc.cluster-a.local" for number in range(6)]))
observed = st.one_of(st.none(), hosts.map(lambda found: published_gateway(NAMESPACE, found)))


def carried_out(decision: Decision, before: dict[str, Any] | None) -> dict[str, Any] | None:
    if decision.action == "apply":
        return published_gateway(NAMESPACE, decision.hosts)
    return None if decision.action == "delete" else before


def test_the_object() -> None:
    assert published_gateway(NAMESPACE, [B, A, A]) == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {
            "name": "alliance-published",
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "meshalliance.istio"},
        },
        "spec": {
            "selector": {"app": "alliance-ingressgateway"},
            "servers": [
                {
                    "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
                    "tls": {"mode": "AUTO_PASSTHROUGH"},
                    "hosts": [A, B],
                }
            ],
        },
    }


@given(wanted=hosts, before=observed)
def test_one_write_makes_exactly_the_wanted_hosts_open(wanted: frozenset[str], before: dict[str, Any] | None) -> None:
    decision = decide(wanted, before)
    after = carried_out(decision, before)
    assert open_hosts(after) == wanted
    if wanted or before is None:
        assert decide(wanted, after).action == "none"
    else:
        assert after is None


@given(wanted=hosts, before=observed)
def test_nothing_is_written_without_a_difference(wanted: frozenset[str], before: dict[str, Any] | None) -> None:
    same = open_hosts(before) == wanted and (before is None or bool(wanted))
    assert (decide(wanted, before).action == "none") == same


@given(wanted=hosts, before=observed)
def test_neighbours_are_told_only_what_is_wanted_and_open(
    wanted: frozenset[str], before: dict[str, Any] | None
) -> None:
    assert visible(wanted, before) == wanted & open_hosts(before)


@given(st.lists(hosts, min_size=1, max_size=8), st.lists(st.integers(0, 3), min_size=8, max_size=8))
def test_replicas_with_old_caches_never_tell_what_is_closed_and_end_alike(
    changes: list[frozenset[str]], delays: list[int]
) -> None:
    """Labels come and go; each replica sees Services and Gateway some steps late; only the leader writes."""
    gateways: list[dict[str, Any] | None] = [None]
    wanted = [frozenset[str]()]

    def seen(history: list[Any], late: int) -> Any:
        return history[max(0, len(history) - 1 - late)]

    for change, late in zip(changes, delays, strict=False):
        wanted.append(change)
        for replica_late in (late, (late + 1) % 4):
            told = visible(seen(wanted, replica_late), seen(gateways, replica_late))
            assert told <= open_hosts(seen(gateways, replica_late))
            assert told <= seen(wanted, replica_late)
        decision = decide(seen(wanted, late), seen(gateways, late))
        gateways.append(carried_out(decision, gateways[-1]))
    for _step in range(2):
        gateways.append(carried_out(decide(wanted[-1], gateways[-1]), gateways[-1]))
    assert open_hosts(gateways[-1]) == wanted[-1]
    assert visible(wanted[-1], gateways[-1]) == wanted[-1]


def changed(path: list[Any], value: object) -> dict[str, Any]:
    gateway = copy.deepcopy(published_gateway(NAMESPACE, [A]))
    place: Any = gateway
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return gateway


SERVER = ["spec", "servers", 0]
EXTRA = {
    "port": {"number": 15443, "name": "x", "protocol": "TLS"},
    "hosts": ["*.local"],
    "tls": {"mode": "PASSTHROUGH"},
}


@pytest.mark.parametrize(
    "gateway",
    [
        changed([*SERVER, "hosts"], [A, B]),
        changed([*SERVER, "hosts"], ["*.local"]),
        changed([*SERVER, "hosts"], [A, A]),
        changed([*SERVER, "hosts"], None),
        changed([*SERVER, "tls"], {"mode": "SIMPLE"}),
        changed([*SERVER, "tls"], None),
        changed([*SERVER, "port", "number"], 443),
        changed([*SERVER, "port", "protocol"], "HTTPS"),
        changed(["spec", "selector"], {"app": "other"}),
        changed(["spec", "servers"], [published_gateway(NAMESPACE, [A])["spec"]["servers"][0], EXTRA]),
        changed(["spec", "servers"], []),
        changed(["spec"], None),
    ],
)
def test_what_others_changed_is_put_right(gateway: dict[str, Any]) -> None:
    assert decide(frozenset([A]), gateway) == Decision("apply", (A,))


@pytest.mark.parametrize(
    "path", [[*SERVER, "tls"], [*SERVER, "port"], ["spec", "selector"]], ids=["mode", "port", "selector"]
)
def test_a_host_behind_another_server_is_not_open(path: list[Any]) -> None:
    assert visible(frozenset([A]), changed(path, {"mode": "SIMPLE", "number": 443, "app": "other"})) == frozenset()


def test_fields_that_an_admission_webhook_adds_are_no_difference() -> None:
    gateway = published_gateway(NAMESPACE, [A])
    gateway["spec"]["servers"][0]["bind"] = "0.0.0.0"
    gateway["metadata"]["annotations"] = {"added": "yes"}
    assert decide(frozenset([A]), gateway).action == "none"


def test_an_object_of_another_owner_is_left_alone() -> None:
    foreign = published_gateway(NAMESPACE, [A])
    foreign["metadata"]["labels"] = None
    assert not is_ours(foreign)
    assert decide(frozenset([A]), foreign).action == "refuse"
    assert decide(frozenset(), foreign).action == "none"
    assert visible(frozenset([A]), foreign) == frozenset()
