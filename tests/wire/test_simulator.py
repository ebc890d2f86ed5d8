# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator alone: that it is as strict, and as careless, as the platform is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deckhouse import applied, consumer, deviations, documents, facts, gateways, keys, mesh, pem, tokens
from tests.deckhouse.consumer import Own
from tests.deckhouse.mounted import Mounted
from tests.deckhouse.protocols import wire_protocol
from tests.deckhouse.standalone import Standalone
from tests.wire.conftest import PARTNER_SITE, standalone
from tests.wire.ours import ask

Object = dict[str, Any]

OWN = keys.generate()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Standalone]:
    """A peer that lets us in."""
    simulator = standalone(tmp_path / "peer", "partner.local", PARTNER_SITE)
    yield simulator
    simulator.exporter.behave()
    simulator.stop()


def federation(peer: Standalone, **status: Any) -> Object:
    spec = {
        "trustDomain": "partner.local",
        "metadataEndpoint": peer.endpoint,
        "metadata": {"clusterCA": peer.ca.certificate},
    }
    return {"metadata": {"name": "partner"}, "spec": spec, "status": status}


def own(domain: str = "own.local", private_pem: str | None = OWN.private_pem, **more: Any) -> Own:
    return Own(domain, "11111111-1111-4111-8111-111111111111", private_pem, **more)


def learn(peer: Standalone, previous: Object | None = None, by: Own | None = None) -> Object:
    """The status after one cycle; the peer knows the caller."""
    known = {own().uuid: {"clusterUUID": own().uuid, "authnKeyPub": OWN.public_pem, "rootCA": "root"}}
    peer.peers = lambda: known  # type: ignore[method-assign]
    status = consumer.exchange(federation(peer, **(previous or {})), by or own())
    assert status is not None
    return status


def reasons(status: Object) -> dict[str, str]:
    return {item["type"].removesuffix("MetadataExchangeReady"): item["reason"] for item in status["conditions"]}


def test_an_exchange(peer: Standalone) -> None:
    status = learn(peer)
    assert reasons(status) == {"Public": "Succeeded", "Private": "Succeeded"}
    assert status["metadataCache"]["public"]["clusterUUID"] == peer.uuid()
    assert status["metadataCache"]["private"] == {
        "ingressGateways": PARTNER_SITE["gateways"],
        "publicServices": PARTNER_SITE["services"],
    }


def test_the_own_domain_is_left_out(peer: Standalone) -> None:
    assert consumer.exchange(federation(peer), own(domain="partner.local")) is None
    assert peer.exporter.requests == []


@pytest.mark.parametrize(
    ("path", "deviation", "expected"),
    [
        ("public", deviations.INTERNAL_ERROR, {"Public": "NonOKResponse", "Private": "AwaitingPublic"}),
        ("public", deviations.BAD_JSON, {"Public": "InvalidJSON", "Private": "AwaitingPublic"}),
        (
            "public",
            deviations.with_field("rootCA", ""),
            {"Public": "InvalidPublicMetadata", "Private": "AwaitingPublic"},
        ),
        ("private", deviations.INTERNAL_ERROR, {"Public": "Succeeded", "Private": "NonOKResponse"}),
        ("private", deviations.NULL_GATEWAYS, {"Public": "Succeeded", "Private": "InvalidPrivateMetadata"}),
        (
            "private",
            deviations.with_field("publicServices", None),
            {"Public": "Succeeded", "Private": "InvalidPrivateMetadata"},
        ),
        ("private", deviations.EXTRA_FIELDS, {"Public": "Succeeded", "Private": "Succeeded"}),
    ],
)
def test_bad_answers(path: str, deviation: deviations.Deviation, expected: dict[str, str], peer: Standalone) -> None:
    """By their reasons; what was known before stays."""
    good = learn(peer)
    peer.exporter.deviate({"public": facts.PUBLIC_PATH, "private": facts.FEDERATION_PATH}[path], deviation)
    assert reasons(learn(peer)) == expected
    later = learn(peer, good)
    assert later["metadataCache"]["public"] == good["metadataCache"]["public"]
    assert later["metadataCache"]["private"] == good["metadataCache"]["private"]


def test_an_empty_list_of_gateways_evicts(peer: Standalone) -> None:
    """As careless as the platform is: it is an answer to it."""
    good = learn(peer)
    assert mesh.service_entries([federation(peer, **good)], {}) != []
    peer.exporter.deviate(facts.FEDERATION_PATH, deviations.EMPTY_GATEWAYS)
    status = learn(peer, good)
    assert reasons(status)["Private"] == "Succeeded"
    assert mesh.service_entries([federation(peer, **status)], {}) == []


@pytest.mark.parametrize("changed", ["clusterUUID", "authnKeyPub", "rootCA"])
def test_somebody_else_is_believed(changed: str, peer: Standalone) -> None:
    """As careless as the platform is: nothing of what a peer says is compared with what it said before."""
    good = learn(peer)
    peer.exporter.deviate(facts.PUBLIC_PATH, deviations.with_field(changed, "somebody-else"))
    status = learn(peer, good)
    assert reasons(status)["Public"] == "Succeeded"
    assert status["metadataCache"]["public"] == {**good["metadataCache"]["public"], changed: "somebody-else"}
    assert peer.exporter.requests[-1].with_token


def test_a_platform_that_compares_uuids_sends_no_token(peer: Standalone) -> None:
    strict = own(compares_uuid=True)
    good = learn(peer, by=strict)
    peer.exporter.deviate(facts.PUBLIC_PATH, deviations.with_field("clusterUUID", "somebody-else"))
    sent = sum(request.with_token for request in peer.exporter.requests)
    status = learn(peer, good, by=strict)
    assert reasons(status)["Public"] == "ClusterUUIDMismatch"
    assert status["metadataCache"] == good["metadataCache"]
    assert sum(request.with_token for request in peer.exporter.requests) == sent


def test_a_mounted_secret_arrives_later() -> None:
    """After its delay, together with what was changed meanwhile."""
    live, now = ["first"], [0.0]
    mounted = Mounted(lambda: live[0], now=lambda: now[0])
    assert mounted.text() == "first"
    mounted.delay = 3.0
    seen = []
    for second, text in ((1, "second"), (3, "third"), (4, "third"), (5, "fourth"), (6, "third"), (9, "third")):
        now[0], live[0] = second, text
        seen.append(mounted.text())
    assert seen == ["first", "first", "third", "third", "third", "third"]


def test_no_key_pair_no_token(peer: Standalone) -> None:
    assert reasons(learn(peer, by=own(private_pem=None)))["Private"] == "TokenGenerationFailed"


def test_a_certificate_of_somebody_else(peer: Standalone) -> None:
    """The system's CAs are asked besides clusterCA, and know nothing of it."""
    resource = federation(peer)
    del resource["spec"]["metadata"]
    status = consumer.exchange(resource, own())
    assert status is not None
    assert reasons(status) == {"Public": "FetchFailed", "Private": "AwaitingPublic"}
    resource["spec"]["metadata"] = {"enableInsecureConnection": True}
    status = consumer.exchange(resource, own())
    assert status is not None
    assert reasons(status)["Public"] == "Succeeded"


def test_a_peer_takes_another_ones_uuid() -> None:
    """Nobody owns one over there: the last that claims it has the key."""
    claims = [
        {"metadata": {"name": name}, "status": {"metadataCache": {"public": {"clusterUUID": "u", "authnKeyPub": name}}}}
        for name in ("b", "a")
    ]
    assert mesh.remote_metadata(claims) == {"u": {"clusterUUID": "u", "authnKeyPub": "b"}}


def test_one_host_of_two_peers_is_one_entry() -> None:
    ports = [[{"name": "http", "port": 80}], [{"name": "grpc-web", "port": 8080}]]
    federations = [
        {
            "metadata": {"name": f"peer-{number}"},
            "status": {
                "metadataCache": {
                    "private": {
                        "ingressGateways": [{"address": address, "port": 15443}],
                        "publicServices": [{"hostname": "any.thing", "ports": ports[number]}],
                    }
                }
            },
        }
        for number, address in enumerate(("203.0.113.1", "gateway.example.com"))
    ]
    entry, rule = mesh.service_entries(federations, {})
    assert entry["spec"]["hosts"] == ["any.thing"]
    assert entry["spec"]["resolution"] == "DNS"
    assert entry["spec"]["ports"] == [{"name": "http", "number": 80, "protocol": "HTTP"}]
    assert [item["address"] for item in entry["spec"]["endpoints"]] == ["203.0.113.1", "gateway.example.com"]
    assert rule["spec"] == {"host": "any.thing", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("https", "TLS"),
        ("tls-metrics", "TLS"),
        ("http", "HTTP"),
        ("http2-api", "HTTP2"),
        ("grpc", "HTTP2"),
        ("grpc-web", "HTTP2"),
        ("tcp", "TCP"),
        ("web", "TCP"),
    ],
)
def test_protocols(name: str, protocol: str) -> None:
    assert wire_protocol(name) == protocol


def test_what_can_be_published() -> None:
    def service(name: str, **spec: Any) -> Object:
        return {"metadata": {"name": name, "namespace": "xyz"}, "spec": spec}

    named = [{"name": "http", "port": 80}]
    listed = [
        service("good", ports=named),
        service("outside", type="ExternalName", externalName="a.b", ports=named),
        service("portless"),
        service("unnamed", ports=[{"port": 80}]),
    ]
    told = documents.public_services(listed, "own.local")
    assert [item["hostname"] for item in told] == ["good.xyz.svc.own.local"]


def test_bad_advertising_is_an_internal_error() -> None:
    """Null in the document, never the gateway's own address nor an empty list."""
    for text in ("", "{", "{}", "[]"):
        assert gateways.addresses(None, [], [], text) is None
    listed = [{"address": "b.example.com", "port": 1}, {"address": "a.example.com", "port": 2}]
    assert gateways.addresses(None, [], [], json.dumps(listed)) == listed[::-1]


def test_modes_and_paths(peer: Standalone) -> None:
    """404 for a mode that is off and for what isn't there, 401 with a reason, no JSON as type."""
    ca = peer.ca.certificate
    base = facts.BASE_PATH
    found = {path: ask(peer.exporter.port, path, None, ca=ca)[0] for path in ("/", base, "/metadata/public/other.json")}
    assert set(found.values()) == {404}
    assert ask(peer.exporter.port, base + facts.MULTICLUSTER_PATH, None, ca=ca)[0] == 404
    assert ask(peer.exporter.port, base + facts.FEDERATION_PATH, None, ca=ca) == (
        401,
        "text/plain; charset=utf-8",
        "Authentication error: no bearer token\n",
    )
    bundle = json.loads(ask(peer.exporter.port, base + facts.SPIFFE_PATH, None, ca=ca)[2])
    (entry,) = bundle["keys"]
    assert (entry["kty"], entry["use"]) == ("RSA", "x509-svid")
    assert bundle["spiffe_refresh_hint"] == 2419200


def test_keys_are_read_strictly() -> None:
    block = pem.first_block(OWN.public_pem)
    assert block is not None
    assert keys.public_key(OWN.public_pem) is not None
    standard = OWN.public_pem.replace(keys.PUBLIC_LABEL, "PUBLIC KEY")
    for text in (standard, OWN.public_pem + "\n", OWN.public_pem + OWN.public_pem, OWN.private_pem, "", None):
        assert keys.public_key(text) is None


def test_tokens_live_a_minute() -> None:
    now = time.time()
    token = tokens.sign(OWN.private_pem, subject="s", audience="a", scope="x", now=now)
    peers = {"s": {"authnKeyPub": OWN.public_pem}}
    for later, refused in ((0, False), (58, False), (60, True)):
        why = tokens.refusal(f"Bearer {token}", audience="a", scope="x", peers=peers, now=now + later)
        assert bool(why) is refused


GOOD: Object = {
    "apiVersion": "deckhouse.io/v1alpha1",
    "kind": "IstioFederation",
    "metadata": {"name": "cluster-a"},
    "spec": {"trustDomain": "cluster-a.local", "metadataEndpoint": "https://a.example.com:8443/metadata/"},
}


def test_a_pasted_manifest_is_taken(tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_text("# a comment\n---\n" + yaml.safe_dump(GOOD))
    assert applied.read(tmp_path) == ([GOOD], [])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"apiVersion": "deckhouse.io/v1"}, "not of deckhouse.io/v1alpha1"),
        ({"kind": "IstioMulticluster"}, "no IstioFederation"),
        ({"metadata": {"name": "Cluster_A"}}, "no object name"),
        ({"status": {}}, "fields that nobody may set"),
        ({"spec": {"trustDomain": "a.local"}}, "spec.metadataEndpoint is missing"),
        (
            {"spec": {**GOOD["spec"], "metadataEndpoint": "http://a.example.com/"}},
            "spec.metadataEndpoint does not match",
        ),
        ({"spec": {**GOOD["spec"], "trustDomain": "a/b"}}, "spec.trustDomain does not match"),
        ({"spec": {**GOOD["spec"], "clusterCA": "pem"}}, "spec.clusterCA is not known"),
        ({"spec": {**GOOD["spec"], "metadata": {"clusterCA": 1}}}, "spec.metadata.clusterCA is no string"),
    ],
)
def test_a_wrong_manifest_is_refused(change: Object, why: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.yml").write_text(yaml.safe_dump({**GOOD, **change}))
    accepted, (refused,) = applied.read(tmp_path)
    assert accepted == []
    assert why in refused
