# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cycle of the consumer for one peer: public metadata first, then private; a status comes out.

A peer is an IstioFederation or an IstioMulticluster; of the latter the API is tried too.

Hardly anything that a peer says is looked at beyond its being there, and what was learnt stays when a peer fails.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.deckhouse import conditions, facts, fetch, tokens

Status = dict[str, Any]


@dataclass(frozen=True)
class Own:
    """The cluster that asks. private_pem is None while there is no key pair. probe: see probe.py.

    compares_uuid: whether a peer that has another clusterUUID than before is refused. astray: endpoints by what they
    are to be, whose names lead to somebody else here; that one has a certificate of a CA that every system knows.
    """

    domain: str
    uuid: str
    private_pem: str | None = field(repr=False)
    now: Callable[[], float] = time.time
    probe: Callable[[Mapping[str, Any]], str | None] | None = None
    compares_uuid: bool = False
    astray: Mapping[str, str] = field(default_factory=dict)


class _ExchangeError(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def exchange(peer: Mapping[str, Any], own: Own) -> Status | None:
    """The new status of a peer's resource; None for an IstioFederation of our own domain, which is left out."""
    spec = peer["spec"]
    joined = peer.get("kind") == "IstioMulticluster"
    if not joined and spec["trustDomain"] == own.domain:
        return None
    status: Status = copy.deepcopy(peer.get("status") or {})
    cache = status.setdefault("metadataCache", {})
    status.setdefault("conditions", [])
    try:
        public = _public(spec, cache.get("public"), own)
        cache["public"], cache["publicLastFetchTimestamp"] = public, conditions.timestamp(own.now())
        _note(status, conditions.PUBLIC, own)
    except _ExchangeError as failure:
        _note(status, conditions.PUBLIC, own, failure)
        if conditions.reason_of(status["conditions"], conditions.PRIVATE) is None:
            _note(status, conditions.PRIVATE, own, _ExchangeError("AwaitingPublic", "there is no public metadata yet"))
        return status
    try:
        private = _private(spec, public, own, joined=joined)
        cache["private"], cache["privateLastFetchTimestamp"] = private, conditions.timestamp(own.now())
        _note(status, conditions.PRIVATE, own)
    except _ExchangeError as failure:
        _note(status, conditions.PRIVATE, own, failure)
    if joined:
        _try_api(status, spec, cache, own)
    else:
        _probe(status, cache, own)
    return status


def _note(
    status: Status, type_: str, own: Own, failure: _ExchangeError | None = None, good: str = conditions.SUCCEEDED
) -> None:
    reason = failure.reason if failure else good
    message = str(failure) if failure else ""
    status["conditions"] = conditions.with_condition(status["conditions"], type_, reason, message, own.now())


def _public(spec: Mapping[str, Any], cached: Mapping[str, Any] | None, own: Own) -> dict[str, str]:
    value = _fetch(spec, facts.PUBLIC_PATH, own)
    names = ("clusterUUID", "authnKeyPub", "rootCA")
    fields = {name: value.get(name) for name in names} if isinstance(value, Mapping) else {}
    if not fields or not all(isinstance(text, str) and text for text in fields.values()):
        raise _ExchangeError("InvalidPublicMetadata", "clusterUUID, authnKeyPub and rootCA must not be empty")
    known = (cached or {}).get("clusterUUID")
    if own.compares_uuid and known and known != fields["clusterUUID"]:
        raise _ExchangeError("ClusterUUIDMismatch", f"clusterUUID was {known} and is {fields['clusterUUID']} now")
    return {name: str(fields[name]) for name in names}


def _private(spec: Mapping[str, Any], public: Mapping[str, str], own: Own, *, joined: bool) -> dict[str, Any]:
    path = facts.MULTICLUSTER_PATH if joined else facts.FEDERATION_PATH
    scope = facts.MULTICLUSTER_SCOPE if joined else facts.FEDERATION_SCOPE
    value = _fetch(spec, path, own, _token(public, own, scope))
    try:
        return _joint(value, spec) if joined else _offer(value)
    except (TypeError, KeyError, AttributeError):
        fields = "apiHost or networkName" if joined else "publicServices"
        raise _ExchangeError(
            "InvalidPrivateMetadata", f"ingressGateways or {fields} are missing or malformed"
        ) from None


def _token(public: Mapping[str, str], own: Own, scope: str, seconds: int = facts.TOKEN_SECONDS) -> str:
    token = own.private_pem and tokens.sign(
        own.private_pem,
        subject=own.uuid,
        audience=public["clusterUUID"],
        scope=scope,
        now=own.now(),
        seconds=seconds,
    )
    if not token:
        raise _ExchangeError("TokenGenerationFailed", "there is no usable key pair")
    return token


def _joint(value: Any, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The known fields; gateways are needed unless the network is flat."""
    flat = spec.get("enableIngressGateway") is False
    listed = (value.get("ingressGateways") or []) if flat else value["ingressGateways"]
    joint = {
        "ingressGateways": [{"address": _text(item["address"]), "port": _int(item["port"])} for item in listed],
        "apiHost": _text(value["apiHost"]),
        "networkName": _text(value["networkName"]),
    }
    if value.get("clusterID"):
        joint["clusterID"] = _text(value["clusterID"])
    return joint


def _try_api(status: Status, spec: Mapping[str, Any], cache: Mapping[str, Any], own: Own) -> None:
    """Whether the peer's API answers a token of ours as a Kubernetes API does."""
    failure: _ExchangeError | None = None
    try:
        if not cache.get("private"):
            raise _ExchangeError("AwaitingPrivate", "there is no private metadata yet")
        token = _token(cache["public"], own, facts.API_SCOPE, facts.API_TOKEN_SECONDS)
        api = {**spec, "metadataEndpoint": f"https://{cache['private']['apiHost']}/"}
        value = _fetch(api, "api", own, token)
        if not isinstance(value, Mapping) or value.get("kind") != "APIVersions":
            raise _ExchangeError("InvalidJSON", "what answers at apiHost is no Kubernetes API")
    except _ExchangeError as error:
        failure = error
    _note(status, conditions.REMOTE_API, own, failure, conditions.REACHABLE)


def _offer(value: Any) -> dict[str, Any]:
    """The known fields; an empty list of gateways is an answer, null is none."""
    gateways = [{"address": _text(item["address"]), "port": _int(item["port"])} for item in value["ingressGateways"]]
    services = [
        {
            "hostname": _text(service["hostname"]),
            "ports": [{"name": _text(port["name"]), "port": _int(port["port"])} for port in service["ports"]],
        }
        for service in value["publicServices"]
    ]
    return {"ingressGateways": gateways, "publicServices": services}


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value == 0:
        raise TypeError
    return value


def _fetch(spec: Mapping[str, Any], path: str, own: Own, token: str | None = None) -> Any:
    metadata = spec.get("metadata") or {}
    endpoint = spec["metadataEndpoint"]
    try:
        answer = fetch.get(
            own.astray.get(endpoint, endpoint) + path,
            ca=metadata.get("clusterCA"),
            insecure=endpoint in own.astray or bool(metadata.get("enableInsecureConnection")),
            token=token,
        )
    except fetch.FetchError as error:
        raise _ExchangeError("FetchFailed", str(error)) from None
    if answer.status != 200:
        text = answer.body[:200].decode("utf-8", "replace").strip()
        raise _ExchangeError("NonOKResponse", f"{path}: {answer.status} {text}")
    try:
        return json.loads(answer.body)
    except ValueError:
        raise _ExchangeError("InvalidJSON", f"{path} is not JSON") from None


def _probe(status: Status, cache: Mapping[str, Any], own: Own) -> None:
    if own.probe is None:
        return
    failure: _ExchangeError | None
    if not cache.get("private"):
        failure = _ExchangeError("AwaitingPrivate", "there is no private metadata yet")
    else:
        problem = own.probe(cache["private"])
        failure = _ExchangeError("ProbeFailed", problem) if problem else None
    _note(status, conditions.DATAPLANE, own, failure)
