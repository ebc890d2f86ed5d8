# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's program against real sockets and real TLS: what it says it has seen is what there was."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.exporter.probe import asking, certificates, sidecar
from ansible_collections.meshalliance.istio.exporter.probe import run as program
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import constrained_anchor
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe import (
    BROKEN,
    NO_CERTIFICATE,
    NO_TLS,
    REFUSED,
    SILENT,
    UNVERIFIED,
    AtGateway,
    Observation,
    Order,
    Refusal,
    Target,
    read,
)

from .probe_world import DAY, HOST, NOW, Admin, Ca, Server, closes, http, mutual, waits

OWN, THEIRS = "cluster-a.local", "cluster-b.local"
SERVER_ID = f"spiffe://{THEIRS}/ns/xyz/sa/bar"
# The servers send their root, too.
UNKNOWN_ROOT = "self-signed certificate in certificate chain"
CLUSTER = f"outbound|80||{HOST}"


@dataclass
class World:
    """Two clusters' CAs, and the certificate that the probe's sidecar shares."""

    folder: Path
    own: Ca
    theirs: Ca
    started: list[Any]

    def gateway(self, answer: Any = None, **more: Any) -> Server:
        """A gateway with the sidecar of a service behind it."""
        folder = self.folder / f"server-{len(self.started)}"
        signer = more.pop("signer", self.theirs)
        signer.issue(more.pop("identity", SERVER_ID), folder, **({"ends": more.pop("ends")} if "ends" in more else {}))
        context = mutual(folder, more.pop("trusted", self.own.pem), **more)
        return self.keep(Server(answer or http(), context))

    def keep(self, server: Any) -> Any:
        self.started.append(server)
        return server

    def probe(self, order: Order, held: sidecar.Sidecar | None = None) -> program.Probe:
        anchor = constrained_anchor(self.theirs.pem, THEIRS)
        return program.Probe(order, held or sidecar.Sidecar(roots=(self.own.pem, anchor)), self.folder / "own")

    def at_gateway(self, server: Server, roots: str | None = None, **more: Any) -> AtGateway:
        """What the probe sees of one gateway."""
        return self.observed(target(server, **more), roots).gateways[0]

    def observed(self, wanted: Target, roots: str | None = None) -> Observation:
        order = Order(THEIRS, self.theirs.pem if roots is None else roots, (wanted,), step_seconds=1.5)
        return self.probe(order).observe(wanted)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    own, theirs = Ca(), Ca()
    own.issue(f"spiffe://{OWN}/ns/istio-alliance/sa/alliance-probe", tmp_path / "own")
    # No name server of the machine may be asked for names of clusters.
    real = socket.getaddrinfo

    def no_names(host: Any, *arguments: Any, **more: Any) -> Any:
        if str(host).endswith(".local"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    made = World(tmp_path, own, theirs, [])
    yield made
    for server in made.started:
        server.stop()


def target(server: Server, protocol: str = "HTTP", **more: Any) -> Target:
    return Target(HOST, 80, protocol, (server.address,), **more)


def test_a_gateway_that_works(world: World) -> None:
    server = world.gateway()
    seen = world.at_gateway(server)
    assert (seen.unreachable, seen.stage, seen.identities) == ("", "", (SERVER_ID,))
    assert seen.answer is not None
    assert (seen.answer.status, seen.answer.text) == (200, "hello")
    assert set(server.names) == {f"outbound_.80_._.{HOST}"}
    assert seen.connect_ms is not None
    assert seen.tls_ms is not None


def test_bytes_are_waited_for_and_not_spoken(world: World) -> None:
    seen = world.at_gateway(world.gateway(waits), protocol="TCP")
    assert (seen.stage, seen.answer.error if seen.answer else None) == ("", "")


def test_a_connection_that_is_closed_at_once_is_told(world: World) -> None:
    seen = world.at_gateway(world.gateway(closes), protocol="TCP")
    assert seen.answer is not None
    assert seen.answer.error == "the connection was closed without a word"


def test_nobody_listens(world: World) -> None:
    server = Server(closes)
    server.stop()
    assert world.at_gateway(server).unreachable == "connection refused"


def test_a_gateway_that_does_not_know_the_service_closes(world: World) -> None:
    seen = world.at_gateway(world.keep(Server(closes)))
    assert (seen.stage, seen.answer) == (NO_CERTIFICATE, None)


def test_a_gateway_that_says_nothing(world: World) -> None:
    def sleeps(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.recv(1)

    assert world.at_gateway(world.keep(Server(sleeps))).stage == SILENT


def test_a_service_without_a_sidecar(world: World) -> None:
    def plain(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    assert world.at_gateway(world.keep(Server(plain))).stage == NO_TLS


@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_a_server_that_does_not_trust_us(world: World, protocol: str) -> None:
    answer = http() if protocol == "HTTP" else waits
    seen = world.at_gateway(world.gateway(answer, trusted=Ca().pem), protocol=protocol)
    assert seen.stage == REFUSED
    assert "alert" in seen.reason or "unknown ca" in seen.reason


def test_a_server_of_another_ca(world: World) -> None:
    observed = world.observed(target(world.gateway(signer=Ca())))
    (seen,) = observed.gateways
    assert (seen.stage, seen.identities) == (UNVERIFIED, (SERVER_ID,))
    assert seen.reason == UNKNOWN_ROOT
    assert observed.distrusted == UNKNOWN_ROOT


def test_a_server_whose_certificate_is_over(world: World) -> None:
    seen = world.at_gateway(world.gateway(ends=NOW - DAY))
    assert (seen.stage, seen.reason) == (UNVERIFIED, "certificate has expired")


def test_the_neighbours_ca_does_not_speak_for_us(world: World) -> None:
    """The identity is told as it is; what the sidecar trusts would not take it."""
    observed = world.observed(target(world.gateway(identity=f"spiffe://{OWN}/ns/xyz/sa/bar")))
    assert observed.gateways[0].identities == (f"spiffe://{OWN}/ns/xyz/sa/bar",)
    assert "permitted subtree" in str(observed.distrusted)


def test_what_the_sidecar_does_not_trust_is_told(world: World) -> None:
    server = world.gateway(http(503))
    order = Order(THEIRS, world.theirs.pem, (target(server),))
    probe = world.probe(order, sidecar.Sidecar(roots=(world.own.pem,)))
    observed = probe.observe(target(server))
    assert observed.gateways[0].stage == ""
    assert observed.distrusted == UNKNOWN_ROOT


def test_without_known_roots_the_sidecars_count(world: World) -> None:
    assert world.at_gateway(world.gateway(), roots="").stage == ""


def test_grpc_is_asked_as_grpc(world: World) -> None:
    asked: list[bytes] = []

    def grpc(connection: socket.socket) -> None:
        received = b""
        while not received.endswith(b"\r\n\r\n\0\0\0\0\0"):
            received += connection.recv(4096)
        asked.append(received)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 14\r\n"
            b"grpc-message: no%20healthy%20upstream\r\ncontent-length: 0\r\n\r\n"
        )

    seen = world.at_gateway(world.gateway(grpc), grpc=True)
    assert seen.answer is not None
    assert (seen.answer.grpc_status, seen.answer.text) == (14, "no healthy upstream")
    assert asked[0].startswith(b"POST /grpc.health.v1.Health/Check HTTP/1.1")
    assert b"application/grpc" in asked[0]


def test_a_server_that_breaks_off(world: World) -> None:
    def breaks(connection: socket.socket) -> None:
        connection.recv(4096)
        # A handshake record that is none.
        connection.sendall(b"\x16\x03\x03\x00\x04\x02\x00\x00\x00")

    assert world.at_gateway(world.keep(Server(breaks))).stage in (BROKEN, NO_CERTIFICATE)


def answered_by(answer: Any, **more: Any) -> Any:
    """What an application gets from a server without TLS, as the own sidecar is."""
    server = Server(answer)
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
            return asking.request(connection, replace(target(server), **more), 1.0)
    finally:
        server.stop()


def test_whose_answer_it_is_can_be_seen() -> None:
    own = answered_by(http(404, "", server="envoy"))
    assert (own.status, own.forwarded, own.server, own.text) == (404, False, "envoy", "")
    theirs = answered_by(http(404, "", server="envoy", x_envoy_upstream_service_time="3"))
    assert theirs.forwarded


def test_what_others_write_is_cut_and_made_printable() -> None:
    answer = answered_by(http(500, "<b>\x1b[31m\n" + "x" * 9000))
    assert "\x1b" not in answer.text
    assert "\n" not in answer.text
    assert len(answer.text) <= 400


def test_a_silent_application() -> None:
    def silent(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.recv(1)

    assert answered_by(silent).error == "no answer within 1 s"
    assert "closed" in answered_by(closes).error or "reset" in answered_by(closes).error


def unpublished(server: Server) -> Target:
    return Target("kubernetes.default.svc.cluster-b.local", 443, "TCP", (server.address,))


def refuse(world: World, server: Server) -> Refusal:
    order = Order(THEIRS, world.theirs.pem, (), step_seconds=1.0)
    return world.probe(order).refuse_unpublished(unpublished(server))


def test_what_is_not_published_is_refused(world: World) -> None:
    refusal = refuse(world, world.keep(Server(closes)))
    assert (refusal.accepted, refusal.untried) == ("", "")


def test_what_is_let_through_is_told(world: World) -> None:
    server = world.gateway(closes, trusted=world.own.pem)
    refusal = refuse(world, server)
    assert SERVER_ID in refusal.accepted
    assert refusal.place == f"127.0.0.1:{server.port}"


def test_any_word_of_tls_is_more_than_a_refusal(world: World) -> None:
    """An API server has no protocol that a mesh knows, and says so."""
    folder = world.theirs.issue(SERVER_ID, world.folder / "api-server")
    context = mutual(folder, world.own.pem, required=False)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # which a certificate of its kind can't do
    refusal = refuse(world, world.keep(Server(closes, context)))
    assert "TLS is spoken" in refusal.accepted


def test_an_unreachable_gateway_proves_nothing(world: World) -> None:
    server = Server(closes)
    server.stop()
    refusal = refuse(world, server)
    assert refusal.untried
    assert not refusal.accepted


FORGED = f"spiffe://{THEIRS}/ns/default/sa/alliance-forged"


def forge(world: World, server: Server, protocol: str = "HTTP") -> Refusal:
    wanted = target(server, protocol=protocol)
    order = Order(THEIRS, world.theirs.pem, (wanted,), step_seconds=1.5)
    return world.probe(order).refuse_forged(FORGED, (wanted,))


@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_a_certificate_that_nobody_signed_is_refused(world: World, protocol: str) -> None:
    refusal = forge(world, world.gateway(http() if protocol == "HTTP" else waits), protocol)
    assert (refusal.accepted, refusal.untried) == ("", "")
    assert refusal.reason


def test_a_server_that_takes_everybody_is_found(world: World) -> None:
    assert forge(world, world.gateway(required=False)).accepted == "HTTP 200"


def test_where_the_true_certificate_is_refused_a_forged_one_proves_nothing(world: World) -> None:
    assert forge(world, world.gateway(trusted=Ca().pem)).untried


def test_what_the_sidecar_holds(world: World) -> None:
    admin = world.keep(Admin({CLUSTER: [("10.0.0.1", 15443)]}, world.own.pem + world.theirs.pem))
    held = sidecar.ask_sidecar(THEIRS, 2, admin.place)
    assert held.error == ""
    assert len(held.roots) == 2
    there = held.held(Target(HOST, 80, "HTTP", ()))
    assert (there.present, there.endpoints, there.tls, there.rule) == (
        True, ("10.0.0.1:15443",), True, "istio-alliance/bar",
    )  # fmt: skip
    assert not held.held(Target(HOST, 81, "HTTP", ())).present
    # The dump of everything has megabytes in a large mesh.
    assert any("name_regex=" in path and "cluster" in path for path in admin.asked)


def test_a_plain_transport_is_seen(world: World) -> None:
    admin = world.keep(Admin({CLUSTER: []}, world.own.pem, tls=False))
    assert sidecar.ask_sidecar(THEIRS, 2, admin.place).held(Target(HOST, 80, "HTTP", ())).tls is False


def test_a_sidecar_that_does_not_answer_is_told() -> None:
    server = Server(closes)
    server.stop()
    held = sidecar.ask_sidecar(THEIRS, 1, ("127.0.0.1", server.port))
    assert "does not answer" in held.error
    assert "does not answer" in held.held(Target(HOST, 80, "HTTP", ())).error


def carried_out(world: World, monkeypatch: pytest.MonkeyPatch, order: Order) -> list[Any]:
    admin = world.keep(Admin({CLUSTER: []}, world.own.pem + world.theirs.pem))
    monkeypatch.setattr(sidecar.ask_sidecar, "__defaults__", (admin.place,))
    lines: list[str] = []
    program.run(order, lines.append, world.folder / "own")
    assert read(lines[-1]) is None
    return [read(line) for line in lines[:-1]]


def test_an_order_is_carried_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    server = world.gateway()
    # As it travels: one line of JSON.
    order = Order.parse(
        Order(
            THEIRS, world.theirs.pem, (target(server),), (unpublished(world.keep(Server(closes))),), (FORGED,)
        ).render()
    )
    seen = carried_out(world, monkeypatch, order)
    assert {type(item) for item in seen} == {Observation, Refusal}
    assert len(seen) == 3
    (observed,) = [item for item in seen if isinstance(item, Observation)]
    assert observed.gateways[0].identities == (SERVER_ID,)
    assert observed.held.present
    assert observed.looked.error
    assert not [item for item in seen if isinstance(item, Refusal) and (item.accepted or item.untried)]


def test_the_time_of_an_order_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.recv(1)

    slow = target(world.keep(Server(silent)))
    order = Order(THEIRS, world.theirs.pem, (slow,), step_seconds=30, total_seconds=0.5)
    (seen,) = carried_out(world, monkeypatch, order)
    assert isinstance(seen, Observation)
    assert seen.unfinished


def test_a_certificate_that_is_just_being_replaced(world: World) -> None:
    """The sidecar writes one file after the other."""
    folder = world.folder / "own"
    new = world.own.issue(f"spiffe://{OWN}/ns/a/sa/b", world.folder / "new")
    (folder / "cert-chain.pem").write_bytes((new / "cert-chain.pem").read_bytes())
    late = threading.Timer(0.15, lambda: shutil.copy(new / "key.pem", folder / "key.pem"))
    late.start()
    certificates.client_context(None, certificates.ALPN_BYTES, folder)
    late.join()
    others = Ca().issue("spiffe://x/y", world.folder / "other")
    shutil.copy(others / "key.pem", folder / "key.pem")
    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        certificates.client_context(None, certificates.ALPN_BYTES, folder)


def test_without_a_certificate_nothing_is_tried(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no certificate of the sidecar"):
        program.run(Order(THEIRS, "", (), total_seconds=0.1), lambda _line: None, tmp_path)


def test_keys_are_in_no_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    admin = world.keep(Admin({}, world.own.pem))
    monkeypatch.setattr(sidecar.ask_sidecar, "__defaults__", (admin.place,))
    program.run(
        Order(THEIRS, world.theirs.pem, (target(world.gateway()),), (), (FORGED,)), lines.append, world.folder / "own"
    )
    assert "PRIVATE KEY" not in "".join(lines)
    secret = (world.folder / "own" / "key.pem").read_text().splitlines()[1]
    assert secret not in "".join(lines)


def test_the_program_refuses_what_is_no_order() -> None:
    command = [sys.executable, "-m", "ansible_collections.meshalliance.istio.exporter.probe"]
    done = subprocess.run(command, input=b'{"format": 0}\n', capture_output=True, check=False)
    assert done.returncode == 2
    assert b"the order can't be read" in done.stderr
