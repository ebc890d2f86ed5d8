# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request for a neighbour's healthcheck, as any application of this pod would make it: its sidecar does the rest.

Bounded in everything: one deadline for name, connection and answer, a few bytes of it, no redirects, no connection that
was there before.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.healthcheck import (
    BROKEN,
    LATE,
    PROBED_BY_HEADER,
    UNREACHED,
    UNRESOLVED,
    USER_AGENT,
    Reply,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    HEALTHCHECK_PATH,
    HEALTHCHECK_PORT,
)

TIMEOUT_SECONDS = 10.0
_BODY_BYTES = 1024
_ANSWER_BYTES = 64 * 1024


def ask(host: str, own_uuid: str, *, port: int = HEALTHCHECK_PORT, timeout: float = TIMEOUT_SECONDS) -> Reply:
    """Ask for it. Raises nothing: what went wrong is in the reply. C(timeout): seconds for all of it."""
    deadline = time.monotonic() + timeout
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return Reply(outcome=UNRESOLVED, text=_words(error))
    try:
        connection = _connect(addresses, deadline)
    except TimeoutError:
        return Reply(outcome=LATE)
    except OSError as error:
        return Reply(outcome=UNREACHED, text=_words(error))
    with connection:
        try:
            return _exchange(connection, host, own_uuid, deadline)
        except TimeoutError:
            return Reply(outcome=LATE)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Reply(outcome=BROKEN, text=_words(error))


def _connect(addresses: Sequence[tuple[Any, ...]], deadline: float) -> socket.socket:
    """The first address that takes a connection. Raises what the last one said."""
    failure: OSError = OSError("the name has no address")
    for family, kind, protocol, _name, address in addresses:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_left(deadline))
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


def _exchange(connection: socket.socket, host: str, own_uuid: str, deadline: float) -> Reply:
    lines = (
        f"GET {HEALTHCHECK_PATH} HTTP/1.1",
        f"Host: {host}",
        f"User-Agent: {USER_AGENT}",
        f"{PROBED_BY_HEADER}: {own_uuid}",
        "Accept: */*",
        "Connection: close",
    )
    connection.settimeout(_left(deadline))
    connection.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    response = http.client.HTTPResponse(_Stream(connection, deadline), method="GET")  # type: ignore[arg-type]
    response.begin()
    return Reply(status=response.status, text=response.read(_BODY_BYTES).decode("utf-8", "replace"))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


class _Stream(io.RawIOBase):
    """A connection as http.client reads it, whose every read ends at the same time: a socket's own time-out would begin
    anew with each byte."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline
        self._left_bytes = _ANSWER_BYTES

    def makefile(self, *_arguments: object) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._left_bytes <= 0:
            raise http.client.HTTPException("the answer is too long")
        self._connection.settimeout(_left(self._deadline))
        count = self._connection.recv_into(buffer)
        self._left_bytes -= count
        return count
