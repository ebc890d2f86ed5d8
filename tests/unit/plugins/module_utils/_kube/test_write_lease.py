# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs and one Lease, over a simulated API server."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import lease
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Answer
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.write_lease import SupersededError, WriteLease

NAMESPACE = "istio-alliance"
COLLECTION = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"


class Server:
    """Holds one Lease; a write with another version than its own is a conflict."""

    cluster = "cluster-a"

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.refusals: list[ApiError] = []
        self.writes: list[str] = []
        self.version = 0

    def beside(self) -> Server:
        return self

    def get(self, _kind: Any, _name: str, _namespace: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.lease)

    def request(self, method: str, path: str, *, body: dict[str, Any]) -> Answer:
        for refusal in self.refusals:
            raise refusal
        known = body["metadata"].get("resourceVersion")
        assert (method, path) == (("PUT", f"{COLLECTION}/alliance-write") if known else ("POST", COLLECTION))
        if known is None and self.lease is not None:
            raise ApiError("exists", status=409, reason="AlreadyExists")
        if known is not None and (self.lease is None or self.lease["metadata"]["resourceVersion"] != known):
            raise ApiError("conflict", status=409, reason="Conflict")
        self.version += 1
        self.writes.append(body["spec"].get("holderIdentity", ""))
        self.lease = copy.deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        return Answer(200, copy.deepcopy(self.lease), {})


class Time:
    """Passes while somebody waits; `meanwhile` happens then."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()


class World:
    def __init__(self) -> None:
        self.server, self.time = Server(), Time()
        self.made: list[WriteLease] = []

    def begin(self, identity: str, wait: float = 60) -> WriteLease:
        """A run that has read the cluster by now."""
        made = WriteLease(
            self.server,  # type: ignore[arg-type]
            NAMESPACE,
            identity,
            wait=wait,
            clock=self.time,
            pause=self.time.pause,
        )
        made.look()
        self.made.append(made)
        return made

    @property
    def holder(self) -> str:
        return str(((self.server.lease or {}).get("spec") or {}).get("holderIdentity") or "")


@pytest.fixture
def world() -> Any:
    made = World()
    yield made
    made.server.refusals.clear()
    for item in made.made:
        item.release()


def test_a_run_that_writes_nothing_leaves_no_trace(world: World) -> None:
    world.begin("one").release()
    assert world.server.writes == []


def test_held_from_the_first_write_to_the_end(world: World) -> None:
    one = world.begin("one")
    for _write in range(3):
        one.hold()
    assert world.holder == "one"
    one.release()
    assert world.holder == ""
    assert world.server.writes == ["one", ""]


def test_the_next_run_takes_what_was_given_back(world: World) -> None:
    for name in ("one", "two"):
        run = world.begin(name)
        run.hold()
        assert world.holder == name
        run.release()


def test_who_read_before_another_one_wrote_begins_anew(world: World) -> None:
    one, two = world.begin("one"), world.begin("two")
    one.hold()
    one.release()
    for _thread in range(2):
        with pytest.raises(SupersededError):
            two.hold()
    assert world.holder == "two"
    two.begin_anew()
    two.hold()


def test_who_reads_while_another_one_writes_begins_anew(world: World) -> None:
    one = world.begin("one")
    one.hold()
    two = world.begin("two")
    world.time.meanwhile = one.release
    with pytest.raises(SupersededError):
        two.hold()


def test_waiting_ends_and_names_the_holder(world: World) -> None:
    one = world.begin("trust_anchors on awx-1, process 7")
    one.hold()
    two = world.begin("two", wait=5)
    with pytest.raises(AllianceError) as caught:
        two.hold()
    text = str(caught.value)
    for said in (
        "cluster-a",
        "Lease istio-alliance/alliance-write",
        "trust_anchors on awx-1, process 7",
        "lease_wait",
        str(one and world.server.lease and world.server.lease["spec"]["renewTime"]),
    ):
        assert said in text
    assert world.holder == "trust_anchors on awx-1, process 7"


def test_a_dead_holder_is_taken_over_when_its_time_is_up(world: World) -> None:
    world.begin("one").hold()
    began = world.time.now
    two = world.begin("two")
    with pytest.raises(SupersededError):
        two.hold()
    assert world.time.now - began == pytest.approx(lease.LEASE_SECONDS, abs=0.6)
    assert world.holder == "two"
    assert world.server.lease is not None
    assert world.server.lease["spec"]["leaseTransitions"] == 1


def test_who_could_not_renew_writes_no_more(world: World) -> None:
    one = world.begin("one")
    one.hold()
    world.time.now += lease.LEADER_SECONDS
    with pytest.raises(AllianceError, match="could not renew"):
        one.hold()


def test_both_take_it_at_once_and_one_gets_it(world: World) -> None:
    """Between the look of one and its write another one writes."""
    one, two = world.begin("one"), world.begin("two")
    original = world.server.get

    def overtaken(*arguments: Any) -> dict[str, Any] | None:
        found = original(*arguments)
        world.server.get = original  # type: ignore[method-assign]
        two.hold()
        world.time.meanwhile = two.release
        return found

    world.server.get = overtaken  # type: ignore[method-assign,assignment]
    with pytest.raises(SupersededError):
        one.hold()
    assert world.holder == "one"


def test_ours_though_the_answer_got_lost(world: World) -> None:
    """The request was repeated, and the second found the Lease that the first had made."""
    one = world.begin("one")
    world.server.request("POST", COLLECTION, body=_lease_of("one"))
    with pytest.raises(SupersededError):
        one.hold()
    one.begin_anew()
    one.hold()
    assert world.holder == "one"


def _lease_of(identity: str) -> dict[str, Any]:
    return lease.lease_object(NAMESPACE, "alliance-write", identity, None, 1.8e9)


@pytest.mark.parametrize(
    "refusal",
    [
        ApiError('namespaces "istio-alliance" not found', status=404, reason="NotFound"),
        ApiError("unable to create new content in namespace x because it is being terminated", status=403),
    ],
    ids=["not there yet", "going"],
)
def test_no_namespace_no_lease(refusal: ApiError, world: World) -> None:
    """What makes the namespace can't wait for a Lease in it; once it's there, the next write takes one."""
    one = world.begin("one")
    world.server.refusals.append(refusal)
    one.hold()
    assert world.server.lease is None
    world.server.refusals.clear()
    one.hold()
    assert world.holder == "one"


def test_who_may_not_hold_leases_is_told(world: World) -> None:
    one = world.begin("one")
    world.server.refusals.append(ApiError("leases is forbidden: User x cannot create", status=403, reason="Forbidden"))
    with pytest.raises(AllianceError, match="grant the user of the inventory get, create and update of leases"):
        one.hold()


def test_another_failure_stays_what_it_is(world: World) -> None:
    one = world.begin("one")
    world.server.refusals.append(ApiError("can't be reached", reason="NewConnectionError"))
    with pytest.raises(ApiError, match="can't be reached"):
        one.hold()
