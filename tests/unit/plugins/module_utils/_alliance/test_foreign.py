# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of objects of others, and what can't matter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import foreign
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conflicts import _matches


def obj(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": "x"}, "spec": spec}


def policy(*rules: dict[str, Any], **more: Any) -> list[list[list[str]]]:
    found = list(foreign.authorization_policies([obj(rules=list(rules), **more)]))
    return list(found[0]["sources"]) if found else []


def source(**fields: Any) -> dict[str, Any]:
    return {"from": [{"source": fields}]}


def test_rules_for_hosts_that_may_be_imports_are_kept_with_their_tls() -> None:
    disabled = {"tls": {"mode": "DISABLE"}, "portLevelSettings": [{"tls": {"mode": "SIMPLE"}}]}
    hosts = ("bar.xyz.svc.b.local", "*.b.local", "bar", "bar.xyz.svc.a.local", "api.example.com", "*.xyz.svc.a.local")
    rules = [obj(host=host, trafficPolicy=disabled) for host in hosts]
    found = list(foreign.destination_rules(rules, "a.local"))
    assert [item["host"] for item in found] == ["bar.xyz.svc.b.local", "*.b.local"]
    place = {"kind": "DestinationRule", "namespace": "ns", "name": "x"}
    assert found[0] == {**place, "host": "bar.xyz.svc.b.local", "tls": ["DISABLE", "SIMPLE"]}
    subset = obj(host="bar.xyz.svc.b.local", subsets=[{"name": "v1", "trafficPolicy": {"tls": {"mode": "MUTUAL"}}}])
    assert next(foreign.destination_rules([subset], "a.local"))["tls"] == ["MUTUAL"]


def test_entries_for_services_are_kept() -> None:
    hosts = ["bar.xyz.svc.b.local", "*.b.local", "example.com", "*.svc.b.local"]
    assert [item["hosts"] for item in foreign.service_entries([obj(hosts=hosts), obj(hosts=["example.com"])])] == [
        ["bar.xyz.svc.b.local"]
    ]


@pytest.mark.parametrize(
    ("selector", "port", "kept"),
    [
        ({"app": "gw"}, 15443, True),
        ({"app": "gw", "rev": "1"}, 8443, True),
        ({}, 6443, True),
        ({"app": "gw"}, 443, False),
        ({"app": "other"}, 15443, False),
        ({"app": "gw", "more": "x"}, 15443, False),
    ],
)
def test_gateways_on_our_pods_and_ports_are_kept(selector: dict[str, str], port: int, kept: bool) -> None:
    gateway = obj(selector=selector, servers=[{"port": {"number": port}, "hosts": ["*"]}, {"port": {"number": 80}}])
    found = list(foreign.gateways([gateway], {"app": "gw", "rev": "1"}))
    assert [item["ports"] for item in found] == ([[port]] if kept else [])


@pytest.mark.parametrize(
    ("rule", "sources"),
    [
        (source(principals=["*"]), [[["*"]]]),
        (source(principals=["*/ns/x/sa/y"]), [[["*"]]]),
        (source(principals=["*.local/ns/x/sa/y"]), [[["*.local"]]]),
        (source(principals=["*/sa/y"]), [[["*"]]]),
        (source(principals=["cluster-*"]), [[["cluster-*"]]]),
        (source(principals=["a.local/ns/x/*"]), []),
        (source(principals=["a.local/ns/x/sa/y", "b.local/ns/x/sa/y"]), []),
        (source(namespaces=["x"]), [[["*"]]]),
        (source(serviceAccounts=["x/y"]), [[["*"]]]),
        (source(namespaces=["x"], trustDomains=["a.local"]), []),
        (source(namespaces=["x"], trustDomains=["*.local"]), [[["*.local"], ["*"]]]),
        (source(principals=["*"], namespaces=["x"]), [[["*"], ["*"]]]),
        (source(ipBlocks=["10.0.0.0/8"]), []),
        (source(notNamespaces=["x"]), []),
        ({"to": [{"operation": {"methods": ["GET"]}}]}, []),
        ({"when": [{"key": "source.namespace", "values": ["x"]}]}, [[["*"]]]),
        ({"when": [{"key": "request.headers[x]", "values": ["*"]}]}, []),
        ({**source(namespaces=["x"]), "when": [{"key": "source.principal", "values": ["a.local/ns/x/sa/y"]}]}, []),
    ],
)
def test_patterns_that_may_mean_several_domains_are_kept(rule: dict[str, Any], sources: Any) -> None:
    assert policy(rule) == sources


def test_policies_that_let_nobody_in_are_left_out() -> None:
    assert policy(source(namespaces=["x"]), action="DENY") == []
    assert policy(source(namespaces=["x"]), action="ALLOW") != []
    assert policy() == []


def test_remote_secrets_are_known_by_their_annotation() -> None:
    annotated = {"metadata": {"namespace": "n", "name": "s", "annotations": {"networking.istio.io/cluster": "b"}}}
    found = list(foreign.remote_secrets([annotated, {"metadata": {"namespace": "n", "name": "t"}}]))
    assert found == [{"kind": "Secret", "namespace": "n", "name": "s", "cluster": "b"}]


LABEL = st.text("abc", min_size=1, max_size=3)
DOMAIN = st.lists(LABEL, min_size=1, max_size=3).map(".".join)


@given(domain=DOMAIN, namespace=LABEL, account=LABEL, data=st.data())
def test_no_pattern_lets_in_more_than_it_is_said_to(
    domain: str, namespace: str, account: str, data: st.DataObject
) -> None:
    """Whatever principal a pattern matches, its trust domain is matched by the pattern's own."""
    principal = f"{domain}/ns/{namespace}/sa/{account}"
    cut = data.draw(st.integers(0, len(principal)))
    pattern = data.draw(st.sampled_from([principal[:cut] + "*", "*" + principal[cut:], principal]))
    assert _matches(pattern, principal)
    assert _matches(foreign.trust_domain_pattern(pattern), domain)
