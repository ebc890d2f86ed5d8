# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote secrets and joined networks: their form, and when a token is renewed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import (
    RemoteCluster,
    cluster_ids,
    mesh_networks,
    networks_config_map,
    renewal_due,
    token_in,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token

NOW, LIFETIME = 1_800_000_000.0, 43_200
PAIR = generate_key_pair()
GATEWAYS = (GatewayAddress("203.0.113.9", 15444), GatewayAddress("gw.example.com", 15444))


def cluster(name: str = "e", **changes: Any) -> RemoteCluster:
    known: dict[str, Any] = {
        "name": name,
        "cluster_id": f"cluster-{name}",
        "api_host": "203.0.113.9:6443",
        "network": f"network-{name}",
        "gateways": GATEWAYS,
        "ca": "CA",
        "token": "a.b.c",
    }
    return RemoteCluster(**{**known, **changes})


def token(**changes: Any) -> str:
    claims: dict[str, Any] = {"subject": "own", "audience": "theirs", "scope": "api", "now": NOW, "lifetime": LIFETIME}
    return sign_token(changes.pop("key", PAIR.private_pem), **{**claims, **changes})


def due(text: str, now: float = NOW, lifetime: int = LIFETIME) -> bool:
    return renewal_due(text, subject="own", audience="theirs", public_pem=PAIR.public_pem, lifetime=lifetime, now=now)


def test_the_secret_is_one_that_istiod_takes() -> None:
    secret = cluster().secret("istio-system")
    assert secret["metadata"] == {
        "name": "istio-remote-secret-e",
        "namespace": "istio-system",
        "labels": {"istio/multiCluster": "true"},
        "annotations": {"networking.istio.io/cluster": "cluster-e"},
    }
    (text,) = secret["data"].values()
    config = json.loads(base64.b64decode(text))
    assert config["clusters"][0]["cluster"] == {
        "server": "https://203.0.113.9:6443",
        "certificate-authority-data": base64.b64encode(b"CA").decode(),
    }
    assert config["current-context"] == config["contexts"][0]["name"] == "cluster-e"
    assert cluster_ids(secret) == {"cluster-e"}
    assert token_in(secret) == "a.b.c"
    assert cluster().secret("istio-system") == secret


@pytest.mark.parametrize(
    ("changes", "verification"),
    [({"ca": None}, {}), ({"insecure": True}, {"insecure-skip-tls-verify": True})],
)
def test_how_its_certificate_is_verified(changes: dict[str, Any], verification: dict[str, Any]) -> None:
    config = cluster(**changes).kubeconfig()
    assert config["clusters"][0]["cluster"] == {"server": "https://203.0.113.9:6443", **verification}


@pytest.mark.parametrize("secret", [None, {}, {"data": {"e": "%%"}}, {"data": {"e": base64.b64encode(b"{}").decode()}}])
def test_a_secret_without_a_token_that_can_be_read(secret: Any) -> None:
    assert token_in(secret) == ""


def test_a_token_is_not_shown() -> None:
    assert "a.b.c" not in repr(cluster())


@pytest.mark.parametrize(("age", "expected"), [(0, False), (LIFETIME / 2 - 1, False), (LIFETIME / 2 + 1, True)])
def test_a_token_is_renewed_at_half_of_its_life(age: float, expected: bool) -> None:
    assert due(token(), NOW + age) is expected


@pytest.mark.parametrize(
    "changes",
    [
        {"key": generate_key_pair().private_pem},
        {"audience": "others"},
        {"subject": "others"},
        {"scope": "private-multicluster"},
        {"now": NOW - LIFETIME},
    ],
)
def test_a_token_that_is_not_good_is_replaced(changes: dict[str, Any]) -> None:
    assert due(token(**changes)) is True


@pytest.mark.parametrize("text", ["", "known-after-apply", "a.b.c"])
def test_what_is_no_token_is_replaced(text: str) -> None:
    assert due(text) is True


def test_a_shorter_life_counts_for_tokens_that_are_there() -> None:
    assert due(token(), lifetime=3600) is True
    assert due(token(lifetime=3600), lifetime=3600) is False


def test_networks_are_joined_by_gateways() -> None:
    networks = json.loads(mesh_networks([cluster("e"), cluster("f", gateways=GATEWAYS[:1])]))["networks"]
    assert networks == {
        "network-e": {
            "endpoints": [{"fromRegistry": "cluster-e"}],
            "gateways": [{"address": "203.0.113.9", "port": 15444}, {"address": "gw.example.com", "port": 15444}],
        },
        "network-f": {
            "endpoints": [{"fromRegistry": "cluster-f"}],
            "gateways": [{"address": "203.0.113.9", "port": 15444}],
        },
    }


def test_two_clusters_in_one_network() -> None:
    shared = [cluster("e", network="n", gateways=GATEWAYS[:1]), cluster("f", network="n", gateways=GATEWAYS[1:])]
    (network,) = json.loads(mesh_networks(shared))["networks"].values()
    assert [entry["fromRegistry"] for entry in network["endpoints"]] == ["cluster-e", "cluster-f"]
    assert len(network["gateways"]) == 2
    assert mesh_networks(shared) == mesh_networks(shared[::-1])


def test_flat_networks_are_not_joined() -> None:
    assert mesh_networks([cluster(gateways=())]) == ""
    assert "data" not in networks_config_map("istio-system", [cluster(gateways=())])
    assert "meshNetworks" in networks_config_map("istio-system", [cluster()])["data"]
