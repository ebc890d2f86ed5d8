# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our modules as consumers of the platform's exporter: what it answers otherwise, and what may go wrong there."""

from __future__ import annotations

import math
import threading
import time

import pytest

from tests.deckhouse import deviations, facts
from tests.deckhouse.deviations import Deviation
from tests.integration.test_exporter import OURS, until
from tests.wire.ours import ROOT_NAMESPACE, Ours, Peer, ask, clock
from tests.wire.proxy import everything_leads_to

Peers = tuple[Peer, Peer]

PUBLIC, PRIVATE = facts.PUBLIC_PATH, facts.FEDERATION_PATH


def test_documents_come_as_plain_text(ours: Ours, exchanged: Peers) -> None:
    """As Go's http package sniffs JSON, without a word about caching."""
    dkp, _partner = exchanged
    status, content_type, _body = ask(
        dkp.exporter.port, facts.BASE_PATH + PUBLIC, None, ca=dkp.simulator.ca.certificate
    )
    assert (status, content_type) == (200, "text/plain; charset=utf-8")
    option = dkp.option()
    done = ours.run(
        "metadata_info",
        endpoint=option["metadata_endpoint"],
        endpoint_ca=option["metadata_ca"],
        trust_domain=dkp.domain,
        root_fingerprints=option["root_fingerprints"],
        namespace=OURS,
        private=True,
    )
    assert done.result["public"]["clusterUUID"] == dkp.simulator.uuid()
    (service,) = done.result["private"]["publicServices"]
    assert service["hostname"] == "bar.xyz.svc.cluster-c.local"
    protocols = {port["name"]: port["protocol"] for port in service["ports"]}
    assert protocols == {"http": "HTTP", "grpc": "HTTP2", "tcp-echo": "TCP"}
    assert done.result["private"]["ingressGateways"] == [{"address": "198.51.100.7", "port": 15443}]


@pytest.mark.parametrize(
    ("path", "deviation"),
    [
        pytest.param(PUBLIC, deviations.EXTRA_FIELDS, id="extra-public-fields"),
        pytest.param(PUBLIC, deviations.STANDARD_LABELS, id="standard-pem-labels"),
        pytest.param(PUBLIC, deviations.WINDOWS_LINES, id="windows-line-ends"),
        pytest.param(PRIVATE, deviations.EXTRA_FIELDS, id="extra-private-fields"),
        pytest.param(PRIVATE, deviations.WITHOUT_PROTOCOL, id="no-protocol"),
    ],
)
def test_what_makes_no_difference(path: str, deviation: Deviation, ours: Ours, exchanged: Peers) -> None:
    dkp, _partner = exchanged
    dkp.exporter.deviate(path, deviation)
    for done in (ours.trust(*exchanged), ours.entries(*exchanged)):
        assert (done.result["changed"], done.writes, done.findings) == (False, (), {})


def test_the_first_import_waits_until_the_platform_sees_us(ours: Ours, exchanged: Peers) -> None:
    """Its exporter has the neighbours' keys from a mounted Secret: it knows us some time after its consumer does."""
    dkp, _partner = exchanged
    simulator = dkp.simulator
    ours.run("service_entries", neighbours=[], namespace=OURS, state="absent")
    ours.trust()
    simulator.kube.delete("IstioFederation", "cluster-a")
    simulator.consume()
    assert ours.cluster.uuid not in simulator.peers()
    seen = len(dkp.exporter.requests)

    def refusals() -> list[str | None]:
        return [request.refused for request in dkp.exporter.requests[seen:] if request.with_token]

    def arrive() -> None:
        until(refusals, 60, "we were refused")
        simulator.mounted.delay = 0.0

    simulator.mounted.delay = math.inf
    arrival = threading.Thread(target=arrive, daemon=True)
    try:
        simulator.kube.apply([ours.federation()])
        simulator.consume()
        arrival.start()
        neighbours = [dkp.option(provider="deckhouse")]
        ours.run("trust_anchors", neighbours=neighbours, namespace=OURS, root_namespace=ROOT_NAMESPACE)
        done = ours.run("service_entries", neighbours=neighbours, namespace=OURS)
        arrival.join(60)
    finally:
        simulator.mounted.delay = 0.0
    assert done.findings == {}
    assert refusals()[0] == "the sender is not known"
    assert refusals()[-1] is None
    assert "bar.xyz.svc.cluster-c.local" in ours.imported()


@pytest.mark.parametrize(
    "deviation",
    [
        pytest.param(deviations.NULL_GATEWAYS, id="null"),
        pytest.param(deviations.MISSING_GATEWAYS, id="missing"),
        pytest.param(deviations.EMPTY_GATEWAYS, id="empty"),
    ],
)
def test_no_gateways_evict_nothing(deviation: Deviation, ours: Ours, exchanged: Peers) -> None:
    """Null and missing are errors over there; the empty list is meant so, and costs its own consumers everything."""
    dkp, _partner = exchanged
    before = ours.imported()
    dkp.exporter.deviate(PRIVATE, deviation)
    done = ours.entries(*exchanged)
    (finding,) = done.findings[dkp.name]
    assert finding["code"] == "neighbour-without-gateway"
    assert ours.imported() == before


def test_null_services_are_none(ours: Ours, exchanged: Peers) -> None:
    """A list that nothing was ever put into; the gateways beside it say that this is an answer."""
    dkp, partner = exchanged
    dkp.exporter.deviate(PRIVATE, deviations.with_field("publicServices", None))
    done = ours.entries(*exchanged)
    assert done.findings == {}
    assert done.result["imported"] == {dkp.name: 0, partner.name: 1}


@pytest.mark.parametrize("field", ["clusterUUID", "authnKeyPub", "rootCA"])
def test_a_cluster_that_is_coming_up(field: str, ours: Ours, exchanged: Peers) -> None:
    """200 with an empty field: what was known stays, and the field is named."""
    dkp, _partner = exchanged
    before = ours.status(dkp)["metadataCache"]
    dkp.exporter.deviate(PUBLIC, deviations.with_field(field, ""))
    (finding,) = ours.trust(*exchanged).findings[dkp.name]
    assert finding["code"] == "public-InvalidPublicMetadata"
    assert field in finding["message"]
    assert ours.status(dkp)["metadataCache"] == before


def test_a_refusal_is_quoted(ours: Ours, exchanged: Peers) -> None:
    """The platform says why, in plain text. Its clock is ahead here, and it grants no leeway."""
    dkp, _partner = exchanged
    before = ours.imported()
    dkp.exporter.now = clock(90)
    try:
        trusted, done = ours.trust(*exchanged), ours.entries(*exchanged)
    finally:
        dkp.exporter.now = time.time
    (finding,) = done.findings[dkp.name]
    assert finding["code"] == "private-NonOKResponse"
    assert "401" in finding["message"]
    assert "Authentication error: the token is expired" in finding["message"]
    assert "clocks" in finding["remedy"]
    assert ours.imported() == before
    (warning,) = trusted.findings[dkp.name]
    assert (warning["severity"], warning["code"]) == ("warning", "clock-skew")


def test_a_clock_that_is_a_little_off_is_no_trouble(ours: Ours, exchanged: Peers) -> None:
    dkp, _partner = exchanged
    for offset in (-25, 25):
        dkp.exporter.now = clock(offset)
        try:
            assert ours.entries(*exchanged).findings == {}
        finally:
            dkp.exporter.now = time.time


def test_federation_is_off_over_there(ours: Ours, exchanged: Peers) -> None:
    dkp, _partner = exchanged
    dkp.exporter.deviate(PRIVATE, deviations.answers(404, "404 page not found"))
    (finding,) = ours.entries(*exchanged).findings[dkp.name]
    assert finding["code"] == "private-NonOKResponse"
    assert "404" in finding["message"]
    assert "federation is on" in finding["remedy"]


def test_a_host_of_another_domain_is_refused(ours: Ours, exchanged: Peers) -> None:
    """The platform's own consumer would take it; here it costs that service only."""
    dkp, _partner = exchanged
    before = ours.imported()
    ports = [{"name": "http", "port": 80}]
    foreign = {"hostname": "bank.prod.svc.elsewhere.local", "ports": ports}
    with_foreign = Deviation(
        change=lambda document: {**document, "publicServices": [*document["publicServices"], foreign]}
    )
    dkp.exporter.deviate(PRIVATE, with_foreign)
    (finding,) = ours.entries(*exchanged).findings[dkp.name]
    assert finding["code"] == "service-refused"
    assert "bank.prod.svc.elsewhere.local" in finding["object"]
    assert ours.imported() == before


@pytest.mark.parametrize("host", facts.exporter_hosts("%s.cluster-c.example"))
def test_the_older_and_the_newer_base_url(
    host: str, ours: Ours, exchanged: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their real names, with the certificate of the platform's ingress."""
    dkp, _partner = exchanged
    with everything_leads_to(dkp.exporter.port) as (proxy, asked):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        done = ours.run(
            "metadata_info",
            endpoint=f"https://{host}/metadata/",
            endpoint_ca=dkp.simulator.ca.certificate,
        )
    assert done.result["public"]["clusterUUID"] == dkp.simulator.uuid()
    assert asked == [f"{host}:443"]
