# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    Failure,
    federation_resource,
    federation_status,
    multicluster_resource,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import Verdict
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import MulticlusterMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import EdgeView
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.edge_status import Yardstick, edge_view
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
NOW = BEGIN.timestamp() + 3600
ROOT = make_ca("b", BEGIN).certificate
PAIR, OTHER = generate_key_pair(), generate_key_pair()
HOST = "bar.xyz.svc.b.local"
PORTS = [{"name": "http", "port": 80, "protocol": "HTTP"}]
SERVICES = ({"hostname": HOST, "ports": PORTS},)
GATEWAY = {"address": "203.0.113.10", "port": 15443}
PUBLIC = PublicMetadata.create("uuid-b", PAIR.public_pem, ROOT, "b.local")
OFFER = FederationMetadata.from_dict({"ingressGateways": [GATEWAY], "publicServices": list(SERVICES)})
JOINED = MulticlusterMetadata.from_dict(
    {"ingressGateways": [GATEWAY], "apiHost": "api.b.example:6443", "networkName": "b"}
)
STATE = ClusterState(
    "b",
    "uuid-b",
    trust_domain="b.local",
    roots=ROOT,
    root_fingerprints=(fingerprint(ROOT),),
    authn_key_pub=PAIR.public_pem,
    gateways=(GATEWAY,),
    multicluster_gateways=(GATEWAY,),
    published=SERVICES,
)
NEIGHBOUR = Neighbour("b", trust_domain="b.local", endpoint="https://b.example/metadata/", state=STATE)
JOINT = replace(NEIGHBOUR, mode="multicluster")
YARDSTICK = Yardstick(NOW, attention=30 * 86400, fresh=86400)


def resource(*, public: Any = PUBLIC, private: Any = OFFER, at: float = NOW - 60, **more: Any) -> dict[str, Any]:
    """As a run leaves it that ended at some time."""
    status = federation_status(None, now_iso=rfc3339(at), public=public, private=private, **more)
    made = federation_resource("b", trust_domain="b.local", endpoint="https://b.example/metadata/")
    return {**made, "status": status}


def joint(**more: Any) -> dict[str, Any]:
    made = multicluster_resource("b", endpoint="https://b.example/metadata/")
    return {**made, "status": resource(private=JOINED, **more)["status"]}


def view(neighbour: Neighbour = NEIGHBOUR, found: Any = None, **more: Any) -> EdgeView:
    yardstick = replace(YARDSTICK, **more)
    return edge_view("a", neighbour, resource() if found is None else found, [HOST], yardstick)


def levels(edge: EdgeView) -> dict[str, str]:
    return {check.name: check.level for check in edge.checks}


def codes(edge: EdgeView) -> list[str]:
    return [finding.code for finding in edge.findings]


def test_an_edge_that_is_well_but_for_requests_that_nobody_made() -> None:
    edge = view()
    assert levels(edge) == {"identity": "ok", "trust": "ok", "imports": "ok", "learnt": "ok", "traffic": "unknown"}
    assert (codes(edge), edge.level) == ([], "unknown")
    assert (edge.services[0].host, edge.services[0].ports) == (HOST, ("80/HTTP",))
    assert (edge.gateways, edge.roots) == (("203.0.113.10:15443",), (fingerprint(ROOT),))
    assert edge.last_fetch == rfc3339(NOW - 60)


@pytest.mark.parametrize("status, level", [("True", "ok"), ("False", "error"), ("Unknown", "unknown")])
def test_who_tries_requests_is_believed(status: str, level: str) -> None:
    found = resource()
    entry = {"type": "DataplaneConnectionReady", "status": status, "reason": "ProbeFailed", "message": "no answer"}
    found["status"]["conditions"].append(entry)
    edge = view(found=found)
    assert (levels(edge)["traffic"], edge.level) == (level, level)
    assert codes(edge) == (["dataplane-ProbeFailed"] if level == "error" else [])


@pytest.mark.parametrize("level, codes_found", [("ok", []), ("error", ["dataplane-ProbeFailed"]), ("unknown", [])])
def test_what_exporters_measured_counts(level: str, codes_found: list[str]) -> None:
    edge = edge_view("a", NEIGHBOUR, resource(), [HOST], YARDSTICK, measured=Verdict(level, "so it was measured"))
    (check,) = [check for check in edge.checks if check.name == "traffic"]
    assert (check.level, check.text) == (level, "so it was measured")
    assert (codes(edge), edge.level) == (codes_found, level)


def test_a_condition_counts_where_exporters_know_nothing() -> None:
    found = resource()
    found["status"]["conditions"].append({"type": "DataplaneConnectionReady", "status": "True"})
    for measured in (None, Verdict("unknown", "not all answer")):
        edge = edge_view("a", NEIGHBOUR, found, [HOST], YARDSTICK, measured=measured)
        assert levels(edge)["traffic"] == "ok"


def test_never_proved() -> None:
    edge = edge_view("a", NEIGHBOUR, None, [], YARDSTICK)
    assert (codes(edge), edge.level) == (["neighbour-not-proved"], "error")
    assert "trust" not in levels(edge)


@pytest.mark.parametrize(
    "change, code, level",
    [
        ({"uuid": "uuid-x"}, "identity-differs", "error"),
        ({"root_fingerprints": ("AA",)}, "roots-behind", "warning"),
        ({"authn_key_pub": OTHER.public_pem}, "key-behind", "warning"),
        ({"published": ()}, "imports-behind", "warning"),
        ({"published": ({"hostname": HOST, "ports": [{**PORTS[0], "port": 81}]},)}, "imports-behind", "warning"),
        ({"published": None}, "published-not-read", "unknown"),
        ({"gateways": None}, "gateways-behind", "error"),
        ({"gateways": ({**GATEWAY, "port": 30443},)}, "gateways-behind", "error"),
    ],
)
def test_what_its_own_api_says_differently(change: dict[str, Any], code: str, level: str) -> None:
    edge = view(replace(NEIGHBOUR, state=replace(STATE, **change)))
    assert (codes(edge), edge.level) == ([code], level)


def test_a_key_that_is_rotated_counts_as_long_as_both_do() -> None:
    rotating = replace(STATE, authn_key_pub=OTHER.public_pem, previous_authn_key_pub=PAIR.public_pem)
    assert codes(view(replace(NEIGHBOUR, state=rotating))) == []


def test_addresses_that_the_reader_does_not_take_are_no_difference() -> None:
    """A gateway in the loopback network was left out when it was learnt; it is no other gateway now."""
    own = replace(STATE, gateways=(GATEWAY, {"address": "127.0.0.1", "port": 15443}))
    assert codes(view(replace(NEIGHBOUR, state=own))) == []


def test_its_own_api_was_not_read() -> None:
    edge = view(replace(NEIGHBOUR, state=None))
    assert (codes(edge), edge.level) == (["neighbour-not-read"], "unknown")


def test_somebody_else_s_cluster_is_known_while_what_was_learnt_is_fresh() -> None:
    outside = replace(NEIGHBOUR, state=None, provider="external")
    assert codes(view(outside)) == []
    edge = view(outside, resource(at=NOW - 90000))
    assert (codes(edge), levels(edge)["learnt"]) == (["neighbour-not-asked"], "unknown")


def test_a_platform_that_does_not_ask_any_more() -> None:
    assert codes(view(asked_within=600)) == []
    assert codes(view(found=resource(at=NOW - 700), asked_within=600)) == ["neighbour-stale"]


def test_a_run_that_failed_is_told_with_its_reason_and_since_when() -> None:
    failed = resource()
    failed["status"] = federation_status(
        failed["status"], now_iso=rfc3339(NOW), private=Failure("FetchFailed", "connection refused")
    )
    edge = view(found=failed)
    assert (codes(edge), levels(edge)["imports"]) == (["private-FetchFailed"], "error")
    assert edge.findings[0].message == f"connection refused (since {rfc3339(NOW)})"


def test_nothing_learnt_of_its_services() -> None:
    edge = edge_view("a", NEIGHBOUR, resource(private=None), [], YARDSTICK)
    assert codes(edge) == ["nothing-learnt"]


@pytest.mark.parametrize("days, code", [(3650 - 20, "certificate-ends"), (3650, "certificate-ended")])
def test_a_root_that_ends(days: int, code: str) -> None:
    later = NOW + days * 86400
    edge = edge_view("a", NEIGHBOUR, resource(at=later), [HOST], replace(YARDSTICK, now=later))
    assert codes(edge) == [code]
    assert edge.findings[0].object == f"root {fingerprint(ROOT)}"


def test_a_held_neighbour() -> None:
    assert codes(view(replace(NEIGHBOUR, hold="two clusters have its domain"))) == ["neighbour-held"]


def test_clusters_of_one_domain() -> None:
    edge = edge_view("a", JOINT, joint(remote_api=True), [], YARDSTICK)
    assert levels(edge) == {"identity": "ok", "trust": "ok", "api": "ok", "learnt": "ok", "traffic": "unknown"}
    assert (edge.mode, edge.gateways) == ("multicluster", ("203.0.113.10:15443",))
    down = joint(remote_api=Failure("FetchFailed", "its API does not answer"))
    assert codes(edge_view("a", JOINT, down, [], YARDSTICK)) == ["api-FetchFailed"]
    moved = replace(JOINT, state=replace(STATE, multicluster_gateways=None))
    assert codes(edge_view("a", moved, joint(), [], YARDSTICK)) == ["gateways-behind"]
    flat = replace(moved, flat_network=True)
    assert codes(edge_view("a", flat, joint(), [], YARDSTICK)) == []
    unlearnt = resource(private=None)
    assert codes(edge_view("a", JOINT, unlearnt, [], YARDSTICK)) == ["nothing-learnt"]


def test_what_others_looked_at_counts() -> None:
    found = [Finding("error", "istiod-not-synced", "istiod says syncing", neighbour="b")]
    edge = edge_view("a", JOINT, joint(), [], YARDSTICK, [("istiod", "it is synced", found)])
    assert (levels(edge)["istiod"], edge.level) == ("error", "error")
    edge = edge_view("a", JOINT, joint(), [], YARDSTICK, [("istiod", "it is synced", [])])
    assert levels(edge)["istiod"] == "ok"


def test_a_status_that_a_stranger_wrote_breaks_nothing() -> None:
    for status in ({}, {"metadataCache": 7}, {"metadataCache": {"public": [], "private": "x"}, "conditions": []}):
        edge = edge_view("a", NEIGHBOUR, {**resource(), "status": status}, [], YARDSTICK)
        assert edge.level == "error"
