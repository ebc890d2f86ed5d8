# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of verifying the alliance in the one form that status and the page have too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import ERROR, OK, UNKNOWN, worst
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import MODE_UNKNOWN
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    Check,
    ClusterView,
    EdgeView,
    Overview,
    Probe,
    Root,
    Service,
    cut_services,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import (
    SERVICE,
    WORKLOAD,
    ProbeResult,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_report import (
    Edge,
    Verification,
    grouped,
)

TITLE = "The alliance, verified with real requests"


def overview_of(verification: Verification, time: str) -> Overview:
    """The model. time: when the requests were made, RFC 3339."""
    return Overview(
        title=TITLE,
        time=time,
        clusters=tuple(_cluster(verification, member) for member in verification.members),
        edges=tuple(_edge(verification, edge) for edge in verification.edges()),
    )


def _cluster(verification: Verification, member: Member) -> ClusterView:
    state = member.state
    host = verification.hosts.get(member.name)
    findings = tuple(Finding("error", "verify-failed", failure) for failure in (host.failures if host else ()))
    checks = []
    if member.external:
        level = worst(verification.level(edge) for edge in verification.edges() if edge[1] == member.name)
        checks.append(Check("called", level, "it is somebody else's: all that is known is how it answers"))
    elif state is None:
        checks.append(Check("api", ERROR, "its API could not be read"))
    else:
        checks.append(Check("api", OK, "its API was read"))
    if state is None:
        return ClusterView(member.name, member.provider, member.domain, checks=tuple(checks), findings=findings)
    version = next((str(item.get("version") or "") for item in state.istio if item.get("name") == state.revision), "")
    services = [_service(item) for item in state.published or ()]
    return ClusterView(
        name=member.name,
        provider=member.provider,
        trust_domain=member.domain,
        uuid=state.uuid,
        istio=version,
        gateways=tuple(f"{item['address']}:{item['port']}" for item in state.gateways or ()),
        roots=tuple(_roots(state.roots)),
        published=cut_services(services),
        published_count=len(services),
        checks=tuple(checks),
        findings=findings,
    )


def _edge(verification: Verification, edge: Edge) -> EdgeView:
    results = verification.results(edge)
    services: dict[str, list[str]] = {}
    for result in results:
        if result.check == SERVICE and result.gateways:
            host, _colon, port = result.name.rpartition(":")
            services.setdefault(host, []).append(port)
    imported = [Service(host, tuple(ports)) for host, ports in services.items()]
    findings = tuple(
        Finding("error", f"probe-{finding.code}", finding.message, finding.remedy, finding.cluster, edge[1], names[0])
        for finding, names in grouped(results)
    )
    workload = [result for result in results if result.check == WORKLOAD]
    return EdgeView(
        reader=edge[0],
        neighbour=edge[1],
        mode=verification.mode(edge) or MODE_UNKNOWN,
        gateways=tuple(sorted({place for result in results for place in result.gateways})),
        services=cut_services(imported),
        service_count=len(imported),
        probes=tuple(_probe(result) for result in results if result.check != WORKLOAD),
        checks=tuple(Check(result.name, ERROR, result.reason) for result in workload if result.layer),
        findings=findings,
    )


def _probe(result: ProbeResult) -> Probe:
    return Probe(
        target=result.name,
        level=ERROR if result.layer else UNKNOWN if result.skipped else OK,
        gateway=", ".join(result.gateways),
        expected="refusal" if result.refusal else "answer",
        layer=result.layer,
        message=result.reason or result.skipped,
        seconds=None if result.ms is None else result.ms / 1000,
        identity=result.identity,
    )


def _service(item: Mapping[str, Any]) -> Service:
    ports = item.get("ports") or ()
    return Service(str(item["hostname"]), tuple(f"{port['port']}/{port['protocol']}" for port in ports))


def _roots(text: str) -> list[Root]:
    try:
        return [Root(fingerprint(root)) for root in split_certificates(text)]
    except AllianceError:
        return []
