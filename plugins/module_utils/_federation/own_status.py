# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a cluster itself is: what it says of itself, with what was looked at in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    not_after,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import FederationMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import OK, worst
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    Check,
    ClusterView,
    Expiry,
    Root,
    Service,
    cut_services,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published_status import (
    CHECK,
    place_of,
    published_check,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.workloads import serving_check
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.workloads import (
    read_endpoints,
    read_open_hosts,
    read_serving,
)

Checked = tuple[list[Check], list[Finding]]

_MOST_NAMED = 5
# What keeps neighbours from reaching a cluster is told by cluster_info as something that a run repairs.
_GRAVE = frozenset({"gateway-missing", "gateway-port-missing", "gateway-unreachable", "gateway-without-address"})


def cluster_view(
    state: ClusterState,
    checks: Sequence[Check],
    findings: Iterable[Finding],
    expiries: Iterable[Expiry],
) -> ClusterView:
    """A cluster that was read, with checks that were made in it and their findings."""
    published = services_of(state)
    return ClusterView(
        state.name,
        state.provider,
        trust_domain=state.trust_domain,
        uuid=state.uuid,
        istio=_version(state),
        gateways=tuple(f"{item['address']}:{item['port']}" for item in state.gateways or ()),
        roots=roots_of(state.roots),
        published=cut_services(published),
        published_count=len(published) if state.published is not None else state.public_services,
        expiries=tuple(expiries),
        checks=tuple(checks),
        findings=tuple(findings),
    )


def state_checks(state: ClusterState) -> Checked:
    """What the cluster's own API said: that it answered, what is wrong by its word, and who needs a restart."""
    reported = [_grave(Finding(**item)) for item in state.findings]  # type: ignore[arg-type]
    checks = [Check("api", OK, f"its API answered, Kubernetes {state.kubernetes_version or 'of unknown version'}")]
    addressed = [item for item in reported if item.code in _GRAVE or item.code.startswith("advertise")]
    if not state.gateways and not addressed:
        message = "its ingress gateway has no address at which neighbours reach it"
        addressed = [Finding("error", "gateway-without-address", message, "look at the gateway's Service")]
        reported += addressed
    told = ", ".join(f"{item['address']}:{item['port']}" for item in state.gateways or ())
    level = worst([OK, *(item.severity for item in addressed)])
    checks.append(
        Check(
            "addresses",
            level,
            addressed[0].message
            if addressed
            else f"neighbours are told {told}; whether it is reached there was not tried",
        )
    )
    if state.awaiting:
        message = f"the platform has not made everything: {', '.join(state.awaiting)}"
        reported.append(Finding("error", "platform-not-ready", message, "look at ModuleConfig istio and its module"))
        checks.append(Check("platform", "error", message))
    if state.provider == names.PROVIDER_ISTIO:
        outdated = list(state.outdated_workloads)
        found = [_outdated(outdated)] if outdated else []
        reported += found
        text = "all sidecars were started with the settings that imported services need"
        checks.append(Check("workloads", found[0].severity if found else OK, found[0].message if found else text))
    return checks, reported


def serving_checks(client: Client, state: ClusterState) -> Checked:
    """Whether gateway and exporter serve, by their pods and endpoints. What can't be read is unknown."""
    deckhouse = state.provider == names.PROVIDER_DECKHOUSE
    gateway = names.DKP_INGRESSGATEWAY if deckhouse else names.INGRESSGATEWAY
    exporter = names.DKP_EXPORTER if deckhouse else names.EXPORTER
    checks: list[Check] = []
    findings: list[Finding] = []
    for name, workload, kind in (("gateway", gateway, "DaemonSet"), ("exporter", exporter, "Deployment")):
        try:
            serving = read_serving(client, state.namespace, workload, kind=kind)
        except AllianceError as error:
            finding = unknown(f"{name}-not-read", f"its {name} can't be looked at", error)
            checks.append(Check(name, finding.severity, finding.message))
            findings.append(finding)
            continue
        remedy = f"kubectl describe pods -n {state.namespace} -l app={workload}, and run federate.yml"
        check, found = serving_check(name, serving, remedy=remedy)
        checks.append(check)
        findings += found
    return checks, findings


def published_checks(client: Client, state: ClusterState) -> Checked:
    """Whether what it publishes is open and served. What can't be read is unknown."""
    services = services_of(state)
    try:
        endpoints = read_endpoints(client, (place_of(service.host) for service in services))
        # A platform opens its gateway for all of its domain.
        opened = None if state.provider == names.PROVIDER_DECKHOUSE else read_open_hosts(client, state.namespace)
    except AllianceError as error:
        finding = unknown("published-not-read", "whether what it publishes is there can't be looked at", error)
        return [Check(CHECK, finding.severity, finding.message)], [finding]
    check, findings = published_check(services, endpoints, opened)
    return [check], list(findings)


def unknown(code: str, what: str, error: AllianceError) -> Finding:
    """Something that could not be looked at."""
    return Finding("unknown", code, f"{what}: {error.message}", error.remedy or "", object=error.obj or "")


def services_of(state: ClusterState) -> list[Service]:
    """What a cluster publishes."""
    document = FederationMetadata.from_dict({"ingressGateways": [], "publicServices": list(state.published or ())})
    return [
        Service(service.hostname, tuple(f"{port.port}/{port.protocol}" for port in service.ports))
        for service in document.public_services
    ]


def roots_of(bundle: str) -> tuple[Root, ...]:
    """The roots of a bundle, PEM, with their ends."""
    roots = []
    for pem in split_certificates(bundle) if bundle else ():
        try:
            ends = rfc3339(not_after(pem).timestamp())
        except AllianceError:
            ends = ""
        roots.append(Root(fingerprint(pem), ends))
    return tuple(roots)


def _version(state: ClusterState) -> str:
    found: list[Mapping[str, Any]] = [item for item in state.istio if item.get("name") == state.revision]
    return str((found or [*state.istio, {}])[0].get("version") or "")


def _grave(finding: Finding) -> Finding:
    """What only a run may take lightly, as it repairs it."""
    if finding.code not in _GRAVE:
        return finding
    return Finding("error", finding.code, finding.message, finding.remedy, finding.cluster, object=finding.object)


def _outdated(workloads: Sequence[str]) -> Finding:
    more = len(workloads) - _MOST_NAMED
    named = ", ".join(workloads[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return Finding(
        "warning",
        "workloads-outdated",
        f"{len(workloads)} workloads were started before the mesh-wide settings and call no neighbour: {named}",
        "restart them once, or set istio_module_restart_workloads: true",
    )
