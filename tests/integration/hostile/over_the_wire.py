# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Misbehaviours below the documents: TCP, TLS, HTTP and JSON."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from tests.integration.hostile import pki
from tests.integration.hostile.misbehaviour import (
    REFUSED,
    TAKEN,
    TRANSPORT,
    Misbehaviour,
    Scene,
    group,
)
from tests.integration.hostile.simulator import (
    ADDRESS,
    FEDERATION,
    PUBLIC,
    Actor,
    Connection,
    Reply,
    Simulator,
    Transport,
    http,
)

Body = Callable[[Actor], bytes]
# A server that is slow is so for longer than any client waits.
PATIENCE_SECONDS = 25


def good_body(document: str) -> Body:
    """What would be right, as bytes of JSON; a host more than before, to see whether it is taken."""

    def made(actor: Actor) -> bytes:
        told = actor.public() if document == PUBLIC else actor.offer(actor.service("new"))
        return json.dumps(told).encode()

    return made


def transports() -> Iterator[Misbehaviour]:
    """What a server can do before it has heard the request."""

    def says(data: bytes) -> Transport:
        def handle(connection: Connection, _simulator: Simulator) -> None:
            connection.sendall(data)
            connection.recv(65536)

        return handle

    def hang_up(connection: Connection, _simulator: Simulator) -> None:
        connection.close()

    def end_by_reset(connection: Connection, _simulator: Simulator) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def silent(_connection: Connection, _simulator: Simulator) -> None:
        time.sleep(PATIENCE_SECONDS)

    def half_a_handshake(connection: Connection, _simulator: Simulator) -> None:
        connection.recv(65536)
        connection.sendall(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")
        time.sleep(PATIENCE_SECONDS)

    def forever(connection: Connection, _simulator: Simulator) -> None:
        while True:
            connection.sendall(b"\x16\x03\x03\x40\x00" + b"\0" * 16384)

    def old_tls(connection: Connection, simulator: Simulator) -> None:
        context = Simulator.context(pki.leaf(simulator.ca, [ADDRESS], yesterday, tomorrow))
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with context.wrap_socket(connection, server_side=True) as secured:
            simulator.serve(secured)

    def with_certificate(make: Callable[[Simulator], str]) -> Transport:
        def handle(connection: Connection, simulator: Simulator) -> None:
            with Simulator.context(make(simulator)).wrap_socket(connection, server_side=True) as secured:
                simulator.serve(secured)

        return handle

    here, yesterday, tomorrow = [ADDRESS], pki.NOW - pki.DAY, pki.NOW + pki.DAY
    long_ago, long_after = pki.NOW - 9 * pki.DAY, pki.NOW + 9 * pki.DAY
    stranger, itself = pki.authority("somebody else"), pki.authority("itself")
    certificates: dict[str, Callable[[Simulator], str]] = {
        "of-another-name": lambda it: pki.leaf(it.ca, ["192.0.2.1", "localhost"], yesterday, tomorrow),
        "expired": lambda it: pki.leaf(it.ca, here, long_ago, yesterday),
        "not-yet-valid": lambda it: pki.leaf(it.ca, here, tomorrow, long_after),
        "of-another-ca": lambda _it: pki.leaf(stranger, here, yesterday, tomorrow),
        "self-signed": lambda _it: itself.certificate + pki.private_pem(itself.key),
    }
    found: dict[str, Transport] = {
        "tcp-hangs-up": hang_up,
        "tcp-reset": end_by_reset,
        "tcp-silent": silent,
        "tls-not-spoken": says(http(b"{}")),
        "tls-banner-of-ssh": says(b"SSH-2.0-OpenSSH_9.9\r\n"),
        "tls-noise": says(bytes(range(256)) * 64),
        "tls-alert": says(b"\x15\x03\x03\x00\x02\x02\x28"),
        "tls-half-a-handshake": half_a_handshake,
        "tls-endless-handshake": forever,
        "tls-1.1": old_tls,
        **{f"tls-certificate-{name}": with_certificate(make) for name, make in certificates.items()},
    }
    for name, handle in found.items():
        yield Misbehaviour(name, TRANSPORT, None, REFUSED, "public-FetchFailed", transport=handle)


def statuses(document: str) -> Iterator[Misbehaviour]:
    """Answers that are no 200; the body is right all the same."""
    body, tag = good_body(document), _tag(document)
    lines = {
        "204": "204 No Content",
        "206": "206 Partial Content",
        "103": "103 Early Hints",
        "101": "101 Switching Protocols",
        "400": "400 Bad Request",
        "403": "403 Forbidden",
        "404": "404 Not Found",
        "429": "429 Too Many Requests",
        "500": "500 Internal Server Error",
        "503": "503 Service Unavailable",
        "999": "999 Whatever",
        **({} if document == PUBLIC else {"401": "401 Unauthorized"}),
    }
    yield from group(
        document,
        REFUSED,
        "NonOKResponse",
        {
            f"status-{code}-{tag}": lambda actor, _scene, line=line: http(body(actor), line, "Retry-After: 99999999")
            for code, line in lines.items()
        },
    )
    targets = {
        "other-host": "https://{address}:{port}/steal",
        "plain-http": "http://{address}:{port}/steal",
        "file": "file:///etc/passwd",
        "no-scheme": "//{address}:{port}/steal",
        "itself": "public.json",
        "metadata-of-a-cloud": "http://169.254.169.254/latest/meta-data/",
        "two-lines": "/a\r\nX-Injected: b",
    }

    def redirect(target: str, status: str) -> Callable[[Actor, Scene], Reply]:
        return lambda actor, scene: http(
            body(actor), status, f"Location: {target.format(address=ADDRESS, port=scene.elsewhere)}"
        )

    kinds = ("301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect")
    yield from group(
        document,
        REFUSED,
        "NonOKResponse",
        {
            f"redirect-to-{name}-{tag}": redirect(target, kinds[number % len(kinds)])
            for number, (name, target) in enumerate(targets.items())
        },
        says="answered 30",
    )


def responses(document: str) -> Iterator[Misbehaviour]:
    """Answers that are no proper HTTP, or that are but look strange."""
    body, tag = good_body(document), _tag(document)
    too_much = b" " * (18 * 1024 * 1024 if document == FEDERATION else 600 * 1024)

    def chunked(payload: bytes) -> Callable[[Actor, Scene], Reply]:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return lambda actor, _scene: head + payload.replace(b"BODY", body(actor))

    def raw(text: bytes) -> Callable[[Actor, Scene], Reply]:
        return lambda actor, _scene: text.replace(b"BODY", body(actor))

    def headed(*headers: str, **how: Any) -> Callable[[Actor, Scene], Reply]:
        return lambda actor, _scene: http(body(actor), "200 OK", *headers, **how)

    def endless(start: bytes, part: bytes) -> Callable[[Actor, Scene], Reply]:
        def send(connection: Connection) -> None:
            connection.sendall(start)
            while True:
                connection.sendall(part)

        return lambda _actor, _scene: send

    ok = b"HTTP/1.1 200 OK\r\n"
    yield from group(
        document,
        REFUSED,
        "FetchFailed",
        {
            f"{name}-{tag}": reply
            for name, reply in {
                "http-nothing": raw(b""),
                "http-0.9": raw(b"BODY"),
                "http-2-in-the-status-line": raw(b"HTTP/2.0 200 OK\r\n\r\nBODY"),
                "http-frames-of-2": raw(b"\0\0\x12\x04\0\0\0\0\0" + b"\0" * 18),
                "http-status-not-a-number": raw(b"HTTP/1.1 abc OK\r\n\r\nBODY"),
                "http-status-of-four-digits": raw(b"HTTP/1.1 2000 OK\r\n\r\nBODY"),
                "http-status-negative": raw(b"HTTP/1.1 -200 OK\r\n\r\nBODY"),
                "http-no-status-line": raw(b"Content-Length: 2\r\n\r\nBODY"),
                "http-a-header-of-70-kib": raw(ok + b"X: " + b"a" * 70000 + b"\r\n\r\nBODY"),
                "http-flood-of-headers": raw(ok + b"X: a\r\n" * 500 + b"\r\nBODY"),
                "http-endless-headers": endless(ok, b"X-Endless: a\r\n" * 100),
                "http-endless-header": endless(ok + b"X: ", b"a" * 4096),
                "http-endless-body": endless(ok + b"\r\n[", b" " * 65536),
                "http-endless-chunks": endless(ok + b"Transfer-Encoding: chunked\r\n\r\n", b"4\r\n    \r\n" * 4000),
                "http-too-much": raw(ok + b"\r\n" + too_much + b"BODY"),
                "http-too-much-is-announced": raw(ok + b"Content-Length: 99999999999\r\n\r\nBODY"),
                "http-length-of-30-digits": raw(ok + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nBODY"),
                "http-cut-short": lambda actor, _scene: http(body(actor))[:-5],
                "http-chunks-without-number": chunked(b"zz\r\nBODY\r\n0\r\n\r\n"),
                "http-chunks-of-minus-five": chunked(b"-5\r\nBODY\r\n0\r\n\r\n"),
                "http-chunks-of-64-bits": chunked(b"ffffffffffffffff\r\nBODY"),
                "http-chunks-of-a-long-line": chunked(b"1" * 70000 + b"\r\nBODY"),
                "http-chunks-without-end": chunked(b"2\r\n{}\r\n"),
                "http-both-kinds-of-length": headed("Transfer-Encoding: chunked"),
            }.items()
        },
    )
    yield from group(
        document,
        REFUSED,
        "InvalidJSON",
        {
            f"{name}-{tag}": reply
            for name, reply in {
                "http-empty": raw(ok + b"Content-Length: 0\r\n\r\n"),
                "http-gzip-of-the-right-thing": lambda actor, _scene: http(
                    gzip.compress(body(actor)), "200 OK", "Content-Encoding: gzip"
                ),
                "http-gzip-bomb": lambda _actor, _scene: http(
                    gzip.compress(b" " * 50_000_000), "200 OK", "Content-Encoding: gzip"
                ),
                "http-page-of-a-proxy": lambda _actor, _scene: http(b"<html>Please log in</html>"),
                "http-page-that-refreshes": lambda _actor, scene: http(
                    f'<meta http-equiv="refresh" content="0;url=https://{ADDRESS}:{scene.elsewhere}/">'.encode()
                ),
                "http-length-too-small": lambda actor, _scene: http(body(actor)).replace(
                    b"Length: ", b"Length: 1\r\nX: "
                ),
            }.items()
        },
    )
    yield from group(
        document,
        TAKEN,
        "",
        {
            f"{name}-{tag}": reply
            for name, reply in {
                "http-1.0": headed(version="HTTP/1.0", length=False),
                "http-no-header-at-all": headed(length=False),
                "http-type-of-a-picture": headed("Content-Type: image/png"),
                "http-type-of-a-page": headed("content-type: text/html; charset=utf-16"),
                "http-length-not-a-number": headed("Content-Length: abc", length=False),
                "http-length-negative": headed("Content-Length: -7", length=False),
                "http-more-than-announced": lambda actor, _scene: http(body(actor)) + http(b"[]"),
                "http-kept-alive": headed("Connection: keep-alive", "Keep-Alive: timeout=9999"),
                "http-date-that-is-none": headed("Date: yesterday"),
                "http-date-out-of-range": headed("Date: Fri, 31 Dec 999999 23:59:59 GMT"),
                "http-cookies-and-more": headed(*(f"Set-Cookie: a{number}=b" for number in range(50))),
                "http-100-first": raw(b"HTTP/1.1 100 Continue\r\n\r\n" + ok + b"\r\nBODY"),
            }.items()
        },
    )


def slow(document: str) -> Iterator[Misbehaviour]:
    """Answers that never end, a byte now and then: no time-out of a socket ever happens."""
    tag = _tag(document)

    def dripping(start: bytes, part: bytes) -> Callable[[Actor, Scene], Reply]:
        def send(connection: Connection) -> None:
            connection.sendall(start)
            end = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < end:
                connection.sendall(part)
                time.sleep(0.2)

        return lambda _actor, _scene: send

    ok = b"HTTP/1.1 200 OK\r\n"
    found = {
        "slow-silent": dripping(b"", b""),
        "slow-status": dripping(b"HTTP/1.1 2", b"0"),
        "slow-header": dripping(ok + b"X: ", b"a"),
        "slow-headers": dripping(ok, b"X: a\r\n"),
        "slow-100s": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        "slow-body": dripping(ok + b"Content-Length: 5000\r\n\r\n{", b" "),
        "slow-chunks": dripping(ok + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    }
    cases = {f"{name}-{tag}": reply for name, reply in found.items()}
    yield from group(document, REFUSED, "FetchFailed", cases, says="no complete answer")


def json_texts(document: str) -> Iterator[Misbehaviour]:
    """Bodies that are no JSON, or JSON that two readers understand differently."""
    body, tag = good_body(document), _tag(document)

    def text(make: Callable[[str], str | bytes]) -> Callable[[Actor, Scene], Reply]:
        def reply(actor: Actor, _scene: Scene) -> Reply:
            made = make(body(actor).decode())
            return http(made if isinstance(made, bytes) else made.encode())

        return reply

    def beside(field: str) -> Callable[[str], str]:
        return lambda good: f"{good[:-1]}, {field}}}"

    first = "clusterUUID" if document == PUBLIC else "ingressGateways"
    yield from group(
        document,
        REFUSED,
        "InvalidJSON",
        {
            f"json-{name}-{tag}": text(make)
            for name, make in {
                "cut-short": lambda good: good[:-1],
                "two-of-them": lambda good: good + good,
                "with-a-comment": lambda good: good + "// more",
                "with-a-trailing-comma": lambda good: good[:-1] + ",}",
                "with-single-quotes": lambda good: good.replace('"', "'"),
                "only-spaces": lambda _good: "   \n\t ",
                "utf-16": lambda good: good.encode("utf-16"),
                "utf-32": lambda good: good.encode("utf-32"),
                "latin-1": lambda good: beside('"x": "\u00e9"')(good).encode("latin-1"),
                "with-a-bom": lambda good: good.encode("utf-8-sig"),
                "with-nul-at-its-end": lambda good: good + "\0",
                "with-nul-inside": lambda good: good.replace(": ", ":\0 ", 1),
                "with-a-control-character": beside('"x": "a\x01b"'),
                "with-nan": beside('"x": NaN'),
                "with-infinity": beside('"x": -Infinity'),
                "with-a-huge-integer": beside('"x": ' + "9" * 5000),
                "with-a-huge-exponent": beside('"x": 1e99999'),
                "with-a-field-twice": lambda good: f'{{"{first}": null, {good[1:]}',
                "with-a-field-twice-inside": beside('"x": [{"a": 1, "a": 2}]'),
                "with-half-a-surrogate": beside('"x": "\\ud800"'),
                "with-a-name-of-half-a-surrogate": beside('"\\udfff": 1'),
                "deep-lists": beside('"x": ' + "[" * 50_000 + "]" * 50_000),
                "deep-objects": beside('"x": ' + '{"a":' * 20_000 + "1" + "}" * 20_000),
                "deep-and-never-closed": lambda _good: "[" * 200_000,
                "yaml": lambda _good: "clusterUUID: !!python/object/apply:os.system [id]",
                "pickle": lambda _good: b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x02os",
            }.items()
        },
    )
    yield from group(
        document,
        REFUSED,
        "InvalidPublicMetadata" if document == PUBLIC else "InvalidPrivateMetadata",
        {
            f"json-{name}-{tag}": text(lambda _good, value=value: value)
            for name, value in {
                "null": "null",
                "true": "true",
                "number": "7",
                "text": '"{}"',
                "list": "[]",
                "list-of-one": "[{}]",
                "empty-object": "{}",
            }.items()
        },
    )
    yield from group(
        document,
        TAKEN,
        "",
        {
            f"json-{name}-{tag}": text(make)
            for name, make in {
                "with-unknown-fields": beside('"allianceRef": {"a": [1, 2]}, "crl": null, "__proto__": {"x": 1}'),
                "with-spaces": lambda good: f" \n\t{good}\r\n ",
                "with-escapes": lambda good: good.replace("a", "\\u0061"),
                "with-fields-for-kubernetes": beside('"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}'),
                "with-a-template": beside("\"x\": \"{{ lookup('file', '/etc/passwd') }}\""),
            }.items()
        },
    )


def _tag(document: str) -> str:
    return "public" if document == PUBLIC else "private"


def everything() -> list[Misbehaviour]:
    """All of them."""
    found = [*transports()]
    for document in (PUBLIC, FEDERATION):
        found += [*statuses(document), *responses(document), *slow(document), *json_texts(document)]
    return found
