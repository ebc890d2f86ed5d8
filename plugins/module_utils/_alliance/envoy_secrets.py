# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that a proxy works with, from Envoy's dump of its active secrets.

The dump is envoy.admin.v3.SecretsConfigDump, narrowed to C(resource=dynamic_active_secrets). Istio's agent serves the
proxy's own certificate as C(default) and all roots that it trusts as C(ROOTCA) (security/pkg/nodeagent). The private
key stands in the dump as C([redacted]); it isn't looked at.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import pem as pem_text
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, CertificateError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json

ROOTS_NAME = "ROOTCA"
CHAIN_NAME = "default"
MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class ProxySecrets:
    """What a proxy trusts and what it shows, as PEM blocks in the form of split_certificates().

    C(roots): the anchors of C(ROOTCA). C(chain): its own certificate and the intermediates after it. None where the
    proxy doesn't hold that secret, as a gateway that ends no mutual TLS: then there is nothing of it that could be
    wrong.
    """

    roots: tuple[str, ...] | None = None
    chain: tuple[str, ...] | None = None


def parse_secrets(body: bytes) -> ProxySecrets:
    """The mesh's certificates in the answer of C(config_dump?resource=dynamic_active_secrets).

    Raises AllianceError when it isn't that, or a certificate in it can't be read.
    """
    roots: tuple[str, ...] | None = None
    chain: tuple[str, ...] | None = None
    try:
        dump = parse_json(body, max_bytes=MAX_BYTES)
        entries = _mapping(dump).get("configs", [])
        if not isinstance(entries, list):
            raise CertificateError("configs is not a list")
        for entry in entries:
            secret = _mapping(_mapping(entry).get("secret", {}))
            name = secret.get("name") or _mapping(entry).get("name")
            if name == ROOTS_NAME and "validation_context" in secret:
                roots = _certificates(_mapping(secret["validation_context"]).get("trusted_ca"))
            elif name == CHAIN_NAME and "tls_certificate" in secret:
                chain = _certificates(_mapping(secret["tls_certificate"]).get("certificate_chain"))
    except AllianceError as error:
        raise AllianceError(
            f"its dump of secrets can't be read: {error.message}",
            remedy="see whether this version of Istio's proxy is supported",
        ) from None
    return ProxySecrets(roots, chain)


def _certificates(source: Any) -> tuple[str, ...]:
    """Those of an envoy.config.core.v3.DataSource with its content inline; a bundle without any has none.

    However many: a proxy holds an anchor of each neighbour. Envoy has parsed them, so only the envelope is looked at.
    """
    data = _mapping(source or {})
    if "inline_string" in data:
        text = str(data["inline_string"])
    else:
        try:
            text = base64.b64decode(str(data.get("inline_bytes", "")), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise CertificateError("a certificate in it is no text") from None
    try:
        blocks = pem_text.decode(text)[0]
    except ValueError as error:
        raise CertificateError(str(error)) from None
    return tuple(pem_text.encode(block.label, block.der) for block in blocks if block.label == "CERTIFICATE")


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise CertificateError("it has not the form of such a dump")
    return value
