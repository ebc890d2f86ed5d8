# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster has of a neighbour, by the resource in which runs remember it, held against the neighbour's own API.

Nobody is asked but the two clusters' APIs, so a neighbour that is down, or whose exporter is, is seen as well as one
that works.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import AddressRules
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    not_after,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import (
    DATAPLANE_READY,
    PRIVATE_READY,
    PUBLIC_READY,
    REMOTE_API_READY,
    condition,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    GatewayAddress,
    PublicMetadata,
    PublicService,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.expiring import CERTIFICATE, expiry_findings
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    cached_multicluster,
    cached_private,
    cached_public,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import ERROR, OK, UNKNOWN, worst
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import Verdict
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import MulticlusterMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    Check,
    EdgeView,
    Expiry,
    Service,
    cut_services,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_words import counted, time_ago
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339, unix_time
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform_cache import fingerprints

Object = Mapping[str, Any]

_ANY_READER = AddressRules()
_TIMES = ("privateLastFetchTimestamp", "publicLastFetchTimestamp")
_MOST_NAMED = 5
_UNTRIED = "nobody has tried whether requests get through"


@dataclass(frozen=True)
class Yardstick:
    """By what an edge is judged. C(now): unix seconds; the others are seconds.

    C(attention): before its end a root needs attention. C(fresh): for so long what was learnt of a neighbour counts as
    known whose own API nobody can look at. C(asked_within): how often the cluster asks by itself, None when runs do.
    C(rules): at which addresses the cluster takes a neighbour's gateways.
    """

    now: float
    attention: float
    fresh: float
    asked_within: float | None = None
    rules: AddressRules = _ANY_READER


@dataclass
class Edge:
    """An edge while it is looked at."""

    neighbour: Neighbour
    resource: Object | None
    checks: list[Check] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def status(self) -> Mapping[str, Any]:
        """What the resource remembers."""
        return (self.resource or {}).get("status") or {}

    def add(self, name: str, text: str, findings: Iterable[Finding] = ()) -> None:
        """A check, and what came of it."""
        found = list(findings)
        level = worst([OK, *(finding.severity for finding in found)])
        self.checks.append(Check(name, level, found[0].message if found else text))
        self.findings += found

    def finding(self, severity: Any, code: str, message: str, remedy: str) -> Finding:
        """A finding at the neighbour's resource."""
        place = f"{self.neighbour.kind} {self.neighbour.resource_name}"
        return Finding(severity, code, message, remedy, neighbour=self.neighbour.name, object=place)


def edge_view(
    reader: str,
    neighbour: Neighbour,
    resource: Object | None,
    imported: Sequence[str],
    yardstick: Yardstick,
    more: Sequence[tuple[str, str, Sequence[Finding]]] = (),
    measured: Verdict | None = None,
) -> EdgeView:
    """An edge of a cluster that the collection keeps, or of a platform that keeps itself.

    C(resource): the reader's IstioFederation or IstioMulticluster of the neighbour. C(imported): the hosts that are
    imported from it. C(more): checks that others made, each with its name, what to say when it found nothing, and what
    it found. C(measured): what the reader's exporters say of requests to it.
    """
    edge = Edge(neighbour, resource)
    public = cached_public(edge.status)
    private = cached_private(edge.status) if not neighbour.multicluster else None
    joined = cached_multicluster(edge.status) if neighbour.multicluster else None
    _identity(edge, public)
    if public is not None:
        _trust(edge, public, yardstick)
    if neighbour.multicluster:
        _joined(edge, joined, yardstick)
    elif public is not None:
        _imports(edge, private, imported, yardstick)
    for name, text, findings in more:
        edge.add(name, text, findings)
    if public is not None:
        _fresh(edge, yardstick)
    _traffic(edge, measured)
    services = _services(private.public_services if private else (), imported)
    gateways = (private.ingress_gateways if private else joined.ingress_gateways if joined else None) or ()
    return EdgeView(
        reader,
        neighbour.name,
        mode=neighbour.mode or "unknown",
        gateways=tuple(f"{gateway.address}:{gateway.port}" for gateway in gateways),
        services=cut_services(services),
        service_count=len(imported),
        roots=tuple(fingerprints(public)) if public else (),
        last_fetch=_last_fetch(edge.status),
        checks=tuple(edge.checks),
        findings=tuple(edge.findings),
    )


def _identity(edge: Edge, public: PublicMetadata | None) -> None:
    neighbour = edge.neighbour
    run = "multicluster.yml" if neighbour.multicluster else "federate.yml"
    if neighbour.hold:
        edge.findings.append(
            edge.finding("warning", "neighbour-held", f"it is held: {neighbour.hold}", "repair that first")
        )
    if public is None:
        message = "it is not proved here: nothing of it is trusted or imported"
        edge.add(
            "identity", "", [edge.finding("error", "neighbour-not-proved", message, f"see the output of {run}, run it")]
        )
        return
    found = _condition(edge, PUBLIC_READY, "public")
    state = neighbour.state
    if state is None:
        if not neighbour.external:
            found.append(
                edge.finding(
                    "unknown",
                    "neighbour-not-read",
                    "its own API was not read, so what is known of it can't be held against it",
                    "see its own problems; without --limit, all clusters are read",
                )
            )
        edge.add("identity", "it was proved; what it is now only itself can tell", found)
        return
    if state.uuid and state.uuid != public.cluster_uuid:
        message = f"its clusterUUID is {state.uuid}, and {public.cluster_uuid} was proved"
        found.append(edge.finding("error", "identity-differs", message, f"run {run}, and follow what it says"))
    if state.root_fingerprints and set(state.root_fingerprints) != set(fingerprints(public)):
        message = "its roots are not those that were proved: the last run does not know them yet"
        found.append(edge.finding("warning", "roots-behind", message, f"run {run}"))
    keys = {str(key).strip() for key in (state.authn_key_pub, state.previous_authn_key_pub) if key}
    if keys and public.authn_key_pub.strip() not in keys:
        message = "its key is not the one that was proved: the last run does not know it yet"
        found.append(edge.finding("warning", "key-behind", message, f"run {run}"))
    edge.add("identity", "it is who was proved, by its own API", found)


def _trust(edge: Edge, public: PublicMetadata, yardstick: Yardstick) -> None:
    ends = []
    for pem in split_certificates(public.root_ca):
        place = f"root {fingerprint(pem)}"
        try:
            end = rfc3339(not_after(pem).timestamp())
        except AllianceError:
            end = "unreadable"
        ends.append((Expiry("root that is trusted of it", place, end), CERTIFICATE, yardstick.attention))
    found = [item.located(neighbour=edge.neighbour.name) for item in expiry_findings(ends, yardstick.now)]
    first = min((expiry.ends for expiry, _kind, _attention in ends), default="")
    edge.add(
        "trust", f"{counted(len(ends), 'root')} trusted, for its own domain only; the first ends at {first}", found
    )


def _joined(edge: Edge, joined: MulticlusterMetadata | None, yardstick: Yardstick) -> None:
    found = [*_condition(edge, PRIVATE_READY, "private"), *_condition(edge, REMOTE_API_READY, "api")]
    state = edge.neighbour.state
    if joined is None and not found:
        message = "nothing was learnt of where its API and its network are"
        found.append(edge.finding("error", "nothing-learnt", message, "run multicluster.yml"))
    elif joined is not None and state is not None and not edge.neighbour.flat_network:
        found += _other_gateways(
            edge, state.multicluster_gateways, joined.ingress_gateways, yardstick, "multicluster.yml"
        )
    edge.add("api", "its API answered the last run", found)


def _imports(edge: Edge, private: FederationMetadata | None, imported: Sequence[str], yardstick: Yardstick) -> None:
    found = _condition(edge, PRIVATE_READY, "private")
    state = edge.neighbour.state
    if private is None:
        if not found:
            message = "nothing was learnt of what it publishes"
            found.append(edge.finding("error", "nothing-learnt", message, "run federate.yml"))
    elif state is not None:
        found += _behind(edge, state, private)
        found += _other_gateways(edge, state.gateways, private.ingress_gateways, yardstick, "federate.yml")
    told = f"{counted(len(imported), 'service')} imported"
    edge.add("imports", told if state is None else f"{told}, which is all that it publishes", found)


def _behind(edge: Edge, state: ClusterState, private: FederationMetadata) -> list[Finding]:
    """The services of which the neighbour's own API says other things than the last run learnt."""
    if state.published is None:
        message = "what it publishes was not read"
        return [edge.finding("unknown", "published-not-read", message, "read it with gather_published")]
    now = FederationMetadata.from_dict({"ingressGateways": [], "publicServices": list(state.published)})
    known, published = (
        {service.hostname: service.ports for service in document.public_services} for document in (private, now)
    )
    differing = sorted(host for host in {*known, *published} if known.get(host) != published.get(host))
    if not differing:
        return []
    message = f"{len(differing)} services are not as it publishes them now: {_named(differing)}"
    return [edge.finding("warning", "imports-behind", message, "run federate.yml")]


def _other_gateways(
    edge: Edge,
    own: Sequence[Mapping[str, Any]] | None,
    called: Sequence[GatewayAddress] | None,
    yardstick: Yardstick,
    run: str,
) -> list[Finding]:
    """Whether it is called where its gateways are, of those at which the cluster may call it."""
    document = FederationMetadata.from_dict({"ingressGateways": list(own or ()), "publicServices": []}, yardstick.rules)
    there = set(document.ingress_gateways or ())
    if there == set(called or ()):
        return []
    told = ", ".join(f"{gateway.address}:{gateway.port}" for gateway in sorted(there)) or "none"
    message = f"it is called at gateways that are not its own any more; its own are: {told}"
    return [edge.finding("error", "gateways-behind", message, f"see the gateway there, and run {run}")]


def _fresh(edge: Edge, yardstick: Yardstick) -> None:
    """Whether what is known of it is so old that nobody knows whether it is still so."""
    last = _last_fetch(edge.status)
    seen = unix_time(last)
    age = None if seen is None else yardstick.now - seen
    told = f"the last answer was {time_ago(last, rfc3339(yardstick.now))} this look"
    found = []
    if yardstick.asked_within is not None and (age is None or age > yardstick.asked_within):
        message = f"the platform asks once a minute, and {told if age is not None else 'has no answer'}"
        found.append(edge.finding("warning", "neighbour-stale", message, "see the conditions of the resource"))
    elif edge.neighbour.external and (age is None or age > yardstick.fresh):
        message = f"{told if age is not None else 'it never answered'}: how it is now nobody knows"
        found.append(edge.finding("unknown", "neighbour-not-asked", message, "run federate.yml, which asks it"))
    edge.add("learnt", told, found)


def _traffic(edge: Edge, measured: Verdict | None) -> None:
    """Whether requests get through, where somebody tries; what is configured proves nothing."""
    if measured is not None and measured.level != UNKNOWN:
        remedy = "run verify.yml, which names the layer that does not work"
        failed = measured.level == ERROR
        edge.add(
            "traffic",
            measured.text,
            [edge.finding("error", "dataplane-ProbeFailed", measured.text, remedy)] if failed else [],
        )
        return
    entry = condition(edge.status.get("conditions") or [], DATAPLANE_READY)
    known = entry if entry and entry.get("status") in ("True", "False") else None
    if known is None:
        edge.checks.append(Check("traffic", UNKNOWN, measured.text if measured else _UNTRIED))
    elif known["status"] == "True":
        edge.checks.append(Check("traffic", OK, "the last request to its healthcheck was answered"))
    else:
        found = _condition(edge, DATAPLANE_READY, "dataplane")
        edge.checks.append(Check("traffic", ERROR, found[0].message))
        edge.findings += found


def _condition(edge: Edge, type_: str, code: str) -> list[Finding]:
    """A condition that says no."""
    entry = condition(edge.status.get("conditions") or [], type_)
    if entry is None or entry.get("status") == "True":
        return []
    reason = str(entry.get("reason") or "Unknown")
    message = str(entry.get("message") or f"{type_} is {entry.get('status')}: {reason}")
    since = f" (since {entry['lastTransitionTime']})" if entry.get("lastTransitionTime") else ""
    severity = "error" if entry.get("status") == "False" else "unknown"
    return [edge.finding(severity, f"{code}-{reason}", f"{message}{since}", "see what the last run said of it")]


def _services(published: Sequence[PublicService], imported: Sequence[str]) -> list[Service]:
    ports = {service.hostname: tuple(f"{port.port}/{port.protocol}" for port in service.ports) for service in published}
    return [Service(host, ports.get(host, ())) for host in imported]


def _last_fetch(status: Mapping[str, Any]) -> str:
    cache = status.get("metadataCache")
    if not isinstance(cache, Mapping):
        return ""
    return next((str(cache[name]) for name in _TIMES if cache.get(name)), "")


def _named(texts: Sequence[str]) -> str:
    more = len(texts) - _MOST_NAMED
    return ", ".join(texts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
