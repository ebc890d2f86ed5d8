# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every conflict alone, and what is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conflicts import CONFLICTS, conflict_findings
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.service_ports import pack, pack_ports

HTTP = [["http", 80, "HTTP"]]
BAR = "bar.xyz.svc.b.local"
PLACE = {"namespace": "ns", "name": "x"}


def member(name: str, domain: str = "", published: dict[str, Any] | None = None, **changes: Any) -> Member:
    domain = domain or f"{name}.local"
    state = ClusterState(
        name=name,
        uuid=f"uuid-{name}",
        trust_domain=domain,
        cluster_domain=domain,
        root_namespace="istio-system",
        namespace="istio-alliance",
        cluster_id=f"id-{name}",
        public_ports=pack_ports(published) if published else "",
    )
    return Member(name, state=replace(state, **changes))


B = member("b", published={BAR: HTTP})


def found(own: Member, *others: Member) -> list[Finding]:
    return conflict_findings(own, [own, *others])


def foreign(kind: str, **more: Any) -> Member:
    """The cluster a, which publishes one Service, with one object of somebody else."""
    return member("a", published={"own.shop.svc.a.local": HTTP}, foreign=({"kind": kind, **PLACE, **more},))


CASES: list[tuple[str, Member, str, str]] = [
    ("destination-rule-taken", foreign("DestinationRule", host=BAR, tls=[]), "DestinationRule ns/x", "namespace ns"),
    (
        "destination-rule-taken",
        foreign("DestinationRule", host=BAR, tls=["DISABLE"]),
        "DestinationRule ns/x",
        "DISABLE",
    ),
    ("destination-rule-taken", foreign("DestinationRule", host="*.local", tls=["SIMPLE"]), "DestinationRule ns/x", BAR),
    (
        "destination-rule-taken",
        foreign("DestinationRule", host=BAR, tls=[], namespace="istio-alliance"),
        "DestinationRule istio-alliance/x",
        "all clients",
    ),
    ("import-shadowed", foreign("ServiceEntry", hosts=[BAR]), "ServiceEntry ns/x", BAR),
    ("sni-duplicate", foreign("ServiceEntry", hosts=["own.shop.svc.a.local"]), "ServiceEntry ns/x", "filter chains"),
    ("gateway-taken", foreign("Gateway", ports=[15443]), "Gateway ns/x", "15443"),
    ("multicluster-overlap", foreign("Secret", cluster="id-b"), "Secret ns/x", "whole cluster b"),
    (
        "principals-ambiguous",
        foreign("AuthorizationPolicy", sources=[[["*"]]], namespace="shop"),
        "AuthorizationPolicy shop/x",
        "a.local, b.local",
    ),
    (
        "principals-ambiguous",
        foreign("AuthorizationPolicy", sources=[[["*.local"], ["*"]]], namespace="istio-system"),
        "AuthorizationPolicy istio-system/x",
        "2 trust domains",
    ),
]


@pytest.mark.parametrize(("code", "own", "place", "text"), CASES)
def test_one_object_is_one_conflict(code: str, own: Member, place: str, text: str) -> None:
    (finding,) = found(own, B)
    assert (finding.code, finding.severity, finding.cluster, finding.object) == (code, "warning", "a", place)
    assert text in finding.message
    assert finding.remedy
    assert code in CONFLICTS
    assert found(replace(own, ignored_findings=(code,)), B) == []


@pytest.mark.parametrize(
    "own",
    [
        member("a", published={"own.shop.svc.a.local": HTTP}),
        foreign("DestinationRule", host="other.xyz.svc.b.local", tls=["DISABLE"]),
        foreign("DestinationRule", host="*.local", tls=["ISTIO_MUTUAL"]),
        foreign("DestinationRule", host=BAR, tls=["DISABLE"], namespace="istio-system"),
        foreign("ServiceEntry", hosts=["other.xyz.svc.b.local"]),
        foreign("Secret", cluster="id-c"),
        # Nothing is published there, so nobody of another domain gets that far.
        foreign("AuthorizationPolicy", sources=[[["*"]]]),
        # Only one of both domains, or none.
        foreign("AuthorizationPolicy", sources=[[["b*"]]], namespace="shop"),
        foreign("AuthorizationPolicy", sources=[[["c*"]]], namespace="shop"),
    ],
)
def test_what_is_no_conflict(own: Member) -> None:
    assert found(own, B) == []


def test_nobody_is_let_in_twice_without_neighbours() -> None:
    own = foreign("AuthorizationPolicy", sources=[[["*"]]], namespace="shop")
    assert found(own) == []
    # A cluster of the same domain is no other domain.
    assert found(own, replace(member("b", "a.local"), modes=("multicluster",))) == []


def test_the_name_of_the_local_domain_counts_as_the_own() -> None:
    (finding,) = found(
        foreign("AuthorizationPolicy", sources=[[["*.local"]]], namespace="shop"), member("b", "b.org"), B
    )
    assert "a.local, b.local" in finding.message
    cluster = foreign("AuthorizationPolicy", sources=[[["cluster*"]]], namespace="shop")
    (finding,) = found(cluster, member("cluster-b"))
    assert "a.local, cluster-b.local" in finding.message


def test_one_host_of_two_neighbours_with_different_ports() -> None:
    first = member("b", "mesh.local", {"bar.xyz.svc.mesh.local": HTTP, "same.xyz.svc.mesh.local": HTTP})
    second = member(
        "c", "mesh.local", {"bar.xyz.svc.mesh.local": [["http", 81, "HTTP"]], "same.xyz.svc.mesh.local": HTTP}
    )
    (finding,) = found(member("a"), second, first)
    assert (finding.code, finding.neighbour, finding.object) == ("ports-differ", "c", "bar.xyz.svc.mesh.local")
    assert "neighbour b" in finding.message


def test_a_service_with_the_name_of_an_import() -> None:
    service = {"metadata": {"namespace": "xyz", "name": "bar"}, "spec": {"ports": [{"port": 80}]}}
    own = member("a", cluster_domain="b.local", services=pack([service]))
    (finding,) = found(own, B)
    assert (finding.code, finding.object) == ("import-shadowed", "Service xyz/bar")
    assert found(member("a", services=pack([service])), B) == []


def test_of_a_neighbour_that_tells_nothing_its_whole_domain_counts() -> None:
    partner = Member("p", provider="external", declared_domain="p.local")
    (finding,) = found(foreign("ServiceEntry", hosts=["any.xyz.svc.p.local"]), partner)
    assert (finding.code, finding.neighbour) == ("import-shadowed", "p")
    (finding,) = found(foreign("DestinationRule", host="*.p.local", tls=["DISABLE"]), partner)
    assert finding.neighbour == "p"
    assert found(foreign("ServiceEntry", hosts=["any.xyz.svc.q.local"]), partner) == []


def test_a_cluster_that_was_not_read_has_none() -> None:
    assert found(Member("a"), B) == []
