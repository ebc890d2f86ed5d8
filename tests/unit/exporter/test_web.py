# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents over WSGI: routes, tokens, conditional requests, readiness, what is logged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.exporter import logs
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    PublicMetadata,
    parse_federation,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import parse_multicluster
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    SCOPE_FEDERATION,
    SCOPE_MULTICLUSTER,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339

from tests.unit.exporter.world import HOST, NEIGHBOUR_UUID, NOW, OWN_UUID, World

PUBLIC = "/metadata/public/public.json"
SPIFFE = "/metadata/public/spiffe-bundle-endpoint"
FEDERATION = "/metadata/private/federation.json"
MULTICLUSTER = "/metadata/private/multicluster.json"


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, claims, signature = token.split(".")
    return (
        json.loads(base64.urlsafe_b64decode(header + "==")),
        json.loads(base64.urlsafe_b64decode(claims + "==")),
        signature,
    )


def no_algorithm(world: World) -> str:
    _header, claims, _signature = parts(world.token())
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


def no_algorithm_with_signature(world: World) -> str:
    _header, claims, signature = parts(world.token())
    return f"{part({'alg': 'none'})}.{part(claims)}.{signature}"


def public_key_as_hmac_secret(world: World) -> str:
    _header, claims, _signature = parts(world.token())
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    mac = hmac.new(world.neighbour.public_pem.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def tampered(world: World) -> str:
    header, _claims, signature = world.token().split(".")
    _header, content, _signature = parts(world.token())
    return f"{header}.{part({**content, 'exp': int(NOW) + 10_000})}.{signature}"


REFUSED = {
    "expired": lambda world: world.token(now=NOW - 3600),
    "expired this second": lambda world: world.token(now=NOW - 60),
    "not yet valid": lambda world: world.token(now=NOW + 3600),
    "signed by another key": lambda world: world.token(private_pem=generate_key_pair().private_pem),
    "unknown subject": lambda world: world.token(subject="33333333-3333-4333-8333-333333333333"),
    "own subject": lambda world: world.token(subject=OWN_UUID, private_pem=world.own.private_pem),
    "wrong audience": lambda world: world.token(audience=NEIGHBOUR_UUID),
    "wrong scope": lambda world: world.token(scope=SCOPE_MULTICLUSTER),
    "alg none": no_algorithm,
    "alg none with a signature": no_algorithm_with_signature,
    "HS256 with the public key": public_key_as_hmac_secret,
    "tampered": tampered,
    "cut off": lambda world: world.token()[:-4],
    "not a token": lambda world: "abc",
    "two tokens": lambda world: world.token() + ", Bearer " + world.token(),
    "too long": lambda world: "a" * 8000 + "." + "b" * 8000 + ".c",
}


def test_public_document(world: World, root: str) -> None:
    answer = world.client.get(PUBLIC)
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    document = PublicMetadata.parse(answer.data)
    assert document == PublicMetadata.create(OWN_UUID, world.own.public_pem, root, "cluster-b.local")
    assert sorted(json.loads(answer.data)) == ["authnKeyPub", "clusterUUID", "rootCA", "trustDomain"]
    assert json.loads(answer.data)["authnKeyPub"].startswith("-----BEGIN ED25519 PUBLIC KEY-----\n")


def test_the_public_document_while_the_key_is_rotated(world: World) -> None:
    """It says how the key of before vouches for the new one; what has not the form of that is left out."""
    etag = world.client.get(PUBLIC).headers["ETag"]
    for text, told in (("a.b.c\n", "a.b.c"), ("no proof", None), ("", None)):
        world.change(key_change=text)
        answer = world.client.get(PUBLIC)
        assert json.loads(answer.data).get("authnKeyChange") == PublicMetadata.parse(answer.data).key_change == told
        assert (answer.headers["ETag"] == etag) is (told is None)


def test_spiffe_bundle_has_all_roots_and_a_growing_sequence(world: World, root: str, second_root: str) -> None:
    first = json.loads(world.client.get(SPIFFE).data)
    assert first["spiffe_sequence"] == 4711
    world.change(root_pem=root + second_root, root_version="4800")
    second = json.loads(world.client.get(SPIFFE).data)
    assert second["spiffe_sequence"] == 4800
    assert [len(first["keys"]), len(second["keys"])] == [1, 2]
    assert {key["kty"] for key in second["keys"]} == {"EC"}


def test_federation_document_for_a_neighbour(world: World) -> None:
    answer = world.federation(world.token())
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Vary"] == "Authorization"
    document, findings = parse_federation(answer.data, trust_domain="cluster-b.local")
    assert findings == ()
    assert [service.hostname for service in document.public_services] == [HOST]
    assert json.loads(answer.data)["ingressGateways"] == [{"address": "192.0.2.7", "port": 30443}]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_has_no_case(world: World, scheme: str) -> None:
    assert world.federation(Authorization=f"{scheme} {world.token()}").status_code == 200


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_tokens_all_get_the_same_answer(world: World, name: str) -> None:
    answer = world.federation(REFUSED[name](world))
    reference = world.federation("a.b.c")
    assert answer.status_code == 401
    assert answer.text == reference.text == "Authentication error: token refused\n"
    assert dict(answer.headers) == dict(reference.headers)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


def test_a_replaced_key_ends_by_the_clock(world: World) -> None:
    """No run is needed for it."""
    old = generate_key_pair()
    for until, statuses in ((NOW + 1, [200, 200]), (NOW, [401, 200])):
        remote = json.loads(world.inputs.remote_metadata or "{}")
        remote[NEIGHBOUR_UUID] |= {"previousAuthnKeyPub": old.public_pem, "previousAuthnKeyUntil": rfc3339(until)}
        world.change(remote_metadata=json.dumps(remote))
        asked = [
            world.federation(world.token(private_pem=pem)) for pem in (old.private_pem, world.neighbour.private_pem)
        ]
        assert [answer.status_code for answer in asked] == statuses
    assert world.federation(world.token(private_pem=generate_key_pair().private_pem)).status_code == 401


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dTpw", "Token abc"])
def test_no_token(world: World, header: str | None) -> None:
    answer = world.federation() if header is None else world.federation(Authorization=header)
    assert answer.status_code == 401
    assert answer.text == "Authentication error: no bearer token\n"
    assert world.figure("auth_failures_total", reason="missing") == 1


def test_an_entity_tag_is_no_way_around_the_token(world: World) -> None:
    tag = world.federation(world.token()).headers["ETag"]
    assert world.federation(If_None_Match=tag).status_code == 401
    assert world.federation(world.token(now=NOW - 3600), If_None_Match=tag).status_code == 401
    assert world.federation(world.token(), If_None_Match=tag).status_code == 304


@pytest.mark.parametrize("path", [PUBLIC, SPIFFE])
def test_conditional_requests(world: World, path: str) -> None:
    answer = world.client.get(path)
    tag = answer.headers["ETag"]
    assert not tag.startswith("W/")
    same = world.client.get(path, headers={"If-None-Match": f'"other", {tag}'})
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    assert same.headers["Cache-Control"] == "public, no-cache"
    assert world.client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_entity_tag_follows_the_content(world: World) -> None:
    before = world.federation(world.token()).headers["ETag"]
    world.change(services=())
    after = world.federation(world.token(), If_None_Match=before)
    assert after.status_code == 200
    assert after.headers["ETag"] != before


def test_head_has_no_body(world: World) -> None:
    answer = world.client.head(PUBLIC)
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["ETag"] == world.client.get(PUBLIC).headers["ETag"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
@pytest.mark.parametrize("path", [PUBLIC, FEDERATION])
def test_other_methods(world: World, method: str, path: str) -> None:
    answer = world.client.open(path, method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/metadata",
        "/metadata/",
        "/metadata/public/",
        PUBLIC + "/",
        "//metadata/public/public.json",
        "/metadata//public/public.json",
        "/metadata/public/../private/federation.json",
        "/metadata/private/%2e%2e/private/federation.json",
        "/metadata/PRIVATE/federation.json",
        "/metadata/healthz/ready",
        "/metrics",
    ],
)
def test_other_paths(world: World, path: str) -> None:
    answer = world.client.get(path)
    assert answer.status_code == 404
    assert "Location" not in answer.headers


@pytest.mark.parametrize("header", ["", "a b", "\u00e4", "a" * 300, "[::1", "x:y:z"])
def test_the_host_header_plays_no_part(world: World, header: str) -> None:
    assert world.client.get(PUBLIC, headers={"Host": header}).status_code == 200


def test_multicluster_is_off(world: World) -> None:
    for token in (None, world.token(scope=SCOPE_MULTICLUSTER)):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        assert world.client.get(MULTICLUSTER, headers=headers).status_code == 404


def test_multicluster_document_for_a_neighbour(world: World) -> None:
    world.join()
    answer = world.multicluster(world.token(scope=SCOPE_MULTICLUSTER))
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Vary"] == "Authorization"
    document, findings = parse_multicluster(answer.data)
    assert findings == ()
    assert document.to_dict() == {
        "ingressGateways": [{"address": "192.0.2.7", "port": 30544}],
        "apiHost": "192.0.2.7:30644",
        "networkName": "net-b",
        "clusterID": "cluster-b",
    }
    tag = answer.headers["ETag"]
    assert world.multicluster(world.token(scope=SCOPE_MULTICLUSTER), If_None_Match=tag).status_code == 304
    assert world.multicluster(If_None_Match=tag).status_code == 401
    assert world.figure("requests_total", route="multicluster", status="200") == 1


def test_each_document_has_a_scope_of_its_own(world: World) -> None:
    """The token's scope has to be the document's, and the neighbour's entry has to have it."""
    federation, joined = world.token(), world.token(scope=SCOPE_MULTICLUSTER)
    world.join([SCOPE_FEDERATION, SCOPE_MULTICLUSTER])
    assert [world.federation(federation).status_code, world.multicluster(joined).status_code] == [200, 200]
    for answer in (world.federation(joined), world.multicluster(federation)):
        assert (answer.status_code, answer.text) == (401, "Authentication error: token refused\n")
    assert world.figure("auth_failures_total", reason="scope") == 2
    world.join([SCOPE_MULTICLUSTER])
    assert [world.federation(federation).status_code, world.multicluster(joined).status_code] == [401, 200]
    world.join([SCOPE_FEDERATION])
    assert [world.federation(federation).status_code, world.multicluster(joined).status_code] == [200, 401]
    world.join([])
    assert [world.federation(federation).status_code, world.multicluster(joined).status_code] == [401, 401]
    assert world.figure("auth_failures_total", reason="subject") == 4


def test_a_multicluster_document_that_is_not_known_is_not_told(world: World) -> None:
    world.join(api_host="")
    answer = world.multicluster(world.token(scope=SCOPE_MULTICLUSTER))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert world.multicluster("a.b.c").status_code == 401
    assert world.client.get("/healthz/ready").status_code == 200
    world.join(addresses=())
    answer = world.multicluster(world.token(scope=SCOPE_MULTICLUSTER))
    assert answer.json["ingressGateways"] is None, "an unknown gateway is never an empty list"
    world.change(cluster_uuid="")
    assert world.multicluster(world.token(scope=SCOPE_MULTICLUSTER)).status_code == 503


def test_ready(world: World) -> None:
    assert world.client.get("/healthz/ready").status_code == 200
    assert world.client.get("/healthz/live").status_code == 200


def test_a_probe_of_the_data_plane_is_always_answered(world: World) -> None:
    """The probe asks whether we can be reached, not what we know."""
    world.change(public_key="", cluster_uuid="", root_pem="", unsynced=("services",))
    answer = world.client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert answer.headers["Cache-Control"] == "no-store"
    assert world.client.head("/healthz").status_code == 200
    assert world.client.post("/healthz").status_code == 405
    assert world.client.get("/healthz/").status_code == 404
    assert world.figure("requests_total", route="healthcheck", status="200") == 2


@pytest.mark.parametrize("level", ["debug", "info"])
def test_a_probe_is_logged_at_debug_with_its_sender(world: World, level: str) -> None:
    sender = NEIGHBOUR_UUID + "\u2028" + "x" * 1000
    with logged(level) as stream:
        headers = {"User-Agent": "alliance-healthcheck/1.0", "X-alliance-healthcheck-from": sender}
        assert world.client.get("/healthz", headers=headers).status_code == 200
        assert world.client.get("/healthz").status_code == 200
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    if level == "info":
        assert lines == []
    else:
        assert [len(line["probed_by"]) for line in lines] == [200, 0]
        assert lines[0]["probed_by"].startswith(NEIGHBOUR_UUID)


@pytest.mark.parametrize(
    ("missing", "inputs"),
    [
        ("cluster uuid", {"cluster_uuid": ""}),
        ("public key", {"public_key": ""}),
        ("public key", {"public_key": "nonsense"}),
        ("root certificate", {"root_pem": ""}),
        ("root certificate", {"root_pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}),
        ("informer services", {"unsynced": ("services",)}),
    ],
)
def test_not_ready_while_a_required_part_is_missing(world: World, missing: str, inputs: dict[str, Any]) -> None:
    world.change(**inputs)
    answer = world.client.get("/healthz/ready")
    assert answer.status_code == 503
    assert answer.text == f"missing: {missing}\n"
    assert world.client.get("/healthz/live").status_code == 200


def test_a_document_that_is_not_known_is_not_told(world: World) -> None:
    world.change(public_key="", cluster_uuid="", root_pem="", unsynced=("services",))
    for path in (PUBLIC, SPIFFE, FEDERATION):
        answer = world.client.get(path)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
    world.change(cluster_uuid=OWN_UUID)
    assert world.federation(world.token()).status_code == 503
    assert world.federation("a.b.c").status_code == 401


def test_not_ready_while_shutting_down_but_still_answering(world: World) -> None:
    world.health.drain()
    assert world.client.get("/healthz/ready").status_code == 503
    assert world.client.get(PUBLIC).status_code == 200


def test_not_live_when_a_thread_is_gone(world: World) -> None:
    world.dead = ("thread publisher",)
    assert world.client.get("/healthz/live").status_code == 503


def test_an_unknown_gateway_is_null_and_never_an_empty_list(world: World) -> None:
    world.change(addresses=())
    document = json.loads(world.federation(world.token()).data)
    assert document["ingressGateways"] is None
    assert [service["hostname"] for service in document["publicServices"]] == [HOST]
    assert world.client.get("/healthz/ready").status_code == 200


def test_requests_are_counted_by_route_and_status(world: World) -> None:
    world.client.get(PUBLIC)
    world.federation(world.token())
    world.federation(world.token(now=NOW - 3600))
    world.client.get("/a/secret/path")
    assert world.figure("requests_total", route="public", status="200") == 1
    assert world.figure("requests_total", route="federation", status="200") == 1
    assert world.figure("requests_total", route="federation", status="401") == 1
    assert world.figure("requests_total", route="other", status="404") == 1
    assert world.figure("auth_failures_total", reason="expired") == 1


@contextmanager
def logged(level: str) -> Iterator[io.StringIO]:
    """What is logged meanwhile."""
    stream = io.StringIO()
    root_logger = logging.getLogger()
    before, former = root_logger.handlers[:], root_logger.level
    try:
        logs.configure(level, stream)
        yield stream
    finally:
        root_logger.handlers[:] = before
        root_logger.setLevel(former)


def test_the_log_names_the_caller_and_holds_no_secret(world: World) -> None:
    with logged("debug") as stream:
        token = world.token()
        world.federation(token)
        world.federation(tampered(world))
        world.client.get(f"/metadata/{token}?token={token}", headers={"X-Forwarded-For": token})
        world.client.get("/metadata/%0d%0a{%22level%22:%22error%22}")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    accepted, refused = lines[:2]
    assert accepted["subject"] == NEIGHBOUR_UUID
    assert (accepted["method"], accepted["path"], accepted["status"]) == ("GET", FEDERATION, 200)
    assert accepted["milliseconds"] >= 0
    assert (refused["status"], refused["refused"]) == (401, "signature")
    assert "subject" not in refused
    assert len(lines) == 4
    for piece in token.split("."):
        assert piece[:20] not in stream.getvalue()


def test_a_failure_inside_says_nothing_outside(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise RuntimeError("with a secret")

    monkeypatch.setattr(world.application, "_view", fail)
    answer = world.client.get(PUBLIC)
    assert (answer.status_code, answer.text) == (500, "internal error\n")
