# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a port's name to its protocol."""

from __future__ import annotations

_PROTOCOLS = {
    "https": "TLS",
    "tls": "TLS",
    "http": "HTTP",
    "http2": "HTTP2",
    "grpc": "HTTP2",
}


def wire_protocol(port_name: str) -> str:
    """By what stands before the first dash; `grpc-web` begins with `grpc`."""
    return _PROTOCOLS.get(port_name.split("-")[0], "TCP")
