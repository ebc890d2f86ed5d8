# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster domains that clusters share, and the inventory's groups."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.__main__ import main
from tests.lab.addons import istio_operator
from tests.lab.errors import LabError
from tests.lab.flavours import ISTIO
from tests.lab.inventory import inventory, write_inventory
from tests.lab.lab import Lab
from tests.lab.layout import ClusterLayout, Layout
from tests.lab.node import kubelet_argv
from tests.lab.state import ClusterState, State
from tests.lab.subnets import Subnets

BLOCK = "10.96.0.0/19"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab with one.local and two clusters of mesh.local, nowhere on the machine."""
    monkeypatch.setattr(Lab, "build", lambda _lab: ("ee:1", {}))
    lab = Lab(Layout(tmp_path))
    state = State(lab.layout.folder / "state.json")
    state.clusters["one"] = ClusterState(0, BLOCK)
    state.clusters["two"] = ClusterState(1, BLOCK, domain="mesh.local")
    state.clusters["three"] = ClusterState(2, BLOCK, domain="mesh.local")
    state.save()
    return lab


def test_a_domain_is_remembered_and_else_comes_from_the_name(lab: Lab) -> None:
    assert [lab.domain(name) for name in ("one", "two", "three")] == ["one.local", "mesh.local", "mesh.local"]


def test_the_state_of_an_older_lab_has_domains_by_name(lab: Lab) -> None:
    path = lab.layout.folder / "state.json"
    entry = {"index": 0, "block": BLOCK, "done": {}, "flavour": "istio", "port": 0}
    path.write_text(json.dumps({"clusters": {"old": entry}, "forwarding_was_off": False}))
    assert lab.domain("old") == "old.local"


@pytest.mark.parametrize(("name", "domain"), [("one", "mesh.local"), ("two", "two.local")])
def test_a_cluster_does_not_change_its_domain(lab: Lab, name: str, domain: str) -> None:
    with pytest.raises(LabError, match=f"{name} is up with the domain"):
        lab.up([name], domains={name: domain})


def test_a_domain_for_a_cluster_that_is_not_brought_up_is_a_mistake(lab: Lab) -> None:
    with pytest.raises(LabError, match="tow is given the domain"):
        lab.up(["two"], domains={"tow": "mesh.local"})


def test_network_and_cluster_id_stay_the_name() -> None:
    spec = istio_operator("two", "mesh.local", ISTIO)["spec"]
    assert spec["meshConfig"]["trustDomain"] == spec["values"]["global"]["proxy"]["clusterDomain"] == "mesh.local"
    assert spec["values"]["global"]["network"] == "two"
    assert spec["values"]["global"]["multiCluster"]["clusterName"] == "two"


def test_a_node_says_where_it_is(lab: Lab) -> None:
    argv = kubelet_argv(ClusterLayout(lab.layout, "two", 1, "mesh.local"), Subnets(IPv4Network(BLOCK)))
    assert "--node-labels=topology.kubernetes.io/region=two,topology.kubernetes.io/zone=two-1" in argv


def test_who_shares_a_domain_is_in_the_group_of_multicluster() -> None:
    domains = {"one": "one.local", "two": "mesh.local", "three": "mesh.local", "four": "other.local"}
    found = inventory({name: {} for name in domains}, "ee:1", domains)
    hosts = {group: list(entry["hosts"]) for group, entry in found.items()}
    assert hosts == {"istio_federation": ["one", "four"], "istio_multicluster": ["two", "three"]}
    assert found["istio_federation"]["vars"] == found["istio_multicluster"]["vars"]
    assert found["istio_multicluster"]["vars"]["metadata_exporter_image"] == "ee:1"


def test_without_shared_domains_there_is_one_group() -> None:
    assert list(inventory({"one": {}, "two": {}}, "ee:1", {"one": "one.local", "two": "two.local"})) == [
        "istio_federation"
    ]
    assert inventory({"one": {}}, "ee:1") == inventory({"one": {}}, "ee:1", {"one": "one.local"})


def test_the_inventory_is_plain_yaml(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    write_inventory(path, {"two": {}, "three": {}}, "ee:1", {"two": "mesh.local", "three": "mesh.local"})
    assert "&" not in path.read_text()
    assert yaml.safe_load(path.read_text())["istio_federation"]["hosts"] == {}


def test_the_command_line_takes_domains(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def up(_lab: Lab, names: Sequence[str], _deckhouse: Sequence[str], domains: Mapping[str, str]) -> None:
        calls.append((list(names), dict(domains)))

    monkeypatch.setattr(Lab, "up", up)
    assert main(["up", "d", "e", "--domain", "d=mesh.local", "--domain=e=mesh.local"]) == 0
    assert calls == [(["d", "e"], {"d": "mesh.local", "e": "mesh.local"})]


@pytest.mark.parametrize("text", ["mesh.local", "=mesh.local", "d=", "d=local", "d=Mesh.local", "d=a b.local"])
def test_what_is_no_domain_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["up", "d", "--domain", text])
    assert "is not cluster=domain" in capsys.readouterr().err
