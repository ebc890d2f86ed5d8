# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data-plane probe of newer versions: GET /healthz of the healthcheck service that a peer publishes."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from typing import Any

from tests.deckhouse import facts

_SECONDS = 5


class Probe:
    """`route` stands in for the mesh: the address and port where a host's port 80 is reached from here."""

    def __init__(self, uuid: str, route: Callable[[str], tuple[str, int]]) -> None:
        self._uuid = uuid
        self._route = route

    def __call__(self, offer: Mapping[str, Any]) -> str | None:
        """Why the probe failed, None when it didn't."""
        hosts = healthcheck_hosts(offer)
        if not hosts:
            return f"the peer publishes no service {facts.HEALTHCHECK}"
        return next((problem for problem in map(self._ask, hosts) if problem), None)

    def _ask(self, host: str) -> str | None:
        address, port = self._route(host)
        connection = http.client.HTTPConnection(address, port, timeout=_SECONDS)
        headers = {
            "Host": host,
            "User-Agent": "alliance-healthcheck/1.0",
            "X-alliance-healthcheck-from": self._uuid,
        }
        try:
            connection.request("GET", facts.HEALTHCHECK_PATH, headers=headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"{host}: {error}"
        finally:
            connection.close()
        return None if status == 200 else f"{host}: {status}"


def healthcheck_hosts(offer: Mapping[str, Any]) -> list[str]:
    """The hosts of a peer's healthcheck services with a port 80, by either name."""
    hosts = []
    for service in offer.get("publicServices") or []:
        name = service["hostname"].split(".")[0]
        named = name == facts.HEALTHCHECK or name.startswith(f"{facts.HEALTHCHECK}-")
        if named and any(port["port"] == facts.HEALTHCHECK_PORT for port in service["ports"]):
            hosts.append(service["hostname"])
    return hosts
