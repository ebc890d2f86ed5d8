# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what a cluster that left is found, and what is no mark of it because another one has it too."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import constrained_anchor
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departed import Departed
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departure_marks import (
    Marks,
    certificates_of,
    permitted_domains,
    root_keys_of,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_clusters import Cluster, Endpoint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.mesh_config import shared_mesh_config
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import (
    RemoteCluster,
    networks_config_map,
)

GATEWAY = GatewayAddress("192.0.2.1", 15443)
OTHER_GATEWAY = GatewayAddress("192.0.2.9", 15443)


def departed(root: str = "", **more: Any) -> Departed:
    known: dict[str, Any] = {
        "trust_domains": ("b.local",),
        "uuids": ("uuid-b",),
        "keys": ("KEY\n",),
        "roots": (root,) if root else (),
        "gateways": (GATEWAY,),
        "cluster_ids": ("cluster-b",),
    }
    return Departed("b", **{**known, **more})


def obj(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "labels": more.pop("labels", {})}, **more}


def secret(entries: Any) -> dict[str, Any]:
    data = {names.REMOTE_METADATA_KEY: base64.b64encode(json.dumps(entries).encode()).decode()}
    return obj("Secret", names.REMOTE_METADATA_SECRET, data=data)


def cluster(host: str, *endpoints: tuple[str, int, int]) -> Cluster:
    made = tuple(Endpoint(frozenset({address}), port, count) for address, port, count in endpoints)
    return Cluster(f"outbound|80||{host}", host, made)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("bar.xyz.svc.b.local", True),
        ("bar.xyz.svc.b.local.", False),
        ("bar.xyz.svc.eu.b.local", False),
        ("bar.xyz.svc.cb.local", False),
        ("bar.xyz.pod.b.local", False),
        ("b.local", False),
        ("", False),
    ],
)
def test_hosts_of_its_domain(host: str, expected: bool) -> None:
    assert Marks.of(departed()).in_domain(host) is expected


def test_its_root_is_found_as_it_is_and_as_an_anchor(authority: Any, make_authority: Any) -> None:
    marks = Marks.of(departed(authority.pem))
    assert marks.is_root(authority.pem)
    assert marks.is_root(constrained_anchor(authority.pem, "b.local"))
    assert marks.is_root(constrained_anchor(authority.pem, "elsewhere.local")), "the key is its root's"
    assert marks.is_root(constrained_anchor(make_authority().pem, "b.local")), "another root, for its domain"
    assert not marks.is_root(make_authority().pem)
    assert not marks.is_root("no certificate")


def test_without_a_known_root_the_domain_tells(authority: Any) -> None:
    marks = Marks.of(departed())
    assert marks.is_root(constrained_anchor(authority.pem, "b.local"))
    assert not marks.is_root(authority.pem)


def test_what_another_one_has_too_is_no_mark(authority: Any, make_authority: Any) -> None:
    """Clusters of one domain, with one root, behind one address."""
    own = make_authority()
    shared = Departed("", trust_domains=("b.local",), roots=(authority.pem,), gateways=(GATEWAY,))
    marks = Marks.of(departed(authority.pem), [shared, Departed("", roots=(own.pem,))])
    assert not marks.is_root(constrained_anchor(authority.pem, "b.local"))
    assert not marks.in_domain("bar.xyz.svc.b.local")
    assert marks.connections([cluster("bar.xyz.svc.b.local", ("192.0.2.1", 15443, 3))]) == 0
    assert marks.uuids == {"uuid-b"}
    # What is its own alone is still found.
    only = Marks.of(departed(own.pem, gateways=(GATEWAY, OTHER_GATEWAY)), [shared])
    assert only.is_root(own.pem)
    assert only.connections([cluster("bar.xyz.svc.b.local", ("192.0.2.9", 15443, 3), ("192.0.2.1", 15443, 5))]) == 3


def test_connections_and_ways_of_a_proxy() -> None:
    marks = Marks.of(departed())
    clusters = [
        cluster("bar.xyz.svc.b.local", ("198.51.100.7", 15443, 2)),
        cluster("bar.xyz.svc.mesh.local", ("192.0.2.1", 15443, 4), ("10.0.0.1", 8080, 8)),
        cluster("bar.xyz.svc.a.local", ("192.0.2.1", 443, 16)),
    ]
    assert marks.connections(clusters) == 6
    assert [marks.in_cluster(item) for item in clusters] == [True, True, False]


OBJECTS = [
    (obj("IstioFederation", "b", spec={}), "resource of that neighbour"),
    (obj("IstioFederation", "other", spec={"trustDomain": "b.local"}), "its trust domain is b.local"),
    (obj("IstioMulticluster", "b"), "resource of that neighbour"),
    (obj("ServiceEntry", "x", spec={"hosts": ["x.y.svc.a.local", "bar.xyz.svc.b.local"]}), "its host is bar.xyz"),
    (
        obj("ServiceEntry", "x", spec={"endpoints": [{"address": "192.0.2.1", "ports": {"http": 15443}}]}),
        "an endpoint at 192.0.2.1:15443",
    ),
    (obj("DestinationRule", "x", spec={"host": "bar.xyz.svc.b.local"}), "its host is"),
    (obj("Secret", "istio-remote-secret-b", labels={names.REMOTE_SECRET_LABEL: "true"}), "remote secret"),
    (obj("Secret", "x", labels={names.REMOTE_SECRET_LABEL: "true"}, data={"cluster-b": "eA=="}), "remote secret"),
    (secret({"uuid-b": {}}), "clusterUUID uuid-b"),
    (secret({"z": {"authnKeyPub": "KEY"}}), "the public key"),
    (secret({"z": {"authnKeysPub": ["OTHER", "KEY\n"]}}), "the public key"),
    (
        obj("ConfigMap", names.API_PROXY_NEIGHBOURS_CONFIGMAP, data={"lds.json": '{"sub": "uuid-b"}'}),
        "lets the clusterUUID",
    ),
    (
        networks_config_map("istio-system", [RemoteCluster("b", "cluster-b", "b:6443", "network-b", (OTHER_GATEWAY,))]),
        "network network-b leads",
    ),
    (
        networks_config_map("istio-system", [RemoteCluster("z", "cluster-z", "z:6443", "network-z", (GATEWAY,))]),
        "network network-z leads",
    ),
]


@pytest.mark.parametrize(("found", "reason"), OBJECTS)
def test_objects_that_name_it(found: dict[str, Any], reason: str) -> None:
    assert reason in Marks.of(departed()).reason(found)


CLEAN = [
    obj("IstioFederation", "c", spec={"trustDomain": "c.local"}),
    obj(
        "ServiceEntry",
        "x",
        spec={"hosts": ["x.y.svc.c.local"], "endpoints": [{"address": "192.0.2.1", "ports": {"p": 1}}]},
    ),
    obj("DestinationRule", "x", spec={"host": "x.y.svc.c.local"}),
    obj("Secret", "istio-remote-secret-c", labels={names.REMOTE_SECRET_LABEL: "true"}, data={"cluster-c": ""}),
    obj("Secret", "istio-remote-secret-b"),
    secret({"uuid-c": {"authnKeyPub": "C", "rootCA": "damaged"}}),
    secret([]),
    obj("Secret", names.REMOTE_METADATA_SECRET, data={names.REMOTE_METADATA_KEY: "%"}),
    obj("Secret", names.AUTHN_KEYPAIR_SECRET, data={"priv.pem": "eA=="}),
    obj("ConfigMap", names.SHARED_MESH_CONFIGMAP, data={"mesh": "not JSON", "meshNetworks": "[]"}),
    obj("ConfigMap", names.SHARED_MESH_CONFIGMAP),
    obj("ConfigMap", "b", data={"x": "uuid-b"}),
    obj("Deployment", "b"),
]


@pytest.mark.parametrize("found", CLEAN)
def test_objects_that_do_not(found: dict[str, Any]) -> None:
    assert Marks.of(departed()).reason(found) == ""


def test_the_shared_mesh_config(authority: Any, make_authority: Any) -> None:
    marks = Marks.of(departed(authority.pem))
    anchor, other = constrained_anchor(authority.pem, "b.local"), make_authority().pem

    def reason(anchors: dict[str, Sequence[str]]) -> str:
        text = shared_mesh_config(anchors)
        return marks.reason(obj("ConfigMap", names.SHARED_MESH_CONFIGMAP, data={"mesh": text}))

    assert reason({"b.local": [anchor], "c.local": [other]}) == "it has an anchor of that cluster"
    assert reason({"b.local": [other]}) == "it accepts identities of b.local"
    assert reason({"c.local": [other]}) == ""
    assert marks.reason(secret({"z": {"rootCA": other + authority.pem}})) == "it has the root"


def test_what_a_mesh_config_trusts(authority: Any) -> None:
    entries = [{"pem": authority.pem, "trustDomains": ["b.local"]}, {"pem": "damaged"}, {"spiffeBundleUrl": "x"}, 7]
    assert certificates_of({"caCertificates": entries}) == [authority.pem]
    for nothing in ({}, {"caCertificates": None}, {"caCertificates": {}}, [], None):
        assert certificates_of(nothing) == []


def test_anchors_say_for_whom_they_speak(authority: Any) -> None:
    anchor = constrained_anchor(authority.pem, "b.local")
    assert permitted_domains(anchor) == {"b.local"}
    assert permitted_domains(authority.pem) == frozenset()
    assert root_keys_of([anchor]) == root_keys_of([authority.pem, "damaged"])


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda item: (
        st.lists(item, max_size=3)
        | st.dictionaries(
            st.sampled_from(["networks", "gateways", "endpoints", "caCertificates", "pem", "trustDomains", "uuid-b"]),
            item,
        )
    ),
    max_leaves=10,
)


@given(JSON)
def test_whatever_somebody_wrote_is_no_traceback(value: Any) -> None:
    marks = Marks.of(departed())
    text = json.dumps(value)
    marks.reason(secret(value))
    for key in ("mesh", "meshNetworks"):
        marks.reason(obj("ConfigMap", names.SHARED_MESH_CONFIGMAP, data={key: text}))
