# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every finding of the pre-flight, alone and ignored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.checks import preflight
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member

REVISION = {
    "name": "default",
    "deployment": "istiod",
    "version": "1.31.0",
    "cluster_domain": None,
    "trust_domain": "",
    "multiroot": False,
    "shared_mesh_config": None,
    "primary_ca_certificates": False,
}


def member(name: str, number: int, *, revision: dict[str, Any] | None = None, **changes: Any) -> Member:
    """A member without a fault; C(changes) are those of its state where it has such a field."""
    state = ClusterState(
        name=name,
        uuid=f"uuid-{name}",
        trust_domain=f"{name}.local",
        cluster_domain=f"{name}.local",
        root_namespace="istio-system",
        revision="default",
        istio=({**REVISION, **(revision or {})},),
        roots="PEM",
        pod_cidrs=(f"10.{number}.0.0/16", f"fd00:{number}::/32"),
        service_cidrs=(f"10.{number + 100}.0.0/16",),
    )
    in_state = {key: value for key, value in changes.items() if key in ClusterState.__dataclass_fields__}
    others = {key: value for key, value in changes.items() if key not in in_state}
    return replace(Member(name, state=replace(state, **in_state)), **others)


B = member("b", 2)


def found(*members: Member) -> list[Finding]:
    return preflight(members)


def test_nothing_is_wrong() -> None:
    assert found(member("a", 1), B, member("c", 3)) == []


REPORTED = Finding("error", "clock-skew", "its clock is 40 s ahead", "synchronise it").to_dict()

ONE_CLUSTER: list[tuple[str, str, Member, str]] = [
    ("domain-missing", "error", member("a", 1, trust_domain="", cluster_domain=""), "not known"),
    ("domain-reserved", "error", member("a", 1, trust_domain="cluster.local", cluster_domain="cluster.local"), "local"),
    ("domain-reserved", "error", Member("a", declared_domain="cluster.local"), "local"),
    ("domain-differs", "error", member("a", 1, declared_domain="other.local"), "other.local"),
    ("domain-ambiguous", "error", member("a", 1, cluster_domain="other.local"), "other.local"),
    ("root-missing", "error", member("a", 1, roots=""), "istio-ca-root-cert"),
    ("lists-itself", "error", member("a", 1, peers=("a", "b")), "itself"),
    ("peer-unknown", "error", member("a", 1, peers=("b", "nobody")), "nobody"),
    ("confirmed-unknown", "warning", member("a", 1, confirm_no_gateways=("b", "nobody")), "names nobody"),
    ("insecure-endpoint", "warning", member("a", 1, insecure=True), "alliance_metadata_insecure"),
    ("allowed-addresses-invalid", "error", member("a", 1, allowed_gateway_addresses=("10.0.0.0/99",)), "10.0.0.0/99"),
    ("istio-version-unknown", "warning", member("a", 1, revision={"version": None}), "can't be told"),
    ("istio-too-old", "error", member("a", 1, revision={"version": "1.21.9"}), "1.21.9"),
    ("ca-certificates-taken", "error", member("a", 1, revision={"primary_ca_certificates": True}), "caCertificates"),
    ("shared-mesh-config-taken", "error", member("a", 1, revision={"shared_mesh_config": "theirs"}), "theirs"),
    ("clock-skew", "error", member("a", 1, findings=(REPORTED,)), "40 s"),
]


@pytest.mark.parametrize(("code", "severity", "bad", "text"), ONE_CLUSTER, ids=[case[0] for case in ONE_CLUSTER])
def test_faults_of_one_cluster(code: str, severity: str, bad: Member, text: str) -> None:
    (finding,) = found(bad, B)
    assert (finding.code, finding.severity, finding.cluster) == (code, severity, "a")
    assert text in finding.message
    assert finding.remedy


BETWEEN: list[tuple[str, Member, tuple[str, str]]] = [
    ("domain-shared", member("a", 1, trust_domain="b.local", cluster_domain="b.local"), ("b.local", "b.local")),
    ("cluster-twice", member("a", 1, uuid="uuid-b"), ("cluster as b", "cluster as a")),
    ("subnets-overlap", member("a", 1, pod_cidrs=("10.2.128.0/17",)), ("10.2.0.0/16", "10.2.128.0/17")),
    ("subnets-overlap", member("a", 1, service_cidrs=("10.0.0.0/14",), pod_cidrs=()), ("10.2.0.0/16", "10.0.0.0/14")),
    ("subnets-overlap", member("a", 1, pod_cidrs=("fd00:2:1::/48",)), ("fd00:2::/32", "fd00:2:1::/48")),
]


@pytest.mark.parametrize(("code", "bad", "texts"), BETWEEN)
def test_faults_between_clusters_are_told_to_both(code: str, bad: Member, texts: tuple[str, str]) -> None:
    findings = found(bad, B)
    assert [(item.cluster, item.code, item.severity) for item in findings] == [
        ("a", code, "error"),
        ("b", code, "error"),
    ]
    for finding, text in zip(findings, texts, strict=True):
        assert text in finding.message
        assert finding.remedy


def test_names_that_become_one() -> None:
    one, other = replace(member("a", 1), name="Cluster_A"), replace(member("c", 3), name="cluster-a")
    assert [(item.cluster, item.code) for item in found(one, other)] == [
        ("Cluster_A", "name-clash"),
        ("cluster-a", "name-clash"),
    ]


def test_subnets_of_one_cluster_or_of_other_families_do_not_overlap() -> None:
    overlapping = member("a", 1, pod_cidrs=("10.1.0.0/16", "10.1.1.0/24"), service_cidrs=("10.1.2.0/24",))
    assert found(overlapping, B) == []
    assert found(member("a", 1, pod_cidrs=("::/0",)), member("b", 2, pod_cidrs=("10.2.0.0/16",))) == []


def test_only_the_chosen_revision_counts() -> None:
    old = {**REVISION, "name": "old", "version": "1.10.0", "primary_ca_certificates": True}
    both = member("a", 1, istio=({**REVISION}, old))
    assert found(both, B) == []
    assert {item.code for item in found(replace(both, state=replace(both.state, revision="old")), B)} == {
        "istio-too-old",
        "ca-certificates-taken",
    }


def test_our_own_shared_mesh_config_is_no_fault() -> None:
    assert found(member("a", 1, revision={"shared_mesh_config": "istio-federation"}), B) == []


def test_a_cluster_that_was_not_read_has_no_faults_of_its_own() -> None:
    assert found(Member("a"), B) == []


def test_everything_at_once_and_ignored_codes_are_warnings() -> None:
    bad = member("a", 1, roots="", peers=("a",), revision={"version": "1.10"})
    assert {(item.code, item.severity) for item in found(bad, B)} == {
        ("root-missing", "error"),
        ("lists-itself", "error"),
        ("istio-too-old", "error"),
    }
    lenient = replace(bad, ignored_findings=("istio-too-old", "lists-itself"))
    assert {(item.code, item.severity) for item in found(lenient, B)} == {
        ("root-missing", "error"),
        ("lists-itself", "warning"),
        ("istio-too-old", "warning"),
    }


def test_what_one_ignores_the_other_does_not() -> None:
    bad = member("a", 1, pod_cidrs=("10.2.0.0/16",), ignored_findings=("subnets-overlap",))
    assert [(item.cluster, item.severity) for item in found(bad, B)] == [("a", "warning"), ("b", "error")]


def test_the_order_does_not_depend_on_the_inventory_s() -> None:
    bad = [member("a", 1, uuid="u", roots=""), member("c", 3, uuid="u"), member("b", 2, uuid="u")]
    assert [item.cluster for item in found(*bad)] == ["a", "a", "b", "c"]
    one_cluster = [finding for finding in found(*bad) if finding.code != "cluster-twice"]
    assert one_cluster == [finding for finding in found(*reversed(bad)) if finding.code != "cluster-twice"]


def test_a_provider_that_this_release_does_not_know_is_refused() -> None:
    (finding,) = found(replace(member("a", 1), provider="nomad"), B)
    assert (finding.severity, finding.code, finding.cluster) == ("error", "provider-unknown", "a")
    assert "istio, deckhouse, external" in finding.remedy


def test_the_istio_of_a_deckhouse_cluster_is_the_platform_s_matter() -> None:
    """Its version, its mesh config and what is still missing there."""
    revision = {**REVISION, "version": "1.16", "primary_ca_certificates": True, "shared_mesh_config": "theirs"}
    bad = member("a", 1, roots="", istio=(revision,), root_namespace="d8-istio")
    assert {item.code for item in found(bad, B)} > {"istio-too-old", "root-missing"}
    assert found(replace(bad, provider="deckhouse"), B) == []


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("domain-reserved", {"trust_domain": "cluster.local", "cluster_domain": "cluster.local"}),
        ("domain-missing", {"trust_domain": "", "cluster_domain": ""}),
        ("domain-differs", {"declared_domain": "other.local"}),
        ("domain-shared", {"trust_domain": "b.local", "cluster_domain": "b.local"}),
        ("lists-itself", {"peers": ("a", "b")}),
        ("subnets-overlap", {"pod_cidrs": ("10.2.0.0/16",)}),
    ],
)
def test_what_is_refused_of_a_deckhouse_cluster_too(code: str, changes: dict[str, Any]) -> None:
    findings = found(replace(member("a", 1, **changes), provider="deckhouse"), B)
    assert [item.code for item in findings if item.cluster == "a"] == [code]


def test_clusters_that_do_not_tell_their_uuid_are_not_one() -> None:
    assert found(member("a", 1, uuid=""), member("b", 2, uuid="")) == []


def test_a_declared_endpoint_is_not_missing() -> None:
    missing = Finding("error", "endpoint-missing", "it has no Ingress", "set alliance_metadata_endpoint").to_dict()
    bad = replace(member("a", 1, findings=(missing,)), provider="deckhouse")
    assert [item.code for item in found(bad, B)] == ["endpoint-missing"]
    assert found(replace(bad, endpoint="https://istio.example.com/metadata/"), B) == []


PARTNER = Member(
    "p",
    provider="external",
    declared_domain="p.local",
    endpoint="https://istio.example.com/metadata/",
    root_fingerprints=("AB" * 32,),
)


def test_one_endpoint_for_two_is_told_to_who_only_says_so() -> None:
    """The classic mistake, a cluster that lists itself, does not cost the cluster its place."""
    known = member("a", 1, metadata_endpoint="https://Istio.example.com:443/metadata")
    (finding,) = found(known, B, PARTNER)
    assert (finding.cluster, finding.code, finding.severity) == ("p", "endpoint-shared", "error")
    assert "also that of a" in finding.message


def test_one_endpoint_for_two_is_told_to_both_when_neither_or_both_are_there() -> None:
    twin = replace(PARTNER, name="q", declared_domain="q.local")
    assert [(item.cluster, item.code) for item in found(PARTNER, twin)] == [
        ("p", "endpoint-shared"),
        ("q", "endpoint-shared"),
    ]
    one, other = (
        member(name, number, metadata_endpoint="https://x/metadata/") for number, name in enumerate("ac", start=1)
    )
    assert [(item.cluster, item.code) for item in found(one, other)] == [
        ("a", "endpoint-shared"),
        ("c", "endpoint-shared"),
    ]


def test_other_ports_and_paths_are_other_endpoints() -> None:
    others = (
        replace(PARTNER, name=name, declared_domain=f"{name}.local", endpoint=endpoint)
        for name, endpoint in (("q", "https://istio.example.com:8443/metadata/"), ("r", "https://istio.example.com/"))
    )
    assert found(PARTNER, *others) == []


def test_many_nodes_make_one_finding_for_a_pair() -> None:
    nodes = tuple(f"10.9.{number}.0/24" for number in range(0, 50, 2))
    findings = found(member("a", 1, pod_cidrs=nodes), member("b", 2, pod_cidrs=nodes))
    assert [(item.code, item.cluster) for item in findings] == [("subnets-overlap", "a"), ("subnets-overlap", "b")]
    assert "and 24 more" in findings[0].message
