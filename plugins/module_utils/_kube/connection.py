# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pool of kept-alive connections to one API server, opened with the C(kubernetes) library's configuration.

The library reads kubeconfigs, exec plugins and in-cluster tokens; its typed models and its discovery are not used,
because they are what makes a large run slow.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlparse

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.auth import Auth

try:
    import urllib3
    import websocket  # a dependency of the kubernetes library
    from kubernetes import config as kubernetes_config
    from kubernetes.client import Configuration
    from kubernetes.client.rest import RESTClientObject
except ImportError:
    pass  # told by libraries.missing_libraries()

POOL_SIZE = 16


class Connection:
    """One API server: its base URL, the connection pool, and the headers that authenticate."""

    def __init__(self, configuration: Any, headers: Mapping[str, str] | None = None) -> None:
        configuration.connection_pool_maxsize = POOL_SIZE
        # Retrying is decided in client.py, where it is known which requests may be repeated.
        configuration.retries = False
        self.base_url: str = configuration.host.rstrip("/")
        self.pool: Any = RESTClientObject(configuration).pool_manager
        self._configuration = configuration
        self._headers = dict(headers or {})

    def headers(self) -> dict[str, str]:
        """The headers of the next request; the token is asked for anew, as in-cluster tokens are replaced hourly."""
        headers = dict(self._headers)
        for setting in self._configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        if self._configuration.username and self._configuration.password:
            basic = urllib3.make_headers(basic_auth=f"{self._configuration.username}:{self._configuration.password}")
            headers.update(basic)
        return headers

    def websocket(self, url: str, *, headers: Iterable[tuple[str, str]], subprotocol: str, timeout: float) -> Any:
        """Open a WebSocket to the API server with the pool's TLS and proxy settings; the caller closes it.

        Raises WebSocketException of the package websocket-client, and OSError.
        """
        options: dict[str, Any] = {"http_no_proxy": ["*"]}  # else the package looks into the environment
        proxy = getattr(self.pool, "proxy", None)
        if proxy is not None:
            options = {
                "http_proxy_host": proxy.host,
                "http_proxy_port": proxy.port,
                "http_proxy_auth": tuple(proxy.auth.split(":", 1)) if proxy.auth else None,
                "http_no_proxy": ["-"],  # no host is called so; the pool has decided already
            }
        opened: Any = websocket.WebSocket(sslopt=self._tls() if url.startswith("wss:") else {})
        opened.connect(
            url,
            header=[f"{name}: {value}" for name, value in headers],
            subprotocols=[subprotocol],
            timeout=timeout,
            suppress_origin=True,
            redirect_limit=0,  # credentials go to this address alone
            **options,
        )
        return opened

    def _tls(self) -> dict[str, Any]:
        """What the pool verifies and presents, for websocket-client."""
        settings = self.pool.connection_pool_kw
        context = urllib3.util.ssl_.create_urllib3_context()
        if settings.get("cert_reqs") == ssl.CERT_NONE:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context.verify_mode = ssl.CERT_REQUIRED
            context.check_hostname = settings.get("assert_hostname") is not False
            authorities = (settings.get("ca_certs"), settings.get("ca_cert_data"))
            if any(authorities):
                context.load_verify_locations(cafile=authorities[0], cadata=authorities[1])
            else:
                context.load_default_certs()
        if settings.get("cert_file"):
            context.load_cert_chain(settings["cert_file"], settings.get("key_file"))
        server_name = settings.get("server_hostname")
        return {"context": context, **({"server_hostname": server_name} if server_name else {})}

    def close(self) -> None:
        """Close all connections."""
        self.pool.clear()


def connect(auth: Auth) -> Connection:
    """Open the way to the API server that C(auth) describes. Raises AllianceError when it can't be read."""
    configuration = Configuration()
    if auth.host:
        _from_host(configuration, auth)
    else:
        _from_kubeconfig(configuration, auth)
    if auth.validate_certs is not None:
        configuration.verify_ssl = auth.validate_certs
    if auth.proxy:
        configuration.proxy = auth.proxy
    if auth.no_proxy:
        configuration.no_proxy = auth.no_proxy
    if not urlparse(configuration.host).hostname:
        raise AllianceError(f"{configuration.host!r} is not the URL of an API server", remedy="give https://host:port")
    headers: dict[str, Any] = {}
    if auth.impersonate_user:
        headers["Impersonate-User"] = auth.impersonate_user
    if auth.impersonate_groups:
        # The header is repeated once per group (client-go: transport.ImpersonateGroupHeader); urllib3 joins
        # repeated names only through its own dictionary.
        headers["Impersonate-Group"] = auth.impersonate_groups
    return Connection(configuration, headers)


def connect_in_cluster() -> Connection:
    """Open the way to the API server of the pod that this process runs in, by its service account."""
    configuration = Configuration()
    kubernetes_config.load_incluster_config(client_configuration=configuration)
    return Connection(configuration)


def _from_host(configuration: Any, auth: Auth) -> None:
    configuration.host = auth.host
    configuration.username = auth.username
    configuration.password = auth.password
    if auth.api_key:
        configuration.api_key = {"authorization": f"Bearer {auth.api_key}"}
    configuration.cert_file = auth.client_cert
    configuration.key_file = auth.client_key
    configuration.ssl_ca_cert = auth.ca_cert


def _from_kubeconfig(configuration: Any, auth: Auth) -> None:
    remedy = "check kubeconfig and context, or set host with its credentials"
    try:
        if isinstance(auth.kubeconfig, dict):
            kubernetes_config.load_kube_config_from_dict(
                auth.kubeconfig, context=auth.context, client_configuration=configuration, persist_config=False
            )
            return
        path = os.path.expanduser(auth.kubeconfig) if auth.kubeconfig else None
        if path and not all(os.path.exists(part) for part in path.split(os.pathsep)):
            raise AllianceError(f"kubeconfig {path} does not exist", remedy=remedy)
        kubernetes_config.load_kube_config(
            config_file=path, context=auth.context, client_configuration=configuration, persist_config=False
        )
    except (kubernetes_config.ConfigException, OSError, TypeError) as error:
        raise AllianceError(f"the kubeconfig can't be used: {error}", remedy=remedy) from error
