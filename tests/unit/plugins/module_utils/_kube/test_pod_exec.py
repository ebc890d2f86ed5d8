# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs in pods, against a WebSocket that behaves as an API server's does, well and badly."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
import websocket

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.pod_exec import Ended, ExecError, run_in_pod

SUCCESS = b"\x03" + json.dumps({"status": "Success"}).encode()
FAILURE = b"\x03" + json.dumps({"status": "Failure", "message": "command terminated with exit code 1"}).encode()
BINARY, CLOSE = websocket.ABNF.OPCODE_BINARY, websocket.ABNF.OPCODE_CLOSE


class Socket:
    """A connection: what it is sent, and what it gives, frame by frame (an exception is raised)."""

    def __init__(self, frames: Iterable[Any]) -> None:
        self.frames = list(frames)
        self.sent: list[bytes] = []
        self.shut = False

    def send_binary(self, data: bytes) -> None:
        self.sent.append(data)

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def recv_data(self) -> tuple[int, bytes]:
        if not self.frames:
            raise websocket.WebSocketTimeoutException("timed out")
        frame = self.frames.pop(0)
        if isinstance(frame, Exception):
            raise frame
        return (CLOSE, b"") if frame is None else (BINARY, frame)

    def shutdown(self) -> None:
        self.shut = True


class Client:
    """Opens such a connection, or is refused."""

    cluster = "cluster-x"

    def __init__(self, *frames: Any, refusal: ApiError | None = None) -> None:
        self.socket = Socket(frames)
        self.refusal = refusal
        self.path = ""
        self.query: list[tuple[str, str]] = []
        self.subprotocol = ""

    def websocket(self, path: str, query: Any, *, subprotocol: str, timeout: float) -> Socket:
        self.path, self.query, self.subprotocol = path, list(query), subprotocol
        assert timeout > 0
        if self.refusal:
            raise self.refusal
        return self.socket


def run(client: Client, stdin: str = "order\n", **more: Any) -> Ended:
    options: dict[str, Any] = {"timeout": 5, **more}
    return run_in_pod(client, "there", "pod-1", "main", ("python3", "-m", "probe"), stdin, **options)  # type: ignore[arg-type]


def test_lines_go_in_and_come_out() -> None:
    client = Client(b"\x01one\ntw", b"\x02a warning", b"\x01o\n", b"\x01", SUCCESS)
    assert run(client) == Ended((b"one", b"two"))
    assert client.path == "/api/v1/namespaces/there/pods/pod-1/exec"
    assert [value for name, value in client.query if name == "command"] == ["python3", "-m", "probe"]
    assert ("stdin", "true") in client.query
    assert ("container", "main") in client.query
    assert client.subprotocol == "v4.channel.k8s.io"
    assert client.socket.sent == [b"\x00order\n"]
    assert client.socket.shut


def test_a_long_order_goes_in_pieces() -> None:
    client = Client(SUCCESS)
    run(client, "x" * 100_000 + "\n")
    assert len(client.socket.sent) == 4
    assert b"".join(part[1:] for part in client.socket.sent) == b"x" * 100_000 + b"\n"
    assert {part[:1] for part in client.socket.sent} == {b"\x00"}


def test_nothing_is_waited_for_after_the_end() -> None:
    client = Client(b"\x01one\n", SUCCESS, AssertionError("not asked for"))
    assert run(client).lines == (b"one",)


def test_what_failed_says_why() -> None:
    client = Client(b"\x02/usr/bin/python3: No module named probe\n", FAILURE)
    with pytest.raises(ExecError, match=r"exit code 1.*No module named probe") as caught:
        run(client)
    assert caught.value.stderr.endswith("No module named probe")
    assert str(caught.value).startswith("cluster cluster-x, Pod there/pod-1: ")


@pytest.mark.parametrize("end", [None, websocket.WebSocketConnectionClosedException("gone")])
def test_an_end_without_a_status_is_no_success(end: Any) -> None:
    with pytest.raises(ExecError, match="without saying how"):
        run(Client(b"\x01one\n", end))


def test_time_is_kept_and_what_came_counts() -> None:
    ended = run(Client(b"\x01one\ntwo"), timeout=0.2)
    assert ended == Ended((b"one",), in_time=False)


@pytest.mark.parametrize("frame", [b"\x07what", b"\x09"])
def test_frames_of_other_channels_are_errors(frame: bytes) -> None:
    with pytest.raises(ExecError, match="no channel"):
        run(Client(frame))


def test_too_much_is_not_kept() -> None:
    client = Client(b"\x01" + b"x" * 20, SUCCESS)
    with pytest.raises(ExecError, match="more than 10 bytes"):
        run(client, limit=10)
    assert client.socket.shut


def test_a_broken_connection_is_an_error() -> None:
    with pytest.raises(ExecError, match="broke"):
        run(Client(websocket.WebSocketProtocolException("nonsense")))


def test_a_refusal_says_which_permission_is_missing() -> None:
    refusal = ApiError("forbidden", status=403, cluster="cluster-x")
    with pytest.raises(ApiError, match="get and create on pods/exec in namespace there") as caught:
        run(Client(refusal=refusal))
    assert "Pod there/pod-1" in str(caught.value)
