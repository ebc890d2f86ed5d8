# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the playbooks."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.meshalliance.istio.plugins.filter.alliance import (
    alliance_departed,
    alliance_departure,
    alliance_handover,
    alliance_hosts,
    alliance_members,
    alliance_neighbours,
    alliance_parted,
    restart_definitions,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import EXCHANGE_ARGUMENT_SPEC

FILTERS = Path(__file__).parents[4] / "plugins" / "filter"


def state(name: str, domain: str) -> dict[str, Any]:
    return {"name": name, "uuid": f"uuid-{name}", "trust_domain": domain, "cluster_domain": domain}


HOSTVARS: dict[str, dict[str, Any]] = {
    "a": {"preflight_state": state("a", "a.local")},
    "b": {"preflight_state": state("b", "b.local")},
    "c": {"alliance_trust_domain": "c.local"},
}


def test_hosts_are_those_of_all_groups_that_the_play_is_in() -> None:
    groups = {"istio_federation": ["a", "b"], "istio_multicluster": ["b", "c"], "others": ["x"]}
    assert alliance_hosts(groups, ["a"]) == ["a", "b"]
    assert alliance_hosts(groups, ["b", "x"]) == ["a", "b", "c"]
    assert alliance_hosts(groups, ["c"]) == ["b", "c"]
    assert alliance_hosts({"others": ["x"]}, ["x"]) == []


def test_members_are_those_of_the_group_whatever_the_limit() -> None:
    members = alliance_members(HOSTVARS, ["b", "a", "c"])
    assert [member["name"] for member in members] == ["a", "b", "c"]
    assert [member["state"] is not None for member in members] == [True, True, False]


def test_results_of_a_loop_fill_in_for_hosts_outside_of_the_play() -> None:
    results = [{"item": "c", "state": state("c", "c.local")}, {"item": "b", "failed": True}]
    members = alliance_members(HOSTVARS, ["a", "b", "c"], results)
    assert [member["state"]["uuid"] for member in members] == ["uuid-a", "uuid-b", "uuid-c"]


def test_neighbours_are_the_option_of_the_modules() -> None:
    neighbours = alliance_neighbours(alliance_members(HOSTVARS, ["a", "b", "c"]), "a")
    assert [item["name"] for item in neighbours] == ["b", "c"]
    for neighbour in neighbours:
        assert set(neighbour) == set(EXCHANGE_ARGUMENT_SPEC["neighbours"]["options"])
    assert [item["hold"] for item in neighbours] == ["", ""]


def test_a_neighbour_with_an_error_is_held() -> None:
    hostvars = {**HOSTVARS, "b": {"preflight_state": state("b", "cluster.local")}}
    held = {item["name"]: item["hold"] for item in alliance_neighbours(alliance_members(hostvars, "abc"), "a")}
    assert "cluster.local" in held["b"]
    assert held["c"] == ""
    ignored = {**hostvars, "b": {**hostvars["b"], "alliance_ignored_findings": ["domain-reserved"]}}
    held = {item["name"]: item["hold"] for item in alliance_neighbours(alliance_members(ignored, "abc"), "a")}
    assert held["b"] == ""


def test_a_neighbour_whose_variables_are_unusable_is_held() -> None:
    hostvars = {**HOSTVARS, "b": {**HOSTVARS["b"], "alliance_peers": ["{{ nobody }}"]}}
    held = {item["name"]: item["hold"] for item in alliance_neighbours(alliance_members(hostvars, "abc"), "a")}
    assert "alliance_peers" in held["b"]
    assert held["c"] == ""


def test_who_is_no_member_has_no_neighbours() -> None:
    with pytest.raises(AnsibleFilterError, match="x is not a member"):
        alliance_neighbours(alliance_members(HOSTVARS, "abc"), "x")


def test_restarts_change_the_pod_template_alone() -> None:
    (made,) = restart_definitions(["Deployment xyz/foo"])
    annotations = made["spec"]["template"]["metadata"]["annotations"]
    assert made == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "foo", "namespace": "xyz"},
        "spec": {"template": {"metadata": {"annotations": annotations}}},
    }
    assert len(annotations) == 1
    # The same each time: a restart for the same reason is done once.
    assert restart_definitions(["Deployment xyz/foo"]) == [made]


def test_what_has_no_rollout_is_left_out() -> None:
    made = restart_definitions(["Pod xyz/p", "DaemonSet xyz/d", "Job xyz/j", "StatefulSet xyz/s"])
    assert [item["kind"] for item in made] == ["DaemonSet", "StatefulSet"]


PARTNER = {
    "alliance_provider": "external",
    "alliance_trust_domain": "p.local",
    "alliance_metadata_endpoint": "https://istio.example.com/metadata/",
    "alliance_root_fingerprints": ["AB" * 32],
}


def test_an_external_member_is_a_neighbour_and_none_is_held_for_its_sake() -> None:
    members = alliance_members({**HOSTVARS, "p": PARTNER}, "abp")
    for name in "ab":
        neighbours = {item["name"]: item for item in alliance_neighbours(members, name)}
        assert set(neighbours["p"]) == set(EXCHANGE_ARGUMENT_SPEC["neighbours"]["options"])
        assert (neighbours["p"]["provider"], neighbours["p"]["state"]) == ("external", None)
        assert {item["hold"] for item in neighbours.values()} == {""}


def test_an_external_member_that_is_not_complete_is_held() -> None:
    unpinned = {key: value for key, value in PARTNER.items() if key != "alliance_root_fingerprints"}
    members = alliance_members({**HOSTVARS, "p": unpinned}, "abp")
    held = {item["name"]: item["hold"] for item in alliance_neighbours(members, "a")}
    assert "alliance_root_fingerprints" in held["p"]
    assert held["b"] == ""


def test_what_is_handed_over() -> None:
    read = {"preflight_state": {**state("a", "a.local"), "root_fingerprints": ["AA:BB"]}}
    ours = {**read, "alliance_metadata_endpoint": "https://a.example.com/metadata/"}
    members = alliance_members({"a": ours, "p": PARTNER}, "ap")
    (made,) = yaml.safe_load_all(alliance_handover(members, "p"))
    assert made["spec"] == {"trustDomain": "a.local", "metadataEndpoint": "https://a.example.com/metadata/"}
    with pytest.raises(AnsibleFilterError, match="a is not a member with alliance_provider: external"):
        alliance_handover(members, "a")


def test_every_filter_is_documented() -> None:
    documented = {yaml.safe_load(path.read_text())["DOCUMENTATION"]["name"] for path in FILTERS.glob("*.yml")}
    package = "ansible_collections.meshalliance.istio.plugins.filter"
    modules = [import_module(f"{package}.{path.stem}") for path in FILTERS.glob("[a-z]*.py")]
    assert {name for module in modules for name in module.FilterModule().filters()} == documented


def test_who_leaves_whom() -> None:
    groups = {"istio_federation": ["a", "b"]}
    assert alliance_departure(groups, "b") == {"leaving": "b", "departed": {"a": ["b"], "b": ["a"]}}
    assert alliance_departure(groups, "", "a,b")["departed"] == {"a": ["b"], "b": ["a"]}
    with pytest.raises(AnsibleFilterError, match=r"alliance_departure: .*Remedy: give one of them"):
        alliance_departure(groups)


def test_what_is_known_of_those_that_leave() -> None:
    known = alliance_departed(alliance_members(HOSTVARS, ["a", "b", "c"]), ["b", "c", "z"])
    assert [(item["name"], item.get("trust_domain")) for item in known] == [
        ("b", "b.local"),
        ("c", "c.local"),
        ("z", None),
    ]
    assert known[0]["state"]["uuid"] == "uuid-b"
    assert known[2] == {"name": "z"}
    assert set(known[0]) == set(EXCHANGE_ARGUMENT_SPEC["neighbours"]["options"])


def test_members_after_a_departure() -> None:
    groups = {"istio_federation": ["a", "b", "c"]}
    members = alliance_members(HOSTVARS, ["a", "b", "c"])
    without = alliance_parted(members, alliance_departure(groups, "b"))
    assert [item["name"] for item in alliance_neighbours(without, "a")] == ["c"]
    parted = alliance_parted(members, alliance_departure(groups, "", "a,b"))
    neighbours = {name: [item["name"] for item in alliance_neighbours(parted, name)] for name in ("a", "b", "c")}
    assert neighbours == {"a": ["c"], "b": ["c"], "c": ["a", "b"]}
