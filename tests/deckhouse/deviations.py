# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways in which an exporter may answer otherwise than it should, or otherwise than ours does."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True)
class Deviation:
    """status and body replace the answer before anybody is authenticated; change edits the document after that."""

    status: int | None = None
    body: bytes | None = None
    change: Callable[[Document], Any] | None = None

    def render(self, document: Document) -> bytes:
        """The body for a document."""
        changed = self.change(copy.deepcopy(document)) if self.change else document
        return json.dumps(changed).encode()


def answers(status: int, body: str = "internal error") -> Deviation:
    """Any status with any text."""
    return Deviation(status=status, body=body.encode())


def says(body: str) -> Deviation:
    """Any text with status 200."""
    return Deviation(status=200, body=body.encode())


def with_field(name: str, value: object) -> Deviation:
    """One field of the document has another value."""
    return Deviation(change=lambda document: {**document, name: value})


def without_field(name: str) -> Deviation:
    """One field of the document is missing."""
    return Deviation(change=lambda document: {key: value for key, value in document.items() if key != name})


def _standard_labels(document: Document) -> Document:
    return {**document, "authnKeyPub": document["authnKeyPub"].replace("ED25519 PUBLIC KEY", "PUBLIC KEY")}


def _extra(document: Document) -> Document:
    crl = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
    return {**document, "allianceRef": {"kind": "IstioAlliance", "name": "main"}, "crl": crl, "later": [1, None, {}]}


def _without_protocol(document: Document) -> Document:
    services = [
        {**service, "ports": [{"name": port["name"], "port": port["port"]} for port in service["ports"]]}
        for service in document["publicServices"]
    ]
    return {**document, "publicServices": services}


def _crlf(document: Document) -> Document:
    return {**document, "authnKeyPub": re.sub(r"\n", "\r\n", document["authnKeyPub"])}


INTERNAL_ERROR = answers(500)
BAD_JSON = says('{"clusterUUID": ')
NOT_AN_OBJECT = says('["not", "an", "object"]')
STANDARD_LABELS = Deviation(change=_standard_labels)
WINDOWS_LINES = Deviation(change=_crlf)
EXTRA_FIELDS = Deviation(change=_extra)
WITHOUT_PROTOCOL = Deviation(change=_without_protocol)
NULL_GATEWAYS = with_field("ingressGateways", None)
MISSING_GATEWAYS = without_field("ingressGateways")
EMPTY_GATEWAYS = with_field("ingressGateways", [])
