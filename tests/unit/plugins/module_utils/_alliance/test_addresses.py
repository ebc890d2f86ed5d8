# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a neighbour's gateway may be: nowhere that means this machine, this link or this cluster."""

from __future__ import annotations

import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import (
    AddressRules,
    AllowedAddresses,
    OwnAddresses,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import parse_federation
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, DocumentError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    cached_multicluster,
    cached_private,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import parse_multicluster

OWN = OwnAddresses(
    networks={
        ipaddress.ip_network("192.168.7.2"): "node one",
        ipaddress.ip_network("10.42.0.0/24"): "its pods",
        ipaddress.ip_network("10.43.0.0/16"): "its Services",
        ipaddress.ip_network("fd00:43::/108"): "its Services",
    },
    names={"lb.own.example": "Service istio-alliance/gateway"},
    namespaces=frozenset({"default", "istio-system"}),
)
READER = AddressRules(OWN, domains=frozenset({"own.local", "b.local"}))

SPECIAL = [
    *("127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "239.1.2.3", "255.255.255.255"),
    *("240.240.0.1", "::", "::1", "fe80::1", "ff02::1", "2001:2::1", "fec0::1", "localhost", "a.localhost"),
    *("localhost.localdomain", "ip6-localhost", "::7f00:1", "64:ff9b::7f00:1", "2002:7f00:1::", "64:ff9b::a9fe:a9fe"),
]
MALFORMED = [
    *("::ffff:127.0.0.1", "::ffff:203.0.113.7", "fe80::1%eth0", "127.1", "0x7f.1", "2130706433", "1.2.3.4.", "a.b."),
    *("1.2.3.4:80", "[::1]", "https://a", "a b", "a\0b", "A.example", "é.example", "*.example", "", "-a.example"),
    *(f"{'a' * 64}.example", ".".join(["abc"] * 64), None, 7, True, [], {}, 1.5, "1.2.3.4\n", "\uff10.example"),
]
INSIDE = [
    *("192.168.7.2", "10.42.0.9", "10.43.255.1", "fd00:43::9", "64:ff9b::c0a8:702", "lb.own.example"),
    *("kubernetes.default", "istiod.istio-system", "kubernetes", "a.b.svc.own.local", "a.b.svc.b.local", "a.b.svc"),
    *("a.b.svc.cluster.local", "10-42-0-9.default.pod.own.local", "1.pod"),
]
OUTSIDE = [
    *("203.0.113.7", "10.44.0.1", "192.168.7.3", "172.16.0.1", "100.64.0.1", "2001:db8::7", "fd00:44::1"),
    *(
        "gw.b.example",
        "own.example",
        "b.local",
        "gw.b.local",
        "a.b.svc.example",
        "xn--9ca.example",
        "64:ff9b::cb00:7107",
    ),
]


@pytest.mark.parametrize("address", [*SPECIAL, *MALFORMED, *INSIDE])
def test_refused(address: object) -> None:
    assert READER.problem(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_taken(address: str) -> None:
    assert READER.problem(address) is None


@pytest.mark.parametrize("address", [*SPECIAL, *INSIDE])
def test_allowed_by_name(address: str) -> None:
    allowed = AllowedAddresses.parse([address])
    assert AddressRules(OWN, allowed, READER.domains).problem(address) is None


@pytest.mark.parametrize("address", MALFORMED)
def test_what_is_malformed_cannot_be_allowed(address: object) -> None:
    everything = AllowedAddresses.parse(["0.0.0.0/0", "::/0"])
    assert AddressRules(OWN, everything).problem(address)


def test_a_network_allows_its_addresses_and_a_name_itself_alone() -> None:
    rules = AddressRules(OWN, AllowedAddresses.parse(["10.43.7.0/24", "lb.own.example"]))
    assert rules.problem("10.43.7.9") is None
    assert rules.problem("10.43.8.9")
    assert rules.problem("lb.own.example") is None
    assert rules.problem("kubernetes.default")


@pytest.mark.parametrize("entry", ["", "10.0.0.0/99", "not a name", "https://a", "A.example", "10.0.0.1:80"])
def test_an_entry_that_cannot_be_read(entry: str) -> None:
    with pytest.raises(AllianceError, match="alliance_allowed_gateway_addresses"):
        AllowedAddresses.parse([entry])


def test_the_documents_are_held_against_the_rules() -> None:
    """Fresh ones and those that a status remembers: only the bad gateway is lost."""
    gateways = [{"address": address, "port": 15443} for address in ("10.42.0.9", "203.0.113.7")]
    document = {"ingressGateways": gateways, "publicServices": []}
    read, (finding,) = parse_federation(json.dumps(document), trust_domain="b.local", rules=READER)
    assert [item.address for item in read.ingress_gateways or ()] == ["203.0.113.7"]
    assert (finding.code, finding.severity) == ("gateway-refused", "error")
    assert "its pods" in finding.message
    assert "alliance_allowed_gateway_addresses" in finding.remedy
    remembered = cached_private({"metadataCache": {"private": document}}, READER)
    assert remembered == read
    cluster = {"ingressGateways": gateways, "apiHost": "api.d.example:6443", "networkName": "d"}
    told, findings = parse_multicluster(json.dumps(cluster), READER)
    assert ([item.address for item in told.ingress_gateways or ()], len(findings)) == (["203.0.113.7"], 1)
    assert cached_multicluster({"metadataCache": {"private": cluster}}, READER) == told


def test_an_api_inside_of_the_reader() -> None:
    """istiod would send its token there."""
    for host in ("kubernetes.default.svc", "10.43.0.1:443", "[fd00:43::9]:6443", "192.168.7.2:6443"):
        document = {"ingressGateways": [], "apiHost": host, "networkName": "d"}
        with pytest.raises(DocumentError, match="apiHost"):
            parse_multicluster(json.dumps(document), READER)


@given(st.one_of(st.text(max_size=40), st.ip_addresses().map(str), st.sampled_from(OUTSIDE + INSIDE + SPECIAL)))
def test_whatever_is_taken_is_an_address_outside(text: str) -> None:
    if READER.problem(text) is not None:
        return
    assert text.isascii()
    assert text == text.lower().strip()
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        assert not text.endswith((".", ".svc", ".own.local.svc", "localhost"))
        return
    assert not (address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified)
    assert not any(address in network for network in OWN.networks)
