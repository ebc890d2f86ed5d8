# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GETs to a pod's loopback, against a small WebSocket server that forwards as an API server does, well and badly."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.port_forward import PodAnswerError, pod_get

PORT = 15014
GREETING = struct.pack("<H", PORT)
BODY = b'[{"id":"cluster-d"}]'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def frame(payload: bytes, *, opcode: int = 2) -> bytes:
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + struct.pack(">H", len(payload))
    return bytes([0x80 | opcode]) + length + payload


def greeted(*frames: bytes) -> bytes:
    return b"".join([frame(b"\x00" + GREETING), frame(b"\x01" + GREETING), *frames])


class ApiServer:
    """Answers one upgrade: C(refusal) instead of it, or C(frames) after the pod's request came in."""

    def __init__(self) -> None:
        self.frames = greeted(frame(b"\x00" + ANSWER))
        self.refusal = b""
        self.silent = False
        self.handshake = self.asked = b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            connection, _peer = self.listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rb") as stream:
            connection.settimeout(10)
            self.handshake = b"".join(iter(stream.readline, b"\r\n"))
            if self.refusal:
                connection.sendall(self.refusal)
                return
            headers = dict(line.split(b": ", 1) for line in self.handshake.splitlines()[1:])
            proof = base64.b64encode(hashlib.sha1(headers[b"Sec-WebSocket-Key"] + _MAGIC).digest())
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\nSec-WebSocket-Accept: " + proof + b"\r\n\r\n"
            )
            self.asked = self._received(stream)
            if not self.silent:
                connection.sendall(self.frames)
            # Until the client goes.
            while stream.read(1):
                pass
            self.closed.set()

    @staticmethod
    def _received(stream: Any) -> bytes:
        _opcode, length = stream.read(2)
        size = length & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", stream.read(2))
        mask = stream.read(4)
        return bytes(byte ^ mask[index % 4] for index, byte in enumerate(stream.read(size)))

    def stop(self) -> None:
        # While somebody waits in accept, closing alone does not end listening.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(timeout=10)


@pytest.fixture
def api() -> Iterator[ApiServer]:
    made = ApiServer()
    yield made
    made.stop()


def ask(api: ApiServer, **more: Any) -> bytes:
    options = {"host": api.url, "api_key": "the-token", "impersonate_groups": ["one", "two"]}
    client = Client.from_options(options, "cluster-x")
    try:
        return pod_get(client, "istio-system", "istiod-1", PORT, "/debug/clusterz", **{"timeout": 5, **more})
    finally:
        client.close()


def test_a_get_reaches_the_pod_with_the_credentials_of_the_client(api: ApiServer) -> None:
    assert ask(api) == BODY
    first, *headers = api.handshake.decode().splitlines()
    assert first == f"GET /api/v1/namespaces/istio-system/pods/istiod-1/portforward?ports={PORT} HTTP/1.1"
    assert "Authorization: Bearer the-token" in [line[:1].upper() + line[1:] for line in headers]
    assert [line for line in headers if line.startswith("Impersonate-Group")] == [
        "Impersonate-Group: one",
        "Impersonate-Group: two",
    ]
    assert api.asked[:1] == b"\x00"
    assert api.asked[1:].startswith(b"GET /debug/clusterz HTTP/1.1\r\nHost: localhost:15014\r\n")
    assert b"Connection: close" in api.asked


def test_the_connection_is_closed_afterwards(api: ApiServer) -> None:
    ask(api)
    assert api.closed.wait(timeout=5)


def test_an_answer_may_come_in_pieces_and_chunks(api: ApiServer) -> None:
    text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    pieces = [frame(b"\x00" + text[at : at + 7]) for at in range(0, len(text), 7)]
    api.frames = greeted(frame(b"", opcode=9), *pieces)
    assert ask(api) == b"hello world"


def test_an_answer_without_a_length_ends_with_the_connection(api: ApiServer) -> None:
    api.frames = greeted(frame(b"\x00HTTP/1.1 200 OK\r\n\r\nall"), frame(struct.pack(">H", 1000), opcode=8))
    assert ask(api) == b"all"


def test_what_the_kubelet_says_is_told(api: ApiServer) -> None:
    api.frames = greeted(frame(b"\x01dial tcp4 127.0.0.1:15014: connect: connection refused\n"))
    with pytest.raises(PodAnswerError, match="connection refused") as caught:
        ask(api)
    assert str(caught.value).startswith("cluster cluster-x, Pod istio-system/istiod-1: GET localhost:15014/debug")


@pytest.mark.parametrize("status", [401, 404, 500])
def test_another_status_is_an_error_that_tells_it(api: ApiServer, status: int) -> None:
    api.frames = greeted(frame(b"\x00HTTP/1.1 %d No\r\nContent-Length: 3\r\n\r\nwhy" % status))
    with pytest.raises(PodAnswerError, match=f"{status} why") as caught:
        ask(api)
    assert caught.value.status == status


def test_a_pod_that_says_nothing_is_left_in_time(api: ApiServer) -> None:
    api.silent = True
    with pytest.raises(PodAnswerError, match="no answer within 0 s"):
        ask(api, timeout=0.3)
    assert api.closed.wait(timeout=5)


def test_an_answer_that_is_too_large_is_not_taken(api: ApiServer) -> None:
    with pytest.raises(PodAnswerError, match="more than 5 bytes"):
        ask(api, limit=5)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (
            greeted(frame(b"\x00HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal"), frame(b"", opcode=8)),
            "broke off after 3 bytes",
        ),
        (greeted(frame(b"", opcode=8)), "closed connection"),
        (greeted(frame(b"\x00nonsense\r\n\r\n")), "nonsense"),
        (greeted(frame(b"\x07what")), "no channel"),
        (greeted(frame(b"")), "no channel"),
        (frame(b"\x00" + struct.pack("<H", 1)), "another port"),
        (b"\xf2\x00", "broke"),
    ],
)
def test_nonsense_is_an_error_and_never_an_answer(api: ApiServer, frames: bytes, message: str) -> None:
    api.frames = frames
    with pytest.raises(PodAnswerError, match=message):
        ask(api)


def test_a_refusal_says_which_permission_is_missing(api: ApiServer) -> None:
    body = b'{"kind":"Status","reason":"Forbidden","message":"pods is forbidden","code":403}'
    api.refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with pytest.raises(ApiError, match="pods is forbidden") as caught:
        ask(api)
    assert (caught.value.status, caught.value.reason) == (403, "Forbidden")
    assert "get and create on pods/portforward in namespace istio-system" in str(caught.value)
    assert "Pod istio-system/istiod-1" in str(caught.value)


def test_credentials_are_not_sent_elsewhere(api: ApiServer) -> None:
    api.refusal = b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises((ApiError, PodAnswerError)):
        ask(api)


def test_an_api_server_that_is_gone_is_named(api: ApiServer) -> None:
    api.stop()
    with pytest.raises(ApiError, match=f"the API server {api.url} can't be reached"):
        ask(api)
