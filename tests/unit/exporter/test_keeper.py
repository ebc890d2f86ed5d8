# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The thread that writes the Gateway, over a simulated API server and clock."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshalliance.istio.exporter.gateway import open_hosts, published_gateway
from ansible_collections.meshalliance.istio.exporter.keeper import OBSERVE_SECONDS, WRITE_GAP_SECONDS, Keeper
from ansible_collections.meshalliance.istio.exporter.leadership import Leadership
from ansible_collections.meshalliance.istio.exporter.metrics import Metrics
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind

A, B = "a.n.svc.cluster-a.local", "b.n.svc.cluster-a.local"


class World:
    """One replica. C(real) is the API server's Gateway, C(seen) the informer's copy of it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.wanted: frozenset[str] | None = None
        self.real: dict[str, Any] | None = None
        self.seen: dict[str, Any] | None = None
        self.writes: list[str] = []
        self.broken = False
        self.lease: dict[str, Any] | None = None
        self.metrics = Metrics()
        leadership = Leadership(self, "ns", "one", lambda: self.lease, clock=lambda: self.now)
        self.keeper = Keeper(
            self, "ns", leadership, lambda: self.seen, lambda: self.wanted, self.metrics, clock=lambda: self.now
        )

    def apply(
        self, obj: dict[str, Any], *, field_manager: str, subresource: str | None = None
    ) -> tuple[dict[str, Any], bool]:
        if obj["kind"] == "Lease":
            self.lease = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(int(self.now * 1000))}}
            return self.lease, True
        if self.broken:
            raise ApiError("no", status=503)
        self.writes.append("apply")
        self.real = obj
        return obj, True

    def delete(self, kind: Kind, name: str, namespace: str | None = None) -> bool:
        assert (kind.kind, name, namespace) == ("Gateway", "alliance-published", "ns")
        self.writes.append("delete")
        self.real = None
        return True

    def step(self, *, observe: bool = True, passed: float = WRITE_GAP_SECONDS) -> float:
        self.now += passed
        if observe:
            self.seen = self.real
        return self.keeper.step()


def test_nothing_is_written_while_it_is_not_certain_what_is_published() -> None:
    world = World()
    world.real = published_gateway("ns", [A])
    world.step()
    assert world.writes == []


def test_open_change_and_close() -> None:
    world = World()
    world.wanted = frozenset([A])
    world.step()
    assert open_hosts(world.real) == {A}
    world.wanted = frozenset([A, B])
    world.step()
    assert open_hosts(world.real) == {A, B}
    world.wanted = frozenset()
    world.step()
    assert world.real is None
    world.step()
    assert world.writes == ["apply", "apply", "delete"]
    assert (
        world.metrics.registry.get_sample_value(
            "meshalliance_exporter_gateway_writes_total", {"action": "apply", "outcome": "done"}
        )
        == 2
    )


def test_a_write_that_the_informer_has_not_seen_is_not_repeated_at_once() -> None:
    world = World()
    world.wanted = frozenset([A])
    world.step()
    for _number in range(4):
        world.step(observe=False, passed=1.0)
    assert world.writes == ["apply"]
    world.step(observe=False, passed=OBSERVE_SECONDS)
    assert world.writes == ["apply", "apply"]


def test_a_burst_of_labels_is_gathered() -> None:
    world = World()
    for number in range(50):
        world.wanted = frozenset(f"s{n}.n.svc.cluster-a.local" for n in range(number + 1))
        world.step(passed=0.01)
    assert len(world.writes) <= 2
    world.step()
    world.step()
    assert open_hosts(world.real) == world.wanted


def test_another_writer_is_not_raced() -> None:
    world = World()
    world.wanted = frozenset([A])
    world.step()
    for number in range(200):
        world.real = published_gateway("ns", [A, f"x{number}.n.svc.cluster-a.local"])
        world.step(passed=0.5)
    # 100 seconds of somebody else's writes twice a second: answered, ever more rarely.
    assert 3 <= len(world.writes) <= 12


def test_a_failed_write_is_tried_again() -> None:
    world = World()
    world.wanted = frozenset([A])
    world.broken = True
    wait = world.step()
    assert 0 < wait < 5
    world.broken = False
    world.step(passed=wait + 0.01)
    assert open_hosts(world.real) == {A}


def test_only_the_leader_writes() -> None:
    world = World()
    world.wanted = frozenset([A])
    world.lease = {
        "metadata": {"resourceVersion": "1"},
        "spec": {"holderIdentity": "other", "renewTime": "x", "leaseDurationSeconds": 15},
    }
    world.step()
    assert world.writes == []
    assert world.metrics.registry.get_sample_value("meshalliance_exporter_leader") == 0


def test_a_gateway_of_another_owner_is_reported_and_left_alone() -> None:
    world = World()
    world.wanted = frozenset([A])
    world.real = {"metadata": {"name": "alliance-published"}, "spec": {}}
    world.step()
    world.step()
    assert world.writes == []
