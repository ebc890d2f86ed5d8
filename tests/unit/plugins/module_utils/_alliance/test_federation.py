# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a neighbour: what is known, since when, and what fails."""

from __future__ import annotations

import re

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import federation
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import set_condition
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    GatewayAddress,
    PublicMetadata,
    PublicService,
    ServicePort,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, DocumentError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import Failure, federation_status
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair

T1, T2, T3 = "2026-01-01T00:00:00Z", "2026-01-01T00:04:59Z", "2026-01-01T00:05:00Z"
OFFER = FederationMetadata(
    (GatewayAddress("192.0.2.1", 15443),), (PublicService("a.x.svc.b.local", (ServicePort("http", 80, "HTTP"),)),)
)
LESS = FederationMetadata(OFFER.ingress_gateways, ())


@pytest.fixture(scope="module")
def identity(authority):
    return PublicMetadata.create("uuid-b", generate_key_pair().public_pem, authority.pem, "b.local")


def conditions(status):
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in status["conditions"]}


def test_both_fetched(identity):
    status = federation_status(None, now_iso=T1, public=identity, private=OFFER)
    assert status["metadataCache"] == {
        "public": identity.to_dict(),
        "private": OFFER.to_dict(),
        "publicLastFetchTimestamp": T1,
        "privateLastFetchTimestamp": T1,
    }
    assert status["publicServices"] == 1
    assert conditions(status) == {
        "PrivateMetadataExchangeReady": ("True", "Succeeded"),
        "PublicMetadataExchangeReady": ("True", "Succeeded"),
    }
    assert federation.cached_public(status) == identity
    assert federation.cached_private(status) == OFFER


def test_a_failing_neighbour_keeps_its_caches(identity):
    before = federation_status(None, now_iso=T1, public=identity, private=OFFER)
    after = federation_status(
        before, now_iso=T2, public=Failure("FetchFailed", "down"), private=Failure("AwaitingPublic", "")
    )
    assert after["metadataCache"] == before["metadataCache"]
    assert conditions(after) == {
        "PrivateMetadataExchangeReady": ("False", "AwaitingPublic"),
        "PublicMetadataExchangeReady": ("False", "FetchFailed"),
    }
    assert after["conditions"][1]["lastTransitionTime"] == T2
    again = federation_status(after, now_iso=T3, public=Failure("NonOKResponse", "500"))
    assert again["conditions"][1]["lastTransitionTime"] == T2, "still failing, since the same time"
    assert again["conditions"][0] == after["conditions"][0], "not asked for, not touched"
    assert conditions(before)["PublicMetadataExchangeReady"] == ("True", "Succeeded"), "the input is not changed"


def test_public_ok_and_private_failing(identity):
    before = federation_status(None, now_iso=T1, public=identity, private=OFFER)
    after = federation_status(before, now_iso=T2, public=identity, private=Failure("InvalidJSON", "x"))
    assert after["metadataCache"]["publicLastFetchTimestamp"] == T2
    assert after["metadataCache"]["privateLastFetchTimestamp"] == T1
    assert after["metadataCache"]["private"] == OFFER.to_dict()


def test_lists_are_replaced(identity):
    before = federation_status(None, now_iso=T1, public=identity, private=OFFER)
    after = federation_status(before, now_iso=T2, public=identity, private=LESS)
    assert after["metadataCache"]["private"]["publicServices"] == []
    assert after["publicServices"] == 0


@pytest.mark.parametrize("gateways", [None, ()])
def test_no_gateways_never_evict(gateways):
    before = federation_status(None, now_iso=T1, private=OFFER)
    answer = FederationMetadata(gateways, OFFER.public_services)
    after = federation_status(before, now_iso=T2, private=answer)
    assert after["metadataCache"] == before["metadataCache"]
    assert conditions(after) == {"PrivateMetadataExchangeReady": ("False", "InvalidPrivateMetadata")}
    assert federation.last_known_good(before, answer) == OFFER
    assert federation.last_known_good(before, LESS) == LESS
    assert federation.last_known_good(before, Failure("FetchFailed", "")) == OFFER
    assert federation.last_known_good(None, None) is None


def test_foreign_conditions_are_kept_and_all_are_sorted():
    foreign = {"type": "Zebra", "status": "True", "extra": 1}
    first = set_condition([foreign], "B", "True", "Succeeded", "", T1)
    second = set_condition(first, "A", "False", "FetchFailed", "x" * 5000, T2)
    assert [entry["type"] for entry in second] == ["A", "B", "Zebra"]
    assert second[2] == foreign
    assert len(second[0]["message"]) == 1024
    third = set_condition(second, "B", "True", "Other", "text", T3)
    assert third[1]["lastTransitionTime"] == T1 and third[1]["reason"] == "Other"
    assert set_condition(third, "B", "False", "x", "", T3)[1]["lastTransitionTime"] == T3


def test_only_timestamps_differ(identity):
    first = federation_status(None, now_iso=T1, public=identity, private=OFFER)
    second = federation_status(first, now_iso=T2, public=identity, private=OFFER)
    assert first != second
    assert federation.same_except_timestamps(first, second)
    assert not federation.same_except_timestamps(first, federation_status(first, now_iso=T2, private=LESS))
    assert not federation.same_except_timestamps(None, second)
    assert federation.same_except_timestamps(None, {})


def test_the_heartbeat(identity):
    status = federation_status(None, now_iso=T1, public=identity, private=OFFER)
    assert not federation.heartbeat_due(status, T2, 300)
    assert federation.heartbeat_due(status, T3, 300)
    assert federation.heartbeat_due(None, T1, 300)
    assert federation.heartbeat_due({"metadataCache": {"publicLastFetchTimestamp": "x"}}, T1, 300)
    assert federation.rfc3339(1767225600.9) == T1


@pytest.mark.parametrize("status", [None, {}, {"metadataCache": None}, {"metadataCache": {"public": 1, "private": []}}])
def test_caches_that_cannot_be_used(status):
    assert federation.cached_public(status) is None
    assert federation.cached_private(status) is None


def test_failures_from_errors():
    assert Failure.of(DocumentError("bad", reason="InvalidJSON")) == Failure("InvalidJSON", "bad")
    assert Failure.of(AllianceError("gone")) == Failure("FetchFailed", "gone")


def test_the_resource():
    plain = federation.federation_resource("b", trust_domain="b.local", endpoint="https://b/metadata/")
    assert plain["apiVersion"] == "deckhouse.io/v1alpha1"
    assert plain["spec"] == {"trustDomain": "b.local", "metadataEndpoint": "https://b/metadata/"}
    full = federation.federation_resource("b", trust_domain="b.local", endpoint="https://b/", ca="PEM", insecure=True)
    assert full["spec"]["metadata"] == {"clusterCA": "PEM", "enableInsecureConnection": True}


def test_the_definitions():
    crd = federation.federation_crd()
    assert crd["metadata"]["name"] == "istiofederations.deckhouse.io"
    version = crd["spec"]["versions"][0]
    assert version["subresources"] == {"status": {}}
    columns = [column["name"] for column in version["additionalPrinterColumns"]]
    assert columns == ["Trust-Domain", "Endpoint", "Services", "Ready", "Stale", "Last-Answer", "Age"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert re.fullmatch(spec["properties"]["metadataEndpoint"]["pattern"], "https://b.example:8443/metadata/")
    assert not re.fullmatch(spec["properties"]["metadataEndpoint"]["pattern"], "http://b.example/")
    other = federation.multicluster_crd()
    assert other["spec"]["names"]["kind"] == "IstioMulticluster"
    properties = other["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert properties["enableIngressGateway"]["default"] is True
