# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an istiod holds of a remote cluster against what that cluster has."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_proof import (
    Difference,
    compare,
    describe,
    lasting,
    ready_endpoints,
)

BAR = ("xyz", "bar")
FOO = ("xyz", "foo")


def endpoint_slice(service: str, *addresses: str, **more: Any) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": service, **more.pop("labels", {})}
    endpoints = [{"addresses": [address], "conditions": {"ready": True}} for address in addresses]
    return {"metadata": {"namespace": "xyz", "labels": labels}, "addressType": "IPv4", "endpoints": endpoints, **more}


def addresses(*texts: str) -> frozenset[str]:
    return frozenset(texts)


def test_several_slices_of_a_service_are_one() -> None:
    slices = [endpoint_slice("bar", "10.0.0.1"), endpoint_slice("bar", "fd00::1", addressType="IPv6")]
    assert ready_endpoints(slices) == {BAR: addresses("10.0.0.1", "fd00::1")}


def test_only_ready_endpoints_count_and_unsaid_means_ready() -> None:
    ready, unready, unsaid = {"ready": True}, {"ready": False, "serving": True}, {"ready": None}
    endpoints = [
        {"addresses": [f"10.0.0.{number}"], "conditions": conditions}
        for number, conditions in enumerate((ready, unready, unsaid, None))
    ]
    found = ready_endpoints([endpoint_slice("bar", endpoints=endpoints)])
    assert found == {BAR: addresses("10.0.0.0", "10.0.0.2", "10.0.0.3")}


def test_slices_that_istiod_leaves_out_are_left_out() -> None:
    unready = [{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}]
    slices = [
        endpoint_slice("foreign", "10.0.0.1", labels={"multicluster.kubernetes.io/service-name": "x"}),
        endpoint_slice("named", "example.org", addressType="FQDN"),
        {"metadata": {"namespace": "xyz"}, "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.9"]}]},
        endpoint_slice("empty", endpoints=None),
        endpoint_slice("unready", endpoints=unready),
    ]
    assert ready_endpoints(slices) == {}


def test_equal_sets_have_no_difference() -> None:
    both = {BAR: addresses("10.0.0.1", "10.0.0.2"), FOO: addresses("10.0.0.3")}
    found = compare(both, dict(both))
    assert (found.services, found.addresses, found.differences, found.unknown_namespaces) == (2, 3, frozenset(), ())


def test_what_is_missing_and_what_is_stale() -> None:
    listed = {BAR: addresses("10.0.0.1", "10.0.0.2"), FOO: addresses("10.0.0.3")}
    held = {BAR: addresses("10.0.0.2", "10.0.0.9")}
    assert compare(listed, held).differences == {
        Difference("missing", "xyz", "bar", "10.0.0.1"),
        Difference("stale", "xyz", "bar", "10.0.0.9"),
        Difference("missing", "xyz", "foo", "10.0.0.3"),
    }


def test_a_service_that_is_gone_is_stale() -> None:
    assert compare({}, {BAR: addresses("10.0.0.1")}).differences == {Difference("stale", "xyz", "bar", "10.0.0.1")}


def test_a_namespace_that_the_mesh_does_not_discover_is_no_difference() -> None:
    listed = {BAR: addresses("10.0.0.1"), ("hidden", "one"): addresses("10.0.0.7")}
    found = compare(listed, {BAR: addresses("10.0.0.1")})
    assert (found.differences, found.unknown_namespaces) == (frozenset(), ("hidden",))


def test_without_selectors_every_namespace_counts() -> None:
    listed = {BAR: addresses("10.0.0.1"), ("hidden", "one"): addresses("10.0.0.7")}
    found = compare(listed, {BAR: addresses("10.0.0.1")}, selective=False)
    assert found.differences == {Difference("missing", "hidden", "one", "10.0.0.7")}
    assert found.unknown_namespaces == ()


def test_an_istiod_that_holds_nothing_misses_everything() -> None:
    found = compare({BAR: addresses("10.0.0.1")}, {})
    assert found.differences == {Difference("missing", "xyz", "bar", "10.0.0.1")}
    assert compare({}, {}).differences == frozenset()


def test_only_what_is_found_twice_lasts() -> None:
    listed = {BAR: addresses("10.0.0.1", "10.0.0.2")}
    first = compare(listed, {BAR: addresses("10.0.0.8")})
    second = compare(listed, {BAR: addresses("10.0.0.2", "10.0.0.9")})
    assert lasting(first, second) == (Difference("missing", "xyz", "bar", "10.0.0.1"),)
    assert lasting(second, compare(listed, dict(listed))) == ()


def test_a_message_names_some_services_and_counts_the_rest() -> None:
    listed = {("xyz", f"s{number}"): addresses("10.0.0.1", "10.0.0.2") for number in range(5)}
    text = describe(compare(listed, {}).differences, limit=2)
    assert text == "missing 2 of xyz/s0, missing 2 of xyz/s1, 3 more services"
    assert describe([]) == ""
