# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbours of a cluster whose platform (Deckhouse) itself fetches from them: whom it may be told of, what it learnt.

The platform believes whoever answers first at an endpoint. So it is told of a neighbour only after that one has proved
who it is, and what it holds is compared with what was proved. The status of the resources is the platform's alone: what
was proved is remembered in an annotation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.endpoint import base_url
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    cached_public,
    proved_public,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.parallel import each
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform_cache import (
    api_roots,
    difference_from,
    difference_from_known,
    fingerprints,
    platform_differs,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proof import (
    contested,
    uuid_owners,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.roots import borrowed
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.trust import (
    UNKNOWN_ENDPOINT,
    Introduction,
    carried_over,
    clock_findings,
    insecure_findings,
    introduce,
    neighbour_resource,
    public_finding,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import PART_OF_LABEL, set_of

Object = dict[str, Any]


@dataclass
class PlatformTrust:
    """What the platform is to be told. C(resources): the manifests, C(trusted): fingerprints, both by resource name."""

    resources: dict[str, Object] = field(default_factory=dict)
    trusted: dict[str, list[str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def objects(self) -> list[Object]:
        """The manifests, sorted by name."""
        return [self.resources[name] for name in sorted(self.resources)]


def exchange_for_platform(
    neighbours: Sequence[Neighbour],
    federations: Mapping[str, Object],
    own_uuid: str,
    set_id: str,
    *,
    own_roots: Sequence[str] = (),
    planning: bool = False,
) -> PlatformTrust:
    """Ask every neighbour who it is, and decide whom the platform is told of. Never raises for a neighbour's sake.

    federations: all resources of neighbours by name; those with the label of the ApplySet C(set_id) are ours. One of
    ours stays as it is while its neighbour is away or not proved. own_uuid: empty when the cluster doesn't tell it.
    own_roots: certificates of its own CA, which nobody else may give out as theirs.
    """
    trust = PlatformTrust()
    ours = {name: resource for name, resource in federations.items() if set_of(resource) == set_id}
    foreign = {name: resource for name, resource in federations.items() if name not in ours}
    known = [item.completed(ours.get(item.resource_name)) for item in neighbours]
    free = []
    for neighbour in known:
        taken = _taken(neighbour, foreign, set_id) or _endpoint_refused(neighbour)
        if taken is None:
            free.append(neighbour)
            continue
        trust.findings.append(taken)
        _keep(trust, neighbour, ours.get(neighbour.resource_name))
    answers = each(lambda item: _introduced(item, ours.get(item.resource_name), own_uuid, planning), free)
    proved = {
        item.resource_name: answer.document
        for item, answer in zip(free, answers, strict=True)
        if isinstance(answer, Introduction)
    }
    remembered = {item.resource_name: proved_public(ours.get(item.resource_name)) for item in known}
    refused = {
        **borrowed(known, proved, remembered, own_roots),
        **contested(proved, uuid_owners(known, remembered)),
    }
    for neighbour, answer in zip(free, answers, strict=True):
        resource = ours.get(neighbour.resource_name)
        result = refused.get(neighbour.resource_name) or answer
        if isinstance(result, Introduction):
            _tell(trust, neighbour, result.document, resource)
        else:
            trust.findings.append(public_finding(neighbour, result, kept=resource is not None))
            _keep(trust, neighbour, resource)
    trust.findings += clock_findings(free, answers) + insecure_findings(known)
    return trust


def _introduced(neighbour: Neighbour, resource: Object | None, own_uuid: str, planning: bool) -> Introduction:
    """Proved against what we remember. The platform's cache is no proof: it holds what somebody answered."""
    return introduce(neighbour, proved_public(resource), own_uuid, planning=planning and resource is None)


def _taken(neighbour: Neighbour, foreign: Mapping[str, Object], set_id: str) -> Finding | None:
    """Somebody else's resource for the same neighbour: with two, the platform would import everything twice."""
    for name in sorted(foreign):
        spec = foreign[name].get("spec") or {}
        if name == neighbour.resource_name:
            common = "the name that this neighbour's has to have"
        elif neighbour.trust_domain and spec.get("trustDomain") == neighbour.trust_domain:
            common = f"the trust domain {neighbour.trust_domain} of this neighbour"
        elif neighbour.endpoint and _same_endpoint(spec.get("metadataEndpoint"), neighbour.endpoint):
            common = f"the metadata endpoint {neighbour.endpoint} of this neighbour"
        else:
            continue
        return Finding(
            "error",
            "federation-taken",
            f"it is not ours and has {common}, which is left out",
            f"delete it, or give it to the alliance: kubectl label {foreign[name]['kind'].lower()} {name}"
            f" {PART_OF_LABEL}={set_id}",
            neighbour=neighbour.name,
            object=f"{foreign[name]['kind']} {name}",
        )
    return None


def _endpoint_refused(neighbour: Neighbour) -> Finding | None:
    """The platform's definition need not take the brackets of an IPv6 address, and then would refuse all of it."""
    if "[" not in (neighbour.endpoint or "").partition("://")[2].partition("/")[0]:
        return None
    return Finding(
        "error",
        "endpoint-ipv6",
        f"its metadata endpoint {neighbour.endpoint} has an IPv6 address for a host, which the platform may not take",
        "set alliance_metadata_endpoint there to a URL with a DNS name that leads to it",
        neighbour=neighbour.name,
    )


def _same_endpoint(one: object, other: str) -> bool:
    return isinstance(one, str) and one.rstrip("/").lower() == other.rstrip("/").lower()


def _tell(trust: PlatformTrust, neighbour: Neighbour, document: PublicMetadata, resource: Object | None) -> None:
    name = neighbour.resource_name
    trust.resources[name] = neighbour_resource(
        neighbour, base_url(neighbour.endpoint or UNKNOWN_ENDPOINT), proved=document.render().decode()
    )
    trust.trusted[name] = fingerprints(document)
    held = _cache(resource)
    difference = difference_from(held, document, neighbour.state) if held is not None else ""
    if difference:
        trust.findings.append(platform_differs(neighbour, difference, neighbour.endpoint))


def _keep(trust: PlatformTrust, neighbour: Neighbour, resource: Object | None) -> None:
    """Nothing of it is proved now: it stays as it is, and what the platform holds is compared with what is known."""
    if resource is None:
        return
    name = neighbour.resource_name
    trust.resources[name] = carried_over(resource)
    held, remembered = _cache(resource), proved_public(resource)
    difference = difference_from_known(held, neighbour, remembered) if held is not None else ""
    if difference:
        trust.findings.append(platform_differs(neighbour, difference, resource["spec"].get("metadataEndpoint")))
    vouched = remembered is not None or neighbour.root_fingerprints or api_roots(neighbour)
    known = held if held is not None and vouched and not difference else remembered
    if known is not None:
        trust.trusted[name] = fingerprints(known)


def _cache(resource: Mapping[str, Any] | None) -> PublicMetadata | None:
    return cached_public((resource or {}).get("status"))
