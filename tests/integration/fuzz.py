# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random requests to the api-proxy: near what is allowed, far from it, and no HTTP at all."""

from __future__ import annotations

import http.client
import random
import ssl

from tests.integration.api_proxy import ApiProxy
from tests.integration.http2 import Http2

METHODS = ["GET"] * 12 + ["POST"] * 3 + ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "G\0T"]
PATHS = [
    "/api",
    "/version",
    "/api/v1/pods",
    "/api/v1/nodes",
    "/api/v1/services",
    "/api/v1/secrets",
    "/api/v1/namespaces",
    "/api/v1/namespaces/istio-system/configmaps",
    "/apis/discovery.k8s.io/v1/endpointslices",
    "/apis/networking.istio.io/v1/workloadentries",
    "/apis/authentication.k8s.io/v1/tokenreviews",
    "/apis/authorization.k8s.io/v1/subjectaccessreviews",
]
WORDS = [
    *("api", "apis", "v1", "v1beta1", "v2", "namespaces", "default", "kube-system", "istio-system", "istio-alliance"),
    *(
        "pods",
        "secrets",
        "configmaps",
        "services",
        "nodes",
        "endpoints",
        "serviceaccounts",
        "treasure",
        "istio",
        "other",
    ),
    *("exec", "log", "proxy", "token", "status", "watch", "apps", "deployments", "rbac.authorization.k8s.io", "roles"),
    *("clusterroles", "networking.istio.io", "serviceentries", "workloadentries", "discovery.k8s.io", "endpointslices"),
    *(".", "..", "", "%2e%2e", "%2f", "%2F..", "%5c", "\\", "%00", ";a=b", "%20", "*", "%", "%zz", "~", "\u00e9"),
]
QUERIES = [
    *("", "", "", "limit=1", "watch=true&timeoutSeconds=1", "fieldSelector=metadata.name%3Distio", "pretty=true"),
    *("fieldSelector=metadata.name%3Dother", "fieldSelector=metadata.name%3Dtreasure", "command=id", "dryRun=All"),
    *("resourceVersion=0", "continue=x", "..", "/../../secrets", "a?b", "%00", "labelSelector=%3D", "watch=1&watch=0"),
]
HEADERS = [
    *("Impersonate-User: lab-admin", "Impersonate-Group: system:masters", "Impersonate-Extra-A: b"),
    *("X-Remote-User: lab-admin", "X-Remote-Group: system:masters", "X-Api-Proxy-Token: a", "Cookie: a=b"),
    *("Accept: application/vnd.kubernetes.protobuf", "Accept: */*", "Accept-Encoding: gzip", "Content-Type: a/b"),
    *("Content-Type: application/json", "Content-Type: application/grpc", "Expect: 100-continue", "TE: trailers"),
    *("Connection: Upgrade", "Upgrade: websocket", "Upgrade: SPDY/3.1", "Upgrade: h2c", "Connection: close"),
    *("X-HTTP-Method-Override: DELETE", "X-Original-URL: /api/v1/namespaces/default/secrets", "Host: kubernetes"),
    *("X-Envoy-Original-Path: /api/v1/secrets", "X-Forwarded-For: 127.0.0.1", "X-Envoy-Internal: true", "A_b: c"),
    *(
        "X-Envoy-Upstream-Rq-Timeout-Ms: 1",
        "X-Envoy-Retry-On: 5xx",
        "X-Envoy-Decorator-Operation: a",
        "Range: bytes=0-",
    ),
    *("Authorization: Bearer x", "Proxy-Authorization: Basic eDp5", "Transfer-Encoding: chunked", "Content-Length: 5"),
]
BODIES = ["{}", '{"spec":{"token":"x"}}', '{"spec":{"user":"lab-admin"}}', "hello", "0\r\n\r\n", ""]
# Seconds to wait for an answer. Envoy leaves a connection that it won't answer open for a second; what is given up is
# judged by the API server's log like everything else.
PATIENCE = 0.4


class Fuzz:
    """Sends one request a step: four of five by HTTP/1.1, the others by HTTP/2 or as bytes without any form."""

    def __init__(self, proxy: ApiProxy, chance: random.Random, right: str, wrong: list[str]) -> None:
        self._proxy = proxy
        self._chance = chance
        self._right = right
        self._wrong = wrong
        self._one: ssl.SSLSocket | None = None
        self._two: Http2 | None = None

    def step(self) -> str:
        """What became of a request: answered (200 to 299), refused (another status), broken (no status)."""
        kind = self._chance.random()
        if kind < 0.8:
            status = self._http_1()
        elif kind < 0.97:
            status = self._http_2()
        else:
            status = self._bytes()
        if not status:
            return "broken"
        return "answered" if 200 <= status < 300 else "refused"

    def close(self) -> None:
        """Leave."""
        for connection in (self._one, self._two):
            if connection is not None:
                connection.close()

    def _path(self) -> str:
        chance = self._chance
        kind = chance.random()
        if kind < 0.35:
            path = chance.choice(PATHS)
        elif kind < 0.6:
            path = self._mutated(chance.choice(PATHS))
        else:
            path = "/" + "/".join(chance.choice(WORDS) for _number in range(chance.randint(1, 7)))
        query = chance.choice(QUERIES)
        if "watch" in query and chance.random() < 0.9:  # they take a second each
            query = ""
        return f"{path}?{query}" if query else path

    def _mutated(self, path: str) -> str:
        chance = self._chance
        for _number in range(chance.randint(1, 3)):
            place = chance.randrange(len(path) + 1)
            kind = chance.randrange(5)
            if kind == 0:
                path = (
                    path[:place]
                    + chance.choice(["/", "//", "/../", "/./", "%2f", "%2e", ";", "\\", "%00"])
                    + path[place:]
                )
            elif kind == 1:
                path = path[:place] + path[place + 1 :]
            elif kind == 2:
                path = path[:place] + path[place : place + 1].swapcase() + path[place + 1 :]
            elif kind == 3 and place < len(path):
                path = path[:place] + f"%{ord(path[place]):02x}" + path[place + 1 :]
            else:
                path += "/" + chance.choice(WORDS)
        return path or "/"

    def _authorization(self) -> str:
        return self._right if self._chance.random() < 0.8 else self._chance.choice(self._wrong)

    def _http_1(self) -> int:
        chance = self._chance
        method = chance.choice(METHODS)
        lines = [f"{method} {self._path()} HTTP/1.1", "Host: a", f"Authorization: {self._authorization()}"]
        lines += chance.sample(HEADERS, chance.choice([0, 0, 0, 1, 1, 2, 3]))
        body = chance.choice(BODIES) if method not in ("GET", "HEAD") and chance.random() < 0.5 else ""
        if body and chance.random() < 0.9:
            lines.append(f"Content-Length: {len(body)}")
        text = "\r\n".join(lines) + "\r\n\r\n" + body
        promised = any(line.lower().startswith(("transfer-encoding", "content-length: 5", "expect")) for line in lines)
        return self._exchange(text.encode("latin-1"), method, keep=not promised)

    def _exchange(self, data: bytes, method: str, *, keep: bool) -> int:
        """The status of an answer; a connection that may be out of step is not used again."""
        if self._one is None:
            self._one = self._proxy.socket("http/1.1")
        # A watch of one second is answered within two.
        self._one.settimeout(PATIENCE + 2 if b"watch" in data else PATIENCE)
        status = 0
        try:
            self._one.sendall(data)
            response = http.client.HTTPResponse(self._one, method=method)
            response.begin()
            status = response.status
            response.read()
            keep = keep and not response.will_close
        except (OSError, http.client.HTTPException):
            keep = False
        if not keep:
            self._one.close()
            self._one = None
        return status

    def _http_2(self) -> int:
        chance = self._chance
        if self._two is None:
            connection = self._proxy.socket("h2")
            connection.settimeout(PATIENCE)
            self._two = Http2(connection)
        method = chance.choice(METHODS)
        fields = [(":method", method), (":scheme", "https"), (":authority", "a"), (":path", self._path())]
        if chance.random() < 0.1:
            fields.append(chance.choice([(":path", "/api/v1/pods"), (":protocol", "websocket"), (":status", "200")]))
        if chance.random() < 0.1:
            chance.shuffle(fields)
        if chance.random() < 0.05:
            fields.pop()
        fields.append(("authorization", self._authorization()))
        for line in chance.sample(HEADERS, chance.choice([0, 0, 1, 2])):
            name, _colon, value = line.partition(": ")
            fields.append((name.lower() if chance.random() < 0.9 else name, value))
        body = chance.choice(BODIES).encode() if method == "POST" else None
        status = self._two.ask(fields, body=body)
        if not status:
            self._two.close()
            self._two = None
        return status

    def _bytes(self) -> int:
        """No HTTP, or the beginning of it."""
        chance = self._chance
        noise = chance.randbytes(chance.randint(1, 400))
        if chance.random() < 0.5:
            start = f"{chance.choice(METHODS)} {self._path()} HTTP/1.{chance.randint(0, 9)}\r\n"
            noise = start.encode("latin-1") + noise
        with self._proxy.socket(chance.choice(["h2", "http/1.1"])) as connection:
            connection.settimeout(0.2)
            try:
                connection.sendall(noise)
                answer = connection.recv(12)
            except OSError:
                return 0
        return int(answer[9:12]) if answer.startswith(b"HTTP/1.") and answer[9:12].isdigit() else 0
