# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy's certificates in the dump of its secrets; the dump is that of Envoy 1.36, cut short."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_secrets import (
    ProxySecrets,
    parse_secrets,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError


def inline(text: str) -> dict[str, str]:
    return {"inline_bytes": base64.b64encode(text.encode()).decode()}


def secret(name: str, **content: Any) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump.DynamicSecret",
        "name": name,
        "version_info": "12-01 00:00:00.000",
        "last_updated": "2026-01-01T00:00:00.000Z",
        "secret": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            "name": name,
            **content,
        },
    }


def chain(text: str) -> dict[str, Any]:
    key = {"inline_bytes": base64.b64encode(b"[redacted]").decode()}
    return {"tls_certificate": {"certificate_chain": inline(text), "private_key": key}}


def dump(*secrets: dict[str, Any]) -> bytes:
    return json.dumps({"configs": list(secrets)}).encode()


def test_roots_and_chain_are_read(make_authority):
    old, new = make_authority(), make_authority()
    leaf = new.leaf()
    body = dump(
        secret("default", **chain(leaf + new.pem)),
        secret("ROOTCA", validation_context={"trusted_ca": inline(f"# old\n{old.pem}\n{new.pem}")}),
        secret("file-root:/etc/ssl/other.pem", validation_context={"trusted_ca": inline(old.pem)}),
    )
    assert parse_secrets(body) == ProxySecrets((old.pem, new.pem), (leaf, new.pem))


def test_more_roots_than_a_bundle_of_a_neighbour_may_have(authority):
    body = dump(secret("ROOTCA", validation_context={"trusted_ca": {"inline_string": authority.pem * 100}}))
    assert parse_secrets(body) == ProxySecrets((authority.pem,) * 100, None)


def test_a_proxy_without_mutual_tls_holds_neither():
    assert parse_secrets(b'{"configs": []}') == ProxySecrets(None, None)
    assert parse_secrets(b"{}") == ProxySecrets(None, None)


def test_an_empty_bundle_trusts_nobody():
    assert parse_secrets(dump(secret("ROOTCA", validation_context={}))) == ProxySecrets((), None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[]",
        b'{"configs": {}}',
        b'{"configs": [1]}',
        b'{"configs": [{"secret": []}]}',
        dump(secret("ROOTCA", validation_context=[])),
        dump(secret("ROOTCA", validation_context={"trusted_ca": "x"})),
        dump(secret("ROOTCA", validation_context={"trusted_ca": {"inline_bytes": "?"}})),
        dump(secret("ROOTCA", validation_context={"trusted_ca": {"inline_bytes": "/w=="}})),
        dump(secret("default", **chain("-----BEGIN CERTIFICATE-----\n"))),
    ],
)
def test_what_is_no_dump_is_told(body):
    with pytest.raises(AllianceError, match="its dump of secrets can't be read: "):
        parse_secrets(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["configs", "secret", "name", "validation_context", "trusted_ca", "inline_bytes", "inline_string"]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_anything_is_read_or_refused(value):
    try:
        found = parse_secrets(json.dumps({"configs": [{"name": "ROOTCA", "secret": value}]}).encode())
    except AllianceError:
        return
    assert found.roots is None or all(root.startswith("-----BEGIN CERTIFICATE") for root in found.roots)
