# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking with a key of one's own, and what counts as a refusal."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import verify_token
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import refusal
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.refusal import Answers, Asker, finding_of
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.remote_api import RemoteApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import NeighbourError

KEYS = generate_key_pair()
IDENTITY = Identity("uuid-b", KEYS.private_pem)


class Exporter:
    """Answers by status; C(told) are the statuses of the next requests, the last one stays."""

    def __init__(self, uuid: str = "uuid-a") -> None:
        self.uuid = uuid
        self.told: dict[str, list[int]] = {"federation": [401], "multicluster": [401], "api": [403]}
        self.tokens: list[str] = []

    def __call__(self, *_where: Any, **_how: Any) -> Exporter:
        return self

    def public(self) -> tuple[PublicMetadata, None]:
        return PublicMetadata(self.uuid, "", "", None), None

    def federation(self, token: str, _domain: str) -> None:
        self.tokens.append(token)
        self._answer("federation")

    def multicluster(self, token: str) -> None:
        self._answer("multicluster")

    def _answer(self, what: str) -> None:
        status = self.told[what][0]
        self.told[what] = self.told[what][1:] or [status]
        if status != 200:
            raise NeighbourError(f"it answered {status}", reason="x", obj="x", status=status or None)

    def probe(self, kubeconfig: dict[str, Any]) -> None:
        assert kubeconfig["users"][0]["user"]["token"]
        if self.told["api"][0] != 200:
            raise RemoteApiError("refused", reason="x", status=self.told["api"][0])


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Exporter:
    made = Exporter()
    monkeypatch.setattr(refusal, "MetadataClient", made)
    monkeypatch.setattr(refusal, "probe", made.probe)
    return made


def neighbour(api_host: str | None = None, **more: Any) -> Neighbour:
    state = ClusterState(name="a", uuid="uuid-a", api_host=api_host)
    return Neighbour("a", **{"trust_domain": "a.local", "endpoint": "https://a/", "state": state, **more})


def ask(*, patience: float = 0, **more: Any) -> Answers | AllianceError:
    seconds = [0.0]

    def pause(passed: float) -> None:
        seconds[0] += passed

    (answer,) = Asker(IDENTITY, patience, pause, lambda: seconds[0]).ask([neighbour(**more)])
    return answer


def asked(**more: Any) -> Answers:
    answer = ask(**more)
    assert isinstance(answer, Answers), answer
    return answer


def test_everything_is_refused(exporter: Exporter) -> None:
    answer = asked(api_host="192.0.2.1:6443")
    assert answer.statuses == {"federation": 401, "multicluster": 401, "api": 403}
    assert answer.refused
    assert finding_of(neighbour(), answer, patience=5) is None
    # A real token, for nobody but the one that has to refuse it.
    verify_token(
        exporter.tokens[0],
        audience="uuid-a",
        scope="private-federation",
        public_keys={"uuid-b": KEYS.public_pem},
        now=time.time(),
    )


def test_without_an_api_proxy_it_is_not_asked(exporter: Exporter) -> None:
    assert set(asked().statuses) == {"federation", "multicluster"}


@pytest.mark.parametrize(
    ("what", "status", "refused"),
    [
        ("federation", 200, False),
        ("federation", 404, False),
        ("federation", 500, False),
        ("multicluster", 200, False),
        ("multicluster", 404, True),
        ("api", 200, False),
        ("api", 401, True),
        ("api", 503, False),
    ],
)
def test_what_counts_as_a_refusal(what: str, status: int, refused: bool, exporter: Exporter) -> None:
    exporter.told[what] = [status]
    answer = asked(api_host="192.0.2.1:6443")
    assert answer.refused is refused
    finding = finding_of(neighbour(), answer, patience=5)
    assert (finding is None) is refused
    if finding:
        assert (finding.code, finding.severity) == ("identity-accepted", "error")
        assert finding.message.endswith(what)


def test_one_that_has_not_followed_yet_is_asked_again(exporter: Exporter) -> None:
    exporter.told["federation"] = [200, 200, 401]
    assert asked(patience=10).refused
    exporter.told["federation"] = [200, 200, 401]
    assert not asked(patience=1).refused


def test_no_token_goes_to_somebody_else(exporter: Exporter) -> None:
    exporter.uuid = "uuid-z"
    answer = ask()
    assert isinstance(answer, AllianceError)
    assert exporter.tokens == []
    finding = finding_of(neighbour(), answer, patience=5)
    assert finding is not None
    assert finding.code == "refusal-unseen"
    assert "uuid-z" in finding.message


@pytest.mark.parametrize("more", [{"endpoint": None}, {"state": None}])
def test_one_that_does_not_answer(more: dict[str, Any], exporter: Exporter) -> None:
    exporter.told["federation"] = [0]
    answer = ask(**more)
    assert isinstance(answer, AllianceError)
    finding = finding_of(neighbour(), answer, patience=5)
    assert finding is not None
    assert finding.remedy


def test_an_external_one_is_a_warning(exporter: Exporter) -> None:
    exporter.told["federation"] = [200]
    finding = finding_of(neighbour(provider="external"), ask(), patience=5)
    assert finding is not None
    assert finding.severity == "warning"
    assert "administrator" in finding.remedy


def test_the_key_of_before_is_asked_with_too(exporter: Exporter) -> None:
    """While a key pair is rotated, either of them would let the cluster in."""
    before = generate_key_pair()
    rotating = Identity("uuid-b", KEYS.private_pem, before.private_pem, time.time() + 60)
    exporter.told["federation"] = [401, 200]
    (answer,) = Asker(rotating).ask([neighbour()])
    assert isinstance(answer, Answers)
    assert (answer.refused, answer.accepted) == (False, ["federation"])
    for token, pair in zip(exporter.tokens, (KEYS, before), strict=True):
        keys = {"uuid-b": pair.public_pem}
        verify_token(token, audience="uuid-a", scope="private-federation", public_keys=keys, now=time.time())
