# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a metadata endpoint is, and by which hosts."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.endpoint import (
    endpoint_hosts,
    metadata_endpoint,
)


@pytest.mark.parametrize(
    ("address", "port", "url"),
    [
        ("203.0.113.1", 443, "https://203.0.113.1/metadata/"),
        ("203.0.113.1", 30443, "https://203.0.113.1:30443/metadata/"),
        ("2001:db8::1", 443, "https://[2001:db8::1]/metadata/"),
        ("2001:db8::1", 8443, "https://[2001:db8::1]:8443/metadata/"),
        ("gw.example.com", 443, "https://gw.example.com/metadata/"),
    ],
)
def test_urls(address: str, port: int, url: str) -> None:
    assert metadata_endpoint(GatewayAddress(address, port)) == url


def node(**addresses: str) -> dict[str, Any]:
    return {"status": {"addresses": [{"type": kind, "address": value} for kind, value in addresses.items()]}}


NODES = [
    node(InternalIP="10.0.0.2", Hostname="n2"),
    node(InternalIP="10.0.0.1", ExternalIP="203.0.113.1", InternalDNS="n1.internal"),
    {},
]
INGRESS = [{"hostname": "lb.example.com"}, {"ip": "203.0.113.9", "hostname": ""}]
BALANCED = {"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": INGRESS}}}


@pytest.mark.parametrize(
    ("service", "hosts"),
    [
        (None, []),
        ({"spec": {"type": "NodePort"}}, ["10.0.0.1", "10.0.0.2", "203.0.113.1"]),
        ({"spec": {"type": "LoadBalancer"}}, []),
        (BALANCED, ["203.0.113.9", "lb.example.com"]),
        ({"spec": {"type": "ClusterIP"}}, []),
    ],
)
def test_hosts(service: dict[str, Any] | None, hosts: list[str]) -> None:
    assert endpoint_hosts(service, NODES) == hosts
    assert endpoint_hosts(service, reversed(NODES)) == hosts
