# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was read to what is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.exporter.documents import (
    FEDERATION,
    MULTICLUSTER,
    PUBLIC,
    SPIFFE,
    Inputs,
    MulticlusterInputs,
    build,
)
from ansible_collections.meshalliance.istio.exporter.gateway import published_gateway
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding

from tests.unit.exporter.world import HOST, World, service

OTHER = "foo.xyz.svc.cluster-b.local"


def told(world: World) -> list[str]:
    document = json.loads(world.view.documents[FEDERATION].body)
    return [entry["hostname"] for entry in document["publicServices"]]


def test_the_same_input_gives_the_same_bytes(world: World) -> None:
    assert build(world.inputs) == build(world.inputs)


def test_a_service_is_told_once_the_gateway_is_seen_open(world: World) -> None:
    world.change(services=(service(), service(OTHER)))
    assert told(world) == [HOST]
    assert world.view.wanted == {HOST, OTHER}
    world.change(gateway=published_gateway("istio-alliance", [HOST, OTHER]))
    assert told(world) == [HOST, OTHER]
    assert world.view.published == 2


def test_a_removed_service_is_gone_though_the_gateway_is_still_open(world: World) -> None:
    world.change(services=())
    assert told(world) == []
    assert world.view.wanted == frozenset()


def test_no_gateway_object_means_nothing_is_told(world: World) -> None:
    world.change(gateway=None)
    assert told(world) == []


@pytest.mark.parametrize("inputs", [{"services": None}, {"unsynced": ("published-gateway",)}])
def test_an_incomplete_list_is_neither_told_nor_written(world: World, inputs: dict[str, Any]) -> None:
    world.change(**inputs)
    assert FEDERATION not in world.view.documents
    assert world.view.wanted is None


def test_nothing_is_known_at_the_start() -> None:
    view = build(Inputs(trust_domain="cluster-b.local", unsynced=("services", "nodes")))
    assert view.documents == {}
    assert view.wanted is None
    assert view.missing == (
        "informer services",
        "informer nodes",
        "cluster uuid",
        "public key",
        "root certificate",
    )


def test_multicluster_is_told_once_all_of_it_is_known(world: World) -> None:
    assert (world.view.multicluster, MULTICLUSTER in world.view.documents) == (False, False)
    world.join()
    assert (world.view.multicluster, MULTICLUSTER in world.view.documents) == (True, True)
    for change in ({"unsynced": ("nodes",)}, {"multicluster": MulticlusterInputs("cluster-b", "net-b")}):
        world.join()
        world.change(**change)
        assert (world.view.multicluster, MULTICLUSTER in world.view.documents) == (True, False)


def test_a_problem_of_the_gateway_is_told_once(world: World) -> None:
    missing, other = Finding("error", "gateway-missing", "x"), Finding("error", "gateway-port-missing", "y")
    world.change(address_findings=(missing,))
    world.join(findings=(missing, other, missing))
    assert world.view.findings == (missing, other)


def test_all_roots_are_told_in_one_form(world: World, root: str, second_root: str) -> None:
    text = "a comment\n" + root.replace("\n", "\r\n") + "\n\n" + second_root
    world.change(root_pem=text)
    assert json.loads(world.view.documents[PUBLIC].body)["rootCA"] == root + second_root


def test_nothing_follows_the_public_key(world: World) -> None:
    world.change(public_key=world.own.public_pem + "\n \n")
    key = json.loads(world.view.documents[PUBLIC].body)["authnKeyPub"]
    assert key.endswith("-----END ED25519 PUBLIC KEY-----\n")


def test_the_private_key_mounted_by_mistake_is_not_told(world: World) -> None:
    world.change(public_key=world.own.private_pem)
    assert PUBLIC not in world.view.documents
    assert world.own.private_pem not in repr(world.view)


def test_a_leaf_certificate_is_no_root(world: World) -> None:
    world.change(root_pem="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert {PUBLIC, SPIFFE}.isdisjoint(world.view.documents)
    assert "root-certificate" in {finding.code for finding in world.view.findings}


def test_findings_of_all_parts_are_gathered(world: World) -> None:
    one, two = Finding("warning", "protocol-doubtful", "x"), Finding("error", "gateway-missing", "y")
    world.change(service_findings=(one,), address_findings=(two,), remote_metadata="{")
    assert {finding.code for finding in world.view.findings} == {
        "protocol-doubtful",
        "gateway-missing",
        "remote-metadata",
    }
