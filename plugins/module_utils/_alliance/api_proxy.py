# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The api-proxy's listener and clusters: Envoy configuration that lets each neighbour read a part of the API.

A neighbour is known by its own key alone: each has a JWT provider of its own, whose subject is its clusterUUID, so none
can sign for another. What it may ask for is a list of paths; everything else is refused before it leaves the proxy.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_envoy import (
    Config,
    resources_text,
    sds,
    typed,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_listener import (
    api_listener,
    cluster_name,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_rules import readable_paths
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_settings import (
    DEFAULT_LAYOUT,
    DEFAULT_LIMITS,
    ProxyLayout,
    ProxyLimits,
    ProxyNeighbour,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError

LISTENERS_FILE = "lds.json"
CLUSTERS_FILE = "cds.json"


def neighbours_config_map(
    namespace: str,
    own_uuid: str,
    neighbours: Sequence[ProxyNeighbour],
    *,
    cluster_domain: str,
    root_namespace: str = names.DEFAULT_ROOT_NAMESPACE,
    limits: ProxyLimits = DEFAULT_LIMITS,
    extra_rules: Sequence[Mapping[str, Any]] = (),
    layout: ProxyLayout = DEFAULT_LAYOUT,
) -> Config:
    """The ConfigMap with listener and clusters; the same bytes for the same content, whatever its order.

    Raises AllianceError for two neighbours of one name or clusterUUID and for C(extra_rules) that can't be told as
    paths, KeyPairError for a key that is of no use.
    """
    known = sorted(neighbours, key=lambda item: item.name)
    _refuse_doubles(known)
    listener = api_listener(known, own_uuid, readable_paths(root_namespace, extra_rules), namespace, limits, layout)
    host = layout.api_host or f"{layout.api_name}.{cluster_domain}"
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": names.API_PROXY_NEIGHBOURS_CONFIGMAP, "namespace": namespace},
        "data": {
            CLUSTERS_FILE: resources_text([_cluster(item.name, host, limits, layout) for item in known]),
            LISTENERS_FILE: resources_text([listener]),
        },
    }


def config_hash(config_map: Mapping[str, Any]) -> str:
    """A digest of a ConfigMap's data."""
    return hashlib.sha256(json.dumps(config_map.get("data") or {}, sort_keys=True).encode()).hexdigest()


def _refuse_doubles(neighbours: Sequence[ProxyNeighbour]) -> None:
    for what, values in (
        ("name", [item.name for item in neighbours]),
        ("clusterUUID", [item.cluster_uuid for item in neighbours]),
    ):
        double = [value for value, count in Counter(values).items() if count > 1]
        if double:
            raise AllianceError(f"two neighbours of the api-proxy have the {what} {double[0]}")


def _cluster(name: str, host: str, limits: ProxyLimits, layout: ProxyLayout) -> Config:
    """The API server as one neighbour has it: connections and limits of its own."""
    thresholds = {
        "max_connections": max(4, limits.concurrent_requests // 10),
        "max_pending_requests": limits.concurrent_requests,
        "max_requests": limits.concurrent_requests,
    }
    endpoint = {"address": {"socket_address": {"address": host, "port_value": layout.api_port}}}
    tls = typed(
        "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        sni=layout.api_name,
        common_tls_context={
            "alpn_protocols": ["h2"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "validation_context_sds_secret_config": sds("ca", layout),
        },
    )
    protocol = typed(
        "extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={
            "http2_protocol_options": {
                "max_concurrent_streams": 100,
                "initial_stream_window_size": 1048576,
                "initial_connection_window_size": 16777216,
                "connection_keepalive": {"interval": "30s", "timeout": "20s"},
            }
        },
    )
    return typed(
        "config.cluster.v3.Cluster",
        name=cluster_name(name),
        type="STRICT_DNS",
        dns_lookup_family="ALL",
        connect_timeout="5s",
        circuit_breakers={"thresholds": [thresholds]},
        load_assignment={
            "cluster_name": cluster_name(name),
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
        transport_socket={"name": "envoy.transport_sockets.tls", "typed_config": tls},
        typed_extension_protocol_options={"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol},
    )
