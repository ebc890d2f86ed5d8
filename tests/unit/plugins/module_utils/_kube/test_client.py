# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against a small server on loopback that answers as an API server does, well and badly."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._kube import client as client_module
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import waiting
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError, WaitTimeoutError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import CONFIG_MAP, POD


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """One answer; with C(chunks), they are sent one by one. C(cut): so many bytes at its end are never sent."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] | None = None
    hang_up: bool = False
    silent: bool = False
    cut: int = 0


class Api:
    """Gives the replies that were prepared, in order, and keeps the requests."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.requests: list[Request] = []
        self.ended = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                url = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                api.requests.append(Request(self.command, url.path, query, dict(self.headers.items()), body))
                reply = api.replies.pop(0)
                if reply.silent:
                    api.ended.wait(10)
                if reply.hang_up or reply.silent:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.chunks is None:
                    data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data[: len(data) - reply.cut])
                    self.close_connection = self.close_connection or bool(reply.cut)
                    return
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                text = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in [*reply.chunks, b""])
                self.wfile.write(text[: len(text) - reply.cut])
                self.close_connection = self.close_connection or bool(reply.cut)

            do_GET = do_PATCH = do_DELETE = do_POST = do_PUT = _answer  # noqa: N815

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def will(self, *replies: Reply) -> None:
        self.replies = list(replies)


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    yield made
    made.ended.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    made = Client.from_options({"host": api.url, "api_key": "the-token"}, "cluster-x")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; how long it would have been is kept."""
    slept: list[float] = []
    monkeypatch.setattr(client_module, "time", SimpleNamespace(sleep=slept.append))
    return slept


def page(*names: str, token: str = "", version: str = "7") -> Reply:
    items = [{"metadata": {"name": name}} for name in names]
    return Reply({"metadata": {"continue": token, "resourceVersion": version}, "items": items})


def failure(status: int, message: str = "no", reason: str = "Because", **headers: str) -> Reply:
    body = {"kind": "Status", "code": status, "message": message, "reason": reason}
    return Reply(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def test_a_list_is_read_in_pages(api: Api, client: Client) -> None:
    api.will(page("a", "b", token="next"), page("c", version="8"))
    found = client.list(CONFIG_MAP, "ns", label_selector="x=y")
    assert [item["metadata"]["name"] for item in found.items] == ["a", "b", "c"]
    assert found.resource_version == "8"
    # The server leaves these out of a list's items.
    assert {(item["apiVersion"], item["kind"]) for item in found.items} == {("v1", "ConfigMap")}
    first, second = api.requests
    assert first.path == second.path == "/api/v1/namespaces/ns/configmaps"
    assert first.query == {"labelSelector": "x=y", "limit": "500"}
    assert second.query == {"labelSelector": "x=y", "limit": "500", "continue": "next"}
    assert first.headers["authorization"] == "Bearer the-token"


def test_an_expired_page_starts_the_list_again(api: Api, client: Client) -> None:
    api.will(page("a", token="next"), failure(410, reason="Expired"), page("a", token="new"), page("b"))
    assert [item["metadata"]["name"] for item in client.list(CONFIG_MAP).items] == ["a", "b"]
    assert [request.query.get("continue") for request in api.requests] == [None, "next", None, "new"]


def test_a_list_that_always_expires_is_an_error(api: Api, client: Client) -> None:
    api.will(*[failure(410)] * 3)
    with pytest.raises(ApiError) as caught:
        client.list(CONFIG_MAP)
    assert caught.value.status == 410


def test_what_does_not_exist(api: Api, client: Client) -> None:
    api.will(failure(404), failure(404), failure(404))
    assert client.get(CONFIG_MAP, "x", "ns") is None
    assert client.list(CONFIG_MAP).items == []
    assert client.delete(CONFIG_MAP, "x", "ns") is False


def test_a_busy_server_is_asked_again_when_it_says(api: Api, client: Client, pauses: list[float]) -> None:
    api.will(failure(429, Retry_After="3"), failure(429, Retry_After="3600"), Reply({"metadata": {}}))
    assert client.get(CONFIG_MAP, "x", "ns") == {"metadata": {}}
    assert pauses == [3.0, client_module.LONGEST_PAUSE_SECONDS]


@pytest.mark.parametrize("status", [409, 500, 502, 503, 504])
def test_a_failing_server_is_asked_again_with_growing_pauses(
    status: int, api: Api, client: Client, pauses: list[float]
) -> None:
    api.will(failure(status), failure(status), failure(status), Reply({"metadata": {"name": "x"}}, 201))
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "ns"}}
    assert client.apply(manifest, field_manager="me") == ({"metadata": {"name": "x"}}, True)
    assert pauses == sorted(pauses)
    assert len(set(pauses)) == 3
    assert [request.body for request in api.requests] == [manifest] * 4


def test_it_gives_up(api: Api, client: Client) -> None:
    api.will(*[failure(503, "overloaded", "ServiceUnavailable")] * client_module.ATTEMPTS)
    with pytest.raises(ApiError) as caught:
        client.get(CONFIG_MAP, "x", "ns")
    assert (caught.value.status, caught.value.reason) == (503, "ServiceUnavailable")
    assert "overloaded" in str(caught.value)
    assert api.replies == []


@pytest.mark.parametrize(("status", "remedy"), [(401, "credentials"), (403, "permission"), (422, None)])
def test_a_refusal_is_not_repeated(status: int, remedy: str | None, api: Api, client: Client) -> None:
    api.will(failure(status, "not so"))
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "ns"}}
    with pytest.raises(ApiError) as caught:
        client.apply(manifest, field_manager="me")
    assert len(api.requests) == 1
    assert str(caught.value).startswith("cluster cluster-x, ConfigMap ns/x: PATCH ")
    assert "not so" in caught.value.message
    assert remedy is None if caught.value.remedy is None else remedy is not None and remedy in caught.value.remedy


def test_an_answer_that_is_no_status_is_quoted(api: Api, client: Client) -> None:
    api.will(Reply(b"<html>proxy says no</html>", 403))
    with pytest.raises(ApiError, match="proxy says no") as caught:
        client.get(CONFIG_MAP, "x", "ns")
    assert caught.value.status == 403


def test_a_broken_connection_is_opened_again(api: Api, client: Client) -> None:
    api.will(Reply(hang_up=True), Reply({"metadata": {}}))
    assert client.get(CONFIG_MAP, "x", "ns") == {"metadata": {}}


FOUND: dict[str, Any] = {"metadata": {"name": "x"}, "data": {"key": "value" * 100}}
WHOLE = json.dumps(FOUND).encode()
# Answers that are not what the server meant to say.
LOST = {
    "hung up": Reply(hang_up=True),
    "shorter than its Content-Length": Reply(FOUND, cut=40),
    "without its last chunk": Reply(chunks=[WHOLE[:99], WHOLE[99:]], cut=5),
    "in the middle of a chunk": Reply(chunks=[WHOLE[:99], WHOLE[99:]], cut=40),
    "cut short by a proxy that corrects the length": Reply(WHOLE[:99]),
    "empty": Reply(b""),
    "no object": Reply([]),
    "a page for people": Reply(b"<html>one moment, please</html>"),
    "an error that is cut short": Reply({"message": "no such thing"}, 404, cut=3),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_a_lost_answer_is_asked_for_again(lost: Reply, api: Api, client: Client) -> None:
    api.will(lost, lost, Reply(FOUND))
    assert client.get(CONFIG_MAP, "x", "ns") == FOUND
    assert len(api.requests) == 3


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_answers_that_are_always_lost_are_an_error(lost: Reply, api: Api, client: Client) -> None:
    api.will(*[lost] * client_module.ATTEMPTS)
    with pytest.raises(ApiError) as caught:
        client.list(CONFIG_MAP)
    assert caught.value.status == 0
    assert str(caught.value).startswith("cluster cluster-x: ")
    assert api.url in str(caught.value)
    assert caught.value.remedy
    assert api.replies == []


def test_an_answer_that_is_cut_short_is_not_quoted(api: Api, client: Client) -> None:
    """It may be a Secret's."""
    api.will(
        *[Reply(WHOLE[:99])] * client_module.ATTEMPTS, Reply(chunks=[WHOLE[:99] + b"\n"]), Reply({"value": "value"})
    )
    with pytest.raises(ApiError) as first:
        client.get(CONFIG_MAP, "x", "ns")
    with pytest.raises(ApiError) as second:
        watch(client)
    with pytest.raises(ApiError) as third:
        client.list(CONFIG_MAP, "ns")
    for caught in (first, second, third):
        assert caught.value.reason == client_module.INVALID_ANSWER
        assert "value" not in str(caught.value)


def test_a_silent_server_is_asked_twice(api: Api, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "READ_SECONDS", 0.5)
    api.will(Reply(silent=True), Reply(silent=True))
    with pytest.raises(ApiError, match=r"gave no complete answer: .*timed out"):
        client.get(CONFIG_MAP, "x", "ns")
    assert api.replies == []


@pytest.mark.parametrize("lost", [*LOST.values(), failure(500), failure(503), failure(409)])
def test_what_may_have_been_made_is_not_made_twice(lost: Reply, api: Api, client: Client) -> None:
    api.will(lost)
    with pytest.raises(ApiError):
        client.request("POST", "/api/v1/namespaces/ns/configmaps", body=FOUND)
    assert len(api.requests) == 1


def test_what_was_refused_undone_may_be_made(api: Api, client: Client) -> None:
    api.will(failure(429), Reply(FOUND, 201))
    assert client.request("POST", "/api/v1/namespaces/ns/configmaps", body=FOUND).status == 201


def test_a_delete_whose_answer_was_lost_finds_nothing_the_next_time(api: Api, client: Client) -> None:
    api.will(Reply({}, cut=1), failure(404))
    assert client.delete(CONFIG_MAP, "x", "ns") is False


@pytest.mark.parametrize(
    "version", [{"metadata": {"resourceVersion": "7"}}, {"preconditions": {"resourceVersion": "7"}}]
)
def test_a_conflict_over_a_past_version_is_told_at_once(version: Any, api: Api, client: Client) -> None:
    api.will(failure(409, reason="Conflict"))
    with pytest.raises(ApiError) as caught:
        client.request("PUT", "/api/v1/namespaces/ns/configmaps/x", body=version)
    assert (caught.value.status, caught.value.reason) == (409, "Conflict")
    assert len(api.requests) == 1


def test_a_redirect_is_not_followed(api: Api, client: Client) -> None:
    api.will(Reply(b"", 302, {"Location": "http://127.0.0.1:9/"}))
    with pytest.raises(ApiError) as caught:
        client.get(CONFIG_MAP, "x", "ns")
    assert caught.value.reason == client_module.INVALID_ANSWER
    assert len(api.requests) == 1


def test_a_status_may_be_anything(api: Api, client: Client) -> None:
    for status in ({"code": "many", "message": 7}, [], {"code": None}, "no"):
        api.will(Reply(status, 403))
        with pytest.raises(ApiError) as caught:
            client.get(CONFIG_MAP, "x", "ns")
        assert caught.value.status == 403


def test_what_is_no_list_is_an_error(api: Api, client: Client) -> None:
    api.will(Reply({"items": []}))
    with pytest.raises(ApiError) as caught:
        client.list(CONFIG_MAP)
    assert caught.value.reason == client_module.INVALID_ANSWER


def test_a_refused_connection_names_the_cluster() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = Client.from_options({"host": f"http://127.0.0.1:{port}"}, "cluster-x")
    with pytest.raises(ApiError) as caught:
        client.get(CONFIG_MAP, "x", "ns")
    assert caught.value.status == 0
    assert str(caught.value).startswith(f"cluster cluster-x: the API server http://127.0.0.1:{port} can't be reached: ")
    assert caught.value.remedy


def test_an_apply_states_its_manager_and_forces(api: Api, client: Client) -> None:
    api.will(Reply({"metadata": {}}))
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "ns"}}
    _found, created = client.apply(manifest, field_manager="me", subresource="status")
    (request,) = api.requests
    assert created is False
    assert (request.method, request.path) == ("PATCH", "/api/v1/namespaces/ns/configmaps/x/status")
    assert request.query == {"fieldManager": "me", "force": "true"}
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"


def test_only_that_very_object_is_deleted(api: Api, client: Client) -> None:
    api.will(Reply({}))
    assert client.delete(CONFIG_MAP, "x", "ns", uid="the-uid") is True
    assert api.requests[0].body["preconditions"] == {"uid": "the-uid"}


def event(kind: str, name: str) -> bytes:
    return json.dumps({"type": kind, "object": {"metadata": {"name": name}}}).encode() + b"\n"


def watch(client: Client) -> list[tuple[str, str]]:
    found = client.watch(POD, namespace="ns", field_selector="a=b", resource_version="7", timeout_seconds=5)
    return [(kind, obj["metadata"]["name"]) for kind, obj in found]


def test_events_of_a_watch_may_be_cut_anywhere(api: Api, client: Client) -> None:
    text = event("ADDED", "a") + b"\n" + event("MODIFIED", "bä") + event("BOOKMARK", "c")
    expected = [("ADDED", "a"), ("MODIFIED", "bä"), ("BOOKMARK", "c")]
    for size in (1, 7, len(text)):
        api.will(Reply(chunks=[text[start : start + size] for start in range(0, len(text), size)]))
        assert watch(client) == expected
    assert api.requests[0].path == "/api/v1/namespaces/ns/pods"
    assert api.requests[0].query == {
        "fieldSelector": "a=b",
        "watch": "1",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "5",
        "resourceVersion": "7",
    }


def test_an_error_event_and_an_error_answer(api: Api, client: Client) -> None:
    error = {"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}
    api.will(Reply(chunks=[event("ADDED", "a"), json.dumps(error).encode() + b"\n"]), failure(410, "too old"))
    seen = []
    with pytest.raises(ApiError) as caught:
        for kind, _obj in client.watch(POD, resource_version="1", timeout_seconds=5):
            seen.append(kind)
    assert seen == ["ADDED"]
    assert (caught.value.status, caught.value.reason) == (410, "Expired")
    with pytest.raises(ApiError) as caught:
        watch(client)
    assert caught.value.status == 410


@pytest.mark.parametrize(
    "line", [b'{"type": "ADDED", "object"\n', b"[]\n", b'{"type": "ERROR", "object": 7}\n', b"no\n"]
)
def test_a_watch_of_something_else_is_an_error(line: bytes, api: Api, client: Client) -> None:
    api.will(Reply(chunks=[line]))
    with pytest.raises(ApiError) as caught:
        watch(client)
    assert caught.value.reason == client_module.INVALID_ANSWER


@pytest.mark.parametrize("cut", [5, 9, 20])
def test_a_watch_that_is_cut_is_an_error(cut: int, api: Api, client: Client) -> None:
    """What came whole before is told."""
    api.will(Reply(chunks=[event("ADDED", "a"), event("ADDED", "b")], cut=cut))
    seen = []
    with pytest.raises(ApiError) as caught:
        for _kind, obj in client.watch(POD, resource_version="7", timeout_seconds=5):
            seen.append(obj["metadata"]["name"])
    assert caught.value.status == 0
    assert seen[:1] == ["a"]


def test_groups_of_impersonation_are_one_header_each(api: Api) -> None:
    client = Client.from_options({"host": api.url, "impersonate_user": "u", "impersonate_groups": ["g1", "g2"]})
    seen: list[list[str]] = []
    original: Callable[..., Any] = api.server.RequestHandlerClass._answer  # type: ignore[attr-defined]

    def answer(handler: Any) -> None:
        seen.append(handler.headers.get_all("Impersonate-Group"))
        original(handler)

    api.server.RequestHandlerClass.do_GET = answer  # type: ignore[attr-defined]
    api.will(Reply({"metadata": {}}))
    client.get(CONFIG_MAP, "x", "ns")
    assert seen == [["g1", "g2"]]
    assert api.requests[0].headers["Impersonate-User"] == "u"


def deployment(ready: bool) -> dict[str, Any]:
    counts = {"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1} if ready else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "ns", "generation": 1},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"b": "2", "a": "1"}}},
        "status": {"observedGeneration": 1, **counts},
    }


def listed(*objects: dict[str, Any]) -> Reply:
    return Reply({"metadata": {"resourceVersion": "7"}, "items": list(objects)})


def test_waiting_follows_a_watch(api: Api, client: Client) -> None:
    events = [{"type": "MODIFIED", "object": deployment(ready)} for ready in (False, True)]
    api.will(listed(deployment(False)), Reply(chunks=[json.dumps(item).encode() + b"\n" for item in events]))
    waiting.wait_until_ready(client, [deployment(False)], 30)
    assert [request.query.get("watch") for request in api.requests] == [None, "1"]
    assert api.requests[1].query["resourceVersion"] == "7"


def test_waiting_asks_nothing_about_what_is_ready(api: Api, client: Client) -> None:
    waiting.wait_until_ready(client, [deployment(True), {"kind": "ConfigMap", "metadata": {"name": "x"}}], 30)
    assert api.requests == []


def test_waiting_tells_what_keeps_the_pods(api: Api, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock has run out after the first look."""
    moments = iter([0.0, 0.0, 99.0, 99.0])
    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    state = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
    pod = {
        "metadata": {"name": "p"},
        "status": {
            "containerStatuses": [{"name": "main", "state": state}],
            "conditions": [{"type": "PodScheduled", "status": "False", "message": "no node"}],
        },
    }
    modified = {"type": "MODIFIED", "object": deployment(False)}
    api.will(listed(deployment(False)), Reply(chunks=[json.dumps(modified).encode() + b"\n"]), listed(pod))
    with pytest.raises(WaitTimeoutError) as caught:
        waiting.wait_until_ready(client, [deployment(False)], 10)
    text = str(caught.value)
    assert text.startswith("cluster cluster-x: Deployment ns/d: 0 of 1 pods are updated (")
    assert "container main: ErrImagePull no such image" in text
    assert "not scheduled: no node" in text
    assert "now 10 s" in text
    assert api.requests[-1].query["labelSelector"] == "a=1,b=2"
