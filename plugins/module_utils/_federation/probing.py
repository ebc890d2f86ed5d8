# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One edge of the alliance put to the test: what is to be probed, the probe that does it, and what that means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    GatewayAddress,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    cached_private,
    cached_public,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe import (
    Observation,
    Order,
    Refusal,
    Target,
    read,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import (
    ENTRY,
    SECRECY,
    SERVICE,
    WORKLOAD,
    Known,
    ProbeResult,
    judge,
    judge_refusal,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_targets import (
    forged_identities,
    targets_of,
    unpublished_of,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.service_ports import unpack
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.pod_exec import ExecError, run_in_pod
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.probe_pod import (
    ProbePod,
    Shaping,
    find_probe,
    read_shaping,
)

Object = dict[str, Any]

PROGRAM = "ansible_collections.meshalliance.istio.exporter.probe"
# For Python to start and for what is under way at the end of the program's own time.
_GRACE_SECONDS = 15.0


@dataclass(frozen=True)
class Limits:
    """C(services): hostnames or patterns, empty for all; C(most): so many ports of one neighbour; C(path): of requests.

    Seconds for one step and for a whole edge; C(at_once): so many ports at a time.
    """

    services: tuple[str, ...] = ()
    most: int = 100
    path: str = "/"
    step_seconds: float = 5.0
    total_seconds: float = 60.0
    at_once: int = 16


@dataclass(frozen=True)
class Plan:
    """What is to be probed of a neighbour. C(of): how many ports it offers of those that are wanted."""

    targets: tuple[Target, ...]
    unpublished: tuple[Target, ...]
    forged: tuple[str, ...]
    of: int

    def names(self) -> list[str]:
        """For people, in the order in which they were chosen."""
        return [f"{target.host}:{target.port}" for target in self.targets]


@dataclass(frozen=True)
class Reader:
    """The cluster that calls. C(imports): the namespace of its ServiceEntries, which are called as their host where
    C(exact); C(istiod): why its istiod does not work, empty when it does.
    """

    cluster: str
    trust_domain: str
    namespace: str
    imports: str
    exact: bool = True
    istiod: str = ""


def plan_of(neighbour: Neighbour, resource: Object | None, reader: Reader, limits: Limits) -> Plan | None:
    """From what the cluster last learnt of the neighbour; None when that is nothing."""
    document = cached_private((resource or {}).get("status"))
    if document is None or not neighbour.trust_domain:
        return None
    targets, of = targets_of(document, wanted=limits.services, limit=limits.most, path=limits.path)
    services = unpack(neighbour.state.services) if neighbour.state else {}
    unpublished = unpublished_of(document, neighbour.trust_domain, services)
    forged = forged_identities((neighbour.trust_domain, reader.trust_domain))
    return Plan(targets, unpublished, forged, of)


def probe_services(
    client: Client,
    reader: Reader,
    neighbour: Neighbour,
    resource: Object | None,
    plan: Plan | None,
    limits: Limits,
) -> list[ProbeResult]:
    """Let the probe carry the plan out. Never raises for what it finds; raises AllianceError when its own API fails."""
    base = ProbeResult(reader.cluster, neighbour.name, SERVICE, "imports")
    if plan is None:
        return [_unknown_neighbour(base)]
    try:
        pod = find_probe(client, reader.namespace)
        lines = _carried_out(client, reader, pod, _order(neighbour, resource, plan, limits), limits)
        seen = [item for item in map(read, lines) if item is not None]
    except ExecError as error:
        if "No module named" in error.stderr:
            error.message = "the image of the probe has no probe in it"
            error.remedy = "build the image of this version of the collection, push it, and set verify_image"
        return [_no_probe(base, error, reader)]
    except AllianceError as error:
        if getattr(error, "status", None) in (401, 403):
            raise
        return [_no_probe(base, error, reader)]
    shaping = read_shaping(client, (target.host for target in plan.targets), reader.imports, exact=reader.exact)
    return _results(plan, seen, reader, neighbour, pod, shaping)


def istiod_result(reader: Reader, neighbour: Neighbour) -> ProbeResult | None:
    """A failure when the own istiod does not work: what is there goes on for a while, and nothing new comes."""
    if not reader.istiod:
        return None
    return ProbeResult(
        reader.cluster,
        neighbour.name,
        WORKLOAD,
        "istiod",
        layer=WORKLOAD,
        reason=f"istiod does not work: {reader.istiod}",
        remedy="repair it: sidecars go on with what they have, their certificates end within a day, and no pod starts",
        blamed=reader.cluster,
    )


def _order(neighbour: Neighbour, resource: Object | None, plan: Plan, limits: Limits) -> Order:
    return Order(
        trust_domain=str(neighbour.trust_domain),
        roots=_roots(neighbour, resource),
        targets=plan.targets,
        unpublished=plan.unpublished,
        forged=plan.forged if plan.targets else (),
        step_seconds=limits.step_seconds,
        total_seconds=limits.total_seconds,
        at_once=limits.at_once,
    )


def _roots(neighbour: Neighbour, resource: Object | None) -> str:
    """Of its own API, else as they were proved."""
    if neighbour.state is not None and neighbour.state.roots:
        return neighbour.state.roots
    proved = cached_public((resource or {}).get("status"))
    return proved.root_ca if proved else ""


def _carried_out(client: Client, reader: Reader, pod: ProbePod, order: Order, limits: Limits) -> tuple[bytes, ...]:
    command = ("python3", "-m", PROGRAM)
    seconds = limits.total_seconds + _GRACE_SECONDS
    ended = run_in_pod(client, reader.namespace, pod.name, names.PROBE, command, order.render() + "\n", timeout=seconds)
    return ended.lines


def _results(
    plan: Plan,
    seen: Sequence[Observation | Refusal],
    reader: Reader,
    neighbour: Neighbour,
    pod: ProbePod,
    shaping: Shaping,
) -> list[ProbeResult]:
    observed = {(item.host, item.port): item for item in seen if isinstance(item, Observation)}
    published = _published(neighbour)
    results = []
    for target in plan.targets:
        key = (target.host, target.port)
        known = Known(
            cluster=reader.cluster,
            neighbour=neighbour.name,
            trust_domain=str(neighbour.trust_domain),
            entries=shaping.entries.get(target.host, ()),
            rules=shaping.rules.get(target.host, ()),
            captures_dns=pod.captures_dns,
            hot_roots=pod.hot_roots,
            istiod=not reader.istiod,
            published=None if published is None else key in published,
            gateways=_gateways(neighbour),
        )
        results.append(judge(target, observed.get(key, Observation(*key, unfinished=True)), known))
    edge = Known(reader.cluster, neighbour.name, str(neighbour.trust_domain))
    if not plan.unpublished:
        unknown = "it is not known which services it has and does not publish"
        results.append(ProbeResult(reader.cluster, neighbour.name, SECRECY, "unpublished services", skipped=unknown))
    return [*results, *(judge_refusal(item, edge) for item in seen if isinstance(item, Refusal))]


def _published(neighbour: Neighbour) -> frozenset[tuple[str, int]] | None:
    state = neighbour.state
    if state is None or state.published is None:
        return None
    document = FederationMetadata.from_dict({"ingressGateways": None, "publicServices": list(state.published)})
    return frozenset((service.hostname, port.port) for service in document.public_services for port in service.ports)


def _gateways(neighbour: Neighbour) -> tuple[GatewayAddress, ...] | None:
    state = neighbour.state
    if state is None:
        return None
    return tuple(_address(item) for item in state.gateways or ())


def _address(item: Mapping[str, Any]) -> GatewayAddress:
    return GatewayAddress(str(item["address"]), int(item["port"]))


def _unknown_neighbour(base: ProbeResult) -> ProbeResult:
    return ProbeResult(
        base.cluster,
        base.neighbour,
        SERVICE,
        base.name,
        layer=ENTRY,
        reason="nothing of what it publishes is known here",
        remedy="run federate.yml, and see what it says of this neighbour",
        blamed=base.cluster,
    )


def _no_probe(base: ProbeResult, error: AllianceError, reader: Reader) -> ProbeResult:
    why = f"; istiod does not work: {reader.istiod}" if reader.istiod else ""
    return ProbeResult(
        base.cluster,
        base.neighbour,
        WORKLOAD,
        "probe",
        layer=WORKLOAD,
        reason=f"{error.obj}: {error.message}{why}" if error.obj else f"{error.message}{why}",
        remedy=error.remedy or "look at the probe's pod",
        blamed=reader.cluster,
    )


def sorted_results(results: Iterable[ProbeResult]) -> list[ProbeResult]:
    """Always in the same order: by kind of check, then by name."""
    return sorted(results, key=lambda result: (result.check, result.name))
