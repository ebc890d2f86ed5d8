# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which replica writes: decisions about the Lease, and several replicas over one simulated API server."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.exporter.leadership import Leadership
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import lease
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError

NAMESPACE = "istio-alliance"


class Server:
    """Holds one Lease; refuses an apply that names an old version, as the API server does."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 10
        self.down = False
        self.writes = 0

    def apply(
        self, obj: dict[str, Any], *, field_manager: str, subresource: str | None = None
    ) -> tuple[dict[str, Any], bool]:
        if self.down:
            raise ApiError("can't be reached", reason="NewConnectionError")
        expected = obj["metadata"].get("resourceVersion")
        if expected is not None and (self.lease is None or self.lease["metadata"]["resourceVersion"] != expected):
            raise ApiError("conflict", status=409, reason="Conflict")
        created = self.lease is None
        self.version += 1
        self.writes += 1
        self.lease = copy.deepcopy(obj)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        return copy.deepcopy(self.lease), created


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Replica:
    def __init__(self, server: Server, clock: Time, name: str) -> None:
        self.server, self.name = server, name
        self.seen: dict[str, Any] | None = None
        self.leadership = Leadership(
            server, NAMESPACE, name, lambda: self.seen, clock=clock, wall_clock=lambda: 1.8e9 + clock.now
        )

    def look(self) -> None:
        self.seen = copy.deepcopy(self.server.lease)


def test_the_first_replica_leads_and_the_second_waits() -> None:
    server, clock = Server(), Time()
    one, two = Replica(server, clock, "one"), Replica(server, clock, "two")
    assert one.leadership.tick() == pytest.approx(lease.RENEW_SECONDS)
    assert one.leadership.leading
    two.look()
    assert two.leadership.tick() == pytest.approx(lease.LEASE_SECONDS)
    assert not two.leadership.leading
    assert server.writes == 1


def test_a_leader_renews_and_keeps_the_lease() -> None:
    server, clock = Server(), Time()
    one, two = Replica(server, clock, "one"), Replica(server, clock, "two")
    for _number in range(20):
        for replica in (one, two):
            replica.look()
            replica.leadership.tick()
        assert one.leadership.leading
        assert not two.leadership.leading
        clock.now += 5.0
    assert server.lease is not None
    assert server.lease["spec"]["leaseTransitions"] == 0


def test_another_replica_takes_over_when_the_leader_is_gone() -> None:
    server, clock = Server(), Time()
    one, two = Replica(server, clock, "one"), Replica(server, clock, "two")
    one.leadership.tick()
    two.look()
    two.leadership.tick()
    clock.now += lease.LEASE_SECONDS - 0.1
    two.leadership.tick()
    assert not two.leadership.leading
    assert not one.leadership.leading
    clock.now += 0.2
    two.leadership.tick()
    assert two.leadership.leading
    assert server.lease is not None
    assert server.lease["spec"]["holderIdentity"] == "two"
    assert server.lease["spec"]["leaseTransitions"] == 1


def test_a_released_lease_is_taken_at_once() -> None:
    server, clock = Server(), Time()
    one, two = Replica(server, clock, "one"), Replica(server, clock, "two")
    one.leadership.tick()
    one.leadership.release()
    assert not one.leadership.leading
    assert server.lease is not None
    assert "holderIdentity" not in server.lease["spec"]
    two.look()
    two.leadership.tick()
    assert two.leadership.leading


def test_a_leader_that_cannot_renew_stops_before_another_may_begin() -> None:
    server, clock = Server(), Time()
    one = Replica(server, clock, "one")
    one.leadership.tick()
    one.look()
    server.down = True
    clock.now += lease.LEADER_SECONDS
    one.leadership.tick()
    assert not one.leadership.leading
    assert lease.LEADER_SECONDS < lease.LEASE_SECONDS


def test_a_deleted_lease_is_made_again() -> None:
    server, clock = Server(), Time()
    one = Replica(server, clock, "one")
    one.leadership.tick()
    server.lease = None
    one.look()
    clock.now += lease.RENEW_SECONDS
    one.leadership.tick()
    clock.now += 3.0
    one.leadership.tick()
    assert one.leadership.leading
    assert server.lease is not None


def test_nothing_is_written_before_the_lease_was_looked_for() -> None:
    server = Server()
    leadership = Leadership(server, NAMESPACE, "one", lambda: None, synced=lambda: False)
    assert leadership.tick() > 0
    assert server.writes == 0


def test_both_made_it_at_once_and_one_of_them_leads_in_the_end() -> None:
    server, clock = Server(), Time()
    one, two = Replica(server, clock, "one"), Replica(server, clock, "two")
    one.leadership.tick()
    two.leadership.tick()  # has not seen the Lease of the other one: writes over it
    assert not two.leadership.leading
    for _number in range(10):
        clock.now += 1.0
        for replica in (one, two):
            replica.look()
            replica.leadership.tick()
    assert [one.leadership.leading, two.leadership.leading].count(True) == 1


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "two", "three"]),
            st.booleans(),
            st.sampled_from([0.0, 0.1, 1.0, 4.0, 9.0]),
            st.integers(0, 19),
        ),
        max_size=60,
    )
)
def test_never_two_leaders_once_the_lease_exists(steps: list[tuple[str, bool, float, int]]) -> None:
    """Replicas act in any order, with caches of any age, and the server fails now and then."""
    server, clock = Server(), Time()
    replicas = {name: Replica(server, clock, name) for name in ("one", "two", "three")}
    replicas["one"].leadership.tick()
    for replica in replicas.values():
        replica.look()
    for name, look, passed, chance in steps:
        clock.now += passed
        server.down = chance == 0
        replica = replicas[name]
        if look:
            replica.look()
        if chance == 1:
            replica.leadership.release()
        else:
            replica.leadership.tick()
        assert [other.leadership.leading for other in replicas.values()].count(True) <= 1


def test_the_object() -> None:
    assert lease.lease_object(NAMESPACE, "metadata-exporter", "one", None, 1_800_000_000.25) == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": "metadata-exporter",
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "meshalliance.istio"},
        },
        "spec": {
            "holderIdentity": "one",
            "leaseDurationSeconds": 10,
            "leaseTransitions": 0,
            "renewTime": "2027-01-15T08:00:00.250000Z",
        },
    }
