# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Did the proxies of a cluster take the configuration that istiod made? Asked from every istiod, and from gateways.

An istiod tells of all proxies that are connected to it. The gateway's proxies are asked themselves as well: what they
refuse, no neighbour can call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_errors import PATHS, refused_in
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import OK, worst
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Check
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_words import counted
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.xds import ProxySync, lasting
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.istiod import istiod_pods, proxy_syncs
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.proxies import ask_proxies, list_proxies
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.readiness import not_ready

# istiod sends and proxies accept within moments; what is behind twice, so far apart, stays behind.
PAUSE_SECONDS = 2.0
_MOST_NAMED = 5
_LOG = "see istiod's log, and that of the container istio-proxy in the pod"


@dataclass
class ProxyStatus:
    """What was seen, as checks and findings."""

    checks: list[Check] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(self, name: str, text: str, findings: Iterable[Finding]) -> None:
        """A check with what came of it."""
        found = list(findings)
        level = worst([OK, *(finding.severity for finding in found)])
        self.checks.append(Check(name, level, found[0].message if found else text))
        self.findings += found


def look_at_proxies(
    client: Client,
    root_namespace: str,
    gateway_namespace: str,
    gateway: str,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> ProxyStatus:
    """See how istiod and the proxies are. Raises nothing: what can't be asked is told as unknown.

    C(gateway): the value of the label C(app) of the ingress gateway's pods.
    """
    status = ProxyStatus()
    try:
        pods = istiod_pods(client, root_namespace)
    except AllianceError as error:
        finding = Finding("error", "istiod-down", error.message, error.remedy or "", object="Deployment istiod")
        status.add("istiod", "", [finding])
        status.add("proxies", "", [_unasked("no istiod can be asked what the proxies took", error)])
    else:
        status.add("istiod", f"{counted(len(pods), 'pod')} of istiod Ready", _degraded(client, root_namespace))
        _look_at_connected(status, client, root_namespace, pods, pause)
    _look_at_gateway(status, client, gateway_namespace, gateway)
    return status


def _degraded(client: Client, root_namespace: str) -> list[Finding]:
    """What is not complete of istiods of which one serves."""
    deployments = client.list(kinds.DEPLOYMENT, root_namespace, label_selector="app=istiod").items
    return [
        Finding(
            "warning",
            "istiod-degraded",
            f"not all of istiod is ready: {reason}",
            "see why with kubectl describe pod",
            object=f"Deployment {root_namespace}/{item['metadata']['name']}",
        )
        for item in deployments
        if (reason := not_ready({"kind": "Deployment", **item}))
    ]


def _look_at_connected(
    status: ProxyStatus, client: Client, root_namespace: str, pods: Sequence[str], pause: Callable[[float], None]
) -> None:
    try:
        wanted = {
            f"{proxy.name}.{proxy.namespace}"
            for proxy in list_proxies(client)
            if proxy.running and not proxy.terminating
        }
        first = _connected(client, root_namespace, pods)
        second = first
        if wanted - set(first) or any(sync.behind or sync.refused for sync in first.values()):
            pause(PAUSE_SECONDS)
            second = _connected(client, root_namespace, pods)
    except AllianceError as error:
        status.add("proxies", "", [_unasked("what the proxies took of their configuration can't be told", error)])
        return
    status.add(
        "proxies",
        f"{counted(len(second), 'proxy', 'proxies')} connected to istiod, with all configuration taken",
        _sync_findings(wanted - set(second), first, second),
    )


def _connected(client: Client, root_namespace: str, pods: Sequence[str]) -> dict[str, ProxySync]:
    return {sync.proxy: sync for pod in pods for sync in proxy_syncs(client, root_namespace, pod)}


def _sync_findings(missing: set[str], first: Mapping[str, ProxySync], second: Mapping[str, ProxySync]) -> list[Finding]:
    refused = [
        f"{name} ({kind}: {error})" for name, sync in second.items() for kind, error in sorted(sync.refused.items())
    ]
    behind = [
        f"{name} ({', '.join(sorted(kinds_behind))})"
        for name, sync in second.items()
        if not sync.refused and (kinds_behind := lasting(first.get(name, sync), sync))
    ]
    told = (
        ("error", "configuration-refused", "proxies refused configuration", refused),
        ("warning", "configuration-not-taken", "proxies have not taken what istiod sent", behind),
        ("warning", "proxy-not-connected", "running proxies are not connected to istiod", sorted(missing)),
    )
    return [
        Finding(severity, code, f"{len(where)} {what}: {_named(where)}", _LOG)  # type: ignore[arg-type]
        for severity, code, what, where in told
        if where
    ]


def _look_at_gateway(status: ProxyStatus, client: Client, namespace: str, gateway: str) -> None:
    """What the gateway's own Envoys refuse at present."""
    try:
        proxies = [proxy for proxy in list_proxies(client, namespace, label_selector=f"app={gateway}") if proxy.running]
        asked = ask_proxies(
            client, proxies, PATHS, lambda bodies: [text for path in PATHS for text in refused_in(bodies[path])]
        )
    except AllianceError as error:
        status.add("gateway-proxies", "", [_unasked("the gateway's proxies can't be asked what they refuse", error)])
        return
    findings = []
    for answer in asked:
        if answer.error is not None:
            message = f"{answer.proxy} can't be asked what it refuses"
            findings.append(_unasked(message, answer.error))
        elif answer.read:
            findings.append(
                Finding(
                    "error",
                    "configuration-refused",
                    f"it refuses configuration: {_named(answer.read)}",
                    _LOG,
                    object=str(answer.proxy),
                )
            )
    if not asked:
        findings.append(
            Finding("unknown", "proxies-not-asked", "no proxy of the gateway runs that could be asked", _LOG)
        )
    status.add(
        "gateway-proxies",
        f"{counted(len(asked), 'proxy', 'proxies')} of the gateway, with all configuration taken",
        findings,
    )


def _unasked(what: str, error: AllianceError) -> Finding:
    remedy = error.remedy or "see that the user of the inventory may use pods/portforward there"
    return Finding("unknown", "proxies-not-asked", f"{what}: {error.message}", remedy, object=error.obj or "")


def _named(texts: Sequence[str]) -> str:
    more = len(texts) - _MOST_NAMED
    return ", ".join(texts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
