# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata endpoint as a stranger sees it, through the real gateway."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import jwt
import pytest
import urllib3

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import (
    generate_key_pair,
    load_public_key,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token

from .alliance import NAMESPACE, A, Alliance, B

FEDERATION, MULTICLUSTER = "private-federation", "private-multicluster"


@dataclass(frozen=True)
class Caller:
    """Cluster-a, with all that it could try at cluster-b's exporter."""

    endpoint: str
    pool: urllib3.PoolManager
    private_key: str
    own: str
    other: str

    def get(self, document: str, token: str | None = None) -> tuple[int, str]:
        """Status and body of a document."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        answer = self.pool.request("GET", self.endpoint + document, headers=headers, retries=False, timeout=10)
        return answer.status, answer.data.decode()

    def token(self, **changes: object) -> str:
        """A good token, or one with something changed."""
        parts = {"subject": self.own, "audience": self.other, "scope": FEDERATION, "now": time.time(), **changes}
        key = str(parts.pop("key", self.private_key))
        return sign_token(key, **parts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def caller(alliance: Alliance) -> Caller:
    """What cluster-a knows of cluster-b, and its key."""
    resource = alliance.get(A, "istiofederation", B)
    secret = alliance.get(A, "secret", "-n", NAMESPACE, "alliance-authn-keypair")["data"]
    return Caller(
        endpoint=resource["spec"]["metadataEndpoint"],
        pool=urllib3.PoolManager(ca_cert_data=resource["spec"]["metadata"]["clusterCA"]),
        private_key=base64.b64decode(secret["priv.pem"]).decode(),
        own=alliance.get(A, "namespace", "kube-system")["metadata"]["uid"],
        other=alliance.get(B, "namespace", "kube-system")["metadata"]["uid"],
    )


def _unsigned(caller: Caller) -> str:
    claims = jwt.decode(caller.token(), options={"verify_signature": False})
    return jwt.encode(claims, None, algorithm="none")


def _confused(caller: Caller) -> str:
    """HS256 with the public key, which everybody knows, as the secret."""
    claims = jwt.decode(caller.token(), options={"verify_signature": False})
    document = json.loads(caller.get("public/public.json")[1])
    raw = load_public_key(document["authnKeyPub"]).public_bytes_raw()
    return jwt.encode(claims, raw, algorithm="HS256")


def _tampered(caller: Caller) -> str:
    header, payload, signature = caller.token().split(".")
    return f"{header}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


WRONG: dict[str, Callable[[Caller], str]] = {
    "expired": lambda caller: caller.token(now=time.time() - 3600),
    "foreign-key": lambda caller: caller.token(key=generate_key_pair().private_pem),
    "unknown-subject": lambda caller: caller.token(subject="00000000-0000-4000-8000-000000000000"),
    "the-server-itself": lambda caller: caller.token(subject=caller.other),
    "wrong-audience": lambda caller: caller.token(audience=caller.own),
    "wrong-scope": lambda caller: caller.token(scope=MULTICLUSTER),
    "unsigned": _unsigned,
    "algorithm-confusion": _confused,
    "tampered": _tampered,
    "empty": lambda caller: "",
    "no-token-at-all": lambda caller: "x.y.z",
}


def test_a_good_token_is_answered(alliance: Alliance, caller: Caller) -> None:
    status, body = caller.get("private/federation.json", caller.token())
    assert status == 200
    hosts = sorted([*alliance.healthcheck_hosts(B), f"bar.xyz.svc.{B}.local"])
    assert [service["hostname"] for service in json.loads(body)["publicServices"]] == hosts


def test_without_a_token(caller: Caller) -> None:
    status, body = caller.get("private/federation.json")
    assert status == 401
    assert body.startswith("Authentication error: ")


def test_every_wrong_token_gets_the_same_answer(caller: Caller) -> None:
    answers = {
        name: caller.get("private/federation.json", make(caller)) for name, make in WRONG.items() if name != "empty"
    }
    assert {status for status, _body in answers.values()} == {401}
    assert len({body for _status, body in answers.values()}) == 1


def test_an_empty_token_is_refused(caller: Caller) -> None:
    assert caller.get("private/federation.json", "")[0] == 401


def test_public_documents_need_no_token(caller: Caller) -> None:
    status, body = caller.get("public/public.json")
    assert status == 200
    assert set(json.loads(body)) == {"clusterUUID", "authnKeyPub", "rootCA", "trustDomain"}
    status, body = caller.get("public/spiffe-bundle-endpoint")
    assert status == 200
    assert json.loads(body)["keys"]


def test_nothing_else_is_served(caller: Caller) -> None:
    assert caller.get("private/multicluster.json", caller.token(scope=MULTICLUSTER))[0] == 404
    root = caller.endpoint.removesuffix("metadata/")
    for path in ("", "metrics", "healthz", "healthz/ready", "metadata/../metrics"):
        answer = caller.pool.request("GET", root + path, retries=False, timeout=10)
        assert answer.status == 404, path
