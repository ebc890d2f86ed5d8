# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Envoy's list of clusters; the texts are those of Envoy 1.36, cut short."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_clusters import (
    Cluster,
    Endpoint,
    host_of,
    parse_clusters,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError


def host(address: str, port: int, open_now: int | None = None, **more: Any) -> dict[str, Any]:
    active: dict[str, Any] = {"type": "GAUGE", "name": "cx_active"}
    if open_now:
        active["value"] = str(open_now)
    stats = [{"name": "cx_total", "value": "9"}, active, {"type": "GAUGE", "name": "rq_active", "value": "3"}]
    return {"address": {"socket_address": {"address": address, "port_value": port}}, "stats": stats, **more}


def body(*clusters: tuple[str, list[dict[str, Any]]]) -> bytes:
    statuses = [{"name": name, "host_statuses": hosts, "added_via_api": True} for name, hosts in clusters]
    return json.dumps({"cluster_statuses": statuses}).encode()


def test_hosts_endpoints_and_open_connections() -> None:
    remote = "outbound|80||bar.xyz.svc.cluster-b.local"
    found = parse_clusters(
        body(
            (remote, [host("192.0.2.1", 30443, 2), host("192.0.2.2", 30443)]),
            ("xds-grpc", [{"address": {"pipe": {"path": "./etc/istio/proxy/XDS"}}}]),
            ("outbound|80||dns.example", [host("192.0.2.3", 443, 1, hostname="gateway.example")]),
            ("BlackHoleCluster", []),
        )
    )
    assert found == (
        Cluster(
            remote,
            "bar.xyz.svc.cluster-b.local",
            (Endpoint(frozenset({"192.0.2.1"}), 30443, 2), Endpoint(frozenset({"192.0.2.2"}), 30443, 0)),
        ),
        Cluster("xds-grpc", ""),
        Cluster(
            "outbound|80||dns.example",
            "dns.example",
            (Endpoint(frozenset({"192.0.2.3", "gateway.example"}), 443, 1),),
        ),
        Cluster("BlackHoleCluster", ""),
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("outbound|80||bar.xyz.svc.b.local", "bar.xyz.svc.b.local"),
        ("outbound|80|v1|bar.xyz.svc.b.local", "bar.xyz.svc.b.local"),
        ("outbound_.80_._.bar.xyz.svc.b.local", "bar.xyz.svc.b.local"),
        ("outbound_.80_.v1_.bar.xyz.svc.b.local", "bar.xyz.svc.b.local"),
        ("inbound|8080||", ""),
        ("PassthroughCluster", ""),
        ("", ""),
    ],
)
def test_the_host_in_a_clusters_name(name: str, expected: str) -> None:
    assert host_of(name) == expected


def test_a_proxy_without_clusters() -> None:
    assert parse_clusters(b"{}") == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda item: (
        st.lists(item, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cluster_statuses", "name", "host_statuses", "address", "stats", "value"]), item
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_answers_is_read_or_told(data: bytes) -> None:
    try:
        parse_clusters(data)
    except AllianceError as error:
        assert "list of clusters can't be read" in error.message


@pytest.mark.parametrize(
    "data",
    [
        b"cluster::default_priority::max_connections::1024",
        b'{"cluster_statuses": [1]}',
        b'{"cluster_statuses": [{"host_statuses": []}]}',
        b'{"cluster_statuses": [{"name": "a", "host_statuses": [{"address": {"socket_address": {}}}]}]}',
    ],
)
def test_what_is_no_list_of_clusters_is_told(data: bytes) -> None:
    with pytest.raises(AllianceError, match="can't be read"):
        parse_clusters(data)
