# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking goes on until every proxy is as it should be, and only what was seen counts."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.authority import NewCa, make_authority
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.proxy_trust import Expected
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import proxy_proof
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proxy_proof import Proof, prove_proxies
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.proxies import SECRETS_PATH, Asked, Proxy

NOW = datetime.datetime.now(datetime.timezone.utc)
OLD, NEW = (make_authority(NewCa(type="ECC", subject={"O": "x"}), NOW).root for _number in range(2))
EXPECTED = Expected(has_keys_of=(NEW,))


def dump(*roots: str) -> bytes:
    """What a proxy answers that holds these roots; one without mutual TLS when there are none."""
    source = {"inline_bytes": base64.b64encode("".join(roots).encode()).decode()}
    secret = {"name": "ROOTCA", "validation_context": {"trusted_ca": source}}
    return json.dumps({"configs": [{"name": "ROOTCA", "secret": secret}] if roots else []}).encode()


class Mesh:
    """Rounds of asking: in each, what every pod answers. The last one stays."""

    def __init__(self, *rounds: Mapping[Proxy, bytes | AllianceError | None]) -> None:
        self.rounds = list(rounds)
        self.number = -1
        self.asked: list[list[str]] = []
        self.time = 0.0

    def listed(self, _client: Any) -> list[Proxy]:
        self.number = min(self.number + 1, len(self.rounds) - 1)
        return list(self.rounds[self.number])

    def ask(
        self, _client: Any, proxies: Sequence[Proxy], paths: Sequence[str], read: Callable[[Mapping[str, bytes]], Any]
    ) -> list[Asked[Any]]:
        assert list(paths) == [SECRETS_PATH]
        running = [proxy for proxy in proxies if proxy.running]
        self.asked.append([proxy.name for proxy in running])
        found = []
        for proxy in running:
            answer = self.rounds[self.number][proxy]
            if isinstance(answer, AllianceError):
                found.append(Asked(proxy, error=answer))
            elif answer is not None:
                found.append(Asked(proxy, read({SECRETS_PATH: answer})))
        return found

    def pause(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def proved(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Proof]:
    def prove(mesh: Mesh, timeout: float = 60) -> Proof:
        monkeypatch.setattr(proxy_proof, "list_proxies", mesh.listed)
        monkeypatch.setattr(proxy_proof, "ask_proxies", mesh.ask)
        return prove_proxies(None, EXPECTED, timeout, pause=mesh.pause, clock=lambda: mesh.time)  # type: ignore[arg-type]

    return prove


def proxy(name: str, **fields: Any) -> Proxy:
    return Proxy("xyz", name, **fields)


def test_each_is_asked_until_it_is_as_it_should_be(proved: Callable[..., Proof]) -> None:
    one, two, new = proxy("one"), proxy("two"), proxy("new")
    mesh = Mesh(
        {one: dump(OLD, NEW), two: dump(OLD)},
        {one: dump(OLD), two: AllianceError("no answer"), new: dump(OLD)},
        {two: dump(NEW), new: dump()},
    )
    assert proved(mesh) == Proof(proved=2, idle=1)
    assert mesh.asked == [["one", "two"], ["two", "new"], ["two", "new"]]


def test_a_pod_that_was_made_anew_is_asked_again(proved: Callable[..., Proof]) -> None:
    before, after = proxy("one", started="2026-01-01T00:00:00Z"), proxy("one", started="2026-01-02T00:00:00Z")
    mesh = Mesh({before: dump(NEW), proxy("two"): dump(OLD)}, {after: dump(OLD)})
    assert set(proved(mesh, 1).reasons) == {"xyz/one"}


def test_what_is_not_proved_in_time_is_told(proved: Callable[..., Proof]) -> None:
    mesh = Mesh({proxy("one"): dump(OLD), proxy("two"): AllianceError("no answer"), proxy("three"): dump(NEW)})
    proof = proved(mesh, 5)
    assert proof.proved == 1
    assert proof.reasons["xyz/two"] == "no answer"
    assert proof.reasons["xyz/one"].startswith("it does not trust ")
    assert mesh.time >= 5
    once = Mesh({proxy("one"): dump(OLD)})
    assert proved(once, 0).reasons and len(once.asked) == 1


def test_who_does_not_run_or_is_gone_is_not_waited_for(proved: Callable[..., Proof]) -> None:
    starting, ending, gone = proxy("starting", running=False), proxy("ending", terminating=True), proxy("gone")
    mesh = Mesh({starting: None, ending: AllianceError("no answer"), gone: None})
    assert proved(mesh) == Proof(waiting=["xyz/starting"], ending=["xyz/ending"])


def test_who_ends_and_still_serves_is_waited_for(proved: Callable[..., Proof]) -> None:
    ending = proxy("ending", terminating=True)
    assert "xyz/ending" in proved(Mesh({ending: dump(OLD)}), 1).reasons
    assert proved(Mesh({ending: dump(OLD)}, {})) == Proof()
