# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real server on a real port: limits, slow clients, and an end without cut-off answers."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.exporter import http_server as module
from ansible_collections.meshalliance.istio.exporter.http_server import HttpServer, listen

WAIT = threading.Event()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/slow":
        WAIT.wait(5)
    body = b"x" * 3_000_000 if environ["PATH_INFO"] == "/large" else b"hello"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture
def server() -> Iterator[HttpServer]:
    WAIT.clear()
    server = HttpServer(application, "127.0.0.1", 0, threads=2, name="test")
    server.start()
    yield server
    WAIT.set()
    server.stop(1.0)
    assert not server.alive


def send(server: HttpServer, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_an_answer_does_not_name_the_software(server: HttpServer) -> None:
    answer = send(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nServer:" not in answer
    assert b"\r\nDate: " in answer


@pytest.mark.parametrize(
    "request_text",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_bodies_are_refused(server: HttpServer, request_text: bytes) -> None:
    assert send(server, request_text).startswith(b"HTTP/1.1 413 ")


def test_large_headers_are_refused(server: HttpServer) -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"a" * 17_000 + b"\r\n\r\n"
    with contextlib.suppress(ConnectionResetError):  # refused before all of it was read
        assert b" 431 " in send(server, request).split(b"\r\n")[0]


@pytest.mark.parametrize("request_text", [b"nonsense\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\nA B: c\r\n\r\n"])
def test_what_is_no_request_does_no_harm(server: HttpServer, request_text: bytes) -> None:
    send(server, request_text)
    assert send(server, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200 OK")


def test_a_dripping_request_is_cut_off(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        began = time.monotonic()
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises(OSError):
            while True:
                connection.sendall(b"a: b\r\n")
                time.sleep(0.02)
        assert 0.2 < time.monotonic() - began < 4


def test_slow_clients_take_no_thread(server: HttpServer) -> None:
    waiting = [socket.create_connection(("127.0.0.1", server.port)) for _number in range(50)]
    for connection in waiting:
        connection.sendall(b"GET / HTTP/1.1\r\nHost")
    assert send(server, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200 OK")
    for connection in waiting:
        connection.close()


def test_a_request_under_way_is_finished_and_no_new_one_is_taken(server: HttpServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", "/slow")
    time.sleep(0.1)
    stopping = threading.Thread(target=server.stop, args=(5.0,))
    stopping.start()
    time.sleep(0.2)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
    WAIT.set()
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"hello")
    assert answer.headers["Connection"] == "close"
    stopping.join(5)
    assert not stopping.is_alive()


def test_a_large_answer_is_sent_whole_before_the_end(server: HttpServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", "/large")
    answer = connection.getresponse()
    stopping = threading.Thread(target=server.stop, args=(5.0,))
    stopping.start()
    time.sleep(0.2)
    assert len(answer.read()) == 3_000_000
    stopping.join(5)


def test_kept_alive_clients_are_sent_away_before_the_end(server: HttpServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    assert answer.headers["Connection"] is None
    server.announce_end()
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert (answer.read(), answer.headers["Connection"]) == (b"hello", "close")


def test_a_server_that_was_never_started_can_be_stopped() -> None:
    HttpServer(application, "127.0.0.1", 0, threads=1, name="test").stop(1.0)


def test_without_an_address_both_families_are_served() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    with listen("", 0) as listening:
        port = listening.getsockname()[1]
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port), timeout=2).close()
