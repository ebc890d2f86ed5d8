# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP GETs to a pod's loopback through the API server: istiod's debug port, a proxy's admin port.

Both answer to loopback only, which is what a port-forward is and the subresource C(pods/proxy) isn't. The forward is
opened by a GET that becomes a WebSocket, so nothing in an audit log looks like a change. Its frames begin with the
number of a channel: 0 is the port's data, 1 is the kubelet's errors; the first frame of each names the port
(Kubernetes: staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go).
"""

from __future__ import annotations

import contextlib
import http.client
import io
import time
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError

with contextlib.suppress(ImportError):  # told by libraries.missing_libraries()
    import websocket

SUBPROTOCOL = "v4.channel.k8s.io"
TIMEOUT_SECONDS = 15.0
LIMIT_BYTES = 64 * 1024 * 1024
_DATA, _ERRORS = 0, 1
_CHUNK = 64 * 1024


class PodAnswerError(AllianceError):
    """A pod that could be reached and did not answer as it should. C(status): its HTTP status, 0 without one."""

    def __init__(self, message: str, *, status: int = 0, **where: Any) -> None:
        super().__init__(message, **where)
        self.status = status


def pod_get(
    client: Client,
    namespace: str,
    pod: str,
    port: int,
    path: str,
    *,
    timeout: float = TIMEOUT_SECONDS,
    limit: int = LIMIT_BYTES,
) -> bytes:
    """The body of C(GET http://localhost:<port><path>) asked inside a pod, with status 200.

    C(timeout) bounds the whole call, in seconds; C(limit) the size of the body. Raises ApiError when the API server
    does not forward, PodAnswerError when the pod does not answer, answers otherwise or with more.
    """
    deadline = time.monotonic() + timeout
    where: dict[str, Any] = {"cluster": client.cluster, "obj": f"Pod {namespace}/{pod}"}
    what = f"GET localhost:{port}{path}"
    try:
        opened = client.websocket(
            kinds.POD.path(namespace, pod, "portforward"),
            {"ports": str(port)},
            subprotocol=SUBPROTOCOL,
            timeout=timeout,
        )
    except ApiError as error:
        if error.status == 403:
            error.remedy = (
                f"grant the user of the inventory get and create on pods/portforward in namespace {namespace}"
            )
        raise error.located(obj=where["obj"]) from error
    try:
        stream = _PortStream(opened, port, deadline)
        stream.send(f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n")
        response = http.client.HTTPResponse(stream, method="GET")  # type: ignore[arg-type]
        response.begin()
        body = _read(response, limit)
    except TimeoutError as error:
        raise PodAnswerError(f"{what}: no answer within {timeout:.0f} s", **where) from error
    except (_ForwardError, _TooLargeError, http.client.HTTPException, OSError) as error:
        raise PodAnswerError(f"{what}: {str(error) or type(error).__name__}", **where) from error
    finally:
        # Not the closing handshake: an API server that says nothing any more would be waited for.
        opened.shutdown()
    if response.status != 200:
        text = body[:300].decode("utf-8", "replace").strip()
        raise PodAnswerError(f"{what}: {response.status} {text}".rstrip(), status=response.status, **where)
    return body


class _ForwardError(Exception):
    """What the kubelet says when it can't forward."""


class _TooLargeError(Exception):
    """More than the caller takes."""


def _read(response: http.client.HTTPResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := response.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise _TooLargeError(f"the answer has more than {limit} bytes")
        parts.append(chunk)
    if response.length:
        raise _ForwardError(f"the answer broke off after {size} bytes")
    return b"".join(parts)


class _PortStream(io.RawIOBase):
    """One forwarded port as a readable stream, in the shape that http.client takes for a socket."""

    def __init__(self, opened: Any, port: int, deadline: float) -> None:
        super().__init__()
        self._socket = opened
        self._port = port.to_bytes(2, "little")
        self._deadline = deadline
        self._greeted: set[int] = set()
        self._rest = b""
        self._ended = False

    def makefile(self, *_arguments: object) -> io.BufferedReader:
        return io.BufferedReader(self)

    def send(self, text: str) -> None:
        self._patience()
        try:
            self._socket.send_binary(bytes([_DATA]) + text.encode())
        except websocket.WebSocketException as error:
            raise _translated(error) from error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and not self._ended:
            frame = self._frame()
            self._ended = frame is None
            self._rest = frame or b""
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _frame(self) -> bytes | None:
        """The data of the next frame, which may be empty; None at the end."""
        self._patience()
        try:
            opcode, data = self._socket.recv_data()
        except websocket.WebSocketConnectionClosedException:
            return None
        except websocket.WebSocketException as error:
            raise _translated(error) from error
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return None
        channel, payload = (data[0], data[1:]) if data else (-1, b"")
        if channel not in (_DATA, _ERRORS):
            raise _ForwardError("the API server sent a frame of no channel that was asked for")
        if channel not in self._greeted:
            self._greeted.add(channel)
            if payload != self._port:
                raise _ForwardError("the API server forwards another port than the one that was asked for")
            return b""
        if channel == _ERRORS and payload:
            raise _ForwardError(payload.decode("utf-8", "replace").strip())
        return bytes(payload) if channel == _DATA else b""

    def _patience(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


def _translated(error: Exception) -> Exception:
    if isinstance(error, websocket.WebSocketTimeoutException):
        return TimeoutError()
    return _ForwardError(f"the forwarding broke: {error}")
