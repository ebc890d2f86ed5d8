# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports of all Services: there and back, compared, and small."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.service_ports import clashes, pack, unpack

HTTP: dict[str, Any] = {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP", "nodePort": 30080}
GRPC: dict[str, Any] = {"name": "grpc", "port": 90}


def service(name: str, *ports: dict[str, Any], namespace: str = "xyz", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {**spec, "ports": list(ports)}}


def test_there_and_back() -> None:
    packed = pack([service("foo", HTTP, GRPC), service("bar", {"port": 53, "protocol": "UDP"}), service("none")])
    assert unpack(packed) == {
        "xyz/bar": [["", 53, "UDP"]],
        "xyz/foo": [["grpc", 90, "TCP"], ["http", 80, "TCP"]],
        "xyz/none": [],
    }
    assert packed == pack(
        [service("none"), service("bar", {"port": 53, "protocol": "UDP"}), service("foo", GRPC, HTTP)]
    )


def test_names_for_something_else_are_left_out() -> None:
    outside = service("outside", HTTP, type="ExternalName", externalName="a.example")
    assert unpack(pack([outside, {"metadata": {"name": "bare", "namespace": "xyz"}}])) == {"xyz/bare": []}


def test_nothing_gathered() -> None:
    assert unpack("") == {}
    assert clashes("", pack([service("foo", HTTP)])) == []
    assert unpack(pack([])) == {}


@pytest.mark.parametrize("text", ["x", "=", "AAAA", "ü", "eJyrrgUAAXUA"])
def test_a_text_that_is_none(text: str) -> None:
    with pytest.raises(AllianceError, match="can't be read"):
        unpack(text)


def test_clashes() -> None:
    one = [service("same", HTTP, GRPC), service("own", HTTP), service("fewer", HTTP, GRPC), service("moved", HTTP)]
    other = [
        service("same", GRPC, {**HTTP, "targetPort": 1, "nodePort": 2}),
        service("theirs", HTTP),
        service("fewer", HTTP),
        service("moved", {**HTTP, "port": 81}),
        service("own", GRPC, namespace="else"),
    ]
    assert clashes(pack(one), pack(other)) == clashes(pack(other), pack(one)) == ["xyz/fewer", "xyz/moved"]
    assert clashes(pack(one), pack(one)) == []


@pytest.mark.parametrize("change", [{"name": "web"}, {"protocol": "UDP"}, {"port": 8080}])
def test_each_part_of_a_port_counts(change: dict[str, Any]) -> None:
    assert clashes(pack([service("foo", HTTP)]), pack([service("foo", {**HTTP, **change})])) == ["xyz/foo"]


_PORTS = st.lists(st.fixed_dictionaries({"name": st.sampled_from("abc"), "port": st.integers(1, 3)}), max_size=3)
_CLUSTERS = st.dictionaries(st.sampled_from(["foo", "bar", "baz"]), _PORTS)


@given(_CLUSTERS, _CLUSTERS)
def test_a_clash_is_a_common_name_with_other_ports(one: dict[str, Any], other: dict[str, Any]) -> None:
    packed = [pack(service(name, *ports) for name, ports in cluster.items()) for cluster in (one, other)]
    different = {name for name in one.keys() & other.keys() if _set(one[name]) != _set(other[name])}
    assert clashes(packed[0], packed[1]) == sorted(f"xyz/{name}" for name in different)


def _set(ports: list[dict[str, Any]]) -> set[tuple[str, int]]:
    return {(port["name"], port["port"]) for port in ports}


def test_5000_services_stay_small() -> None:
    """38 kB with names like these; with random names of 20 letters it would be 101 kB."""
    chosen = random.Random(1)
    words = ["orders", "billing", "search", "users", "reports", "stock", "mail", "cart", "images", "audit"]
    services = []
    for index in range(5000):
        ports = [{"name": f"{name}-main", "port": chosen.choice([80, 8080, 9090])} for name in ("http", "grpc")]
        name = f"{chosen.choice(words)}-{chosen.choice(words)}-{index}"
        services.append(service(name, *ports[: chosen.randint(1, 2)], namespace=f"team-{index % 40}"))
    packed = pack(services)
    assert len(packed) < 48_000
    assert len(unpack(packed)) == 5000
