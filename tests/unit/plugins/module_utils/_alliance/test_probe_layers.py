# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of whatever fails, the first layer is named, the cluster in which the cause is, and what to do there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe import (
    BROKEN,
    FORGED,
    NO_CERTIFICATE,
    NO_TLS,
    REFUSED,
    SILENT,
    UNPUBLISHED,
    UNVERIFIED,
    Answer,
    AtGateway,
    Held,
    Looked,
    Observation,
    Refusal,
    Target,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import (
    APPLICATION,
    DNS,
    ENTRY,
    GATEWAY,
    REFUSAL,
    ROUTE,
    TLS,
    Entry,
    Known,
    ProbeResult,
    judge,
    judge_refusal,
)

OWN, THEIRS = "cluster-a", "cluster-b"
HOST = "bar.xyz.svc.cluster-b.local"
PLACE, OTHER = GatewayAddress("10.0.0.1", 30443), GatewayAddress("10.0.0.2", 30443)
TARGET = Target(HOST, 80, "HTTP", (PLACE,))
SERVER_ID = "spiffe://cluster-b.local/ns/xyz/sa/bar"
ANSWERED = Answer(200, forwarded=True, server="envoy", text="hello", ms=4.0)
AT = AtGateway("10.0.0.1", 30443, identities=(SERVER_ID,), connect_ms=1.0, tls_ms=2.0, answer=ANSWERED)
SEEN = Observation(
    HOST,
    80,
    Looked(("240.240.0.1",)),
    Held(present=True, endpoints=("10.0.0.1:30443",), tls=True, rule=f"istio-alliance/{HOST}"),
    (AT,),
    ANSWERED,
)
KNOWN = Known(
    OWN,
    THEIRS,
    "cluster-b.local",
    entries=(Entry(f"istio-alliance/{HOST}", ("240.240.0.1", "2001:2::1")),),
    published=True,
    gateways=(PLACE,),
)
RESET = "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
TLS_ERROR = (
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport"
    " failure reason: TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end"
)


def test_all_is_well() -> None:
    result = judge(TARGET, SEEN, KNOWN)
    assert result == ProbeResult(
        OWN, THEIRS, "service", f"{HOST}:80", ms=4.0, gateways=("10.0.0.1:30443",), identity=SERVER_ID
    )
    assert result.ok
    assert ProbeResult.from_dict(result.to_dict()) == result
    assert "layer" not in result.to_dict()


@dataclass(frozen=True)
class Case:
    """What differs from SEEN and KNOWN, and what has to be said of it."""

    name: str
    layer: str
    blamed: str
    words: str
    seen: dict[str, Any] = field(default_factory=dict)
    at: dict[str, Any] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    remedy: str = ""


UNRESOLVED = Looked(error="Name or service not known")
CASES = [
    Case("no ServiceEntry", ENTRY, OWN, "no ServiceEntry", {"looked": UNRESOLVED}, known={"entries": ()}),
    Case(
        "two ServiceEntries",
        ENTRY,
        OWN,
        "more ServiceEntries for its host: xyz/mine",
        known={"entries": (*KNOWN.entries, Entry("xyz/mine", ours=False))},
        remedy="delete",
    ),
    Case(
        "DNS capture is off",
        DNS,
        OWN,
        "does not capture DNS",
        {"looked": UNRESOLVED},
        known={"captures_dns": False},
        remedy="ISTIO_META_DNS_CAPTURE",
    ),
    Case("the sidecar does not know the name", DNS, OWN, "knows no address", {"looked": UNRESOLVED}),
    Case(
        "no address was allocated",
        DNS,
        OWN,
        "gave its ServiceEntry no address",
        {"looked": UNRESOLVED},
        known={"entries": (Entry(f"istio-alliance/{HOST}"),)},
        remedy="PILOT_ENABLE_IP_AUTOALLOCATE",
    ),
    Case("somebody else answers", DNS, OWN, "resolved to 192.0.2.1", {"looked": Looked(("192.0.2.1",))}),
    Case("Envoy does not answer", ENTRY, OWN, "is silent", {"held": Held(error="Envoy is silent")}),
    Case("not in Envoy", ENTRY, OWN, "has not come to the sidecar", {"held": Held()}),
    Case("istiod is down", ENTRY, OWN, "istiod is not ready", {"held": Held()}, known={"istiod": False}),
    Case(
        "old gateways in Envoy",
        ENTRY,
        OWN,
        "10.0.0.1:30443 missing, 10.9.9.9:1 not among",
        {"held": replace(SEEN.held, endpoints=("10.9.9.9:1",))},
    ),
    Case(
        "a stranger among the endpoints",
        ENTRY,
        OWN,
        "10.9.9.9:1 not among",
        {"held": replace(SEEN.held, endpoints=("10.0.0.1:30443", "10.9.9.9:1"))},
    ),
    Case(
        "gateway unreachable",
        GATEWAY,
        THEIRS,
        "10.0.0.1:30443: connection refused",
        at={"unreachable": "connection refused", "answer": None, "identities": ()},
        remedy="its API says that this is the address",
    ),
    Case(
        "gateway moved",
        GATEWAY,
        THEIRS,
        "no connection within",
        at={"unreachable": "no connection within 5 s", "answer": None},
        known={"gateways": (OTHER,)},
        remedy="its gateways are at 10.0.0.2:30443 now: run federate.yml",
    ),
    Case(
        "gateway gone",
        GATEWAY,
        THEIRS,
        "refused",
        at={"unreachable": "refused", "answer": None},
        known={"gateways": ()},
        remedy="has no address now",
    ),
    Case(
        "gateway of a cluster that is not ours",
        GATEWAY,
        THEIRS,
        "refused",
        at={"unreachable": "refused", "answer": None},
        known={"gateways": None},
        remedy="firewalls",
    ),
    Case("silence", TLS, THEIRS, "TLS is not answered", at={"stage": SILENT, "reason": "no word", "answer": None}),
    Case("no sidecar there", TLS, THEIRS, "does not speak TLS", at={"stage": NO_TLS, "answer": None}),
    Case("they distrust us", TLS, THEIRS, "unknown ca", at={"stage": REFUSED, "reason": "unknown ca", "answer": None}),
    Case(
        "another CA",
        TLS,
        THEIRS,
        "which shows spiffe://cluster-b.local/ns/xyz/sa/bar, does not lead to the root of cluster-b",
        at={"stage": UNVERIFIED, "reason": "unable to get local issuer certificate", "answer": None},
    ),
    Case("TLS breaks", TLS, THEIRS, "breaks: bad", at={"stage": BROKEN, "reason": "bad", "answer": None}),
    Case(
        "another domain",
        TLS,
        THEIRS,
        "is not of the trust domain cluster-b.local",
        at={"identities": ("spiffe://cluster-b.local.evil/ns/xyz/sa/bar",)},
    ),
    Case("no identity", TLS, THEIRS, "which shows no SPIFFE ID", at={"identities": ()}),
    Case("we distrust them", TLS, OWN, "expired", {"distrusted": "certificate has expired"}),
    Case(
        "a sidecar that learns no roots",
        TLS,
        OWN,
        "without PROXY_CONFIG_XDS_AGENT",
        {"distrusted": "unable to get local issuer certificate"},
        known={"hot_roots": False},
        remedy="restart",
    ),
    Case(
        "no mutual TLS from us",
        TLS,
        OWN,
        "by DestinationRule xyz/off",
        {"held": replace(SEEN.held, tls=False, rule="xyz/off"), "answer": Answer(503, server="envoy", text=RESET)},
    ),
    Case("no mutual TLS from some of us", TLS, OWN, "xyz/off", known={"rules": ("xyz/off",)}),
    Case(
        "Envoy distrusts them",
        TLS,
        OWN,
        "CERTIFICATE_VERIFY_FAILED",
        {"answer": Answer(503, server="envoy", text=TLS_ERROR)},
    ),
    Case("unknown at the gateway", ROUTE, THEIRS, "no pod to send it to", at={"stage": NO_CERTIFICATE, "answer": None}),
    Case(
        "not published any more",
        ROUTE,
        THEIRS,
        "does not publish it any more",
        at={"stage": NO_CERTIFICATE, "answer": None},
        known={"published": False},
        remedy="publish it again",
    ),
    Case("no route in the sidecar", ROUTE, OWN, "HTTP 404", {"answer": Answer(404, server="envoy")}),
    Case(
        "no healthy upstream",
        ROUTE,
        OWN,
        "no healthy upstream",
        {"answer": Answer(503, server="envoy", text="no healthy upstream")},
    ),
    Case(
        "an abort in the sidecar",
        ROUTE,
        OWN,
        "fault filter abort",
        {"answer": Answer(503, server="envoy", text="fault filter abort")},
    ),
    Case("no answer through the sidecar", ROUTE, OWN, "closed", {"answer": Answer(error="it was closed")}),
    Case(
        "gRPC without a route",
        ROUTE,
        OWN,
        "no healthy upstream",
        {"answer": Answer(200, grpc_status=14, server="envoy", text="no healthy upstream")},
    ),
    Case(
        "the application is down",
        APPLICATION,
        THEIRS,
        "its sidecar can't reach the application",
        at={"answer": Answer(503, forwarded=True, server="istio-envoy", text=RESET)},
    ),
    Case("the application fails", APPLICATION, THEIRS, "HTTP 500, why", at={"answer": Answer(500, text="why")}),
    Case(
        "it says nothing", APPLICATION, THEIRS, "no answer within", at={"answer": Answer(error="no answer within 5 s")}
    ),
    Case(
        "forbidden",
        APPLICATION,
        THEIRS,
        "RBAC: access denied",
        at={"answer": Answer(403, text="RBAC: access denied")},
        remedy="AuthorizationPolicy",
    ),
    Case(
        "the application fails for an application",
        APPLICATION,
        THEIRS,
        "HTTP 502",
        {"answer": Answer(502, forwarded=True, server="envoy", text="bad")},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_layer_is_named(case: Case) -> None:
    seen = replace(SEEN, gateways=(replace(AT, **case.at),), **case.seen)
    result = judge(TARGET, seen, replace(KNOWN, **case.known))
    assert (result.layer, result.blamed) == (case.layer, case.blamed)
    assert case.words in result.reason
    assert result.remedy
    assert case.remedy in result.remedy
    assert not result.ok


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, forwarded=True, server="envoy"),
        Answer(404, server="envoy", text="no such page"),
        Answer(200, grpc_status=12, forwarded=True, text="unimplemented"),
        Answer(401, forwarded=True),
        Answer(),
    ],
)
def test_an_answer_of_the_application_is_one(answer: Answer) -> None:
    """Also one that is no: it was reached. (The last is an open connection of something that is not HTTP.)"""
    seen = replace(SEEN, gateways=(replace(AT, answer=answer),), answer=answer)
    assert judge(TARGET, seen, KNOWN).ok


def test_one_of_two_gateways_is_named() -> None:
    target = replace(TARGET, gateways=(PLACE, OTHER))
    away = AtGateway("10.0.0.2", 30443, unreachable="no connection within 5 s")
    held = replace(SEEN.held, endpoints=("10.0.0.1:30443", "10.0.0.2:30443"))
    result = judge(target, replace(SEEN, gateways=(AT, away), held=held), KNOWN)
    assert result.layer == GATEWAY
    assert "10.0.0.2:30443" in result.reason
    assert "10.0.0.1:30443" not in result.reason


def test_a_gateway_with_a_name_has_addresses_that_are_no_strangers() -> None:
    target = replace(TARGET, gateways=(GatewayAddress("gw.example.com", 443),))
    held = replace(SEEN.held, endpoints=("192.0.2.7:443", "gw.example.com:443"))
    assert judge(target, replace(SEEN, held=held), KNOWN).ok


def test_what_was_not_finished_is_no_failure_and_no_success() -> None:
    result = judge(TARGET, Observation(HOST, 80, unfinished=True), KNOWN)
    assert (result.layer, result.ok) == ("", False)
    assert result.skipped


@pytest.mark.parametrize("kind", [UNPUBLISHED, FORGED])
def test_refusals(kind: str) -> None:
    well = judge_refusal(Refusal(kind, "what", "there", reason="closed"), KNOWN)
    assert well.ok
    assert well.refusal
    let_in = judge_refusal(Refusal(kind, "what", "10.0.0.1:30443", accepted="HTTP 200"), KNOWN)
    assert (let_in.layer, let_in.blamed) == (REFUSAL, THEIRS)
    assert "10.0.0.1:30443" in let_in.reason
    assert "HTTP 200" in let_in.reason
    assert judge_refusal(Refusal(kind, "what", "", untried="no way"), KNOWN).skipped == "no way"
