# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sidecar of the probe's pod holds, asked of its Envoy's admin interface on the pod's loopback."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_clusters import Cluster, parse_clusters
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_secrets import parse_secrets
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_transports import (
    Transport,
    parse_transports,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe import Held, Target

ADMIN = ("localhost", 15000)
_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Sidecar:
    """The clusters of one proxy by name, how they are reached, and the roots that it trusts (PEM).

    C(error): why it could not be asked; everything else is empty then.
    """

    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    transports: Mapping[str, Transport] = field(default_factory=dict)
    roots: tuple[str, ...] = ()
    error: str = ""

    def held(self, target: Target) -> Held:
        """What it holds of a port."""
        name = f"outbound|{target.port}||{target.host}"
        cluster, transport = self.clusters.get(name), self.transports.get(name)
        if cluster is None:
            return Held(error=self.error)
        places = {f"{name}:{endpoint.port}" for endpoint in cluster.endpoints for name in endpoint.names}
        return Held(
            present=True,
            endpoints=tuple(sorted(places)),
            tls=transport.tls if transport else None,
            rule=transport.rule if transport else "",
        )


def ask_sidecar(trust_domain: str, timeout: float, admin: tuple[str, int] = ADMIN) -> Sidecar:
    """What the sidecar holds of the hosts of a trust domain. Never raises: what went wrong is in C(error)."""
    names = quote(rf"outbound\|.*\.{re.escape(trust_domain)}", safe="")
    try:
        clusters = parse_clusters(_get(admin, "/clusters?format=json", timeout))
        dump = _get(admin, f"/config_dump?resource=dynamic_active_clusters&name_regex={names}", timeout)
        secrets = parse_secrets(_get(admin, "/config_dump?resource=dynamic_active_secrets", timeout))
        transports = parse_transports(dump)
    except AllianceError as error:
        return Sidecar(error=error.message)
    except (OSError, http.client.HTTPException) as error:
        return Sidecar(error=f"the sidecar's Envoy does not answer: {error or type(error).__name__}")
    return Sidecar({cluster.name: cluster for cluster in clusters}, transports, secrets.roots or ())


def _get(admin: tuple[str, int], path: str, timeout: float) -> bytes:
    connection = http.client.HTTPConnection(*admin, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(_LIMIT_BYTES)
    finally:
        connection.close()
    if response.status != 200:
        raise AllianceError(f"the sidecar's Envoy answers {response.status} to GET {path.partition('?')[0]}")
    return body
