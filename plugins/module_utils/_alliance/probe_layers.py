# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen of a target means: it works, or the first layer that does not, why, whose it is, and what to do.

The layers are gone through in the order in which a request meets them, so that what follows from a failure is not told
in its place. A remedy names the cluster in which something has to be done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe import (
    FORGED,
    NO_CERTIFICATE,
    NO_TLS,
    REFUSED,
    SILENT,
    UNPUBLISHED,
    UNVERIFIED,
    Answer,
    AtGateway,
    Observation,
    Refusal,
    Target,
)

# The layers, in the order in which a request meets them. WORKLOAD: the probe itself can't run in the mesh. EXPORTER:
# what clusters tell each other. REFUSAL: something is let in that must not be.
WORKLOAD, DNS, ENTRY, GATEWAY, TLS, ROUTE, APPLICATION = (
    "workload", "dns", "service-entry", "gateway", "tls", "route", "application",
)  # fmt: skip
EXPORTER, REFUSAL = "exporter", "refusal"
LAYERS = (WORKLOAD, DNS, ENTRY, GATEWAY, TLS, ROUTE, APPLICATION, EXPORTER, REFUSAL)

# What kind of check a result is of.
SERVICE, IDENTITY, SECRECY = "service", "identity", "secrecy"
KINDS = (WORKLOAD, SERVICE, SECRECY, IDENTITY, EXPORTER)

_UNAVAILABLE = 14  # gRPC's status of a call that did not reach a server
_FEDERATE = "run federate.yml"
# What Envoy's own replies begin with (source/common/router, source/extensions/filters/http/rbac).
_UPSTREAM = "upstream connect error or disconnect/reset before headers"
_UNHEALTHY = "no healthy upstream"
_DENIED = "RBAC: access denied"
_TLS_ERROR = "TLS_error"


@dataclass(frozen=True)
class ProbeResult:
    """One check of one edge: C(cluster) calls C(neighbour). C(layer) is empty when all is as it should be.

    C(check): one of KINDS; C(name): what was checked. C(blamed): the cluster in which the cause is. C(skipped): why it
    could not be checked. C(ms): how long a request through the sidecar took, in milliseconds. C(gateways): the
    addresses that were gone through, C(identity): the server's SPIFFE ID as it was proved there.
    """

    cluster: str
    neighbour: str
    check: str
    name: str
    layer: str = ""
    reason: str = ""
    remedy: str = ""
    blamed: str = ""
    skipped: str = ""
    ms: float | None = None
    gateways: tuple[str, ...] = ()
    identity: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was checked and all is as it should be."""
        return not self.layer and not self.skipped

    @property
    def refusal(self) -> bool:
        """Whether it is about something that has to be refused."""
        return self.check in (SECRECY, IDENTITY)

    def to_dict(self) -> dict[str, object]:
        """Plain values without the empty ones, for results and files."""
        values = {**asdict(self), "gateways": list(self.gateways)}
        return {key: value for key, value in values.items() if value not in ("", None, [])}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ProbeResult:
        """From such a dictionary, also with Ansible's tagged values; unknown keys are left out."""
        known: dict[str, Any] = {
            key: str(value) if isinstance(value, str) else value
            for key, value in data.items()
            if key in cls.__dataclass_fields__
        }
        return cls(**{**known, "gateways": tuple(str(place) for place in known.get("gateways") or ())})


@dataclass(frozen=True)
class Entry:
    """A ServiceEntry of a host. C(place): C(namespace/name); C(ours): made by this collection or the platform."""

    place: str
    addresses: tuple[str, ...] = ()
    ours: bool = True


@dataclass(frozen=True)
class Known:
    """What the clusters' APIs say, which a pod can't see.

    C(entries): the ServiceEntries of the target's host. C(rules): DestinationRules of others for it that switch mutual
    TLS off, C(namespace/name). C(captures_dns), C(hot_roots): whether the probe's sidecar was started with DNS capture
    and takes roots up while it runs. C(istiod): whether the own istiod is ready. C(published): whether the neighbour's
    API says that it publishes the port, None when it can't be asked. C(gateways): its gateways by its API, None
    likewise.
    """

    cluster: str
    neighbour: str
    trust_domain: str
    entries: tuple[Entry, ...] = ()
    rules: tuple[str, ...] = ()
    captures_dns: bool = True
    hot_roots: bool = True
    istiod: bool = True
    published: bool | None = None
    gateways: tuple[GatewayAddress, ...] | None = None


@dataclass(frozen=True)
class _Fault:
    layer: str
    reason: str
    remedy: str
    blamed: str


def judge(target: Target, seen: Observation, known: Known) -> ProbeResult:
    """The result for a target."""
    name = f"{target.host}:{target.port}"
    base = ProbeResult(known.cluster, known.neighbour, SERVICE, name)
    if seen.unfinished:
        return replace(base, skipped="the time was over")
    fault = next((found for step in _STEPS if (found := step(target, seen, known))), None)
    base = replace(
        base,
        ms=seen.answer.ms if seen.answer else None,
        gateways=tuple(item.place for item in seen.gateways),
        identity=next((uri for item in seen.gateways if not item.stage for uri in item.identities), ""),
    )
    if fault is None:
        return base
    return replace(base, layer=fault.layer, reason=fault.reason, remedy=fault.remedy, blamed=fault.blamed)


def judge_refusal(refusal: Refusal, known: Known) -> ProbeResult:
    """The result for something that the neighbour has to refuse."""
    if refusal.kind == UNPUBLISHED:
        check, name = SECRECY, f"unpublished {refusal.subject}"
        reason = f"the gateway {refusal.place} passes on to a service that is not published: {refusal.accepted}"
        remedy = (
            f"look in {known.neighbour} for a Gateway of mode AUTO_PASSTHROUGH whose hosts are more than the published"
            " names"
        )
    elif refusal.kind == FORGED:
        check, name = IDENTITY, f"forged {refusal.subject}"
        reason = f"{refusal.place} takes a certificate that nobody signed: {refusal.accepted}"
        remedy = (
            f"look in {known.neighbour} for what switches the check of certificates off: EnvoyFilters, and"
            " PeerAuthentications of mode PERMISSIVE or DISABLE with a server of its own behind"
        )
    else:
        raise ValueError(refusal.kind)
    base = ProbeResult(known.cluster, known.neighbour, check, name)
    if refusal.untried:
        return replace(base, skipped=refusal.untried)
    if refusal.accepted:
        return replace(base, layer=REFUSAL, reason=reason, remedy=remedy, blamed=known.neighbour)
    return base


def _entry(_target: Target, seen: Observation, known: Known) -> _Fault | None:
    """Without the object there can't be anything else; several of them make whatever comes out of it."""
    ours = [entry for entry in known.entries if entry.ours]
    others = [entry.place for entry in known.entries if not entry.ours]
    if not ours:
        return _Fault(ENTRY, "there is no ServiceEntry for it", f"{_FEDERATE}, which makes it", known.cluster)
    if others:
        return _Fault(
            ENTRY,
            f"there are more ServiceEntries for its host: {', '.join(sorted(others))}",
            f"delete those in {known.cluster}: one host has one ServiceEntry",
            known.cluster,
        )
    return None


def _dns(_target: Target, seen: Observation, known: Known) -> _Fault | None:
    expected = {address for entry in known.entries for address in entry.addresses}
    if seen.looked.error:
        if not known.captures_dns:
            return _Fault(
                DNS,
                f"its name is not resolved ({seen.looked.error}): the sidecar does not capture DNS",
                f"{_FEDERATE}, which sets ISTIO_META_DNS_CAPTURE in the ProxyConfig istio-federation, and restart what"
                " was started before",
                known.cluster,
            )
        why = "the sidecar knows no address of it" if expected else "istiod gave its ServiceEntry no address"
        remedy = "see whether istiod runs and is in sync with the sidecars" + (
            "" if expected else ", and that it allocates addresses (PILOT_ENABLE_IP_AUTOALLOCATE)"
        )
        return _Fault(DNS, f"its name is not resolved ({seen.looked.error}): {why}", remedy, known.cluster)
    if expected and not expected & set(seen.looked.addresses):
        return _Fault(
            DNS,
            f"its name is resolved to {_listed(seen.looked.addresses)}, and its ServiceEntry has {_listed(expected)}",
            f"look in {known.cluster} for who else answers for this name: a name server, a host alias, a Service",
            known.cluster,
        )
    return None


def _held(target: Target, seen: Observation, known: Known) -> _Fault | None:
    held = seen.held
    if held.error:
        return _Fault(ENTRY, held.error, "see in the log of the probe's sidecar whether it works", known.cluster)
    if not held.present:
        why = "istiod is not ready" if not known.istiod else "its ServiceEntry has not come to the sidecar"
        return _Fault(
            ENTRY,
            f"{why}: Envoy has no cluster for it",
            "see whether istiod runs and is in sync with the sidecars, and whether a Sidecar resource leaves it out",
            known.cluster,
        )
    expected = {_place(gateway) for gateway in target.gateways}
    foreign = sorted(set(held.endpoints) - expected)
    missing = [place for place in sorted(expected) if place not in held.endpoints]
    # Names are resolved by Envoy, so an endpoint has both; one of a name's addresses is no stranger then.
    named = any(not _is_address(gateway.address) for gateway in target.gateways)
    if missing or (foreign and not named):
        told = [f"{_listed(missing)} missing"] if missing else []
        told += [f"{_listed(foreign)} not among the neighbour's gateways"] if foreign else []
        return _Fault(
            ENTRY,
            f"Envoy's endpoints differ from the neighbour's gateways: {', '.join(told)}",
            f"{_FEDERATE}, which writes the ServiceEntry anew",
            known.cluster,
        )
    return None


def _gateways(_target: Target, seen: Observation, known: Known) -> _Fault | None:
    out = [item for item in seen.gateways if item.unreachable]
    if not out:
        return None
    places = _listed(f"{item.place}: {item.unreachable}" for item in out)
    now = known.gateways
    if now is None:
        remedy = (
            f"see in {known.neighbour} whether its ingress gateway runs and what is between the clusters (firewalls,"
            " routes, load balancers)"
        )
    elif not now:
        remedy = f"its gateway has no address now: {_FEDERATE}, which makes it, or look at it in {known.neighbour}"
    elif any(GatewayAddress(item.address, item.port) not in now for item in out):
        remedy = f"its gateways are at {_listed(map(_place, now))} now: {_FEDERATE}, so that {known.cluster} learns it"
    else:
        remedy = (
            f"its API says that this is the address: see in {known.neighbour} whether the gateway's pods run and take"
            " connections, and what is between the clusters"
        )
    return _Fault(GATEWAY, f"the gateway can't be reached: {places}", remedy, known.neighbour)


def _tls(target: Target, seen: Observation, known: Known) -> _Fault | None:
    for item in seen.gateways:
        fault = _handshake(item, seen, known)
        if fault is not None:
            return fault
    if seen.distrusted:
        return _own_distrust(seen.distrusted, known)
    if seen.held.tls is False:
        rule = f" by DestinationRule {seen.held.rule}" if seen.held.rule else ""
        return _Fault(
            TLS,
            f"the sidecar does not speak mutual TLS to it{rule}",
            f"{_FEDERATE}, or remove what sets another mode than ISTIO_MUTUAL for {target.host}",
            known.cluster,
        )
    if known.rules:
        return _Fault(
            TLS,
            f"mutual TLS to it is switched off for some clients by DestinationRule {_listed(known.rules)}",
            f"remove from it what sets another mode than ISTIO_MUTUAL for {target.host}",
            known.cluster,
        )
    return None


def _handshake(item: AtGateway, seen: Observation, known: Known) -> _Fault | None:
    shown = f", which shows {_listed(item.identities)}" if item.identities else ""
    if item.stage == NO_CERTIFICATE:
        return _unrouted(item, known)
    if item.stage == SILENT:
        return _Fault(
            TLS,
            f"at {item.place} TLS is not answered: {item.reason}",
            f"see in {known.neighbour} whether the gateway and the service's pods work",
            known.neighbour,
        )
    if item.stage == NO_TLS:
        return _Fault(
            TLS,
            f"what answers behind {item.place} does not speak TLS",
            f"look in {known.neighbour} for a PeerAuthentication of mode DISABLE, and whether the pods have a sidecar",
            known.neighbour,
        )
    if item.stage == REFUSED:
        return _Fault(
            TLS,
            f"the server behind {item.place} refuses the certificate of {known.cluster}: {item.reason}",
            f"{_FEDERATE}, so that {known.neighbour} trusts {known.cluster}; workloads there that were started before"
            " they were federated have to be restarted",
            known.neighbour,
        )
    if item.stage == UNVERIFIED:
        return _Fault(
            TLS,
            f"the certificate at {item.place}{shown}, does not lead to the root of {known.neighbour}: {item.reason}",
            f"see whose server this is; when {known.neighbour} has a new root, {_FEDERATE}",
            known.neighbour,
        )
    if item.stage:
        return _Fault(
            TLS,
            f"TLS at {item.place} breaks: {item.reason}",
            f"see in {known.neighbour} what the gateway leads to",
            known.neighbour,
        )
    if not item.unreachable and not any(_of_domain(uri, known.trust_domain) for uri in item.identities):
        return _Fault(
            TLS,
            f"the server at {item.place}{shown or ', which shows no SPIFFE ID'}, is not of the trust domain"
            f" {known.trust_domain}",
            f"see in {known.neighbour} whose server this is",
            known.neighbour,
        )
    return None


def _unrouted(item: AtGateway, known: Known) -> _Fault:
    if known.published is False:
        return _Fault(
            ROUTE,
            f"{known.neighbour} does not publish it any more: its gateway {item.place} does not know it",
            f"publish it again there, or {_FEDERATE}, so that {known.cluster} forgets it",
            known.neighbour,
        )
    certainly = "" if known.published is None else f"{known.neighbour} publishes it, but "
    return _Fault(
        ROUTE,
        f"{certainly}its gateway {item.place} closes the connection: it has no route to it, or no pod to send it to",
        f"see in {known.neighbour} whether the service has ready pods with a sidecar, whether a PeerAuthentication"
        " switches mutual TLS off there, and whether istiod and the gateway are in sync",
        known.neighbour,
    )


def _own_distrust(reason: str, known: Known) -> _Fault:
    remedy = f"{_FEDERATE}, which writes the anchors of {known.neighbour} into the mesh config"
    if not known.hot_roots:
        reason += "; the sidecar was started without PROXY_CONFIG_XDS_AGENT, so it learns no root of a neighbour"
        remedy = f"{_FEDERATE}, which sets it in the ProxyConfig istio-federation, and restart what was started before"
    elif not known.istiod:
        remedy = "istiod is not ready: repair it, it hands out the roots"
    return _Fault(TLS, f"the sidecars of {known.cluster} do not trust the certificate: {reason}", remedy, known.cluster)


def _through_gateway(_target: Target, seen: Observation, known: Known) -> _Fault | None:
    """The probe's own request, past its sidecar, by each gateway."""
    for item in seen.gateways:
        if item.answer is not None and (fault := _upstream(item.answer, f" at {item.place}", known)):
            return fault
    return None


def _as_application(target: Target, seen: Observation, known: Known) -> _Fault | None:
    """The request through the sidecar."""
    answer = seen.answer
    if answer is None:
        return None
    text = answer.text
    if answer.error:
        return _Fault(
            ROUTE,
            f"a request through the sidecar is not answered: {answer.error}",
            f"see in the log of a client's sidecar in {known.cluster} what becomes of requests to {target.host}",
            known.cluster,
        )
    if answer.forwarded or not _failed(answer) or any(_alike(answer, item.answer) for item in seen.gateways):
        return _upstream(answer, "", known)
    # Nobody upstream said that, and what is behind the gateway says something else.
    if _TLS_ERROR in text:
        return _own_distrust(text.partition(_TLS_ERROR)[2].strip(" :|"), known)
    what = text or f"HTTP {answer.status}"
    return _Fault(
        ROUTE,
        f"the sidecar does not pass a request on: {what}",
        f"look in {known.cluster} at VirtualServices, DestinationRules and outlier detection for {target.host}",
        known.cluster,
    )


def _upstream(answer: Answer, where: str, known: Known) -> _Fault | None:
    """What an answer from the other side says of it."""
    if answer.error:
        return _Fault(
            APPLICATION,
            f"the service does not answer{where}: {answer.error}",
            f"see in {known.neighbour} whether its application works",
            known.neighbour,
        )
    if _DENIED in answer.text:
        return _Fault(
            APPLICATION,
            f"the service refuses the probe{where}: {_DENIED}",
            f"allow it there in an AuthorizationPolicy, if neighbours are to call it (trust domain of {known.cluster})",
            known.neighbour,
        )
    if answer.grpc_status == _UNAVAILABLE or answer.status >= 500:
        said = answer.text[:200] or "no text"
        passed = said.startswith((_UPSTREAM, _UNHEALTHY))
        who = "its sidecar can't reach the application" if passed else "the application answers with an error"
        code = "gRPC UNAVAILABLE" if answer.grpc_status == _UNAVAILABLE else f"HTTP {answer.status}"
        return _Fault(
            APPLICATION,
            f"{who}{where}: {code}, {said}",
            f"see in {known.neighbour} whether its application works",
            known.neighbour,
        )
    return None


def _failed(answer: Answer) -> bool:
    return answer.status >= 400 or answer.grpc_status == _UNAVAILABLE


def _alike(answer: Answer, other: Answer | None) -> bool:
    return other is not None and (answer.status, answer.grpc_status) == (other.status, other.grpc_status)


def _of_domain(uri: str, trust_domain: str) -> bool:
    return uri.startswith(f"spiffe://{trust_domain}/")


def _place(gateway: GatewayAddress) -> str:
    return f"{gateway.address}:{gateway.port}"


def _is_address(address: str) -> bool:
    return ":" in address or address.replace(".", "").isdigit()


def _listed(items: Iterable[str]) -> str:
    return ", ".join(sorted(items))


# In this order the first that finds a fault counts. The object comes first: names and clusters are made of it.
_STEPS: tuple[Callable[[Target, Observation, Known], _Fault | None], ...] = (
    _entry,
    _dns,
    _held,
    _gateways,
    _tls,
    _through_gateway,
    _as_application,
)
