# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the api-proxy's Envoy starts with: its bootstrap, the files that tell it where secrets are, and nobody let in.

All of it is the same in every cluster. Listener and clusters come from files that change while it runs.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy import (
    CLUSTERS_FILE,
    LISTENERS_FILE,
    neighbours_config_map,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_envoy import (
    Config,
    resources_text,
    typed,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_settings import (
    DEFAULT_LAYOUT,
    ProxyLayout,
)

BOOTSTRAP_FILE = "envoy.json"
MAX_CONNECTIONS = 2000
MAX_HEAP_BYTES = 512 * 1024 * 1024

_STATUS_PATHS = ("/ready", "/stats/prometheus")


def bootstrap_files(layout: ProxyLayout = DEFAULT_LAYOUT) -> dict[str, str]:
    """The files of ConfigMap C(api-proxy-bootstrap) by name.

    Its listener and clusters let nobody in; they stand where the neighbours' are put as soon as there are any.
    """
    nobody = neighbours_config_map(names.DEFAULT_NAMESPACE, "", [], cluster_domain="", layout=layout)["data"]
    files = {
        BOOTSTRAP_FILE: json.dumps(_bootstrap(layout), sort_keys=True, indent=1) + "\n",
        "sds-tls.json": resources_text([_certificate(layout)]),
        "sds-token.json": resources_text([_token(layout)]),
        "sds-ca.json": resources_text([_authority(layout)]),
        **{name: nobody[name] for name in (CLUSTERS_FILE, LISTENERS_FILE)},
    }
    return dict(sorted(files.items()))


def _watched(folder: str, file: str) -> Config:
    """A source that is read again when the kubelet has exchanged the folder's content."""
    source = {"path": f"{folder}/{file}", "watched_directory": {"path": folder}}
    return {"path_config_source": source, "resource_api_version": "V3"}


def _bootstrap(layout: ProxyLayout) -> Config:
    return {
        # Files are a management server too, and that one wants to know who asks.
        "node": {"id": names.API_PROXY, "cluster": names.API_PROXY},
        "admin": {"address": _address("127.0.0.1", layout.admin_port)},
        "dynamic_resources": {
            "lds_config": _watched(layout.neighbours, LISTENERS_FILE),
            "cds_config": _watched(layout.neighbours, CLUSTERS_FILE),
        },
        "static_resources": {"listeners": [_status_listener(layout)], "clusters": [_admin_cluster(layout)]},
        "overload_manager": _overload(),
    }


def _address(host: str, port: int) -> Config:
    return {"socket_address": {"address": host, "port_value": port}}


def _status_listener(layout: ProxyLayout) -> Config:
    """Readiness and figures for everybody in the cluster, and nothing else of the admin interface."""
    get = {"name": ":method", "string_match": {"exact": "GET"}}
    routes = [
        {"match": {"path": path, "headers": [get]}, "route": {"cluster": "admin", "timeout": "10s"}}
        for path in _STATUS_PATHS
    ]
    manager = typed(
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="status",
        request_headers_timeout="5s",
        request_timeout="10s",
        common_http_protocol_options={"idle_timeout": "60s"},
        route_config={"name": "status", "virtual_hosts": [{"name": "status", "domains": ["*"], "routes": routes}]},
        http_filters=[
            {"name": "envoy.filters.http.router", "typed_config": typed("extensions.filters.http.router.v3.Router")}
        ],
    )
    return {
        "name": "status",
        "address": _address(layout.address, layout.status_port),
        # The kubelet's probe has to be answered also when neighbours have taken all connections.
        "ignore_global_conn_limit": True,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _admin_cluster(layout: ProxyLayout) -> Config:
    endpoint = {"endpoint": {"address": _address("127.0.0.1", layout.admin_port)}}
    return {
        "name": "admin",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "admin", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _overload() -> Config:
    def monitor(name: str, message: str, **fields: Any) -> Config:
        return {
            "name": f"envoy.resource_monitors.{name}",
            "typed_config": typed(f"extensions.resource_monitors.{message}", **fields),
        }

    def action(name: str, threshold: float) -> Config:
        trigger = {"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": threshold}}
        return {"name": f"envoy.overload_actions.{name}", "triggers": [trigger]}

    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            monitor(
                "global_downstream_max_connections",
                "downstream_connections.v3.DownstreamConnectionsConfig",
                max_active_downstream_connections=MAX_CONNECTIONS,
            ),
            monitor("fixed_heap", "fixed_heap.v3.FixedHeapConfig", max_heap_size_bytes=MAX_HEAP_BYTES),
        ],
        "actions": [action("shrink_heap", 0.9), action("stop_accepting_requests", 0.95)],
    }


def _secret(name: str, **content: Any) -> Config:
    return typed("extensions.transport_sockets.tls.v3.Secret", name=name, **content)


def _certificate(layout: ProxyLayout) -> Config:
    pair = {
        "certificate_chain": {"filename": f"{layout.tls}/tls.crt"},
        "private_key": {"filename": f"{layout.tls}/tls.key"},
        "watched_directory": {"path": layout.tls},
    }
    return _secret("tls", tls_certificate=pair)


def _token(layout: ProxyLayout) -> Config:
    # Envoy watches the folder of such a file by itself.
    return _secret("token", generic_secret={"secret": {"filename": f"{layout.account}/token"}})


def _authority(layout: ProxyLayout) -> Config:
    name = {"san_type": "DNS", "matcher": {"exact": layout.api_name}}
    context = {
        "trusted_ca": {"filename": f"{layout.account}/ca.crt"},
        "watched_directory": {"path": layout.account},
        "match_typed_subject_alt_names": [name],
    }
    return _secret("ca", validation_context=context)
