# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""federation_info: what a platform wrote into the status of the resources, without a write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import federation_resource

from tests.integration.ansible_module import ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import GATEWAY, Neighbour

FEDERATION = "deckhouse.io/v1alpha1"
THEN = "2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def one(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("told-one")


@pytest.fixture(scope="module")
def two(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("told-two")


@pytest.fixture(autouse=True)
def _resources(admin: Admin, one: Neighbour, two: Neighbour) -> Iterator[None]:
    for item in (one, two):
        option = item.option()
        endpoint, ca = option["metadata_endpoint"], option["metadata_ca"]
        admin.apply(federation_resource(item.name, trust_domain=item.domain, endpoint=endpoint, ca=ca))
    yield
    for item in (one, two):
        admin.delete("IstioFederation", None, item.name, FEDERATION)


def condition(type_: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    return {"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": THEN}


def learn(admin: Admin, neighbour: Neighbour, *conditions: dict[str, str], private: bool = True) -> None:
    """The platform writes what it has fetched."""
    public = {"clusterUUID": neighbour.uuid, "authnKeyPub": neighbour.keys.public_pem, "rootCA": neighbour.root}
    offer = {"private": {"ingressGateways": [GATEWAY], "publicServices": neighbour.services}} if private else {}
    status = {"metadataCache": {"public": public, **offer}, "conditions": list(conditions)}
    resource = {"apiVersion": FEDERATION, "kind": "IstioFederation", "metadata": {"name": neighbour.name}}
    admin.apply({**resource, "status": status}, manager="platform", subresource="status")


def options(*neighbours: Neighbour) -> list[dict[str, Any]]:
    return [item.option() for item in neighbours]


@pytest.mark.parametrize("check", [False, True])
def test_reads_only_what_the_platform_learnt(
    check: bool, run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour
) -> None:
    learn(admin, one, condition("PublicMetadataExchangeReady", "True", "Succeeded"))
    learn(admin, two, condition("PrivateMetadataExchangeReady", "False", "NonOKResponse", "it answered 401"))
    done = run("federation_info", check=check, neighbours=options(one, two))
    assert (done.result["changed"], done.writes) == (False, ())
    assert done.result["trusted"] == {item.name: item.fingerprints for item in (one, two)}
    assert done.result["imported"] == {one.name: len(one.services), two.name: len(two.services)}
    assert done.result["awaiting"] == []
    assert set(done.findings) == {two.name}
    (finding,) = done.findings[two.name]
    assert (finding["code"], finding["message"]) == ("private-NonOKResponse", "it answered 401")
    assert (finding["cluster"], finding["object"]) == ("cluster-t", f"IstioFederation {two.name}")


def test_reads_only_once_when_time_is_over(run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour) -> None:
    """Nobody ends as a failure: what is awaited is told."""
    learn(admin, two, private=False)
    done = run("federation_info", neighbours=options(one, two), wait=True, wait_timeout=1, interval=1)
    assert done.result["awaiting"] == [one.name, two.name]
    assert {name: [item["code"] for item in found] for name, found in done.findings.items()} == {
        one.name: ["platform-awaiting"],
        two.name: ["platform-awaiting"],
    }
    assert done.writes == ()


def test_a_wait_ends_when_nothing_is_awaited(run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour) -> None:
    learn(admin, one)
    learn(admin, two)
    # The test itself would be ended long before so much time is over.
    done = run("federation_info", neighbours=options(one, two), wait=True, wait_timeout=3600)
    assert (done.result["awaiting"], done.findings) == ([], {})


def test_a_neighbour_that_the_platform_was_not_told_of(run: ModuleRunner, admin: Admin, one: Neighbour) -> None:
    learn(admin, one)
    stranger = {"name": "stranger", "trust_domain": "stranger.local"}
    done = run("federation_info", neighbours=[*options(one), stranger])
    assert [item["code"] for item in done.findings["stranger"]] == ["federation-missing"]
    assert list(done.result["imported"]) == [one.name]


def test_a_neighbour_without_a_name_is_refused(run: ModuleRunner) -> None:
    assert "alliance_neighbours" in run("federation_info", fails=True, neighbours=[{}]).result["msg"]
