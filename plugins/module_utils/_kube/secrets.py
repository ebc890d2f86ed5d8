# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets as texts: reading their values, and manifests for writing them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import SECRET


def read_secret(client: Client, namespace: str, name: str) -> dict[str, str]:
    """The text values of a Secret; empty when it does not exist. Raises AllianceError for a value that is no text."""
    return secret_texts(client.get(SECRET, name, namespace), client.cluster)


def secret_texts(secret: Mapping[str, Any] | None, cluster: str | None = None) -> dict[str, str]:
    """The text values of a Secret that was read; empty for none. Raises AllianceError for a value that is no text."""
    values = (secret or {}).get("data") or {}
    try:
        return {key: base64.b64decode(value).decode() for key, value in values.items()}
    except (binascii.Error, UnicodeDecodeError):
        metadata = (secret or {}).get("metadata") or {}
        place = f"Secret {metadata.get('namespace')}/{metadata.get('name')}"
        raise AllianceError("a value in it is no text", cluster=cluster, obj=place, remedy="replace it") from None


def secret_manifest(
    namespace: str,
    name: str,
    values: Mapping[str, str],
    kind: str = "Opaque",
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The manifest of a Secret of a type with text values."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            **({"annotations": dict(annotations)} if annotations else {}),
        },
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in sorted(values.items())},
    }
