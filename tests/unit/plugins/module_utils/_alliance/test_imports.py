# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ServiceEntries and DestinationRules from what neighbours offer; the shared mesh config."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    GatewayAddress,
    PublicService,
    ServicePort,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.imports import ImportSource, compute_imports
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.mesh_config import (
    parse_shared_mesh_config,
    shared_mesh_config,
)

HOST = "bar.xyz.svc.b.local"
HTTP, TCP = ServicePort("http", 80, "HTTP"), ServicePort("tcp", 9000, "TCP")


def source(name="b", gateways=("192.0.2.1",), services=None, domain="b.local", locality=None):
    offered = {HOST: (HTTP,)} if services is None else services
    addresses = None if gateways is None else tuple(GatewayAddress(address, 15443) for address in gateways)
    public = tuple(PublicService(host, ports) for host, ports in offered.items())
    return ImportSource(name, domain, FederationMetadata(addresses, public), locality)


def test_the_two_objects_of_a_host():
    imports = compute_imports(
        [source(services={HOST: (TCP, HTTP)}, locality="eu/1")], namespace="alliance", labels={"x": "y"}
    )
    labels = {"app.kubernetes.io/managed-by": "meshalliance.istio", "x": "y"}
    entry, rule = imports.objects
    assert entry == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": HOST, "namespace": "alliance", "labels": labels},
        "spec": {
            "hosts": [HOST],
            "location": "MESH_INTERNAL",
            "resolution": "STATIC",
            "ports": [
                {"name": "http", "number": 80, "protocol": "HTTP"},
                {"name": "tcp", "number": 9000, "protocol": "TCP"},
            ],
            "endpoints": [
                {
                    "address": "192.0.2.1",
                    "labels": {"security.istio.io/tlsMode": "istio"},
                    "ports": {"http": 15443, "tcp": 15443},
                    "locality": "eu/1",
                }
            ],
        },
    }
    assert rule == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": HOST, "namespace": "alliance", "labels": labels},
        "spec": {"host": HOST, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}},
    }
    assert imports.hostnames == {"b": (HOST,)}
    assert not imports.findings


def test_a_name_makes_it_dns_and_ipv6_does_not():
    assert (
        compute_imports([source(gateways=["2001:db8::1"])], namespace="n").objects[0]["spec"]["resolution"] == "STATIC"
    )
    mixed = compute_imports([source(gateways=["192.0.2.1", "gw.example"])], namespace="n")
    assert mixed.objects[0]["spec"]["resolution"] == "DNS"


def test_one_host_of_several_neighbours_whatever_their_order():
    sources = [
        source("b1", ["192.0.2.2", "192.0.2.1"]),
        source("b2", ["192.0.2.1", "2001:db8::1"], {HOST: (HTTP, TCP)}),
        source("c", ["192.0.2.9"], {"foo.xyz.svc.c.local": (TCP,)}, "c.local"),
    ]
    results = [compute_imports(order, namespace="n") for order in itertools.permutations(sources)]
    assert all(result == results[0] for result in results)
    entry = results[0].objects[0]["spec"]
    assert [endpoint["address"] for endpoint in entry["endpoints"]] == ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
    assert [port["name"] for port in entry["ports"]] == ["http"], "the first neighbour's ports count"
    assert [(finding.code, finding.neighbour) for finding in results[0].findings] == [("ports-differ", "b2")]
    assert results[0].hostnames == {"b1": (HOST,), "b2": (HOST,), "c": ("foo.xyz.svc.c.local",)}
    kinds = [(item["kind"], item["metadata"]["name"]) for item in results[0].objects]
    assert len(kinds) == len(set(kinds)) == 4


@pytest.mark.parametrize("gateways", [None, ()])
def test_a_neighbour_without_gateways_yields_a_finding_alone(gateways):
    imports = compute_imports([source("a", gateways), source("b")], namespace="n")
    assert imports.hostnames == {"a": (), "b": (HOST,)}
    assert [(finding.code, finding.neighbour) for finding in imports.findings] == [("neighbour-without-gateway", "a")]


def test_hosts_of_other_domains_are_refused_here_too():
    imports = compute_imports([source(services={"foo.xyz.svc.a.local": (HTTP,), HOST: (HTTP,)})], namespace="n")
    assert imports.hostnames == {"b": (HOST,)}
    assert [finding.code for finding in imports.findings] == ["service-refused"]


def test_failover():
    policy = compute_imports([source()], namespace="n", failover=True).objects[1]["spec"]["trafficPolicy"]
    assert policy["tls"] == {"mode": "ISTIO_MUTUAL"}
    assert policy["loadBalancer"] == {"localityLbSetting": {"enabled": True}}
    assert policy["outlierDetection"]["consecutive5xxErrors"] == 5


def test_nothing_of_a_service_account():
    text = str(compute_imports([source(locality="eu")], namespace="n").objects)
    assert "serviceAccount" not in text and "subjectAltNames" not in text


def test_no_two_objects_share_anything():
    first, second = compute_imports([source()], namespace="n").objects
    first["metadata"]["labels"]["changed"] = "yes"
    assert "changed" not in second["metadata"]["labels"]


def test_the_shared_mesh_config_goes_round(authority, make_authority):
    other = make_authority().pem
    anchors = {"c.local": [other], "b.local": [other, authority.pem, other]}
    text = shared_mesh_config(anchors)
    assert text == shared_mesh_config({"b.local": [authority.pem + other], "c.local": [other]})
    assert parse_shared_mesh_config(text) == {"b.local": tuple(sorted([other, authority.pem])), "c.local": (other,)}
    assert parse_shared_mesh_config(shared_mesh_config({})) == {}
    assert parse_shared_mesh_config("{}") == {}


@pytest.mark.parametrize("text", ["", "x: y", "[]", '{"caCertificates": 1}', '{"caCertificates": [{"pem": 1}]}'])
def test_a_shared_mesh_config_of_somebody_else(text):
    with pytest.raises(AllianceError, match="istio-federation"):
        parse_shared_mesh_config(text)


def test_a_bad_certificate_never_gets_into_the_mesh_config():
    with pytest.raises(AllianceError):
        shared_mesh_config({"b.local": ["no certificate"]})


def test_gateways_of_several_neighbours_that_are_too_many_for_one_object():
    """Who comes first stays; whose gateways would make the object too large is told."""
    ports = tuple(ServicePort(f"p{number}", 1 + number, "TCP") for number in range(100))
    sources = [source(name, [f"192.0.{part}.{n}" for n in range(30)], {HOST: ports}) for part, name in enumerate("bc")]
    imports = compute_imports(sources, namespace="alliance")
    assert len(imports.objects[0]["spec"]["endpoints"]) == 30
    assert imports.hostnames == {"b": (HOST,), "c": ()}
    (finding,) = imports.findings
    assert (finding.neighbour, finding.code, finding.severity) == ("c", "service-refused", "error")
