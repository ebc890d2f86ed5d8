# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ends in a cluster: its certificates, keys and tokens. Of Secrets only ends are kept."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import authority, names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    not_after,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.expiring import CERTIFICATE, KEY, TOKEN
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_rotation import (
    CREATED_ANNOTATION,
    PREVIOUS_UNTIL_ANNOTATION,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Expiry
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import token_in
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339, unix_time
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import token_expiry
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.mesh_ca import PLUGGED_IN, SELF_SIGNED

# With the kind of each, and how many seconds before its end it needs attention.
Ending = tuple[Expiry, str, float]

# Of tokens that every run renews when half of their life is over.
TOKEN_ATTENTION_SECONDS = 3600.0
_UNREADABLE = "unreadable"


def root_expiries(roots: str, namespace: str, attention: float) -> list[Ending]:
    """The cluster's own roots, PEM, as istiod hands them out in a namespace."""
    place = f"ConfigMap {namespace}/{names.ROOT_CONFIGMAP}"
    return _certificates("root", roots, place, attention)


def read_signing_expiries(client: Client, namespace: str, attention: float) -> list[Ending]:
    """What istiod signs with: the certificate that is plugged in, or the one that it made."""
    for name in (PLUGGED_IN, SELF_SIGNED):
        secret = client.get(kinds.SECRET, name, namespace)
        if secret is not None:
            text = _text(secret, authority.CERTIFICATE)
            return _certificates("certificate that istiod signs with", text, _place(secret), attention)
    return []


def read_endpoint_expiries(client: Client, namespace: str, secret_name: str, attention: float) -> list[Ending]:
    """The certificate of the metadata endpoint, and the CA that neighbours know it by."""
    secret = client.get(kinds.SECRET, secret_name, namespace)
    if secret is None:
        return []
    place = _place(secret)
    leaf = _certificates("certificate of the metadata endpoint", _text(secret, "tls.crt"), place, attention)
    return [*leaf[:1], *_certificates("CA of the metadata endpoint", _text(secret, "ca.crt"), place, attention)]


def read_key_expiries(client: Client, namespace: str, secret_name: str, max_age: float | None) -> list[Ending]:
    """The key pair that signs requests, by the age that it may reach, and while it is rotated the one before."""
    secret = client.get(kinds.SECRET, secret_name, namespace)
    if secret is None:
        return []
    annotations = secret["metadata"].get("annotations") or {}
    created = unix_time(annotations.get(CREATED_ANNOTATION))
    due = rfc3339(created + max_age) if created is not None and max_age is not None else ""
    found = [(Expiry("key pair that signs requests", _place(secret), due), KEY, 0.0)]
    until = annotations.get(PREVIOUS_UNTIL_ANNOTATION)
    if until and (secret.get("data") or {}).get(names.PREVIOUS_PUBLIC_KEY):
        # Its end is what a rotation is for.
        found.append((Expiry("key pair of before", _place(secret), str(until)), KEY, float("-inf")))
    return found


def token_expiries(secrets: Iterable[Mapping[str, Any]]) -> list[Ending]:
    """The tokens in remote secrets, with which istiod reads other clusters."""
    found = []
    for secret in secrets:
        token = token_in(secret)
        end = token_expiry(token) if token else 0.0
        ends = rfc3339(end) if end else _UNREADABLE
        found.append((Expiry("token for a neighbour's API", _place(secret), ends), TOKEN, TOKEN_ATTENTION_SECONDS))
    return found


def _certificates(name: str, text: str, place: str, attention: float) -> list[Ending]:
    try:
        ends = [rfc3339(not_after(pem).timestamp()) for pem in split_certificates(text)]
    except AllianceError:
        ends = [_UNREADABLE]
    return [(Expiry(name, place, end), CERTIFICATE, attention) for end in ends]


def _text(secret: Mapping[str, Any], key: str) -> str:
    try:
        return base64.b64decode((secret.get("data") or {}).get(key) or "").decode("ascii", "ignore")
    except binascii.Error:
        return ""


def _place(secret: Mapping[str, Any]) -> str:
    return f"Secret {secret['metadata']['namespace']}/{secret['metadata']['name']}"
