# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the pods of a workload serve? By their readiness and the endpoints of their Service, as the cluster tells it.

That is what can be said without a way to them: an address of a gateway may lead to nobody from where its callers are,
and be unreachable from the machine that asks while everybody else reaches it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import is_ready
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import ERROR, OK, WARNING
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Check


@dataclass(frozen=True)
class Serving:
    """The pods of a workload (how many there are and are Ready), and the ready endpoints of its Service.

    C(workload), C(service): as C(Kind namespace/name). C(service_exists): whether there is that Service.
    """

    workload: str
    pods: int
    ready: int
    service: str
    service_exists: bool
    endpoints: int


def serving_of(
    workload: str,
    service_name: str,
    pods: Iterable[Mapping[str, Any]],
    service: Mapping[str, Any] | None,
    slices: Iterable[Mapping[str, Any]],
) -> Serving:
    """From the objects: C(slices) are the EndpointSlices of the Service. Pods on their way out don't count."""
    present = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp") and not is_over(pod)]
    return Serving(
        workload, len(present), sum(map(is_ready, present)), service_name, service is not None, ready_endpoints(slices)
    )


def ready_endpoints(slices: Iterable[Mapping[str, Any]]) -> int:
    """How many addresses EndpointSlices have that are ready; of unknown readiness counts as ready, as its API says."""
    addresses = {
        address
        for item in slices
        for endpoint in item.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint.get("addresses") or ()
    }
    return len(addresses)


def serving_check(name: str, serving: Serving, *, remedy: str) -> tuple[Check, tuple[Finding, ...]]:
    """The check and what is wrong: without a Ready pod that is an endpoint nothing is served; with fewer, it is."""
    told = f"{serving.ready} of {serving.pods} pods of {serving.workload} are Ready"
    reached = f"{serving.endpoints} are endpoints of {serving.service}"
    if not serving.service_exists:
        finding = Finding("error", f"{name}-missing", "it does not exist", remedy, object=serving.service)
    elif not serving.ready:
        finding = Finding("error", f"{name}-down", told, remedy, object=serving.workload)
    elif not serving.endpoints:
        message = f"it has no ready endpoint, although {told}"
        finding = Finding("error", f"{name}-without-endpoints", message, remedy, object=serving.service)
    elif serving.ready < serving.pods:
        finding = Finding("warning", f"{name}-degraded", told, remedy, object=serving.workload)
    else:
        return Check(name, OK, f"{told}, {reached}"), ()
    level = ERROR if finding.severity == "error" else WARNING
    text = f"{serving.service} does not exist" if not serving.service_exists else f"{told}, {reached}"
    return Check(name, level, text), (finding,)


def is_over(pod: Mapping[str, Any]) -> bool:
    """Whether all containers of the pod have ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
