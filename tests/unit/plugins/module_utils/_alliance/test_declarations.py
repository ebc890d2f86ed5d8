# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pre-flight finds in the inventory's variables of one member."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.checks import preflight
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation_crds import federation_crd
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member

CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
PRIVATE_KEY = CA.replace("CERTIFICATE", "PRIVATE KEY")
PIN = ":".join(["AB"] * 32)
PARTNER = Member(
    "p",
    provider="external",
    declared_domain="p.local",
    endpoint="https://istio.example.com/metadata/",
    ca=CA,
    root_fingerprints=(PIN,),
)


def found(member: Member) -> list[Finding]:
    return preflight([member, Member("a")])


def test_an_external_member_needs_no_more_than_this() -> None:
    assert found(PARTNER) == []
    assert found(replace(PARTNER, ca=None)) == []


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"endpoint": None}, "alliance_metadata_endpoint is"),
        ({"declared_domain": None}, "alliance_trust_domain is"),
        ({"root_fingerprints": ()}, "alliance_root_fingerprints is"),
        (
            {"endpoint": None, "declared_domain": None, "root_fingerprints": ()},
            "alliance_metadata_endpoint, alliance_trust_domain, alliance_root_fingerprints are",
        ),
    ],
)
def test_what_an_external_member_lacks_is_named_at_once(changes: dict[str, Any], missing: str) -> None:
    (finding,) = found(replace(PARTNER, **changes))
    assert (finding.cluster, finding.code, finding.severity) == ("p", "external-incomplete", "error")
    assert f"external, and {missing} not set" in finding.message
    assert "administrator" in finding.remedy


def test_an_external_member_may_be_believed_at_first_sight_by_name() -> None:
    (finding,) = found(replace(PARTNER, root_fingerprints=(), trust_on_first_use=True))
    assert (finding.code, finding.severity) == ("trust-on-first-use", "warning")
    assert found(replace(PARTNER, trust_on_first_use=True)) == []


def test_an_external_member_has_no_reserved_domain_either() -> None:
    (finding,) = found(replace(PARTNER, declared_domain="cluster.local"))
    assert finding.code == "domain-reserved"
    assert "its administrator" in finding.remedy


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://istio.example.com/metadata/",
        "file:///etc/metadata/",
        "istio.example.com",
        "https://",
        "https:///metadata/",
        "https://user@istio.example.com/",
        "https://istio.example.com/metadata/?a=b",
        "https://istio.example.com:0/metadata/",
        "https://istio.example.com:70000/metadata/",
        "https://[::1/metadata/",
        "https://istio.example.com/metadata/\n",
        "https://istio.example.com/meta data/",
    ],
)
@pytest.mark.parametrize("provider", ["istio", "deckhouse", "external"])
def test_what_is_no_endpoint(provider: str, endpoint: str) -> None:
    (finding,) = found(replace(PARTNER, provider=provider, endpoint=endpoint))
    assert (finding.code, finding.severity) == ("endpoint-invalid", "error")
    assert "\n" not in finding.message


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://istio.example.com/metadata/",
        "https://istio-metadata.example.com/metadata",
        "https://127.0.0.1:8443/metadata/",
        "https://[2001:db8::1]:8443/metadata/",
    ],
)
def test_endpoints(endpoint: str) -> None:
    assert found(replace(PARTNER, endpoint=endpoint)) == []


def test_the_definition_takes_every_endpoint_that_passes() -> None:
    """Otherwise the API server would refuse all of a cluster's IstioFederation resources."""
    (version,) = federation_crd()["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert spec["metadataEndpoint"]["pattern"] == r"^(https|file)://[0-9a-zA-Z._/:\[\]-]+$"
    assert spec["trustDomain"]["pattern"] == "^[0-9a-zA-Z._-]+$"


@pytest.mark.parametrize(
    "domain", ["P.local", "p_1.local", ".local", "p..local", "p.local.", "-p.local", "p local", "*"]
)
def test_what_is_no_trust_domain(domain: str) -> None:
    (finding,) = found(replace(PARTNER, declared_domain=domain))
    assert (finding.code, finding.severity) == ("domain-invalid", "error")


@pytest.mark.parametrize("pin", ["AB", "AB:CD", "sha1=" + PIN, "zz" * 32])
def test_what_is_no_pin(pin: str) -> None:
    (finding,) = found(replace(PARTNER, root_fingerprints=(PIN, pin)))
    assert (finding.code, finding.severity) == ("pin-invalid", "error")
    assert finding.remedy


@pytest.mark.parametrize("ca", ["/etc/ca.pem", CA + PRIVATE_KEY, PRIVATE_KEY, CA[:-10], CA.replace("AAAA", "A?")])
def test_what_is_no_ca(ca: str) -> None:
    (finding,) = found(replace(PARTNER, ca=ca))
    assert (finding.code, finding.severity) == ("ca-invalid", "error")
    assert ca not in finding.message


def test_a_host_that_was_not_read_has_no_fault() -> None:
    assert found(Member("b", provider="deckhouse")) == []


@pytest.mark.parametrize(
    ("gateway", "named"),
    [
        ("inlet=NodePort", "no mapping"),
        (["NodePort"], "no mapping"),
        ({"inlet": "HostPort"}, "HostPort"),
        ({"nodeport": 30443}, "nodeport"),
        ({"node_port": "many"}, "many"),
        ({"metadata_node_port": 7}, "metadata_node_port is 7"),
        ({"advertise": [{"address": "203.0.113.7"}]}, "address and port"),
        ({"advertise": {"address": "203.0.113.7", "port": 443}}, "advertise is no list"),
        ({"tolerations": ["all"]}, "tolerations is no list"),
        ({"node_selector": ["edge"]}, "node_selector is no mapping"),
        ({"service_annotations": {"internal": True}}, "service_annotations is no mapping of texts"),
    ],
)
@pytest.mark.parametrize("provider", ["istio", "deckhouse"])
def test_a_gateway_that_cannot_be_is_found_before_anything_is_written(provider: str, gateway: Any, named: str) -> None:
    (finding,) = found(Member("b", provider=provider, gateway=gateway))
    assert (finding.cluster, finding.code, finding.severity) == ("b", "gateway-invalid", "error")
    assert named in finding.message
    assert finding.remedy


def test_gateways() -> None:
    full = {
        "inlet": "NodePort",
        "node_port": "30443",
        "metadata_node_port": 30444,
        "advertise": [{"address": "gw.example.com", "port": 443}],
        "node_selector": {"role": "edge"},
        "tolerations": [{"operator": "Exists"}],
        "service_annotations": {"a": "true"},
    }
    for gateway in (None, {}, full):
        assert found(Member("b", gateway=gateway)) == []
    # It has no gateway of ours.
    assert found(replace(PARTNER, gateway="nonsense", public_services=7)) == []


@pytest.mark.parametrize(
    ("services", "named"),
    [
        ({"namespace": "x", "name": "y"}, "no list"),
        (7, "no list"),
        (["x/y", "y"], "entry 2"),
        ([{"selector": ""}], "entry 1"),
        ([None], "entry 1"),
    ],
)
@pytest.mark.parametrize("provider", ["istio", "deckhouse"])
def test_a_mistyped_service_is_found_before_anything_is_written(provider: str, services: Any, named: str) -> None:
    (finding,) = found(Member("b", provider=provider, public_services=services))
    assert (finding.cluster, finding.code, finding.severity) == ("b", "public-services-invalid", "error")
    assert finding.message.startswith("alliance_public_services: ")
    assert named in finding.message
    assert finding.remedy


@pytest.mark.parametrize("services", [None, [], ["x/y", {"namespace": "x", "name": "z"}, {"selector": "a=b"}]])
def test_lists_of_services(services: Any) -> None:
    assert found(Member("b", public_services=services)) == []
