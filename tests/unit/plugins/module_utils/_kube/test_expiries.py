# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import datetime
import json
from typing import Any
from unittest.mock import MagicMock

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.expiring import CERTIFICATE, KEY, TOKEN
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca, make_leaf
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.expiries import (
    read_endpoint_expiries,
    read_key_expiries,
    read_signing_expiries,
    root_expiries,
    token_expiries,
)

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
CA = make_ca("ca", NOW)
LEAF = make_leaf(CA, ["b.example"], NOW)
TEN_YEARS, ONE_YEAR = "2035-12-30T00:00:00Z", "2027-01-01T00:00:00Z"


def secret(name: str, annotations: dict[str, str] | None = None, **values: str) -> dict[str, Any]:
    data = {key.replace("_", "-").replace("-dot-", "."): value for key, value in values.items()}
    return {
        "metadata": {"name": name, "namespace": "x", "annotations": annotations or {}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def cluster(*secrets: dict[str, Any]) -> MagicMock:
    found = {item["metadata"]["name"]: item for item in secrets}
    client = MagicMock()
    client.get.side_effect = lambda _kind, name, _namespace: found.get(name)
    return client


def test_roots() -> None:
    ((expiry, kind, attention),) = root_expiries(CA.certificate, "istio-system", 30.0)
    assert (expiry.name, expiry.ends, kind, attention) == ("root", TEN_YEARS, CERTIFICATE, 30.0)
    assert expiry.object == "ConfigMap istio-system/istio-ca-root-cert"


def test_a_bundle_that_can_t_be_read_is_not_passed_over() -> None:
    ((expiry, _kind, _attention),) = root_expiries("nonsense", "istio-system", 30.0)
    assert expiry.ends == "unreadable"


def test_the_signing_certificate_is_the_one_that_is_plugged_in() -> None:
    plugged, made = secret("cacerts", ca_cert_dot_pem=CA.certificate), secret("istio-ca-secret", ca_cert_dot_pem="x")
    ((expiry, _kind, _attention),) = read_signing_expiries(cluster(plugged, made), "x", 30.0)
    assert (expiry.object, expiry.ends) == ("Secret x/cacerts", TEN_YEARS)
    ((expiry, _kind, _attention),) = read_signing_expiries(cluster(made), "x", 30.0)
    assert (expiry.object, expiry.ends) == ("Secret x/istio-ca-secret", "unreadable")
    assert read_signing_expiries(cluster(), "x", 30.0) == []


def test_the_endpoint_s_certificate_and_its_ca() -> None:
    tls = secret("tls", tls_dot_crt=LEAF.certificate, tls_dot_key=LEAF.key, ca_dot_crt=CA.certificate)
    found = read_endpoint_expiries(cluster(tls), "x", "tls", 30.0)
    assert [(expiry.name, expiry.ends) for expiry, _kind, _attention in found] == [
        ("certificate of the metadata endpoint", ONE_YEAR),
        ("CA of the metadata endpoint", TEN_YEARS),
    ]
    assert read_endpoint_expiries(cluster(), "x", "tls", 30.0) == []


def test_a_key_pair_is_due_by_its_age_and_the_one_before_ends_in_peace() -> None:
    annotations = {
        "meshalliance.istio/key-created": "2026-01-01T00:00:00Z",
        "meshalliance.istio/previous-key-until": "2026-01-02T00:00:00Z",
    }
    keys = secret("keys", annotations, pub_dot_pem="x", previous_pub_dot_pem="y")
    found = read_key_expiries(cluster(keys), "x", "keys", 365 * 86400)
    assert [(expiry.ends, kind, attention) for expiry, kind, attention in found] == [
        (ONE_YEAR, KEY, 0.0),
        ("2026-01-02T00:00:00Z", KEY, float("-inf")),
    ]
    assert read_key_expiries(cluster(keys), "x", "keys", None)[0][0].ends == ""
    assert read_key_expiries(cluster(), "x", "keys", None) == []


def test_tokens_of_remote_secrets() -> None:
    token = sign_token(
        generate_key_pair().private_pem, subject="a", audience="b", scope="api", now=NOW.timestamp(), lifetime=3600
    )
    kubeconfig = json.dumps({"users": [{"user": {"token": token}}]})
    found = token_expiries([secret("remote", cluster_e=kubeconfig), secret("broken", cluster_f="{}")])
    assert [(expiry.object, expiry.ends, kind) for expiry, kind, _attention in found] == [
        ("Secret x/remote", "2026-01-01T01:00:00Z", TOKEN),
        ("Secret x/broken", "unreadable", TOKEN),
    ]
    assert token not in repr(found)
