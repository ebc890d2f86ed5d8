# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The api-proxy's listener: how it takes connections, whose a request is, and what it answers by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_envoy import (
    Config,
    named_filter,
    sds,
    typed,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_filters import (
    CLAIMS,
    JWT,
    SCREENED,
    http_filters,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_rules import (
    SECRETS_PATH,
    empty_namespace,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_settings import (
    ProxyLayout,
    ProxyLimits,
    ProxyNeighbour,
)

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    408: "Timeout",
    413: "RequestEntityTooLarge",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_TRY_AGAIN = (429, 503)


def api_listener(
    neighbours: Sequence[ProxyNeighbour],
    own_uuid: str,
    readable: Sequence[Config],
    namespace: str,
    limits: ProxyLimits,
    layout: ProxyLayout,
) -> Config:
    """The listener for these neighbours, sorted; what they may read is listed in C(readable)."""
    manager = named_filter(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="api",
        route_config=_routes(neighbours, own_uuid, namespace, limits, layout),
        http_filters=http_filters(neighbours, own_uuid, readable, layout),
        local_reply_config=_local_replies(),
        access_log=[_access_log()],
        **_strictness(limits),
    )
    tls = typed(
        "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificate_sds_secret_configs": [sds("tls", layout)],
        },
    )
    chain = {
        "filters": [manager],
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
        "transport_socket_connect_timeout": "10s",
    }
    return typed(
        "config.listener.v3.Listener",
        name="api",
        address={"socket_address": {"address": layout.address, "port_value": layout.port}},
        per_connection_buffer_limit_bytes=262144,
        filter_chains=[chain],
    )


def _strictness(limits: ProxyLimits) -> Config:
    """Settings of the connection manager: nothing is guessed or repaired, slow callers are let go, watches are not."""
    return {
        "codec_type": "AUTO",
        "use_remote_address": True,
        "skip_xff_append": True,
        # Nobody's headers of Envoy's own are believed, wherever the connection comes from.
        "internal_address_config": {"unix_sockets": False},
        # Paths stay as they were sent. The list of paths has none that would need repair, so each trick is refused
        # instead of being put right.
        "normalize_path": False,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "max_request_headers_kb": 32,
        "request_headers_timeout": "10s",
        "request_timeout": "30s",
        "stream_idle_timeout": "0s",
        "common_http_protocol_options": {
            "idle_timeout": "300s",
            "max_stream_duration": f"{limits.stream_seconds}s",
            "headers_with_underscores_action": "REJECT_REQUEST",
            "max_headers_count": 64,
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 250,
            "initial_stream_window_size": 65536,
            "initial_connection_window_size": 1048576,
            "connection_keepalive": {"interval": "30s", "timeout": "20s"},
        },
    }


def _routes(
    neighbours: Sequence[ProxyNeighbour], own_uuid: str, namespace: str, limits: ProxyLimits, layout: ProxyLayout
) -> Config:
    return {
        "name": "api",
        "virtual_hosts": [
            {
                "name": "api",
                "domains": ["*"],
                "routes": [_route(item, own_uuid, namespace, limits, layout.api_name) for item in neighbours],
            }
        ],
        # Clusters are in another file, which may be read a moment later; a listener that was refused stays refused.
        "validate_clusters": False,
    }


def _route(neighbour: ProxyNeighbour, own_uuid: str, namespace: str, limits: ProxyLimits, api_name: str) -> Config:
    def metadata(source: str, *path: str, **value: Any) -> Config:
        return {"filter": source, "path": [{"key": key} for key in path], "value": value}

    proved = [
        metadata(JWT, CLAIMS, "sub", string_match={"exact": neighbour.cluster_uuid}),
        # jwt_authn takes one audience of several; a cluster could come to another with a token that it was sent.
        metadata(JWT, CLAIMS, "aud", string_match={"exact": own_uuid}),
        metadata(JWT, CLAIMS, "scope", string_match={"exact": names.SCOPE_API}),
        metadata(SCREENED, "screened", bool_match=True),
    ]
    everything = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    bucket = {
        "max_tokens": limits.burst,
        "tokens_per_fill": limits.requests_per_second,
        "fill_interval": "1s",
    }
    rate = typed(
        "extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="api",
        token_bucket=bucket,
        filter_enabled=everything,
        filter_enforced=everything,
    )
    agent = {"key": "user-agent", "value": f"{names.API_PROXY} for {neighbour.name}"}
    return {
        "name": neighbour.name,
        "match": {"prefix": "/", "dynamic_metadata": proved},
        "route": {
            "cluster": cluster_name(neighbour.name),
            "timeout": "0s",
            "host_rewrite_literal": api_name,
            # istiod does not become ready without the list of all Secrets. It gets one, of a namespace without any.
            "regex_rewrite": {
                "pattern": {"regex": f"^{SECRETS_PATH}$"},
                "substitution": f"/api/v1/namespaces/{empty_namespace(namespace)}/secrets",
            },
        },
        # For the audit log: the service account is the same for all.
        "request_headers_to_add": [{"header": agent, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
        "typed_per_filter_config": {"envoy.filters.http.local_ratelimit": rate},
    }


def _local_replies() -> Config:
    """Answers of the proxy itself, in the form that clients of Kubernetes understand."""

    def body(reason: str, message: str = "%LOCAL_REPLY_BODY%") -> Config:
        status = {"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure"}
        message = f"{names.API_PROXY}: {message}"
        return {"json_format": {**status, "message": message, "reason": reason, "code": "%RESPONSE_CODE%"}}

    def mapper(code: int, **more: Any) -> Config:
        equal = {"comparison": {"op": "EQ", "value": {"default_value": code, "runtime_key": "api_proxy.none"}}}
        return {"filter": {"status_code_filter": equal}, **more}

    wait = {"header": {"key": "retry-after", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    mappers = [
        mapper(code, body_format_override=body(reason), **({"headers_to_add": [wait]} if code in _TRY_AGAIN else {}))
        for code, reason in sorted(_REASONS.items())
    ]
    # No route: the neighbour is known, and its token is for something else.
    stranger = body(_REASONS[403], f"the token is not of scope {names.SCOPE_API} for this cluster alone")
    mappers.append(mapper(404, status_code=403, body_format_override=stranger))
    return {"mappers": mappers, "body_format": body("InternalError")}


def _access_log() -> Config:
    fields = {
        "time": "%START_TIME%",
        # The route's name is the neighbour's; a request that proved to be nobody's has none.
        "neighbour": "%ROUTE_NAME%",
        "method": "%REQ(:METHOD)%",
        "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):300%",
        "protocol": "%PROTOCOL%",
        "status": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "flags": "%RESPONSE_FLAGS%",
        "bytes": "%BYTES_SENT%",
        "duration_ms": "%DURATION%",
        "audit_id": "%REQ(AUDIT-ID)%",
        "peer": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    }
    return named_filter(
        "envoy.access_loggers.stdout",
        "extensions.access_loggers.stream.v3.StdoutAccessLog",
        log_format={"json_format": fields},
    )


def cluster_name(neighbour: str) -> str:
    """The name of the upstream cluster that is one neighbour's."""
    return f"neighbour/{neighbour}"
