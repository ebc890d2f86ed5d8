# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata documents: the same bytes each time, and nothing wrong gets in."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    GatewayAddress,
    PublicMetadata,
    PublicService,
    ServicePort,
    parse_federation,
    parse_gateway,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import DocumentError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair

DOMAIN = "cluster-b.local"
PAIR = generate_key_pair()
REFUSED_ADDRESSES = """
    127.0.0.1 ::1 0.0.0.0 :: 169.254.1.1 fe80::1 224.0.0.1 ff02::1 255.255.255.255 ::ffff:127.0.0.1 fe80::1%eth0
    localhost a.localhost 1.2.3 0x7f.1 127.1 A.example *.example -a.example http://a a..b [::1]
"""


def service(name="bar", **change):
    return {
        "hostname": f"{name}.xyz.svc.{DOMAIN}",
        "ports": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        **change,
    }


def document(*services, gateways=({"address": "10.0.0.1", "port": 15443},)):
    return {"ingressGateways": list(gateways), "publicServices": list(services)}


def read(value):
    return parse_federation(json.dumps(value), trust_domain=DOMAIN)


@pytest.fixture(scope="module")
def identity(authority):
    return {"clusterUUID": "7e-1", "authnKeyPub": PAIR.public_pem, "rootCA": authority.pem}


def test_public_metadata_goes_round(identity):
    metadata = PublicMetadata.parse(json.dumps({**identity, "allianceRef": {"x": []}, "crl": 1}))
    assert json.loads(metadata.render()) == identity == metadata.to_dict()
    assert PublicMetadata.parse(metadata.render()) == metadata
    ours = PublicMetadata.create(metadata.cluster_uuid, metadata.authn_key_pub, metadata.root_ca, DOMAIN)
    assert ours.to_dict() == {**identity, "trustDomain": DOMAIN}
    assert PublicMetadata.parse(ours.render()).trust_domain == DOMAIN


def test_public_metadata_is_normalised(identity):
    change = {
        "authnKeyPub": PAIR.public_pem.replace("ED25519 ", "").replace("\n", "\r\n"),
        "rootCA": f"# a comment\n{identity['rootCA']}",
        "trustDomain": "",
    }
    assert PublicMetadata.parse(json.dumps({**identity, **change})).to_dict() == identity


@pytest.mark.parametrize("field", ["clusterUUID", "authnKeyPub", "rootCA"])
@pytest.mark.parametrize("value", ["", None, 7, [], {}, "a/b", "x y"])
def test_public_metadata_that_is_refused(identity, field, value):
    with pytest.raises(DocumentError, match=field) as caught:
        PublicMetadata.parse(json.dumps({**identity, field: value}))
    assert caught.value.reason == "InvalidPublicMetadata"


@pytest.mark.parametrize("value", [7, [], {}, "a/b", ".b.local", "*.local"])
def test_trust_domains_that_are_refused(identity, value):
    with pytest.raises(DocumentError, match="trustDomain"):
        PublicMetadata.parse(json.dumps({**identity, "trustDomain": value}))


def test_roots_that_are_no_ca(identity, make_authority):
    with pytest.raises(DocumentError, match="not a CA"):
        PublicMetadata.parse(json.dumps({**identity, "rootCA": make_authority(ca=False).pem}))


@pytest.mark.parametrize("text", ["[]", "1", "null", '"x"'])
def test_documents_that_are_no_objects(text):
    with pytest.raises(DocumentError) as caught:
        PublicMetadata.parse(text)
    assert caught.value.reason == "InvalidPublicMetadata"
    with pytest.raises(DocumentError) as caught:
        parse_federation(text, trust_domain=DOMAIN)
    assert caught.value.reason == "InvalidPrivateMetadata"


def test_federation_metadata_goes_round():
    value = document(service("a"), service("b"))
    metadata, findings = read(value)
    assert not findings
    assert metadata.to_dict() == value
    assert metadata.render() == json.dumps(value, separators=(",", ":")).encode()
    assert FederationMetadata.from_dict(metadata.to_dict()) == metadata


@given(st.randoms())
def test_the_bytes_do_not_depend_on_the_order(shuffler: random.Random):
    ports = [ServicePort("http", 80, "HTTP"), ServicePort("grpc", 90, "HTTP2"), ServicePort("tcp", 91, "TCP")]
    services = [PublicService(f"{name}.xyz.svc.{DOMAIN}", tuple(ports)) for name in "abc"]
    gateways = [GatewayAddress("10.0.0.1", 1), GatewayAddress("10.0.0.1", 2), GatewayAddress("a.example", 1)]
    expected = FederationMetadata(tuple(gateways), tuple(services)).render()
    shuffler.shuffle(ports)
    services = [PublicService(entry.hostname, tuple(ports)) for entry in services]
    shuffler.shuffle(services)
    shuffler.shuffle(gateways)
    assert FederationMetadata(tuple(gateways), tuple(services)).render() == expected


@pytest.mark.parametrize(
    "bad",
    [
        service(hostname="bar.xyz.svc.cluster-a.local"),
        service(hostname="bar.xyz.svc.evil-cluster-b.local"),
        service(hostname="bar.xyz.svc.x.cluster-b.local"),
        service(hostname="bar.svc.cluster-b.local"),
        service(hostname="bar.xyz.pod.cluster-b.local"),
        service(hostname="*.xyz.svc.cluster-b.local"),
        service(hostname="Bar.xyz.svc.cluster-b.local"),
        service(hostname="bar.xyz.svc.cluster-b.local."),
        service(hostname=f"{'a' * 64}.xyz.svc.cluster-b.local"),
        service(hostname=""),
        service(hostname=None),
        service(hostname=["x"]),
        service(hostname="x" * 100_000),
        service(ports=None),
        service(ports=[]),
        service(ports={}),
        service(ports=["http"]),
        service(ports=[{"name": "http", "port": 0}]),
        service(ports=[{"name": "http", "port": 65536}]),
        service(ports=[{"name": "http", "port": "80"}]),
        service(ports=[{"name": "http", "port": True}]),
        service(ports=[{"name": "http", "port": 80.5}]),
        service(ports=[{"port": 80}]),
        service(ports=[{"name": "", "port": 80}]),
        service(ports=[{"name": "a b", "port": 80}]),
        service(ports=[{"name": "http", "port": 80}, {"name": "http", "port": 81}]),
        service(ports=[{"name": "http", "port": 80}, {"name": "tcp", "port": 80}]),
        service(ports=[{"name": f"p{i}", "port": i + 1} for i in range(101)]),
        "text",
        None,
        [],
    ],
)
def test_one_bad_service_costs_only_itself(bad):
    metadata, findings = read(document(service("good"), bad))
    assert [entry.hostname for entry in metadata.public_services] == ["good.xyz.svc.cluster-b.local"]
    assert [finding.code for finding in findings] == ["service-refused"]
    assert len(findings[0].message) < 400


def test_protocols_are_known_or_taken_from_the_name():
    ports = [
        {"name": "http-a", "port": 1},
        {"name": "grpc-a", "port": 2, "protocol": ""},
        {"name": "tls-a", "port": 3, "protocol": None},
        {"name": "x", "port": 4, "protocol": "http2"},
        {"name": "http-b", "port": 5, "protocol": "QUIC"},
    ]
    metadata, findings = read(document(service(ports=ports)))
    assert [port.protocol for port in metadata.public_services[0].ports] == ["HTTP", "HTTP2", "TLS", "HTTP2", "HTTP"]
    assert [finding.code for finding in findings] == ["protocol-unknown"]


def test_the_same_host_twice():
    other = service("bar", ports=[{"name": "tcp", "port": 9}])
    metadata, findings = read(document(service("bar"), service("bar"), other))
    assert [port.name for port in metadata.public_services[0].ports] == ["http"]
    assert len(metadata.public_services) == 1
    assert [finding.code for finding in findings] == ["service-twice"]


@pytest.mark.parametrize(
    "address",
    [*REFUSED_ADDRESSES.split(), "", "a b", None, 7, []],
)
def test_gateway_addresses_that_are_refused(address):
    good = {"address": "10.0.0.1", "port": 15443}
    metadata, findings = read(document(gateways=[good, {"address": address, "port": 15443}]))
    assert metadata.ingress_gateways == (GatewayAddress("10.0.0.1", 15443),)
    assert [finding.code for finding in findings] == ["gateway-refused"]
    metadata, findings = read(document(gateways=[{"address": address, "port": 15443}]))
    assert metadata.ingress_gateways is None, "only bad addresses are no answer"


@pytest.mark.parametrize("address", ["10.0.0.1", "2001:db8::1", "fd00::1", "gw.example.com", "gw"])
def test_gateway_addresses_that_are_taken(address):
    assert parse_gateway({"address": address, "port": 1}) == GatewayAddress(address, 1)


def test_no_answer_about_gateways_is_not_none():
    assert read({"publicServices": []})[0].ingress_gateways is None
    assert read({"publicServices": [], "ingressGateways": None})[0].ingress_gateways is None
    assert read({"publicServices": None, "ingressGateways": []})[0].public_services == ()
    assert read({"publicServices": [], "ingressGateways": []})[0].ingress_gateways == ()


@pytest.mark.parametrize(
    "value",
    [
        {"ingressGateways": []},
        {"ingressGateways": [], "publicServices": {}},
        {"ingressGateways": {}, "publicServices": []},
        {"ingressGateways": "x", "publicServices": []},
        {"ingressGateways": [{}] * 257, "publicServices": []},
        {"ingressGateways": [], "publicServices": [0] * 20_001},
    ],
)
def test_documents_that_are_refused_as_a_whole(value):
    with pytest.raises(DocumentError) as caught:
        read(value)
    assert caught.value.reason == "InvalidPrivateMetadata"
    assert caught.value.remedy


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
_NAMES = st.sampled_from(
    ["ingressGateways", "publicServices", "address", "port", "hostname", "ports", "name", "protocol", "clusterUUID"]
)
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES | st.text(max_size=3), inner)
)


def _harmless(data):
    """Reads as both documents: nothing but the declared error, and what is read can be written and read again."""
    try:
        metadata, _findings = parse_federation(data, trust_domain=DOMAIN)
    except DocumentError:
        pass
    else:
        assert parse_federation(metadata.render(), trust_domain=DOMAIN) == (metadata, ())
    try:
        identity = PublicMetadata.parse(data)
    except DocumentError:
        pass
    else:
        assert PublicMetadata.parse(identity.render()) == identity


@given(st.binary() | st.text())
def test_any_bytes_are_harmless(data):
    _harmless(data)


@given(_JSON)
def test_any_json_is_harmless(value):
    _harmless(json.dumps(value))


@given(st.lists(_JSON), st.lists(_JSON))
def test_any_entries_are_harmless(gateways, services):
    _harmless(json.dumps({"ingressGateways": gateways, "publicServices": services}))


def _mutated(value, draw):
    """A copy of the document in which something, somewhere, is something else."""
    if draw(st.integers(0, 9)) == 0:
        return draw(_JSON)
    if isinstance(value, dict):
        return {name: _mutated(inner, draw) for name, inner in value.items()}
    if isinstance(value, list):
        return [_mutated(inner, draw) for inner in value]
    return value


@given(data=st.data())
def test_mutated_documents_are_harmless(identity, data):
    _harmless(json.dumps(_mutated(document(service("a"), service("b")), data.draw)))
    _harmless(json.dumps(_mutated(identity, data.draw)))


def _many(gateways, services, ports=1, width=0):
    addresses = [{"address": f"192.0.2.{number}", "port": 1 + number} for number in range(gateways)]
    listed = [{"name": f"p{number}", "port": 1 + number, "protocol": "TCP"} for number in range(ports)]
    names = [f"{'x' * width}{number}.xyz.svc.{DOMAIN}" for number in range(services)]
    return {"ingressGateways": addresses, "publicServices": [{"hostname": name, "ports": listed} for name in names]}


def test_what_would_be_too_much_in_one_object_costs_that_service():
    offered = _many(100, 1, ports=50)
    offered["publicServices"].append(service("good"))
    read, (finding,) = parse_federation(json.dumps(offered), trust_domain=DOMAIN)
    assert [item.hostname for item in read.public_services] == [service("good")["hostname"]]
    assert (finding.code, finding.severity) == ("service-refused", "error")
    assert "50 ports at 100 gateways" in finding.message


@pytest.mark.parametrize(
    ("offered", "why"),
    [(_many(150, 4000), "4000 services at 150 gateways"), (_many(1, 9000, width=50), "that are remembered")],
)
def test_what_would_be_too_much_in_all_is_refused(offered, why):
    """One neighbour must fill neither the memory of a run nor an object of the API server."""
    with pytest.raises(DocumentError, match=why) as caught:
        parse_federation(json.dumps(offered), trust_domain=DOMAIN)
    assert caught.value.reason == "InvalidPrivateMetadata"


def test_thousands_of_services_are_not_too_much():
    assert parse_federation(json.dumps(_many(4, 8000)), trust_domain=DOMAIN)[1] == ()


def test_of_thousands_of_bad_entries_the_first_are_told():
    offered = {"ingressGateways": [], "publicServices": [{"hostname": "a.b"}] * 1000}
    _read, findings = parse_federation(json.dumps(offered), trust_domain=DOMAIN)
    assert len(findings) == 51
    assert (findings[-1].code, findings[-1].severity) == ("more-findings", "error")
    assert "950 more" in findings[-1].message
