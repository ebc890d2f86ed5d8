# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a cluster that leaves, and how it is remembered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departed import Departed, parse, render
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    GatewayAddress,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import PROVED_ANNOTATION
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import derived_cluster_id

GATEWAY = {"address": "192.0.2.1", "port": 15443}
KEYS = generate_key_pair()
TEXTS = st.lists(st.text(max_size=9), max_size=3)


def public(authority: Any, uuid: str = "uuid-b", **more: Any) -> dict[str, str]:
    return {"clusterUUID": uuid, "authnKeyPub": KEYS.public_pem, "rootCA": authority.pem, **more}


def resource(cache: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = {"name": "cluster-b", "annotations": more.pop("annotations", {})}
    spec = {"trustDomain": "cluster-b.local", "metadataEndpoint": "https://b/metadata/", **more}
    return {"kind": "IstioFederation", "metadata": metadata, "spec": spec, "status": {"metadataCache": cache}}


def test_a_federated_neighbour_by_its_resource(authority: Any) -> None:
    offer = {"ingressGateways": [GATEWAY], "publicServices": []}
    known = Departed.from_resource("Cluster_B", resource({"public": public(authority), "private": offer}))
    assert known == Departed(
        "Cluster_B",
        trust_domains=("cluster-b.local",),
        uuids=("uuid-b",),
        keys=(KEYS.public_pem,),
        roots=(authority.pem,),
        gateways=(GatewayAddress("192.0.2.1", 15443),),
    )
    assert known.resource_name == "cluster-b"
    assert known.known


def test_a_neighbour_of_the_same_domain_by_its_resource(authority: Any) -> None:
    """Its domain stands in its document alone; an older exporter doesn't tell the cluster ID."""
    document = {"ingressGateways": [GATEWAY], "apiHost": "192.0.2.1:6443", "networkName": "network-b"}
    cache = {"public": public(authority, trustDomain="mesh.local"), "private": document}
    older = Departed.from_resource("b", resource(cache, trustDomain=None))
    assert older.cluster_ids == (derived_cluster_id("mesh.local", "uuid-b"),)
    document["clusterID"] = "cluster-b"
    newer = Departed.from_resource("b", resource(cache, trustDomain=None))
    assert newer.cluster_ids == ("cluster-b",)
    assert newer.gateways == (GatewayAddress("192.0.2.1", 15443),)


def test_what_was_proved_counts_beside_what_a_platform_holds(authority: Any, make_authority: Any) -> None:
    other = make_authority()
    proved = PublicMetadata.from_dict(public(other, "uuid-proved")).render().decode()
    known = Departed.from_resource(
        "b", resource({"public": public(authority)}, annotations={PROVED_ANNOTATION: proved})
    )
    assert known.uuids == ("uuid-b", "uuid-proved")
    assert set(known.roots) == {authority.pem, other.pem}


@pytest.mark.parametrize("status", [None, {}, {"metadataCache": "x"}, {"metadataCache": {"public": 1, "private": []}}])
def test_a_resource_that_knows_nothing(status: Any) -> None:
    known = Departed.from_resource("b", {"metadata": {"name": "b"}, "spec": {}, "status": status})
    assert known == Departed("b")
    assert not known.known


def test_by_its_own_api(authority: Any) -> None:
    state = ClusterState(
        name="b",
        uuid="uuid-b",
        trust_domain="b.local",
        roots=authority.pem,
        authn_key_pub=KEYS.public_pem,
        gateways=(GATEWAY,),
        multicluster_gateways=({**GATEWAY, "port": 15444}, GATEWAY),
        cluster_id="cluster-b",
    )
    known = Departed.from_state("b", state)
    assert [gateway.port for gateway in known.gateways] == [15443, 15444]
    assert known.keys == (KEYS.public_pem,)
    assert Departed.from_state("b", ClusterState(name="b", uuid="", roots="no PEM")) == Departed("b")


@given(TEXTS, TEXTS, st.lists(st.tuples(st.text(max_size=9), st.integers(0, 65535)), max_size=3))
def test_the_memory_keeps_everything_whatever_its_order(ids: list[str], more: list[str], gateways: Any) -> None:
    addresses = tuple(GatewayAddress(*item) for item in gateways)
    one = Departed("b", uuids=tuple(ids), gateways=addresses) | Departed("z", cluster_ids=tuple(more))
    other = Departed("b", cluster_ids=tuple(more)) | Departed("b", gateways=addresses, uuids=tuple(reversed(ids)))
    assert one == other
    kept = parse(render(one))
    # An empty text says nothing.
    assert kept == one or "" in (*ids, *more)
    assert kept | one == one | kept
    assert render(one) == render(other)


@given(
    st.text(max_size=40) | st.recursive(st.none() | st.text(), lambda item: st.dictionaries(st.text(), item)).map(str)
)
def test_a_memory_that_somebody_changed_is_an_error_and_nothing_worse(text: str) -> None:
    with pytest.raises(AllianceError, match="can't be read"):
        parse(text)


@pytest.mark.parametrize(
    "data",
    [{}, {"name": "b", "uuids": 7}, {"name": "b", "gateways": ["x"]}, {"name": "b", "gateways": [{"address": "x"}]}],
)
def test_what_has_another_form_is_refused(data: Any) -> None:
    with pytest.raises(AllianceError, match="can't be read") as caught:
        Departed.from_dict(data)
    assert "module departure" in str(caught.value)
