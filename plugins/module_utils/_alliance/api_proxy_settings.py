# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the api-proxy is told: who may come in, how much each may ask, and where its pod has things."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ProxyNeighbour:
    """Who may come in: the name for logs, its clusterUUID, and the public key (PEM) that its tokens are signed with.

    C(previous_key_pub): the key of before, which counts too while it is rotated.
    """

    name: str
    cluster_uuid: str
    authn_key_pub: str
    previous_key_pub: str | None = None


@dataclass(frozen=True)
class ProxyLimits:
    """For each neighbour, in each of the proxy's pods.

    Three istiods list and watch ten kinds each, twice while they change their credentials: 60 long requests.
    C(stream_seconds): no watch is longer, whatever its caller asks for (istiod's are five to ten minutes long).
    """

    requests_per_second: int = 50
    burst: int = 200
    concurrent_requests: int = 200
    stream_seconds: int = 3600


@dataclass(frozen=True)
class ProxyLayout:
    """Folders, ports and the API server as the proxy's pod has them; the role's Deployment is made for the defaults.

    C(config) holds the bootstrap, C(neighbours) listener and clusters, C(tls) tls.crt and tls.key, C(account) the
    service account's token and ca.crt. C(api_host) without a value is the API server's Service.
    """

    config: str = "/etc/api-proxy/config"
    neighbours: str = "/etc/api-proxy/neighbours"
    tls: str = "/etc/api-proxy/tls"
    account: str = "/var/run/secrets/api-proxy"
    address: str = "0.0.0.0"  # noqa: S104
    port: int = 8443
    status_port: int = 8081
    admin_port: int = 15000
    api_host: str = ""
    api_port: int = 443
    api_name: str = "kubernetes.default.svc"


DEFAULT_LIMITS = ProxyLimits()
DEFAULT_LAYOUT = ProxyLayout()
