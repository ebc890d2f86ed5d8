# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request over a connection that is there already, as plain HTTP/1.1 that every proxy on the way can translate."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from urllib.parse import unquote

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe import Answer, Target
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.texts import printable

USER_AGENT = "alliance-probe/1.0"
# Set by the router filter when something upstream has answered; Envoy's own replies don't have it.
FORWARDED = "x-envoy-upstream-service-time"
_BODY_BYTES = 64 * 1024
# How long a refused connection may take to be closed: a server of TLS 1.3 refuses after the handshake, and a proxy
# takes a connection before it has one of its own.
SETTLE_SECONDS = 1.0
_GRPC = "application/grpc"
# gRPC's own health service; one that doesn't know it says so (UNIMPLEMENTED), which is an answer.
_GRPC_PATH = "/grpc.health.v1.Health/Check"
_CLOSED = "the connection was closed without an answer"
_EMPTY_MESSAGE = b"\0\0\0\0\0"


def request(connection: socket.socket, target: Target, timeout: float) -> Answer:
    """Ask for a target's path. Raises ssl.SSLError when the other side refuses; any other failure is in the answer."""
    authority = target.host if target.port == 80 else f"{target.host}:{target.port}"
    started = time.monotonic()
    asked = http.client.HTTPConnection(target.host, target.port, timeout=timeout)
    connection.settimeout(timeout)
    asked.sock = connection
    try:
        headers = {"Host": authority, "User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}
        if target.grpc:
            headers.update({"Content-Type": _GRPC, "TE": "trailers"})
            asked.request("POST", _GRPC_PATH, body=_EMPTY_MESSAGE, headers=headers)
        else:
            asked.request("GET", target.path, headers=headers)
        response = asked.getresponse()
        body = b""
        with contextlib.suppress(http.client.HTTPException, TimeoutError):
            body = response.read(_BODY_BYTES)
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return Answer(error=_CLOSED)
    except ssl.SSLError:
        raise
    except TimeoutError:
        return Answer(error=f"no answer within {timeout:g} s")
    except (OSError, http.client.HTTPException) as error:
        return Answer(error=_why(error))
    finally:
        asked.close()
    grpc_status = response.headers.get("grpc-status")
    text = unquote(response.headers.get("grpc-message") or "") or body.decode("utf-8", "replace")
    return Answer(
        status=response.status,
        grpc_status=int(grpc_status) if grpc_status and grpc_status.isdecimal() else None,
        forwarded=FORWARDED in response.headers,
        server=str(response.headers.get("server") or "")[:80],
        text=printable(text),
        ms=_since(started),
    )


def stays_open(connection: socket.socket) -> Answer:
    """Whether a connection that nothing is said on stays open. Raises ssl.SSLError when TLS ends here."""
    started = time.monotonic()
    connection.settimeout(SETTLE_SECONDS)
    try:
        received = connection.recv(1)
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        received = b""
    except ssl.SSLError:
        raise
    except TimeoutError:
        received = b"-"  # it waits for us to speak, as most do
    except OSError as error:
        return Answer(error=_why(error))
    finally:
        connection.close()
    return Answer(ms=_since(started)) if received else Answer(error="the connection was closed without a word")


def _why(error: Exception) -> str:
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "the connection was reset"
    if isinstance(error, http.client.RemoteDisconnected):
        return _CLOSED
    return printable(str(error)) or type(error).__name__


def _since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
