# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the api-proxy refuses, one by one, and then at random. The API server's audit log is the witness."""

from __future__ import annotations

import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_filters import (
    CLOCK_SKEW_SECONDS,
)

from tests.deckhouse import keys
from tests.integration.api_proxy import (
    ACCOUNT,
    NAMESPACE,
    ROOT_NAMESPACE,
    Answer,
    ApiProxy,
    Neighbour,
    prepare,
    running,
)
from tests.integration.fuzz import Fuzz
from tests.integration.http2 import Http2
from tests.lab.controlplane import ControlPlane
from tests.wire.wrong_tokens import KNOWN, ONLY_OURS, OTHER, WRONG, Bench, Claims

SEED = 20261125
REQUESTS, CALLERS = 10_000, 8
PODS = "/api/v1/pods"
# What the API server may have been asked for, and answered otherwise than by 403.
READ = [
    "/api/v1/namespaces",
    "/api/v1/nodes",
    "/api/v1/pods",
    "/api/v1/services",
    f"/api/v1/namespaces/{NAMESPACE}-empty/secrets",
    f"/api/v1/namespaces/{ROOT_NAMESPACE}/configmaps",
    "/apis/discovery.k8s.io/v1/endpointslices",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    *(f"/apis/networking.istio.io/{version}/workloadentries" for version in ("v1", "v1beta1", "v1alpha3")),
]
REVIEWED = ["/apis/authentication.k8s.io/v1/tokenreviews", "/apis/authorization.k8s.io/v1/subjectaccessreviews"]
GRANTED = {
    *((verb, path) for verb in ("list", "watch") for path in READ),
    *(("get", path) for path in ("/api", "/version")),
    *(("create", path) for path in REVIEWED),
}


class ApiBench(Bench):
    """The wrong tokens are made from one that is right for the api-proxy."""

    def claims(self, **changes: Any) -> Claims:
        """The right claims with these changed."""
        return super().claims(**{"scope": "api", **changes})


MAKERS: dict[str, Callable[[Bench], str | None]] = {
    **WRONG,
    **ONLY_OURS,
    "the scheme in small letters": lambda bench: f"bearer {bench.token()}",
    "the scope of federation": lambda bench: f"Bearer {bench.token(scope='private-federation')}",
    "expired by more than clocks differ": lambda bench: (
        f"Bearer {bench.token(nbf=bench.now - 60, exp=bench.now - CLOCK_SKEW_SECONDS - 2)}"
    ),
}
# The right one here; clocks may differ; Envoy does not know the field, and only the neighbour itself can write it.
for _fine in ("the scope of the API proxy", "expired a second ago", "an extension that must be understood"):
    del MAKERS[_fine]


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane("refusing") as plane:
        prepare(plane)
        for name in ("istio", "other"):
            plane.kubectl("create", "configmap", name, f"--namespace={ROOT_NAMESPACE}", "--from-literal=mesh=a")
        plane.kubectl("create", "secret", "generic", "treasure", "--namespace=default", "--from-literal=a=b")
        yield plane


@pytest.fixture(scope="module")
def pairs() -> dict[str, keys.KeyPair]:
    return {uuid: keys.generate() for uuid in (KNOWN, OTHER)}


@pytest.fixture(scope="module")
def neighbour(pairs: dict[str, keys.KeyPair]) -> Neighbour:
    """The one that asks, known by the key that wrong tokens are made of."""
    return _neighbour("cluster-b", KNOWN, pairs[KNOWN])


def _neighbour(name: str, uuid: str, pair: keys.KeyPair) -> Neighbour:
    known = Neighbour(name, uuid)
    known.keys = type(known.keys)(pair.private_pem, pair.public_pem)
    return known


@pytest.fixture(scope="module")
def proxy(
    plane: ControlPlane,
    neighbour: Neighbour,
    pairs: dict[str, keys.KeyPair],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ApiProxy]:
    with running(
        plane, tmp_path_factory.mktemp("proxy"), neighbour, _neighbour("cluster-c", OTHER, pairs[OTHER])
    ) as proxy:
        yield proxy


@pytest.fixture
def untouched(proxy: ApiProxy, neighbour: Neighbour) -> Iterator[None]:
    """Nothing of the test reached the API server. A request that is answered afterwards bounds the waiting."""
    before = len(proxy.reached())
    yield
    mark = proxy.ask("/version", neighbour).headers["audit-id"]
    deadline = time.monotonic() + 10
    while mark not in {event["auditID"] for event in proxy.reached()}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [event["requestURI"] for event in proxy.reached()[before:]] == ["/version"]


def assert_refused(answer: Answer, *statuses: int) -> None:
    assert answer.status in statuses, answer
    told = answer.json()
    assert (told["kind"], told["status"], told["code"]) == ("Status", "Failure", answer.status)


@pytest.fixture
def bench(proxy: ApiProxy, pairs: dict[str, keys.KeyPair]) -> Bench:
    return ApiBench(proxy.uuid, pairs[KNOWN], pairs[OTHER], int(time.time()))


def test_the_right_token_is_let_in(proxy: ApiProxy, bench: Bench) -> None:
    assert proxy.ask(PODS, bench.token()).status == 200


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("wrong", MAKERS)
def test_wrong_tokens(proxy: ApiProxy, bench: Bench, wrong: str) -> None:
    header = MAKERS[wrong](bench)
    answer = proxy.ask(PODS, None, headers={} if header is None else {"Authorization": header})
    assert_refused(answer, 401, 403)


@pytest.mark.usefixtures("untouched")
def test_a_token_in_the_query(proxy: ApiProxy, bench: Bench) -> None:
    assert_refused(proxy.ask(f"{PODS}?access_token={bench.token()}", None), 401)


@pytest.mark.usefixtures("untouched")
def test_two_authorization_headers(proxy: ApiProxy, bench: Bench) -> None:
    right = f"Authorization: Bearer {bench.token()}\r\n"
    for first, second in (
        (right, right),
        (right, "authorization: Bearer x\r\n"),
        ("Authorization: Basic x\r\n", right),
    ):
        text = f"GET {PODS} HTTP/1.1\r\nHost: a\r\n{first}{second}\r\n"
        with proxy.socket("http/1.1") as connection:
            connection.sendall(text.encode())
            assert connection.recv(12) == b"HTTP/1.1 401"


@pytest.mark.usefixtures("untouched")
def test_tokens_for_the_api_server_itself(proxy: ApiProxy) -> None:
    assert_refused(proxy.ask(PODS, proxy.account_token()), 401)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "get", "PROPFIND"])
@pytest.mark.parametrize("path", [PODS, "/api/v1/secrets", "/api/v1/namespaces/default/pods/a", "/api"])
def test_writes(proxy: ApiProxy, neighbour: Neighbour, method: str, path: str) -> None:
    answer = proxy.ask(path, neighbour, method=method, body=None if method in ("TRACE", "HEAD") else {})
    assert answer.status in (400, 403)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/apis/authentication.k8s.io/v1/tokenreviews", "/apis/authorization.k8s.io/v1/subjectaccessreviews"]
)
def test_reviews_by_anything_but_post(proxy: ApiProxy, neighbour: Neighbour, method: str, path: str) -> None:
    assert_refused(proxy.ask(path, neighbour, method=method, body={}), 403)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/default/secrets",
        "/api/v1/namespaces/default/secrets/treasure",
        f"/api/v1/namespaces/{NAMESPACE}-empty/secrets",
        "/api/v1/namespaces/kube-system/secrets?watch=true",
        "/api/v1/watch/secrets",
        "/api/v1/secrets/treasure",
        "/api/v1/secrets/",
        "/api/v1/Secrets",
    ],
)
def test_secrets(proxy: ApiProxy, neighbour: Neighbour, path: str) -> None:
    assert_refused(proxy.ask(path, neighbour), 403)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/configmaps",
        "/api/v1/namespaces/default/configmaps",
        f"/api/v1/namespaces/{ROOT_NAMESPACE}/configmaps/istio",
        f"/api/v1/namespaces/{ROOT_NAMESPACE}/configmaps/other",
        f"/api/v1/watch/namespaces/{ROOT_NAMESPACE}/configmaps/other",
    ],
)
def test_config_maps(proxy: ApiProxy, neighbour: Neighbour, path: str) -> None:
    assert_refused(proxy.ask(path, neighbour), 403)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?fieldSelector=metadata.name%3Dother",
        "?fieldSelector=metadata.name!%3Distio",
        "?fieldSelector=metadata.name%3Distio&fieldSelector=metadata.name%3Dother",
        "?labelSelector=a%3Db",
        "?watch=true",
        "?limit=1",
    ],
)
def test_config_maps_beside_the_mesh_config(proxy: ApiProxy, neighbour: Neighbour, query: str) -> None:
    """The proxy knows paths; that the name is the mesh config's is the API server's business."""
    answer = proxy.ask(f"/api/v1/namespaces/{ROOT_NAMESPACE}/configmaps{query}", neighbour)
    if answer.status == 200:
        assert {item["metadata"]["name"] for item in answer.json()["items"]} <= {"istio"}
    else:
        assert_refused(answer, 403)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/default/pods/a/exec?command=id",
        "/api/v1/namespaces/default/pods/a/attach",
        "/api/v1/namespaces/default/pods/a/log",
        "/api/v1/namespaces/default/pods/a/portforward",
        "/api/v1/namespaces/default/pods/a/proxy/",
        "/api/v1/namespaces/default/services/a/proxy/",
        "/api/v1/nodes/a/proxy/pods",
        "/api/v1/nodes/a",
        "/api/v1/namespaces/default/serviceaccounts/default/token",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_subresources(proxy: ApiProxy, neighbour: Neighbour, path: str, method: str) -> None:
    assert_refused(proxy.ask(path, neighbour, method=method), 403)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "path",
    [
        "/apis",
        "/api/v1",
        "/apis/apps/v1/deployments",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "/apis/networking.istio.io/v1/serviceentries",
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        "/apis/discovery.k8s.io/v1",
        "/openapi/v2",
        "/openapi/v3",
        "/metrics",
        "/healthz",
        "/logs",
        "/debug/pprof",
        "/.well-known/openid-configuration",
        "/openid/v1/jwks",
        "/",
    ],
)
def test_other_parts_of_the_api(proxy: ApiProxy, neighbour: Neighbour, path: str) -> None:
    for method in ("GET", "POST"):
        assert_refused(proxy.ask(path, neighbour, method=method), 403)


TRICKS = [
    "//api/v1/pods",
    "/api//v1/pods",
    "/api/v1/pods/",
    "/api/v1//pods",
    "/api/v1/./pods",
    "/api/v1/x/../pods",
    "/api/v1/pods/..",
    "/api/v1/pods/../secrets/../../../api/v1/namespaces/default/secrets",
    "/version/../api/v1/namespaces/default/secrets",
    "/api/v1/%2e%2e/v1/pods",
    "/api/v1%2fpods",
    "/api/v1%2Fpods",
    "/api%5cv1/pods",
    "/api\\v1\\pods",
    "/api/v1/%70ods",
    "/api/v1/pods%00",
    "/api/v1/pods%20",
    "/api/v1/pods;a=b",
    "/api/v1/pods%3f",
    "/api/v1/pods%3Fa=/../../secrets",
    "/api/v1/pods%23",
    "/API/V1/PODS",
    "/api/v1/pods#a",
    "/apis/networking.istio.io/v1/../v1/workloadentries",
    "/apis/networking.istio.io/v1%2f/workloadentries",
    "/apis/networkingxistio.io/v1/workloadentries",
    "/apis/discovery.k8s.io/v1/endpointslices/a",
    "/apis/discovery.k8s.io/v/endpointslices",
    "https://kubernetes/api/v1/namespaces/default/secrets",
    "api/v1/pods",
    "*",
]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("path", TRICKS)
def test_path_tricks(proxy: ApiProxy, neighbour: Neighbour, path: str) -> None:
    text = f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {neighbour.token(proxy.uuid)}\r\n\r\n"
    with proxy.socket("http/1.1") as connection:
        connection.sendall(text.encode())
        assert connection.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 403", b"HTTP/1.1 404")
    fields = [*_h2("GET", path), ("authorization", f"Bearer {neighbour.token(proxy.uuid)}")]
    assert _ask_h2(proxy, fields) in (0, 400, 403, 404)


def _h2(method: str, path: str) -> list[tuple[str, str]]:
    return [(":method", method), (":scheme", "https"), (":authority", "a"), (":path", path)]


def _ask_h2(proxy: ApiProxy, fields: list[tuple[str, str]], body: bytes | None = None) -> int:
    with proxy.socket("h2") as connection:
        return Http2(connection).ask(fields, body=body)


def test_the_hand_written_protocol_is_understood(proxy: ApiProxy, neighbour: Neighbour) -> None:
    """So that a refusal of what follows says something."""
    token = ("authorization", f"Bearer {neighbour.token(proxy.uuid)}")
    assert _ask_h2(proxy, [*_h2("GET", PODS), token]) == 200
    assert _ask_h2(proxy, [*_h2("GET", "/api/v1/secrets/x"), token]) == 403
    assert _ask_h2(proxy, _h2("GET", PODS)) == 401


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("protocol", ["websocket", "SPDY/3.1", "TLS/1.0", "connect-ip", "websocket, SPDY/3.1"])
@pytest.mark.parametrize("path", ["/api/v1/namespaces/default/pods/a/exec?command=id", PODS])
def test_upgrades(proxy: ApiProxy, neighbour: Neighbour, protocol: str, path: str) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": protocol, "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "YQ=="}
    assert_refused(proxy.ask(path, neighbour, headers=headers), 403)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("path", ["/api/v1/namespaces/default/pods/a/exec?command=id", PODS])
def test_upgrades_of_http_2(proxy: ApiProxy, neighbour: Neighbour, path: str) -> None:
    token = ("authorization", f"Bearer {neighbour.token(proxy.uuid)}")
    for protocol in ("websocket", "SPDY/3.1", "connect-udp"):
        fields = [*_h2("CONNECT", path), (":protocol", protocol), token]
        assert _ask_h2(proxy, fields) in (0, 400, 403, 404)
    assert _ask_h2(proxy, [(":method", "CONNECT"), (":authority", "kubernetes:443"), token]) in (0, 400, 403, 404)


@pytest.mark.usefixtures("untouched")
def test_bodies_that_are_too_large(proxy: ApiProxy, neighbour: Neighbour) -> None:
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    answer = proxy.ask(path, neighbour, method="POST", body={"spec": {"token": "a" * 70000}})
    assert_refused(answer, 413)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "lines",
    [
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Impersonate_User: lab-admin\r\n\r\n",
        " folded: a\r\n\r\n",
        "A\0: b\r\n\r\n",
        "A: b\0c\r\n\r\n",
    ],
)
def test_smuggling(proxy: ApiProxy, neighbour: Neighbour, lines: str) -> None:
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    start = f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {neighbour.token(proxy.uuid)}\r\n"
    with proxy.socket("http/1.1") as connection:
        connection.sendall((start + lines).encode("latin-1"))
        assert connection.recv(10) in (b"HTTP/1.1 4", b"HTTP/1.1 5")


@pytest.mark.usefixtures("untouched")
def test_no_tls(proxy: ApiProxy) -> None:
    with socket.create_connection((proxy.layout.address, proxy.layout.port), timeout=10) as connection:
        connection.sendall(b"GET /api HTTP/1.1\r\nHost: a\r\n\r\n")
        received = b""
        with suppress(ConnectionError):
            received = connection.recv(100)
        assert not received.startswith(b"HTTP")


def test_random_requests(proxy: ApiProxy, neighbour: Neighbour, bench: Bench) -> None:
    """Ten thousand, the same with every run: whatever gets through is what RBAC allows, as the service account."""
    before = len(proxy.reached())
    pid, counts = proxy.pid, Counter[str]()
    right = f"Bearer {neighbour.token(proxy.uuid)}"
    tokens = [header for make in MAKERS.values() if (header := make(bench)) is not None and "\n" not in header]

    def some(number: int) -> Counter[str]:
        fuzz, found = Fuzz(proxy, random.Random(SEED + number), right, tokens), Counter[str]()
        for _number in range(REQUESTS // CALLERS):
            found[fuzz.step()] += 1
        fuzz.close()
        return found

    with ThreadPoolExecutor(CALLERS) as pool:
        for found in pool.map(some, range(CALLERS)):
            counts += found
    assert sum(counts.values()) == REQUESTS
    assert proxy.pid == pid
    assert proxy.ask(PODS, neighbour).status == 200
    events = proxy.reached()[before:]
    wrong = [event for event in events if not _granted(event)]
    assert wrong == []
    # It would prove nothing if nothing got through, or everything.
    assert len(events) > REQUESTS / 50, counts
    assert counts["refused"] > REQUESTS / 2, counts


def _granted(event: dict[str, Any]) -> bool:
    """Whether the API server refused it, or RBAC and the proxy are to allow it."""
    if event["user"]["username"] != ACCOUNT or "impersonatedUser" in event:
        return False
    path = event["requestURI"].partition("?")[0]
    code = (event.get("responseStatus") or {}).get("code")
    return code in (403, 404) or (event["verb"], path) in GRANTED


def test_nobody_else_reached_the_api_server(proxy: ApiProxy, plane: ControlPlane) -> None:
    """Of all requests of this file, none came as anybody else."""
    users = Counter(event["user"]["username"] for event in plane.audit_events())
    assert set(users) <= {ACCOUNT, "lab-admin", "system:apiserver"}
    assert {event["user"]["username"] for event in proxy.reached()} == {ACCOUNT}
