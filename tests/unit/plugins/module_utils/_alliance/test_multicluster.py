# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of a multicluster: the same bytes each time, and nothing wrong gets in."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import DocumentError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import (
    MAX_MULTICLUSTER_BYTES,
    MulticlusterMetadata,
    api_host_problem,
    derived_cluster_id,
    derived_network,
    parse_multicluster,
    written_api_host,
)

GATEWAYS = [{"address": "10.0.0.1", "port": 15444}, {"address": "gw.example", "port": 1}]

REFUSED_HOSTS = """
    https://api.example api.example/ api.example/api user@api.example user:word@api.example api.example: :443 api:0
    api:65536 api:x api:-1 api:+1 2001:db8::1 2001:db8::1:443 [10.0.0.1] [api.example]:443 [::1] [fe80::1%25e]
    [2001:db8::1 2001:db8::1] [[2001:db8::1]] localhost localhost:6443 a.localhost 127.0.0.1:6443 127.1 0.0.0.0 [::]:1
    169.254.169.254 [::ffff:10.0.0.1] Api.example *.example api.example. api#x api?x api.example:443:443 -a ü.example
    api:\uff11
"""


def document(**change: Any) -> dict[str, Any]:
    whole = {"ingressGateways": GATEWAYS, "apiHost": "api.example:6443", "networkName": "net-b", "clusterID": "b"}
    return {name: value for name, value in {**whole, **change}.items() if value is not ...}


def read(**change: Any) -> MulticlusterMetadata:
    metadata, findings = parse_multicluster(json.dumps(document(**change)))
    assert not findings
    return metadata


def refused(text: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        parse_multicluster(text)
    return caught.value


def test_it_goes_round() -> None:
    metadata = read()
    gateways = (GatewayAddress("10.0.0.1", 15444), GatewayAddress("gw.example", 1))
    assert metadata == MulticlusterMetadata(gateways, "api.example:6443", "net-b", "b")
    assert metadata.render() == json.dumps(document(), separators=(",", ":")).encode()
    assert MulticlusterMetadata.from_dict(metadata.to_dict()) == metadata


def test_the_bytes_do_not_depend_on_the_order() -> None:
    one, other = (read(ingressGateways=list(order)) for order in (GATEWAYS, reversed(GATEWAYS)))
    assert one.render() == other.render()
    assert MulticlusterMetadata(tuple(reversed(one.ingress_gateways or ())), "api.example:6443", "net-b", "b").render()


@pytest.mark.parametrize("missing", [..., None, ""])
def test_older_exporters_do_not_tell_the_cluster_id(missing: Any) -> None:
    metadata = read(clusterID=missing)
    assert metadata.cluster_id is None
    assert "clusterID" not in metadata.to_dict()


def test_what_the_platform_calls_its_clusters() -> None:
    # 0x11E60398 is the checksum of "Wikipedia" that RFC 1950's algorithm is usually shown with.
    assert derived_cluster_id("a.cluster.local", "Wikipedia") == f"a-cluster-local-{0x11E60398}"
    assert derived_network("a-1") == "network-a-1"


def test_unknown_fields_are_ignored() -> None:
    assert read(ambientGateways=[{"address": "127.0.0.1", "port": 0}], allianceRef={"x": []}) == read()


def test_no_answer_about_gateways_is_not_none() -> None:
    assert read(ingressGateways=...).ingress_gateways is None
    assert read(ingressGateways=None).ingress_gateways is None
    assert read(ingressGateways=[]).ingress_gateways == ()
    assert read(ingressGateways=None).to_dict()["ingressGateways"] is None


@pytest.mark.parametrize("bad", [{"address": "127.0.0.1", "port": 1}, {"address": "a", "port": 0}, {}, None, 7])
def test_one_bad_gateway_costs_only_itself(bad: Any) -> None:
    metadata, findings = parse_multicluster(json.dumps(document(ingressGateways=[*GATEWAYS, bad])))
    assert metadata == read()
    assert [finding.code for finding in findings] == ["gateway-refused"]
    metadata, findings = parse_multicluster(json.dumps(document(ingressGateways=[bad])))
    assert metadata.ingress_gateways is None, "only bad addresses are no answer"


@pytest.mark.parametrize(
    "host",
    ["api.example", "api.example:443", "api", "10.0.0.1", "10.0.0.1:65535", "[2001:db8::1]", "[2001:db8::1]:6443"],
)
def test_api_hosts_that_are_taken(host: str) -> None:
    assert read(apiHost=host).api_host == host


@pytest.mark.parametrize(
    "host",
    REFUSED_HOSTS.split(),
)
def test_api_hosts_that_are_refused(host: str) -> None:
    error = refused(json.dumps(document(apiHost=host)))
    assert error.reason == "InvalidPrivateMetadata"
    assert "apiHost" in error.message and len(error.message) < 400
    assert error.remedy


@pytest.mark.parametrize("value", [..., None, "", " ", "a b", "a\n", "a:1\n", "\x00", 7, True, [], {}, "x" * 1000])
@pytest.mark.parametrize("field", ["apiHost", "networkName"])
def test_fields_that_have_to_be_there(field: str, value: Any) -> None:
    error = refused(json.dumps(document(**{field: value})))
    assert (error.reason, field in error.message) == ("InvalidPrivateMetadata", True)


@pytest.mark.parametrize("value", [" ", "a b", "a\n", "-a", ".", "..", "a/b", "ü", 7, True, [], {}, "x" * 254])
@pytest.mark.parametrize("field", ["networkName", "clusterID"])
def test_names_that_are_refused(field: str, value: Any) -> None:
    error = refused(json.dumps(document(**{field: value})))
    assert (error.reason, field in error.message) == ("InvalidPrivateMetadata", True)


@pytest.mark.parametrize("value", ["Kubernetes", "net_1", "a.b-c", "1", "x" * 253])
def test_names_that_are_taken(value: str) -> None:
    assert (read(networkName=value).network_name, read(clusterID=value).cluster_id) == (value, value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "InvalidJSON"),
        ("<html>", "InvalidJSON"),
        ('{"apiHost": "a", "apiHost": "b"}', "InvalidJSON"),
        (json.dumps(document(x="x" * MAX_MULTICLUSTER_BYTES)), "InvalidJSON"),
        ("[]", "InvalidPrivateMetadata"),
        ("null", "InvalidPrivateMetadata"),
        (json.dumps(document(ingressGateways={})), "InvalidPrivateMetadata"),
        (json.dumps(document(ingressGateways=GATEWAYS * 129)), "InvalidPrivateMetadata"),
    ],
)
def test_documents_that_are_refused_as_a_whole(text: str, reason: str) -> None:
    assert refused(text).reason == reason


@pytest.mark.parametrize(
    ("address", "host"),
    [("10.0.0.1", "10.0.0.1:6443"), ("2001:db8::1", "[2001:db8::1]:6443"), ("gw.example", "gw.example:6443")],
)
def test_an_api_host_of_an_address(address: str, host: str) -> None:
    assert written_api_host(GatewayAddress(address, 6443)) == host
    assert api_host_problem(host) is None


_FIELDS = st.sampled_from(["ingressGateways", "apiHost", "networkName", "clusterID", "address", "port"])
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_FIELDS | st.text(max_size=3), inner)
)


def _harmless(data: bytes | str) -> None:
    """Nothing but the declared error, and what is read can be written and read again."""
    try:
        metadata, _findings = parse_multicluster(data)
    except DocumentError:
        return
    assert parse_multicluster(metadata.render()) == (metadata, ())
    assert MulticlusterMetadata.from_dict(metadata.to_dict()) == metadata


@given(st.binary() | st.text())
def test_any_bytes_are_harmless(data: bytes | str) -> None:
    _harmless(data)


@given(_JSON)
def test_any_json_is_harmless(value: object) -> None:
    _harmless(json.dumps(value))


@given(st.dictionaries(_FIELDS, _JSON))
def test_any_field_is_harmless(change: dict[str, object]) -> None:
    _harmless(json.dumps({**document(), **change}))


@given(st.text() | st.text(alphabet="[]:.0123456789abf%/@", max_size=24))
def test_an_api_host_is_nothing_but_host_and_port(text: str) -> None:
    """What is taken means the same in a URL: no user, path or query, the same host and port."""
    if api_host_problem(text) is None:
        url = urlsplit(f"https://{text}")
        assert (url.netloc, url.path, url.query, url.fragment, url.username) == (text, "", "", "", None)
        assert url.hostname and (url.port is None or 1 <= url.port <= 65535)


_ADDRESSES = st.ip_addresses().map(str) | st.from_regex(r"[a-z]([a-z0-9-]{0,9}[a-z0-9])?", fullmatch=True)
_GATEWAYS = st.lists(st.builds(GatewayAddress, _ADDRESSES, st.integers(1, 65535)), max_size=9)
_NAMES = st.from_regex(r"[0-9A-Za-z][0-9A-Za-z._-]{0,40}", fullmatch=True)


@given(st.none() | _GATEWAYS, st.just("api.example:6443"), _NAMES, st.none() | _NAMES)
def test_whatever_is_written_can_be_read(
    gateways: list[GatewayAddress] | None, host: str, network: str, cluster_id: str | None
) -> None:
    made = MulticlusterMetadata(None if gateways is None else tuple(gateways), host, network, cluster_id)
    back, _findings = parse_multicluster(made.render())
    assert (back.api_host, back.network_name, back.cluster_id) == (host, network, cluster_id)
    assert set(back.ingress_gateways or ()) <= set(gateways or ())
