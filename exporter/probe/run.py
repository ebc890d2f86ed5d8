# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries an order out: several targets at a time, each within its time, all within theirs."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from ansible_collections.meshalliance.istio.exporter.probe import certificates, gateways, sidecar
from ansible_collections.meshalliance.istio.exporter.probe.asking import request, stays_open
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe import (
    FORGED,
    HTTP_PROTOCOLS,
    UNPUBLISHED,
    Answer,
    Looked,
    Observation,
    Order,
    Refusal,
    Target,
    done,
    written,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.texts import printable

Seen = Observation | Refusal
# The sidecar writes its certificate before it says that it is ready.
_CERTIFICATE_SECONDS = 5.0
_LATE = "the time was over"
# Each takes the time of two connections, and more where the neighbour is silent.
_FORGED_TRIES = 3


class Probe:
    """What is the same for all targets of an order."""

    def __init__(self, order: Order, held: sidecar.Sidecar, folder: Path = certificates.SHARED) -> None:
        self._order = order
        self._sidecar = held
        self._folder = folder
        self._http = self._contexts(certificates.ALPN_HTTP)
        self._bytes = self._contexts(certificates.ALPN_BYTES)

    def _contexts(self, alpn: list[str]) -> gateways.Contexts:
        roots = (self._order.roots,)
        return gateways.Contexts(
            domain=certificates.client_context(roots, alpn, self._folder) if self._order.roots else None,
            proxy=certificates.client_context(self._sidecar.roots, alpn, self._folder),
            any=certificates.client_context(None, alpn, self._folder),
        )

    def observe(self, target: Target) -> Observation:
        """One target, layer by layer."""
        timeout = self._order.step_seconds
        contexts = self._http if target.http else self._bytes
        looked = look_up(target)
        seen = tuple(gateways.try_gateway(gateway, target, contexts, timeout) for gateway in target.gateways)
        answer = None if looked.error else ask_as_an_application(looked, target, timeout)
        distrusted = None
        if answer is None or answer.error or answer.status >= 400 or any(item.stage for item in seen):
            # Whether the proxies here would take the server's certificate may explain it.
            reached = next((item for item in seen if not item.unreachable), None)
            if reached is not None:
                gateway = target.gateways[seen.index(reached)]
                distrusted = gateways.distrusted(gateway, target, contexts, timeout)
        return Observation(target.host, target.port, looked, self._sidecar.held(target), seen, answer, distrusted)

    def refuse_unpublished(self, target: Target) -> Refusal:
        """A port that is not published has to be unknown to each gateway."""
        subject, untried, reason = f"{target.host}:{target.port}", "", ""
        for gateway in target.gateways:
            place = f"{gateway.address}:{gateway.port}"
            try:
                answered, reason = gateways.accepted(
                    gateway, target, self._bytes.any, self._order.step_seconds, asking=False
                )
            except OSError as error:
                untried = printable(str(error))
                continue
            if answered:
                return Refusal(UNPUBLISHED, subject, place, accepted=answered)
            untried = ""
        return Refusal(UNPUBLISHED, subject, "", untried=untried, reason=reason)

    def refuse_forged(self, identity: str, targets: tuple[Target, ...]) -> Refusal:
        """Nobody may take a certificate that nobody signed; tried where the true one is taken."""
        for target in targets[:_FORGED_TRIES]:
            alpn = certificates.ALPN_HTTP if target.protocol in HTTP_PROTOCOLS else certificates.ALPN_BYTES
            for gateway in target.gateways:
                place = f"{target.host}:{target.port} at {gateway.address}:{gateway.port}"
                with certificates.forged(identity) as folder:
                    context = certificates.client_context(None, alpn, folder)
                with contextlib.suppress(OSError):
                    true = self._http.any if target.http else self._bytes.any
                    if not gateways.accepted(gateway, target, true, self._order.step_seconds, asking=True)[0]:
                        continue
                    taken, reason = gateways.accepted(gateway, target, context, self._order.step_seconds, asking=True)
                    return Refusal(FORGED, identity, place, accepted=taken, reason=reason)
        return Refusal(FORGED, identity, "", untried="no target takes the true certificate of the probe")


def look_up(target: Target) -> Looked:
    """The addresses of a host, as any application of the pod finds them."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return Looked(error=printable(getattr(error, "strerror", "") or str(error)))
    # In the order in which an application would try them.
    return Looked(tuple(dict.fromkeys(str(entry[4][0]) for entry in found)))


def ask_as_an_application(looked: Looked, target: Target, timeout: float) -> Answer:
    """A request, or a connection, through the sidecar."""
    failure = ""
    for address in looked.addresses:
        try:
            connection = socket.create_connection((address, target.port), timeout=timeout)
        except OSError as error:
            failure = f"no connection to {address}:{target.port}: {printable(str(error))}"
            continue
        with connection:
            return request(connection, target, timeout) if target.http else stays_open(connection)
    return Answer(error=failure)


def run(order: Order, tell: Callable[[str], None], folder: Path = certificates.SHARED) -> None:
    """Carry an order out and tell each thing that was seen as a line. Raises nothing for a neighbour's sake."""
    end = time.monotonic() + order.total_seconds
    if not certificates.await_certificate(min(_CERTIFICATE_SECONDS, order.total_seconds), folder):
        raise SystemExit(f"there is no certificate of the sidecar in {folder}")
    probe = Probe(order, sidecar.ask_sidecar(order.trust_domain, order.step_seconds), folder)
    pool = ThreadPoolExecutor(max(1, order.at_once))
    started: dict[Future[Seen], Seen] = {pool.submit(work): unfinished for work, unfinished in _work(order, probe)}
    waiting = set(started)
    while waiting and (left := end - time.monotonic()) > 0:
        finished, waiting = wait(waiting, timeout=left, return_when="FIRST_COMPLETED")
        for future in finished:
            tell(written(future.result()))
    for future in waiting:
        tell(written(started[future]))
    pool.shutdown(wait=False, cancel_futures=True)
    tell(done())


def _work(order: Order, probe: Probe) -> Iterator[tuple[Callable[[], Seen], Seen]]:
    """What there is to do, each with what is told of it when the time is over before."""
    for target in order.targets:
        yield partial(probe.observe, target), Observation(target.host, target.port, unfinished=True)
    for target in order.unpublished:
        refusal = Refusal(UNPUBLISHED, f"{target.host}:{target.port}", "", untried=_LATE)
        yield partial(probe.refuse_unpublished, target), refusal
    for identity in order.forged:
        yield partial(probe.refuse_forged, identity, order.targets), Refusal(FORGED, identity, "", untried=_LATE)
