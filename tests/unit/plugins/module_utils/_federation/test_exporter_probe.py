# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking an exporter with our key, with none, and with a wrong one."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, TokenError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import ProbeResult
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import verify_token
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import exporter_probe
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.exporter_probe import probe_exporter
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proof import ProofError
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import NeighbourError

KEYS = generate_key_pair()
IDENTITY = Identity("uuid-a", KEYS.private_pem)
NEIGHBOUR = Neighbour("cluster-b", trust_domain="cluster-b.local", endpoint="https://b.example/metadata/")
DOCUMENT = FederationMetadata.from_dict({"ingressGateways": [{"address": "10.0.0.1", "port": 1}], "publicServices": []})


class Exporter:
    """Verifies tokens as an exporter does, unless it is told to answer otherwise."""

    def __init__(self, key: str = KEYS.public_pem) -> None:
        self.key = key
        self.document = DOCUMENT
        self.ahead = 0.0
        self.everybody = False
        self.failure: NeighbourError | None = None

    def public(self) -> tuple[PublicMetadata, float]:
        return PublicMetadata("uuid-b", "", "", None), time.time() + self.ahead

    def federation(self, token: str, _domain: str) -> tuple[FederationMetadata, tuple[()], None]:
        if self.failure is not None:
            raise self.failure
        try:
            if not self.everybody:
                verify_token(
                    token,
                    audience="uuid-b",
                    scope="private-federation",
                    public_keys={"uuid-a": self.key},
                    now=time.time() + self.ahead,
                )
        except TokenError as error:
            raise _status(401) from error
        return self.document, (), None


def _status(status: int) -> NeighbourError:
    return NeighbourError(f"it answered {status}", reason="NonOKResponse", obj="x", status=status)


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Exporter:
    made = Exporter()
    monkeypatch.setattr(
        exporter_probe, "open_to", lambda *_arguments: (made, PublicMetadata("uuid-b", "", "", None), IDENTITY)
    )
    return made


def asked() -> dict[str, ProbeResult]:
    results = probe_exporter("cluster-a", NEIGHBOUR, {}, IDENTITY)
    assert len(results) == 3
    return {result.name: result for result in results}


def test_all_is_well(exporter: Exporter) -> None:
    results = asked()
    assert all(result.ok for result in results.values())
    assert [result.check for result in results.values()] == ["exporter", "identity", "identity"]


def test_one_whose_gateway_is_gone_is_asked_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_at: list[Neighbour] = []

    def opened(neighbour: Neighbour, *_arguments: Any) -> None:
        asked_at.append(neighbour)
        raise NeighbourError("no answer", reason="FetchFailed", obj="x")

    monkeypatch.setattr(exporter_probe, "open_to", opened)
    spec = {"metadataEndpoint": "https://old.example/metadata/", "metadata": {"clusterCA": "THE CA"}}
    results = probe_exporter("cluster-a", Neighbour("cluster-b"), {"spec": spec}, IDENTITY)
    assert (asked_at[0].endpoint, asked_at[0].ca) == ("https://old.example/metadata/", "THE CA")
    assert results[0].blamed == "cluster-b"


def test_one_that_tells_everybody_is_found(exporter: Exporter) -> None:
    exporter.everybody = True
    results = asked()
    assert results["its document"].ok
    for name in (exporter_probe.NO_TOKEN, exporter_probe.WRONG_KEY):
        assert (results[name].layer, results[name].blamed) == ("refusal", "cluster-b")


def test_a_key_that_is_not_known(exporter: Exporter) -> None:
    exporter.key = generate_key_pair().public_pem
    result = asked()["its document"]
    assert (result.layer, result.blamed) == ("exporter", "cluster-b")
    assert "does not take this cluster's token" in result.reason
    assert "knows the key of cluster-a" in result.remedy


@pytest.mark.parametrize("ahead", [300.0, -300.0])
def test_a_clock_that_is_wrong(exporter: Exporter, ahead: float) -> None:
    exporter.ahead = ahead
    result = asked()["its document"]
    assert result.layer == "exporter"
    assert f"300 s {'ahead of' if ahead > 0 else 'behind'} this machine's" in result.reason
    assert "NTP" in result.remedy


def test_one_without_a_gateway(exporter: Exporter) -> None:
    exporter.document = FederationMetadata.from_dict({"ingressGateways": [], "publicServices": []})
    result = asked()["its document"]
    assert (result.layer, result.blamed) == ("gateway", "cluster-b")


def test_one_that_fails_proves_no_refusal(exporter: Exporter) -> None:
    exporter.failure = _status(500)
    results = asked()
    assert results["its document"].layer == "exporter"
    assert results[exporter_probe.NO_TOKEN].skipped
    assert results[exporter_probe.WRONG_KEY].skipped


@pytest.mark.parametrize(
    ("error", "blamed"),
    [
        (ProofError("not proved", reason="AwaitingPublic", remedy="run it"), "cluster-a"),
        (NeighbourError("no answer", reason="FetchFailed", obj="x"), "cluster-b"),
        (AllianceError("strange"), "cluster-b"),
    ],
)
def test_one_that_is_not_reached(monkeypatch: pytest.MonkeyPatch, error: AllianceError, blamed: str) -> None:
    def refused(*_arguments: Any) -> None:
        raise error

    monkeypatch.setattr(exporter_probe, "open_to", refused)
    results = asked()
    assert (results["its document"].layer, results["its document"].blamed) == ("exporter", blamed)
    assert results["its document"].remedy
    assert all(result.skipped for name, result in results.items() if name != "its document")
