# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the gateway is, from the cluster's objects."""

from __future__ import annotations

import json

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.gateways import gateway_addresses

PORTS = [
    {"name": "status-port", "port": 15021, "nodePort": 30021},
    {"name": "tls", "port": 15443, "nodePort": 30443},
    {"name": "https", "port": 443, "nodePort": 30444},
]


def service(kind, ingress=(), ports=None):
    spec = {"type": kind, "ports": PORTS if ports is None else ports}
    return {"spec": spec, "status": {"loadBalancer": {"ingress": list(ingress)}}}


def ready(status="True"):
    return [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": status}]


def node(name, internal=None, external=None, status="True", **spec):
    addresses = [{"type": "Hostname", "address": name}]
    addresses += [{"type": "InternalIP", "address": internal}] if internal else []
    addresses += [{"type": "ExternalIP", "address": external}] if external else []
    return {"metadata": {"name": name}, "spec": spec, "status": {"conditions": ready(status), "addresses": addresses}}


def pod(on, status="True", **metadata):
    return {"metadata": metadata, "spec": {"nodeName": on}, "status": {"conditions": ready(status)}}


def found(*args, **kwargs):
    addresses, findings = gateway_addresses(*args, **kwargs)
    return [(entry.address, entry.port) for entry in addresses], [finding.code for finding in findings]


def test_load_balancer():
    both = service("LoadBalancer", [{"hostname": "lb.example.com", "ip": "192.0.2.2"}, {"ip": "192.0.2.1"}])
    assert found(both, [], [], None) == ([("192.0.2.1", 15443), ("192.0.2.2", 15443)], [])
    named = service("LoadBalancer", [{"hostname": "lb.example.com"}])
    assert found(named, [], [], None) == ([("lb.example.com", 15443)], [])
    assert found(named, [], [], None, port_name="https") == ([("lb.example.com", 443)], [])
    assert found(service("LoadBalancer"), [], [], None) == ([], ["gateway-without-address"])


def test_node_port():
    nodes = [
        node("n1", "10.0.0.1", "192.0.2.1"),
        node("n2", "10.0.0.2"),
        node("cordoned", "10.0.0.3", unschedulable=True),
        node("unready", "10.0.0.4", status="False"),
        node("no-pod", "10.0.0.5"),
        node("pod-unready", "10.0.0.6"),
        node("pod-going", "10.0.0.7"),
        node("no-address"),
    ]
    pods = [pod(name) for name in ("n1", "n2", "cordoned", "unready", "no-address")]
    pods += [pod("pod-unready", "False"), pod("pod-going", deletionTimestamp="2026-01-01T00:00:00Z")]
    expected = [("10.0.0.2", 30443), ("192.0.2.1", 30443)]
    assert found(service("NodePort"), nodes, pods, None) == (expected, [])
    assert found(service("NodePort"), nodes, [], None) == ([], ["gateway-without-address"])


def test_services_that_are_no_gateway():
    assert found(None, [], [], None) == ([], ["gateway-missing"])
    assert found(service("LoadBalancer", [{"ip": "192.0.2.1"}], PORTS[:1]), [], [], None) == (
        [],
        ["gateway-port-missing"],
    )
    assert found(service("ClusterIP"), [], [], None) == ([], ["gateway-unreachable"])
    assert found({}, [], [], None) == ([], ["gateway-port-missing"])


def test_an_address_that_cannot_be_reached_is_told():
    assert found(service("LoadBalancer", [{"ip": "127.0.0.1"}]), [], [], None) == (
        [],
        ["gateway-address-refused", "gateway-without-address"],
    )


def test_advertised_addresses_win():
    wanted = [{"address": "gw.example.com", "port": 443}, {"address": "192.0.2.9", "port": 15443}]
    expected = [("192.0.2.9", 15443), ("gw.example.com", 443)]
    load_balancer = service("LoadBalancer", [{"ip": "192.0.2.1"}])
    assert found(load_balancer, [], [], json.dumps(wanted)) == (expected, [])
    assert found(None, [], [], json.dumps(wanted)) == (expected, [])


@pytest.mark.parametrize("text", ["", " \n", "[]"])
def test_nothing_advertised(text):
    load_balancer = service("LoadBalancer", [{"ip": "192.0.2.1"}])
    assert found(load_balancer, [], [], text) == ([("192.0.2.1", 15443)], [])


@pytest.mark.parametrize(
    "text", ["{", "{}", "null", '["x"]', '[{"address": "x"}]', '[{"address":"127.0.0.1","port":1}]']
)
def test_a_bad_advertisement_is_not_replaced_by_a_guess(text):
    load_balancer = service("LoadBalancer", [{"ip": "192.0.2.1"}])
    assert found(load_balancer, [], [], text) == ([], ["advertise-invalid"])
