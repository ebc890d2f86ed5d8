# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a neighbour's exporter answer this cluster, and nobody else? Asked with real requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import (
    EXPORTER,
    GATEWAY,
    IDENTITY,
    REFUSAL,
    ProbeResult,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.signed import ask_signed, open_to
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import MetadataClient, NeighbourError

Object = dict[str, Any]

DOCUMENT = "its document"
NO_TOKEN, WRONG_KEY = "its document, without a token", "its document, with a token that a wrong key signed"
_REFUSED = frozenset({401, 403})
# Whose clocks differ by less can use each other's tokens (tokens.py).
_CLOCKS_SECONDS = 30.0
# What keeps a cluster from asking at all: it, and not the neighbour, has something to do.
_OWN_REASONS = frozenset({"AwaitingPublic", "TokenGenerationFailed", "ConfigurationError"})


def probe_exporter(
    cluster: str, neighbour: Neighbour, resource: Object | None, identity: Identity | None
) -> list[ProbeResult]:
    """The results: whether its document is to be had with our token, and refused without one and with a wrong one.

    Never raises for the neighbour's sake. C(cluster): the name of the one that asks.
    """
    base = ProbeResult(cluster, neighbour.name, EXPORTER, DOCUMENT)
    others = [replace(base, check=IDENTITY, name=name) for name in (NO_TOKEN, WRONG_KEY)]
    try:
        client, proved, own = open_to(_remembered(neighbour, resource), resource, identity)
    except AllianceError as error:
        return [_failed(base, error), *(replace(other, skipped="its exporter was not reached") for other in others)]
    domain, audience = str(neighbour.trust_domain), proved.cluster_uuid
    results = []
    try:
        document = ask_signed(
            lambda token: client.federation(token, domain), names.SCOPE_FEDERATION, proved, own, pauses=()
        )[0]
        results.append(base if document.ingress_gateways else _without_gateway(base))
    except AllianceError as error:
        results.append(_failed(base, error, client))
    wrong = sign_token(
        generate_key_pair().private_pem,
        subject=own.uuid,
        audience=audience,
        scope=names.SCOPE_FEDERATION,
        now=time.time(),
    )
    for other, token in zip(others, ("", wrong)):  # noqa: B905
        results.append(_refused(other, partial(client.federation, token, domain)))
    return results


def _remembered(neighbour: Neighbour, resource: Object | None) -> Neighbour:
    """With the endpoint that is in use here, for one whose API knows none any more."""
    if neighbour.endpoint or resource is None:
        return neighbour
    spec = resource.get("spec") or {}
    ca = neighbour.ca or (spec.get("metadata") or {}).get("clusterCA")
    return replace(neighbour, endpoint=spec.get("metadataEndpoint"), ca=ca)


def _refused(base: ProbeResult, ask: Callable[[], object]) -> ProbeResult:
    """Whether it refuses."""
    try:
        ask()
    except NeighbourError as error:
        if error.status in _REFUSED:
            return base
        if error.status != 200:
            return replace(base, skipped=error.message)
    return replace(
        base,
        layer=REFUSAL,
        reason="its exporter tells everybody what it publishes",
        remedy=f"look in {base.neighbour} at what is before its metadata-exporter, and at its version",
        blamed=base.neighbour,
    )


def _failed(base: ProbeResult, error: AllianceError, client: MetadataClient | None = None) -> ProbeResult:
    own = getattr(error, "reason", "") in _OWN_REASONS
    reason, remedy = error.message, error.remedy or "look at its metadata-exporter"
    if getattr(error, "status", None) in _REFUSED:
        reason = f"its exporter does not take this cluster's token: {reason}"
        remedy = f"run federate.yml, so that {base.neighbour} knows the key of {base.cluster}"
        offset = _clock_offset(client) if client else None
        if offset is not None and abs(offset) > _CLOCKS_SECONDS:
            reason += f"; its clock is {abs(offset):.0f} s {'ahead of' if offset > 0 else 'behind'} this machine's"
            remedy = f"synchronise the clocks of {base.neighbour} and of this machine (NTP)"
    return replace(base, layer=EXPORTER, reason=reason, remedy=remedy, blamed=base.cluster if own else base.neighbour)


def _clock_offset(client: MetadataClient) -> float | None:
    """By how many seconds its clock is ahead of this machine's."""
    try:
        date = client.public()[1]
    except AllianceError:
        return None
    return None if date is None else date - time.time()


def _without_gateway(base: ProbeResult) -> ProbeResult:
    return replace(
        base,
        layer=GATEWAY,
        reason="it says that it has no ingress gateway that can be reached",
        remedy=f"see in {base.neighbour} whether the gateway's Service and pods are there; federate.yml makes them",
        blamed=base.neighbour,
    )
