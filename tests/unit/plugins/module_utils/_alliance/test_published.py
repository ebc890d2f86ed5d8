# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Services are published, and what protocol their ports are said to speak."""

from __future__ import annotations

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    parse_federation,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import PUBLIC_SERVICE_LABEL
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.protocols import (
    is_ambiguous,
    port_protocol,
    wire_protocol,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published import published_services

HTTP = {"name": "http", "port": 80, "protocol": "TCP"}


def service(name="bar", label: str | None = "", ports=(HTTP,), **spec):
    labels = {} if label is None else {PUBLIC_SERVICE_LABEL: label}
    return {
        "metadata": {"name": name, "namespace": "xyz", "labels": labels},
        "spec": {"type": "ClusterIP", "clusterIP": "10.1.0.1", "ports": list(ports), **spec},
    }


def test_only_labelled_services_sorted():
    services = [service("b"), service("a", "true"), service("c", None), {"metadata": {"name": "x"}}]
    published, findings = published_services(services, "cluster-b.local")
    assert [entry.hostname for entry in published] == ["a.xyz.svc.cluster-b.local", "b.xyz.svc.cluster-b.local"]
    assert not findings


def test_a_neighbour_reads_what_is_published():
    ports = [{"name": "tcp-x", "port": 9}, {"name": "web", "port": 10, "appProtocol": "kubernetes.io/h2c"}, HTTP]
    published = published_services([service(ports=ports)], "cluster-b.local")[0]
    document = FederationMetadata((), published)
    assert parse_federation(document.render(), trust_domain="cluster-b.local") == (document, ())
    assert [port.protocol for port in published[0].ports] == ["TCP", "HTTP2", "HTTP"]


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (service(type="ExternalName", clusterIP=None), "ExternalName"),
        (service(clusterIP="None"), "headless"),
        (service(clusterIP=""), "headless"),
        (service(ports=[]), "no ports"),
        (service(ports=[{"port": 80}]), "unnamed"),
        (service(ports=[HTTP, {"name": "", "port": 81}]), "unnamed"),
        (service(ports=[{"name": f"p{i}", "port": i + 1} for i in range(101)]), "more than 100"),
        (service(label="false"), "false"),
    ],
)
def test_services_that_cannot_be_published(refused, why):
    published, findings = published_services([refused, service("good")], "cluster-b.local")
    assert [entry.hostname for entry in published] == ["good.xyz.svc.cluster-b.local"]
    assert [(finding.code, finding.object) for finding in findings] == [("service-not-published", "Service xyz/bar")]
    assert why in findings[0].message
    assert findings[0].remedy


def test_ports_that_are_not_tcp_are_left_out():
    udp = {"name": "dns", "port": 53, "protocol": "UDP"}
    published, findings = published_services([service(ports=[HTTP, udp])], "b.local")
    assert [port.name for port in published[0].ports] == ["http"]
    assert [finding.code for finding in findings] == ["port-not-published"]
    published, findings = published_services([service(ports=[udp])], "b.local")
    assert not published
    assert [finding.code for finding in findings] == ["port-not-published", "service-not-published"]


def test_a_doubtful_protocol_is_told():
    published, findings = published_services([service(ports=[{"name": "web", "port": 80}])], "b.local")
    assert published[0].ports[0].protocol == "TCP"
    assert [(finding.severity, finding.code) for finding in findings] == [("warning", "protocol-doubtful")]


@pytest.mark.parametrize(
    ("name", "app_protocol", "istio", "wire"),
    [
        ("http", None, "HTTP", "HTTP"),
        ("HTTP-web", None, "HTTP", "HTTP"),
        ("http2-x", None, "HTTP2", "HTTP2"),
        ("grpc", None, "GRPC", "HTTP2"),
        ("grpc-web", None, "GRPC-WEB", "HTTP2"),
        ("grpc-web-x", None, "GRPC-WEB", "HTTP2"),
        ("https-x", None, "HTTPS", "TLS"),
        ("tls", None, "TLS", "TLS"),
        ("tcp-x", None, "TCP", "TCP"),
        ("mongo", None, "MONGO", "TCP"),
        ("web", None, "TCP", "TCP"),
        ("httpx", None, "TCP", "TCP"),
        ("", None, "TCP", "TCP"),
        ("http", "tcp", "TCP", "TCP"),
        ("tcp", "kubernetes.io/h2c", "HTTP2", "HTTP2"),
        ("tcp", "kubernetes.io/ws", "HTTP", "HTTP"),
        ("tcp", "kubernetes.io/wss", "HTTPS", "TLS"),
        ("http", "example.com/own", "TCP", "TCP"),
    ],
)
def test_protocols(name, app_protocol, istio, wire):
    assert port_protocol(name, app_protocol) == istio
    assert wire_protocol(name, app_protocol) == wire


def test_transport_and_ambiguity():
    assert port_protocol("http", transport="UDP") == "UDP"
    assert is_ambiguous("web") and is_ambiguous("") and is_ambiguous("http", "example.com/own")
    assert not is_ambiguous("tcp-x") and not is_ambiguous("db", port=3306)
