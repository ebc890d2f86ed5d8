# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of the probe's own to a neighbour's gateways, past the sidecar: what a gateway and what is behind it say.

The gateway passes TLS through, so who answers is the sidecar of the service.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from dataclasses import dataclass, replace

from ansible_collections.meshalliance.istio.exporter.probe.asking import request, stays_open
from ansible_collections.meshalliance.istio.exporter.probe.certificates import identities
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe import (
    BROKEN,
    NO_CERTIFICATE,
    NO_TLS,
    REFUSED,
    SILENT,
    UNVERIFIED,
    AtGateway,
    Target,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.texts import printable

# OpenSSL's words for a server that does not speak TLS.
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"})


@dataclass(frozen=True)
class Contexts:
    """How the probe shows itself and what it takes. C(domain): the neighbour's own roots, None when they are not known.

    C(proxy): what the sidecar trusts; C(any): whatever is shown.
    """

    domain: ssl.SSLContext | None
    proxy: ssl.SSLContext
    any: ssl.SSLContext


class _EndedError(Exception):
    """TLS that did not come to be. C(stage) as in AtGateway."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage, self.reason = stage, reason


def try_gateway(gateway: GatewayAddress, target: Target, contexts: Contexts, timeout: float) -> AtGateway:
    """Connect, speak TLS, ask."""
    seen = AtGateway(gateway.address, gateway.port)
    started = time.monotonic()
    try:
        plain = _connected(gateway, timeout)
    except OSError as error:
        return replace(seen, unreachable=_unreachable(error, timeout))
    seen = replace(seen, connect_ms=_since(started))
    started = time.monotonic()
    try:
        connection = _secured(plain, contexts.domain or contexts.proxy, target.sni)
    except _EndedError as ended:
        shown = _shown(gateway, target, contexts, timeout) if ended.stage in (UNVERIFIED, REFUSED) else ()
        return replace(seen, stage=ended.stage, reason=ended.reason, identities=shown)
    seen = replace(seen, tls_ms=_since(started), identities=identities(connection.getpeercert(binary_form=True)))
    try:
        answer = request(connection, target, timeout) if target.http else stays_open(connection)
        if target.http and not answer.status:
            # What was sent may have wiped out the reason that was on its way.
            stage, reason = _refused(gateway, target, contexts, timeout)
            return replace(seen, stage=stage, reason=reason, answer=answer)
        return replace(seen, answer=answer)
    except ssl.SSLError as error:
        return replace(seen, stage=REFUSED, reason=_word(error))
    finally:
        connection.close()


def distrusted(gateway: GatewayAddress, target: Target, contexts: Contexts, timeout: float) -> str | None:
    """Why what the sidecar trusts does not vouch for the server; empty when it does, None when that can't be told."""
    try:
        _secured(_connected(gateway, timeout), contexts.proxy, target.sni).close()
    except _EndedError as ended:
        return ended.reason if ended.stage == UNVERIFIED else None
    except OSError:
        return None
    return ""


def accepted(
    gateway: GatewayAddress, target: Target, context: ssl.SSLContext, timeout: float, *, asking: bool
) -> tuple[str, str]:
    """What answers here, and why it was refused; one of them is empty. Raises OSError when nothing can be tried.

    With C(asking) a request has to be answered; else any word of TLS counts, as a gateway that passes TLS through has
    none of its own.
    """
    plain = _connected(gateway, timeout)
    try:
        connection = _secured(plain, context, target.sni)
    except _EndedError as ended:
        closed = ended.stage in (NO_CERTIFICATE, SILENT) or asking
        return ("", ended.reason) if closed else (f"TLS is spoken: {ended.reason}", "")
    try:
        if not asking:
            return f"a certificate of {_named(connection)}", ""
        answer = request(connection, target, timeout) if target.http else stays_open(connection)
    except ssl.SSLError as error:
        return "", _word(error)
    finally:
        connection.close()
    if answer.error:
        return "", answer.error
    return f"HTTP {answer.status}" if target.http else "an open connection", ""


def _refused(gateway: GatewayAddress, target: Target, contexts: Contexts, timeout: float) -> tuple[str, str]:
    """The stage REFUSED and the reason when it is the client's certificate that a server does not like, else empty.

    It says so when nothing is sent.
    """
    try:
        connection = _secured(_connected(gateway, timeout), contexts.any, target.sni)
    except (_EndedError, OSError):
        return "", ""
    try:
        stays_open(connection)
    except ssl.SSLError as error:
        return REFUSED, _word(error)
    return "", ""


def _shown(gateway: GatewayAddress, target: Target, contexts: Contexts, timeout: float) -> tuple[str, ...]:
    """The identity that a server claims whose certificate is not taken."""
    with contextlib.suppress(_EndedError, OSError):
        connection = _secured(_connected(gateway, timeout), contexts.any, target.sni)
        with connection:
            return identities(connection.getpeercert(binary_form=True))
    return ()


def _connected(gateway: GatewayAddress, timeout: float) -> socket.socket:
    return socket.create_connection((gateway.address, gateway.port), timeout=timeout)


def _secured(plain: socket.socket, context: ssl.SSLContext, sni: str) -> ssl.SSLSocket:
    try:
        return context.wrap_socket(plain, server_hostname=sni)
    except ssl.SSLCertVerificationError as error:
        plain.close()
        raise _EndedError(UNVERIFIED, printable(error.verify_message)) from error
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, BrokenPipeError) as error:
        plain.close()
        raise _EndedError(NO_CERTIFICATE, "the connection was closed before a certificate was shown") from error
    except ssl.SSLError as error:
        plain.close()
        raise _EndedError(_stage(error), _word(error)) from error
    except TimeoutError as error:
        plain.close()
        raise _EndedError(SILENT, "no word of TLS within the time") from error
    except OSError as error:
        plain.close()
        raise _EndedError(NO_CERTIFICATE, printable(str(error))) from error


def _stage(error: ssl.SSLError) -> str:
    word = error.reason or ""
    if word in _NOT_TLS:
        return NO_TLS
    # Before TLS 1.3 the server speaks of the client's certificate before the handshake is done.
    return REFUSED if "_ALERT_" in word else BROKEN


def _word(error: ssl.SSLError) -> str:
    return printable((error.reason or str(error)).replace("_", " ").lower())


def _named(connection: ssl.SSLSocket) -> str:
    return ", ".join(identities(connection.getpeercert(binary_form=True))) or "somebody without a SPIFFE ID"


def _unreachable(error: OSError, timeout: float) -> str:
    if isinstance(error, socket.gaierror):
        return f"its name is not resolved: {error.strerror}"
    if isinstance(error, TimeoutError):
        return f"no connection within {timeout:g} s"
    return printable(error.strerror or str(error)).lower()


def _since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
