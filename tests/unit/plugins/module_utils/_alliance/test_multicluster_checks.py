# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every finding of a multicluster's pre-flight, alone; and that federated clusters are not asked for what it needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import service_ports
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.checks import preflight
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster_checks import clash_findings

REVISION = {
    "name": "default",
    "deployment": "istiod",
    "version": "1.31.0",
    "shared_mesh_config": None,
    "primary_ca_certificates": False,
}
BOTH = ("federation", "multicluster")


def member(name: str, number: int, version: str = "1.31.0", **changes: Any) -> Member:
    """A member of a multicluster without a fault; C(changes) are those of its state where it has such a field."""
    state = ClusterState(
        name=name,
        uuid=f"uuid-{name}",
        trust_domain="mesh.local",
        cluster_domain="mesh.local",
        root_namespace="istio-system",
        revision="default",
        istio=({**REVISION, "version": version},),
        roots="PEM",
        pod_cidrs=(f"10.{number}.0.0/16",),
        cluster_id=f"cluster-{name}",
        network=f"network-{name}",
    )
    in_state = {key: value for key, value in changes.items() if key in ClusterState.__dataclass_fields__}
    others = {key: value for key, value in changes.items() if key not in in_state}
    return replace(Member(name, modes=("multicluster",), state=replace(state, **in_state)), **others)


A = member("a", 1)


def codes(*members: Member) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in preflight(members):
        found.setdefault(finding.cluster, []).append(finding.code)
    return found


def test_nothing_is_wrong() -> None:
    assert codes(A, member("b", 2), member("c", 3, version="1.30.2")) == {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"network": ""}, "network-missing"),
        ({"cluster_id": "Kubernetes"}, "cluster-id-missing"),
        ({"cluster_id": ""}, "cluster-id-missing"),
        ({"mesh_networks": ("old",)}, "mesh-networks-taken"),
    ],
)
def test_what_one_cluster_lacks(changes: dict[str, Any], code: str) -> None:
    assert codes(A, member("b", 2, **changes)) == {"b": [code]}
    # Who is joined with nobody, or only federated, needs none of it.
    assert codes(member("b", 2, **changes)) == {}
    alone = member("b", 2, **changes, modes=("federation",), trust_domain="b.local", cluster_domain="b.local")
    assert codes(replace(A, modes=BOTH), alone) == {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"network": "network-a"}, "network-shared"),
        ({"cluster_id": "cluster-a"}, "cluster-id-shared"),
        ({"trust_domain": "b.local", "cluster_domain": "b.local"}, "domain-differs-in-multicluster"),
        ({"version": "1.29.4"}, "istio-skew"),
        ({"pod_cidrs": ("10.1.128.0/17",)}, "subnets-overlap"),
    ],
)
def test_what_is_wrong_between_two(changes: dict[str, Any], code: str) -> None:
    assert codes(A, member("b", 2, **changes)) == {"a": [code], "b": [code]}


def test_one_network_for_clusters_that_need_no_gateway() -> None:
    flat = {"network": "one", "flat_network": True}
    assert codes(member("a", 1, **flat), member("b", 2, **flat)) == {}


def test_one_domain_is_an_error_only_between_federated_clusters() -> None:
    federated = {"modes": ("federation",)}
    assert codes(member("a", 1, **federated), member("b", 2, **federated)) == {
        "a": ["domain-shared"],
        "b": ["domain-shared"],
    }
    both = {"modes": BOTH}
    third = member("c", 3, trust_domain="c.local", cluster_domain="c.local", **federated)
    assert codes(member("a", 1, **both), member("b", 2, **both), third) == {}


def test_a_finding_can_be_ignored() -> None:
    findings = preflight([A, member("b", 2, version="1.20.0", ignored_findings=("istio-skew", "istio-too-old"))])
    assert {finding.severity for finding in findings if finding.cluster == "b"} == {"warning"}


def packed(**ports: int) -> str:
    return service_ports.pack(
        {
            "metadata": {"name": name, "namespace": "xyz"},
            "spec": {"ports": [{"name": "http", "port": port, "protocol": "TCP"}]},
        }
        for name, port in ports.items()
    )


def test_services_of_one_name_with_other_ports() -> None:
    a = member("a", 1, services=packed(same=80, other=80, mine=1))
    b = member("b", 2, services=packed(same=80, other=81, theirs=2))
    (finding,) = clash_findings(a, [a, b])
    assert isinstance(finding, Finding)
    assert (finding.cluster, finding.neighbour, finding.severity) == ("a", "b", "warning")
    assert "xyz/other" in finding.message
    assert "xyz/same" not in finding.message
    # Not read, or not to be joined: nothing to compare.
    assert not list(clash_findings(a, [a, member("b", 2)]))
    assert not list(clash_findings(replace(a, modes=("federation",)), [a, b]))
