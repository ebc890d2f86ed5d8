# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same tokens at the simulated exporter and at ours: both let the right one in and refuse every wrong one."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.deckhouse import facts, keys, manifests
from tests.integration.test_exporter import until
from tests.wire.ours import Ours, Peer, ask, clock
from tests.wire.token_reasons import ONLY_OUR_REASONS, ONLY_PLATFORM_REASONS, REASONS
from tests.wire.wrong_tokens import BROKEN, KNOWN, ONLY_DECKHOUSE, ONLY_OURS, OTHER, WRONG, Bench

FEDERATION = facts.BASE_PATH + facts.FEDERATION_PATH
PAIRS = {KNOWN: keys.generate(), OTHER: keys.generate()}

Make = Callable[[Bench], Any]
Answer = tuple[int, str, str]


def neighbours(root: str) -> str:
    """What both exporters know: two neighbours, and one whose key can't be read."""
    known = {uuid: pair.public_pem for uuid, pair in PAIRS.items()}
    known[BROKEN] = keys.generate().public_pem.replace("MC", "AA")
    return json.dumps({uuid: {"clusterUUID": uuid, "authnKeyPub": key, "rootCA": root} for uuid, key in known.items()})


class Server:
    """One of the two exporters, with its clusterUUID."""

    def __init__(self, uuid: str, port: int, ca: str | None) -> None:
        self.uuid, self.port, self.ca = uuid, port, ca

    def ask(self, make: Make) -> Answer:
        """Its answer to a header that is made for it now."""
        bench = Bench(self.uuid, PAIRS[KNOWN], PAIRS[OTHER], int(time.time()))
        return ask(self.port, FEDERATION, make(bench), ca=self.ca)


def with_claims(changes: Mapping[str, Any]) -> Make:
    return lambda bench: f"Bearer {bench.token(**changes)}"


def right(bench: Bench) -> str:
    return f"Bearer {bench.token()}"


@pytest.fixture(scope="module")
def deckhouse(dkp: Peer) -> Iterator[Server]:
    kube = dkp.simulator.kube
    remote = neighbours(dkp.option()["metadata_ca"])
    kube.apply([manifests.secret(facts.REMOTE_SECRET, {facts.REMOTE_KEY: remote})])
    yield Server(dkp.simulator.uuid(), dkp.exporter.port, dkp.simulator.ca.certificate)
    dkp.simulator.step()


@pytest.fixture(scope="module")
def own(ours: Ours) -> Iterator[Server]:
    """Whom it really knows is written again afterwards."""
    with ours.told(neighbours(ours.cluster.root)):
        server = Server(ours.cluster.uuid, ours.exporter.port, None)
        until(lambda: server.ask(right)[0] == 200, 60, "it has taken the neighbours up")
        yield server


def test_there_are_many_wrong_tokens() -> None:
    """And of each is known why it is refused."""
    assert len(WRONG) >= 40
    assert set(REASONS) == set(WRONG)
    assert (set(ONLY_PLATFORM_REASONS), set(ONLY_OUR_REASONS)) == (set(ONLY_DECKHOUSE), set(ONLY_OURS))


def test_the_right_token_is_let_in_by_both(deckhouse: Server, own: Server) -> None:
    assert [deckhouse.ask(right)[0], own.ask(right)[0]] == [200, 200]


def test_the_other_neighbour_is_let_in_by_both(deckhouse: Server, own: Server) -> None:
    def make(bench: Bench) -> str:
        return f"Bearer {bench.signed(bench.claims(sub=OTHER), pair=bench.other)}"

    assert [deckhouse.ask(make)[0], own.ask(make)[0]] == [200, 200]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_token_is_refused_by_the_platform(name: str, deckhouse: Server) -> None:
    refused_by_the_platform(deckhouse, WRONG[name], REASONS[name].platform)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_token_is_refused_by_us(name: str, own: Server, ours: Ours) -> None:
    refused_by_us(own, ours, WRONG[name], REASONS[name].ours)


def refused_by_the_platform(deckhouse: Server, make: Make, reason: str) -> None:
    status, _type, body = deckhouse.ask(make)
    assert (status, body) == (401, f"Authentication error: {reason}\n")


def refused_by_us(own: Server, ours: Ours, make: Make, reason: str) -> None:
    """The log and the metrics have the reason; whoever asks learns no more than that there was a token."""
    counted, logged = counters(ours), len(refusals(ours))
    status, _type, body = own.ask(make)
    told = "no bearer token" if reason == "missing" else "token refused"
    assert (status, body.strip()) == (401, f"Authentication error: {told}")
    more = {name: count - counted.get(name, 0) for name, count in counters(ours).items()}
    assert {name: count for name, count in more.items() if count} == {reason: 1}
    until(lambda: len(refusals(ours)) > logged, 60, "it is in the log")
    assert refusals(ours)[logged:] == [reason]


def counters(ours: Ours) -> dict[str, int]:
    """How many tokens our exporter refused, by reason."""
    status, _headers, body = ours.exporter.get("/metrics", port=ours.exporter.metrics_port)
    assert status == 200
    found = re.findall(r'auth_failures_total\{reason="([^"]+)"\} ([0-9.]+)', body.decode())
    return {reason: int(float(count)) for reason, count in found}


def refusals(ours: Ours) -> list[str]:
    """The reasons in its log, in their order."""
    return [line["refused"] for line in list(ours.exporter.lines) if "refused" in line]


@pytest.mark.parametrize("name", ONLY_DECKHOUSE)
def test_the_platform_is_stricter(name: str, deckhouse: Server, own: Server) -> None:
    """What our modules send must not depend on our own exporter's kindness."""
    refused_by_the_platform(deckhouse, ONLY_DECKHOUSE[name], ONLY_PLATFORM_REASONS[name])
    assert own.ask(ONLY_DECKHOUSE[name])[0] == 200


@pytest.mark.parametrize("name", ONLY_OURS)
def test_we_are_stricter(name: str, deckhouse: Server, own: Server, ours: Ours) -> None:
    """The platform looks neither at iss nor at nbf, whatever they say."""
    assert deckhouse.ask(ONLY_OURS[name])[0] == 200
    refused_by_us(own, ours, ONLY_OURS[name], ONLY_OUR_REASONS[name])


def test_the_platform_grants_no_leeway(dkp: Peer, deckhouse: Server) -> None:
    """A clock that is a minute ahead refuses every token."""
    for ahead, status in ((50, 200), (61, 401)):
        dkp.exporter.now = clock(ahead)
        try:
            assert deckhouse.ask(right)[0] == status
        finally:
            dkp.exporter.now = time.time


def test_a_token_is_good_for_one_server(deckhouse: Server, own: Server, ours: Ours) -> None:
    """What was sent to one can't be used at the other, although both know the sender."""
    bench = Bench(deckhouse.uuid, PAIRS[KNOWN], PAIRS[OTHER], int(time.time()))
    refused_by_us(own, ours, lambda _own: right(bench), "audience")


def test_the_first_failing_check_is_the_one_that_is_told(deckhouse: Server) -> None:
    """Everything is wrong at first; one thing after another is put right."""
    repairs: list[tuple[dict[str, Any], str]] = [
        ({"aud": "x", "scope": "x", "exp": 1, "sub": "x"}, "meant for somebody else"),
        ({"scope": "x", "exp": 1, "sub": "x"}, "another scope"),
        ({"exp": 1, "sub": "x"}, "expired"),
        ({"sub": "x"}, "not known"),
        ({"sub": BROKEN}, "can't be decoded"),
        ({"sub": OTHER}, "signature"),
    ]
    for changes, said in repairs:
        body = deckhouse.ask(with_claims(changes))[2]
        assert said in body
