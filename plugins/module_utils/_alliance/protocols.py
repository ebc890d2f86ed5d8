# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which protocol a port speaks, by Istio's rules for explicit protocol selection.

Source: Istio's pkg/config/kube/conversion.go (appProtocol wins over the name, the name counts up to its first dash).
"""

from __future__ import annotations

# What Istio knows, by the first part of a port's name, and the protocol it means.
_BY_PREFIX = {
    "grpc": "GRPC",
    "http": "HTTP",
    "http2": "HTTP2",
    "https": "HTTPS",
    "mongo": "MONGO",
    "mysql": "MYSQL",
    "redis": "REDIS",
    "tcp": "TCP",
    "tls": "TLS",
}
# The standard names of Kubernetes (KEP-3726), valid in appProtocol only.
_BY_APP_PROTOCOL = {
    "kubernetes.io/h2c": "HTTP2",
    "kubernetes.io/ws": "HTTP",
    "kubernetes.io/wss": "HTTPS",
}
# What the metadata document can say about a port.
_ON_THE_WIRE = {
    "HTTP": "HTTP",
    "HTTP2": "HTTP2",
    "GRPC": "HTTP2",
    "GRPC-WEB": "HTTP2",
    "HTTPS": "TLS",
    "TLS": "TLS",
}
KNOWN_PROTOCOLS = frozenset((*_BY_PREFIX.values(), "GRPC-WEB"))
# Ports that Istio never sniffs, so that a name without a protocol does no harm there (pkg/config/kube/conversion.go).
_NEVER_SNIFFED = frozenset((25, 3306, 27017))


def _declared(name: str, app_protocol: str | None) -> str | None:
    if app_protocol in _BY_APP_PROTOCOL:
        return _BY_APP_PROTOCOL[app_protocol]
    text = (app_protocol or name or "").lower()
    if text.startswith("grpc-web"):
        return "GRPC-WEB"
    return _BY_PREFIX.get(text.split("-", 1)[0])


def port_protocol(name: str, app_protocol: str | None = None, transport: str = "TCP") -> str:
    """The protocol of a Service port, in a ServiceEntry's words; TCP when nothing is declared.

    transport: the Kubernetes port's protocol. Anything but TCP is given back as it is.
    """
    if transport != "TCP":
        return transport
    return _declared(name, app_protocol) or "TCP"


def wire_protocol(name: str, app_protocol: str | None = None) -> str:
    """The same as the metadata document says it: TLS, HTTP, HTTP2 or TCP."""
    return _ON_THE_WIRE.get(port_protocol(name, app_protocol), "TCP")


def is_ambiguous(name: str, app_protocol: str | None = None, port: int = 0) -> bool:
    """True when nothing is declared: the cluster itself sniffs such a port, its neighbours take it for plain TCP."""
    return _declared(name, app_protocol) is None and port not in _NEVER_SNIFFED
