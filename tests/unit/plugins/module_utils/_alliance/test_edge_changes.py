# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run changes of an edge, told from the objects before and after."""

from __future__ import annotations

import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import anchors_for
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    GatewayAddress,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.edge_changes import (
    Believed,
    Supplier,
    import_changes,
    network_changes,
    root_changes,
    told_roots,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.imports import ImportSource, compute_imports
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import (
    RemoteCluster,
    mesh_networks,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
ONE, TWO = (make_ca(name, NOW).certificate for name in ("one", "two"))
HTTP, GRPC = {"name": "http", "port": 80, "protocol": "HTTP"}, {"name": "grpc", "port": 90, "protocol": "HTTP2"}

Offer = dict[str, list[dict[str, Any]]]


def document(offer: Offer, domain: str, *gateways: str) -> FederationMetadata:
    services = [{"hostname": f"{name}.ns.svc.{domain}", "ports": ports} for name, ports in offer.items()]
    addresses = [{"address": address, "port": 15443} for address in gateways or ("203.0.113.1",)]
    return FederationMetadata.from_dict({"ingressGateways": addresses, "publicServices": services})


def entries(*documents: tuple[str, str, FederationMetadata]) -> list[dict[str, Any]]:
    """The ServiceEntries that are made of (name, domain, document)."""
    imports = compute_imports([ImportSource(*item) for item in documents], namespace="n")
    return [obj for obj in imports.objects if obj["kind"] == "ServiceEntry"]


def supplier(name: str, domain: str, known: FederationMetadata | None, offered: FederationMetadata | None) -> Supplier:
    hosts = tuple(service.hostname for service in offered.public_services) if offered else ()
    return Supplier(name, domain, known, offered, hosts)


def test_services_ports_and_gateways_of_one_neighbour() -> None:
    old = document({"kept": [HTTP], "gone": [HTTP], "other": [HTTP]}, "b.local", "203.0.113.1", "2001:db8::1")
    new = document({"kept": [HTTP], "new": [GRPC], "other": [HTTP, GRPC]}, "b.local", "203.0.113.2", "2001:db8::1")
    edges = import_changes(
        entries(("b", "b.local", old)), entries(("b", "b.local", new)), [supplier("b", "b.local", old, new)]
    )
    assert edges == {
        "b": {
            "services": {
                "added": [{"hostname": "new.ns.svc.b.local", "ports": [GRPC]}],
                "removed": [{"hostname": "gone.ns.svc.b.local", "ports": [HTTP]}],
                "changed": [{"hostname": "other.ns.svc.b.local", "before": [HTTP], "after": [HTTP, GRPC]}],
            },
            "gateways": {"added": ["203.0.113.2:15443"], "removed": ["203.0.113.1:15443"]},
        }
    }


def test_who_left_is_told_by_its_domain() -> None:
    old = document({"bar": [HTTP]}, "b.local")
    (name, edge), *more = import_changes(entries(("b", "b.local", old)), [], []).items()
    assert (name, more) == ("b.local", [])
    assert edge["gateways"]["removed"] == ["203.0.113.1:15443"]
    assert [item["hostname"] for item in edge["services"]["removed"]] == ["bar.ns.svc.b.local"]


def test_two_of_one_domain_lose_each_its_own() -> None:
    first, second = (
        document({"bar": [HTTP]}, "m.local", "203.0.113.1"),
        document({"bar": [HTTP]}, "m.local", "203.0.113.2"),
    )
    empty = document({}, "m.local", "203.0.113.2")
    before = entries(("b", "m.local", first), ("c", "m.local", second))
    after = entries(("b", "m.local", first))
    edges = import_changes(
        before, after, [supplier("b", "m.local", first, first), supplier("c", "m.local", second, empty)]
    )
    assert list(edges) == ["c"]
    assert edges["c"]["gateways"] == {"added": [], "removed": ["203.0.113.2:15443"]}


def test_roots_are_told_by_their_own_fingerprints() -> None:
    before = {"b.local": anchors_for(ONE, "b.local")}
    after = {"b.local": anchors_for(TWO, "b.local")}
    both = Believed("b", ONE + TWO, "b.local", "b.local")
    change = {"added": [fingerprint(TWO)], "removed": [fingerprint(ONE)]}
    assert root_changes(before, after, [both]) == {"b": {"trust_domain": "b.local", "roots": change}}
    assert root_changes(before, before, [both]) == {}
    # A neighbour that got another domain: its root counts for the new one alone, which is no change of the root.
    moved = Believed("b", ONE, "b.local", "c.local")
    assert root_changes(before, {"c.local": anchors_for(ONE, "c.local")}, [moved]) == {}


def test_an_anchor_of_nobody_is_told_by_its_domain() -> None:
    before = {"b.local": anchors_for(ONE, "b.local")}
    removed = [fingerprint(before["b.local"][0])]
    assert root_changes(before, {}, []) == {
        "b.local": {"trust_domain": "b.local", "roots": {"added": [], "removed": removed}}
    }


def joined(**gateways: str) -> str:
    """The networks of clusters by name, each with a gateway."""
    return mesh_networks(
        RemoteCluster(name, f"id-{name}", "192.0.2.1:6443", f"net-{name}", (GatewayAddress(address, 15444),))
        for name, address in gateways.items()
    )


def test_gateways_that_join_networks() -> None:
    before, after = joined(b="203.0.113.1", c="203.0.113.3"), joined(b="203.0.113.2", d="203.0.113.4")
    assert network_changes(before, after, {"id-b": "b", "id-c": "left"}) == {
        "b": {"gateways": {"added": ["203.0.113.2:15444"], "removed": ["203.0.113.1:15444"]}},
        "left": {"gateways": {"added": [], "removed": ["203.0.113.3:15444"]}},
        "id-d": {"gateways": {"added": ["203.0.113.4:15444"], "removed": []}},
    }
    assert network_changes(before, before, {}) == {}
    assert network_changes("", "", {}) == network_changes("networks: {}", '{"networks": {"x": {}}}', {}) == {}


def test_what_a_platform_is_told() -> None:
    assert told_roots("b", "b.local", ["A"], ["A"]) == {}
    assert told_roots("b", "b.local", ["A"], ["B"])["b"]["roots"] == {"added": ["B"], "removed": ["A"]}


PORTS = st.lists(st.sampled_from([HTTP, GRPC]), min_size=1, max_size=2, unique_by=lambda port: str(port["name"]))
OFFERS = st.dictionaries(st.sampled_from([*"uvwxyz"]), PORTS, max_size=5)


@given(before=OFFERS, after=OFFERS)
def test_a_plan_carried_out_gives_the_new_offer(before: Offer, after: Offer) -> None:
    """What was there, less what is removed, more what is added, with what is changed, is what will be there."""
    old, new = document(before, "b.local"), document(after, "b.local")
    edges = import_changes(
        entries(("b", "b.local", old)), entries(("b", "b.local", new)), [supplier("b", "b.local", old, new)]
    )
    have = {
        f"{name}.ns.svc.b.local": sorted(ports, key=lambda port: int(port["port"])) for name, ports in before.items()
    }
    want = {
        f"{name}.ns.svc.b.local": sorted(ports, key=lambda port: int(port["port"])) for name, ports in after.items()
    }
    services = edges.get("b", {}).get("services", {"added": [], "removed": [], "changed": []})
    for item in services["removed"]:
        assert have.pop(item["hostname"]) == item["ports"]
    for item in services["changed"]:
        assert have[item["hostname"]] == item["before"]
        have[item["hostname"]] = item["after"]
    for item in services["added"]:
        assert item["hostname"] not in have
        have[item["hostname"]] = item["ports"]
    assert have == want
    assert bool(edges) is (before.keys() != after.keys() or (have != {} and bool(services["changed"])))
