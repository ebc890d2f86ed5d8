# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that is run in a container through the API server: lines in, lines out.

The subresource C(pods/exec) is opened by a GET that becomes a WebSocket. Its frames begin with the number of a channel:
0 is standard input, 1 standard output, 2 standard error, 3 how it ended, as a C(Status)
(Kubernetes: staging/src/k8s.io/apimachinery/pkg/util/remotecommand/constants.go). In C(v4.channel.k8s.io) standard
input can't be closed, so a program has to know from what it reads when it has read enough.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError

with contextlib.suppress(ImportError):  # told by libraries.missing_libraries()
    import websocket

SUBPROTOCOL = "v4.channel.k8s.io"
OPEN_SECONDS = 15.0
LIMIT_BYTES = 64 * 1024 * 1024
_STDIN, _STDOUT, _STDERR, _STATUS = 0, 1, 2, 3
_FRAME_BYTES = 32 * 1024
_QUOTED = 600


@dataclass(frozen=True)
class Ended:
    """What a program wrote to standard output, whole lines, before it ended or its time was over (C(in_time))."""

    lines: tuple[bytes, ...]
    in_time: bool = True


class ExecError(AllianceError):
    """A program that could not be run, or that failed. C(stderr): the end of what it wrote there."""

    def __init__(self, message: str, *, stderr: str = "", **where: Any) -> None:
        super().__init__(message, **where)
        self.stderr = stderr


def run_in_pod(
    client: Client,
    namespace: str,
    pod: str,
    container: str,
    command: Sequence[str],
    stdin: str,
    *,
    timeout: float,
    limit: int = LIMIT_BYTES,
) -> Ended:
    """Run a program, write to its standard input, and wait for it at most C(timeout) seconds.

    Raises ApiError when the API server refuses, ExecError when the program can't be started, ends with another status
    than 0 or writes more than C(limit) bytes.
    """
    where: dict[str, Any] = {"cluster": client.cluster, "obj": f"Pod {namespace}/{pod}"}
    deadline = time.monotonic() + timeout
    query = [("command", word) for word in command]
    query += [("container", container), ("stdin", "true"), ("stdout", "true"), ("stderr", "true")]
    try:
        opened = client.websocket(
            kinds.POD.path(namespace, pod, "exec"), query, subprotocol=SUBPROTOCOL, timeout=min(OPEN_SECONDS, timeout)
        )
    except ApiError as error:
        if error.status == 403:
            error.remedy = f"grant the user of the inventory get and create on pods/exec in namespace {namespace}"
        raise error.located(obj=where["obj"]) from error
    try:
        data = stdin.encode()
        for start in range(0, len(data), _FRAME_BYTES):
            opened.send_binary(bytes([_STDIN]) + data[start : start + _FRAME_BYTES])
        return _received(opened, deadline, limit, where)
    except (websocket.WebSocketException, OSError) as error:
        raise ExecError(f"the connection to the program broke: {error or type(error).__name__}", **where) from error
    finally:
        # Not the closing handshake: an API server that says nothing any more would be waited for.
        opened.shutdown()


def _received(opened: Any, deadline: float, limit: int, where: dict[str, Any]) -> Ended:
    output = {_STDOUT: bytearray(), _STDERR: bytearray(), _STATUS: bytearray()}
    while (left := deadline - time.monotonic()) > 0:
        opened.settimeout(left)
        try:
            opcode, data = opened.recv_data()
        except websocket.WebSocketTimeoutException:
            break
        except websocket.WebSocketConnectionClosedException:
            opcode, data = websocket.ABNF.OPCODE_CLOSE, b""
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            _check(output, where)
            return Ended(_lines(output[_STDOUT]))
        channel, payload = (data[0], data[1:]) if data else (_STDOUT, b"")
        if channel not in output:
            raise ExecError("the API server sent a frame of no channel that was asked for", **where)
        output[channel] += payload
        if len(output[channel]) > limit:
            raise ExecError(f"the program wrote more than {limit} bytes", **where)
        if channel == _STATUS:
            # It comes last, and some API servers close long after it.
            _check(output, where)
            return Ended(_lines(output[_STDOUT]))
    return Ended(_lines(output[_STDOUT]), in_time=False)


def _check(output: dict[int, bytearray], where: dict[str, Any]) -> None:
    """Raises ExecError unless the status says success."""
    stderr = bytes(output[_STDERR]).decode("utf-8", "replace").strip()[-_QUOTED:]
    try:
        status = json.loads(bytes(output[_STATUS]) or b"{}")
    except ValueError:
        status = {}
    if status.get("status") == "Success":
        return
    message = str(status.get("message") or "the connection ended without saying how the program did")
    raise ExecError(f"{message}{': ' if stderr else ''}{stderr}", stderr=stderr, **where)


def _lines(data: bytearray) -> tuple[bytes, ...]:
    """The whole ones: what was cut short says nothing."""
    return tuple(line for line in bytes(data).split(b"\n")[:-1] if line.strip())
