# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is what a cluster publishes there for its neighbours: open at the gateway, and with somebody who answers?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import OK, worst
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Check, Service

# A Service by namespace and name.
Place = tuple[str, str]

CHECK = "published"
_MOST_NAMED = 5


def place_of(host: str) -> Place:
    """The Service of a host C(name.namespace.svc.domain)."""
    name, _dot, rest = host.partition(".")
    return rest.partition(".")[0], name


def published_check(
    services: Iterable[Service], endpoints: Mapping[Place, int], opened: frozenset[str] | None
) -> tuple[Check, tuple[Finding, ...]]:
    """The check and what is wrong. C(endpoints): the ready ones of each Service; C(opened): the hosts that are open at
    the gateway, None where its platform opens all."""
    hosts = sorted(service.host for service in services)
    shut = [host for host in hosts if opened is not None and host not in opened]
    surplus = sorted((opened or frozenset()) - set(hosts))
    idle = [host for host in hosts if not endpoints.get(place_of(host))]
    log = "see the exporter's log: it keeps the Gateway of published hosts"
    told = (
        ("error", "published-not-open", shut, "published services are not open at the gateway", log),
        ("error", "open-not-published", surplus, "hosts are open at the gateway that are not published", log),
        ("warning", "published-without-endpoints", idle, "published services have no ready endpoint", "see their pods"),
    )
    findings = tuple(
        Finding(severity, code, f"{len(found)} {what}: {_named(found)}", remedy)  # type: ignore[arg-type]
        for severity, code, found, what, remedy in told
        if found
    )
    gateway = "" if opened is None else " and are open at the gateway"
    text = f"{len(hosts)} published services have ready endpoints{gateway}"
    level = worst([OK, *(finding.severity for finding in findings)])
    return Check(CHECK, level, findings[0].message if findings else text), findings


def _named(texts: list[str]) -> str:
    more = len(texts) - _MOST_NAMED
    return ", ".join(texts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
