# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clusters of the platform with one domain, from modules that are off to a multicluster.

The tests tell one story, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.deckhouse.cluster import DeckhouseCluster, Setup
from tests.integration.test_exporter import until
from tests.lab.controlplane import ControlPlane
from tests.wire.playbook import at_work, federate, row, write_inventory, writes

Object = dict[str, Any]

ONE, TWO, DOMAIN = "cluster-g", "cluster-h", "mesh.local"
OTHER = {ONE: TWO, TWO: ONE}


class World:
    """Both clusters by name, and the folder with the inventory."""

    def __init__(self, planes: dict[str, ControlPlane], clusters: dict[str, DeckhouseCluster], folder: Path) -> None:
        self.planes, self.clusters, self.folder = planes, clusters, folder

    def join(self, *options: str) -> str:
        """Run the playbook; its output."""
        return federate(self.folder, *options, playbook="multicluster.yml")

    def resource(self, name: str) -> Object:
        """What the platform of a cluster is told of the other one."""
        found = self.clusters[name].kube.get("IstioMulticluster", OTHER[name])
        assert found is not None
        return found

    def writes(self) -> list[list[str]]:
        """What the operator has written in each cluster so far."""
        return [writes(plane) for plane in self.planes.values()]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    planes: dict[str, ControlPlane] = {}
    clusters: dict[str, DeckhouseCluster] = {}
    with ExitStack() as stack:
        for name in OTHER:
            planes[name] = stack.enter_context(ControlPlane(name, domain=DOMAIN))
            setup = Setup(planes[name].kubeconfig, DOMAIN, tmp_path_factory.mktemp(name))
            clusters[name] = DeckhouseCluster(setup)
            clusters[name].start()
            stack.callback(clusters[name].stop)
        hosts = {
            name: {
                "alliance_provider": "deckhouse",
                "alliance_trust_domain": DOMAIN,
                # The control planes of these tests have one subnet.
                "alliance_ignored_findings": ["subnets-overlap"],
                "alliance_kubeconfig": str(planes[name].operator_kubeconfig),
                "alliance_metadata_endpoint": cluster.endpoint,
            }
            for name, cluster in clusters.items()
        }
        folder = tmp_path_factory.mktemp("inventory")
        write_inventory(folder, hosts, "istio_multicluster", remote_clusters_platform_timeout=20)
        stack.enter_context(at_work(*clusters.values()))
        yield World(planes, clusters, folder)


def test_the_plan_writes_nothing(world: World) -> None:
    before = world.writes()
    assert "settings" in world.join("--check", "--diff")
    assert world.writes() == before


def test_one_run_joins_them(world: World) -> None:
    output = world.join()
    for name, cluster in world.clusters.items():
        config = cluster.kube.get("ModuleConfig", "istio")
        assert config is not None
        assert config["spec"]["settings"]["multicluster"] == {"enabled": True}
        spec = world.resource(name)["spec"]
        assert spec["metadataEndpoint"] == world.clusters[OTHER[name]].endpoint
        assert spec["enableIngressGateway"] is True
        assert "trustDomain" not in spec
        # What it has learnt of the other one is the platform's to say, and is in the table.
        assert row(output, name, OTHER[name])[2:5] == [DOMAIN, "1", "root"]


def test_the_platforms_read_each_other(world: World) -> None:
    def exchanged(name: str) -> bool:
        status = world.resource(name).get("status") or {}
        conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or []}
        return conditions.get("PrivateMetadataExchangeReady") == "True"

    for name in OTHER:
        until(lambda name=name: exchanged(name), 60, f"the platform of {name} reads the other one")
        private = world.resource(name)["status"]["metadataCache"]["private"]
        assert {"apiHost", "networkName"} <= set(private)


def test_the_second_run_changes_and_writes_nothing(world: World) -> None:
    before = world.writes()
    output = world.join()
    assert world.writes() == before
    assert "changed=0" in output
    assert not [line for line in output.splitlines() if "changed=" in line and "changed=0" not in line]


def test_who_leaves_is_forgotten(world: World) -> None:
    hosts = world.folder / "inventory.yml"
    text = hosts.read_text()
    try:
        hosts.write_text(
            text.replace("alliance_metadata_endpoint", "alliance_peers: []\n      alliance_metadata_endpoint")
        )
        world.join()
        for name, cluster in world.clusters.items():
            assert cluster.kube.get("IstioMulticluster", OTHER[name]) is None
    finally:
        hosts.write_text(text)
