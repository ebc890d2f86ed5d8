# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters with upstream Istio and clusters as Deckhouse leaves them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab import deckhouse
from tests.lab.__main__ import main
from tests.lab.addons import istio_operator
from tests.lab.cluster import Cluster
from tests.lab.errors import LabError
from tests.lab.flavours import DECKHOUSE, ISTIO
from tests.lab.inventory import write_inventory
from tests.lab.lab import Lab
from tests.lab.layout import ClusterLayout, Layout
from tests.lab.state import ClusterState, State


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A lab that is nowhere on the machine."""
    return Layout(tmp_path)


def remembered(layout: Layout, **clusters: ClusterState) -> State:
    """A lab's state, written."""
    state = State(layout.folder / "state.json")
    state.clusters.update(clusters)
    state.save()
    return state


def test_upstream_istio_knows_nothing_of_the_alliance() -> None:
    spec = istio_operator("one", "one.local", ISTIO)["spec"]
    assert spec["values"]["global"]["istioNamespace"] == "istio-system"
    assert "ISTIO_MULTIROOT_MESH" not in spec["values"]["pilot"]["env"]
    assert "defaultConfig" not in spec["meshConfig"]


def test_deckhouse_has_istio_in_its_own_namespace_and_several_roots() -> None:
    document = istio_operator("one", "one.local", DECKHOUSE)
    spec = document["spec"]
    assert document["metadata"]["namespace"] == "d8-istio"
    assert spec["values"]["global"]["istioNamespace"] == "d8-istio"
    assert spec["meshConfig"]["rootNamespace"] == "d8-istio"
    assert spec["values"]["pilot"]["env"]["ISTIO_MULTIROOT_MESH"] == "true"
    assert spec["meshConfig"]["defaultConfig"]["proxyMetadata"] == {
        "PROXY_CONFIG_XDS_AGENT": "true",
        "ISTIO_META_DNS_CAPTURE": "true",
    }


def test_the_state_of_an_older_lab_is_upstream_istio(layout: Layout) -> None:
    path = layout.folder / "state.json"
    path.parent.mkdir()
    entry = {"index": 0, "block": "10.96.0.0/19", "done": {}}
    path.write_text(json.dumps({"clusters": {"one": entry}, "forwarding_was_off": False}))
    state = State(path)
    assert state.clusters["one"].flavour == ISTIO.name
    assert Cluster(ClusterLayout(layout, "one", 0), state).variables == {}


def test_only_a_deckhouse_cluster_has_the_platform(layout: Layout) -> None:
    state = remembered(
        layout,
        one=ClusterState(0, "10.96.0.0/19"),
        two=ClusterState(1, "10.96.32.0/19", flavour=DECKHOUSE.name, port=4711),
    )
    one, two = (Cluster(ClusterLayout(layout, name, entry.index), state) for name, entry in state.clusters.items())
    assert deckhouse.DAEMON not in one.status()
    assert two.status()[deckhouse.DAEMON] is False
    assert two.variables["alliance_provider"] == "deckhouse"


def test_the_endpoint_stays_the_same_and_is_where_the_platform_listens(layout: Layout, tmp_path: Path) -> None:
    entry = ClusterState(1, "10.96.32.0/19", flavour=DECKHOUSE.name, port=4711)
    remembered(layout, two=entry)
    again = State(layout.folder / "state.json").clusters["two"]
    assert again == entry
    cluster = ClusterLayout(layout, "two", again.index)
    assert "--listen=127.0.0.1:4711" in deckhouse.argv(cluster, again.port)
    variables = deckhouse.variables(again.port)
    write_inventory(tmp_path / "inventory.yml", {"one": {}, "two": variables}, "ee:1")
    hosts = yaml.safe_load((tmp_path / "inventory.yml").read_text())["istio_federation"]["hosts"]
    assert hosts["two"]["alliance_metadata_endpoint"] == "https://127.0.0.1:4711/metadata/"
    assert list(hosts["one"]) == ["alliance_kubeconfig"]


def test_every_cluster_has_an_identity_of_its_own() -> None:
    first, second = (deckhouse.identity()[0]["data"]["cluster-uuid"] for _number in range(2))
    assert first != second


def test_a_cluster_does_not_change_its_flavour(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered(layout, one=ClusterState(0, "10.96.0.0/19"))
    monkeypatch.setattr(Lab, "build", lambda _lab: ("ee:1", {}))
    with pytest.raises(LabError, match="one is up as istio"):
        Lab(layout).up([], deckhouse=["one"])


def test_the_command_line_names_deckhouse_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def up(_lab: Lab, names: Sequence[str], deckhouse: Sequence[str], _domains: Mapping[str, str]) -> None:
        calls.append((list(names), list(deckhouse)))

    monkeypatch.setattr(Lab, "up", up)
    assert main(["up", "a", "--deckhouse", "c", "-d", "d"]) == 0
    assert main(["up", "--deckhouse", "c", "a", "b"]) == 0
    assert calls == [(["a"], ["c", "d"]), (["a", "b"], ["c"])]
