# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live copy: list, watch, list again, whatever goes wrong in between."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._kube import informer as module
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.informer import Informer, pause
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import SERVICE, Kind

Object = dict[str, Any]


def item(name: str, version: int, **more: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "n", "resourceVersion": str(version)}, **more}


@dataclass
class Listed:
    items: list[Object]
    resource_version: str


@dataclass
class Server:
    """Lists what it is told; a watch gives what is put into the queue: an event, an exception, or None for its end."""

    lists: list[Listed | Exception] = field(default_factory=list)
    events: queue.Queue[Any] = field(default_factory=queue.Queue)
    asked: list[str] = field(default_factory=list)

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Listed:
        self.asked.append("list")
        answer = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def watch(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        resource_version: str,
        timeout_seconds: int,
    ) -> Iterator[tuple[str, Object]]:
        self.asked.append(f"watch {resource_version}")
        while True:
            event = self.events.get()
            if event is None:
                return
            if isinstance(event, Exception):
                raise event
            yield event


@dataclass
class Followed:
    server: Server
    informer: Informer
    changes: list[float]
    restarts: list[str]

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline, (self.informer.items, self.server.asked)
            time.sleep(0.002)

    def names(self) -> list[str]:
        return [found["metadata"]["name"] for found in self.informer.items]


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Followed]]:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    started: list[Followed] = []

    def start(*lists: Listed | Exception, **more: Any) -> Followed:
        server, changes, restarts = Server(list(lists)), list[float](), list[str]()
        informer = Informer(
            server,
            SERVICE,
            on_change=lambda: changes.append(time.monotonic()),
            on_restart=restarts.append,
            **more,
        )
        informer.start()
        started.append(Followed(server, informer, changes, restarts))
        return started[-1]

    yield start
    for followed in started:
        followed.informer.stop()
        followed.server.events.put(None)
        followed.informer.stop(2.0)
        assert not followed.informer.alive


def test_list_then_watch(follow: Callable[..., Followed]) -> None:
    followed = follow(Listed([item("b", 2), item("a", 1)], "7"))
    followed.until(lambda: followed.names() == ["a", "b"])
    assert followed.informer.wait_synced(1.0)
    followed.server.events.put(("ADDED", item("c", 8)))
    followed.server.events.put(("MODIFIED", item("a", 9, spec={"x": 1})))
    followed.server.events.put(("DELETED", item("b", 10)))
    followed.until(lambda: followed.names() == ["a", "c"])
    followed.until(lambda: len(followed.changes) == 4)
    assert followed.informer.store[("n", "a")]["spec"] == {"x": 1}
    assert followed.server.asked == ["list", "watch 7"]


def test_an_ended_watch_goes_on_from_the_last_version(follow: Callable[..., Followed]) -> None:
    followed = follow(Listed([], "7"))
    followed.server.events.put(("ADDED", item("a", 8)))
    followed.server.events.put(("BOOKMARK", {"metadata": {"resourceVersion": "20"}}))
    followed.server.events.put(None)
    followed.until(lambda: followed.server.asked == ["list", "watch 7", "watch 20"])
    assert followed.names() == ["a"]
    assert followed.restarts == []


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ApiError("too old", status=410, reason="Expired"), "expired"),
        (("ERROR", {"code": 410, "reason": "Expired", "message": "too old"}), "expired"),
        (ApiError("broken", status=0, reason="ProtocolError"), "ProtocolError"),
        (ApiError("forbidden", status=403, reason="Forbidden"), "Forbidden"),
        (KeyError("nonsense"), "KeyError"),
    ],
)
def test_listed_again_after_a_failure_without_losing_what_is_known(
    follow: Callable[..., Followed], failure: Any, reason: str
) -> None:
    followed = follow(Listed([item("a", 1), item("b", 2)], "7"), Listed([item("b", 2), item("c", 9)], "9"))
    followed.until(lambda: followed.names() == ["a", "b"])
    followed.server.events.put(failure)
    followed.until(lambda: followed.names() == ["b", "c"])
    followed.until(lambda: followed.server.asked == ["list", "watch 7", "list", "watch 9"])
    assert followed.restarts == [reason]


def test_not_synced_and_tried_again_while_the_first_list_fails(follow: Callable[..., Followed]) -> None:
    bad = ApiError("down", status=503, reason="ServiceUnavailable")
    followed = follow(bad, bad, Listed([item("a", 1)], "7"))
    followed.until(lambda: followed.informer.synced)
    assert followed.server.asked[:3] == ["list", "list", "list"]
    assert followed.names() == ["a"]
    assert followed.informer.last_error == ""


def test_last_known_objects_stay_while_the_server_is_down(follow: Callable[..., Followed]) -> None:
    followed = follow(Listed([item("a", 1)], "7"), ApiError("down", status=503))
    followed.until(lambda: followed.names() == ["a"])
    followed.server.events.put(ApiError("down", status=0))
    followed.until(lambda: followed.server.asked.count("list") > 3)
    assert followed.names() == ["a"]
    assert followed.informer.synced
    assert "down" in followed.informer.last_error


def test_what_is_not_kept_is_no_change(follow: Callable[..., Followed]) -> None:
    followed = follow(
        Listed([item("a", 1, status={"heartbeat": 1})], "7"),
        keep=lambda found: {"metadata": {"name": found["metadata"]["name"], "namespace": "n"}},
    )
    followed.until(lambda: followed.informer.synced)
    version = followed.informer.version
    followed.server.events.put(("MODIFIED", item("a", 8, status={"heartbeat": 2})))
    followed.server.events.put(("ADDED", item("b", 9)))
    followed.until(lambda: len(followed.informer.items) == 2)
    assert followed.informer.version == version + 1
    assert len(followed.changes) == 2


def test_a_server_that_ends_each_watch_at_once_is_not_asked_in_a_tight_loop(
    follow: Callable[..., Followed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.05)
    followed = follow(Listed([], "7"))
    for _number in range(100):
        followed.server.events.put(None)
    time.sleep(0.5)
    assert len(followed.server.asked) < 10


def test_pauses_grow_to_a_limit() -> None:
    assert [pause(failures, 1.0) for failures in (1, 2, 3)] == [0.25, 0.5, 1.0]
    assert pause(1000, 1.0) == 30.0
    assert pause(1000, 0.0) == 15.0


def test_stop_does_not_wait_for_a_silent_server() -> None:
    server = Server([Listed([], "1")])
    informer = Informer(server, SERVICE, on_change=lambda: None)
    informer.start()
    assert informer.wait_synced(5)
    began = time.monotonic()
    informer.stop()
    assert time.monotonic() - began < 0.5
    server.events.put(("ADDED", item("a", 2)))
    informer.stop(2.0)
    assert informer.items == ()
    assert threading.active_count() >= 1
