# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request for a healthcheck, to servers that answer well and badly."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from ansible_collections.meshalliance.istio.exporter.healthcheck_request import ask
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.healthcheck import (
    ANSWERED,
    BROKEN,
    LATE,
    OTHER_STATUS,
    UNREACHED,
    UNRESOLVED,
    outcome_of,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[tuple[int, list[bytes]]]:
    """A server for some connections: its port, and the requests that it got."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _address = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    requests.append(connection.recv(65536))
                    answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], requests
        listening.shutdown(socket.SHUT_RDWR)


def test_what_is_sent() -> None:
    with server(lambda connection: connection.sendall(OK)) as (port, requests):
        reply = ask("127.0.0.1", "uuid-a", port=port)
        ask("127.0.0.1", "uuid-a", port=port)
    assert (reply.status, reply.text) == (200, "ok\n")
    assert len(requests) == 2, "each has a connection of its own"
    head = requests[0].decode().split("\r\n")
    assert head[0] == "GET /healthz HTTP/1.1"
    assert head[1:6] == [
        "Host: 127.0.0.1",
        "User-Agent: alliance-healthcheck/1.0",
        "X-alliance-healthcheck-from: uuid-a",
        "Accept: */*",
        "Connection: close",
    ]


def test_redirects_are_not_followed() -> None:
    there = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with server(lambda connection: connection.sendall(there)) as (port, requests):
        reply = ask("127.0.0.1", "u", port=port)
    assert outcome_of(reply) == OTHER_STATUS
    assert len(requests) == 1


def drip(connection: socket.socket) -> None:
    """A byte now and then, each well within any time-out of a socket."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 10_000:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


def silent(connection: socket.socket) -> None:
    time.sleep(3)


def endless(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (drip, LATE),
        (silent, LATE),
        (endless, BROKEN),
        (lambda connection: connection.sendall(b"what?\r\n\r\n"), BROKEN),
        (lambda connection: connection.close(), BROKEN),
        (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000), BROKEN),
        (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000), BROKEN),
        (lambda connection: connection.sendall(b"HTTP/1.1 2xx OK\r\n\r\n"), BROKEN),
        (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5_000_000), ANSWERED),
    ],
)
def test_answers_of_every_kind_end(answer: Callable[[socket.socket], None], outcome: str) -> None:
    with server(answer) as (port, _requests):
        reply = ask("127.0.0.1", "u", port=port, timeout=0.6)
    assert outcome_of(reply) == outcome
    assert len(reply.text) <= 1024


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert ask("127.0.0.1", "u", port=port).outcome == UNREACHED


@pytest.mark.parametrize("host", ["nothing.invalid", "x" * 300, "a" * 64 + ".invalid"])
def test_names_that_are_not_resolved(host: str) -> None:
    reply = ask(host, "u")
    assert reply.outcome == UNRESOLVED
    assert reply.text
