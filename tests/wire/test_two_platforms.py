# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clusters of the platform and a neighbour that isn't ours: one of them doesn't get ready while the others go on.

The tests tell one story, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deckhouse import facts
from tests.deckhouse.cluster import DeckhouseCluster, Setup
from tests.integration.ansible_module import ModuleRunner
from tests.integration.test_exporter import manifest, until
from tests.lab.controlplane import ControlPlane
from tests.wire.conftest import service, standalone
from tests.wire.ours import Peer
from tests.wire.playbook import at_work, external_host, federate, row, write_inventory, writes

Object = dict[str, Any]

SLOW, READY, GUEST = "cluster-e", "cluster-f", "visitor"
GUEST_SITE = {
    "gateways": [{"address": "203.0.113.60", "port": 15443}],
    "services": [{"hostname": f"desk.xyz.svc.{GUEST}.local", "ports": [{"name": "http", "port": 80}]}],
}
# Seconds until an exporter's pod sees a new neighbour.
MOUNT_DELAY = 3.0


class World:
    """Both clusters by name, and the folder with the inventory."""

    def __init__(self, planes: dict[str, ControlPlane], clusters: dict[str, DeckhouseCluster], folder: Path) -> None:
        self.planes, self.clusters, self.folder = planes, clusters, folder

    def told_of(self, name: str) -> set[str]:
        """Of whom a platform is told."""
        return {item["metadata"]["name"] for item in self.clusters[name].kube.list("IstioFederation")}

    def imported(self, name: str) -> set[str]:
        """The hosts that a platform imported."""
        found = self.clusters[name].kube.list("ServiceEntry", facts.NAMESPACE)
        return {host for item in found for host in item["spec"]["hosts"]}

    def is_published(self, name: str) -> bool:
        """Whether its service is labelled."""
        found = self.clusters[name].kube.get("Service", "shop", "xyz")
        assert found is not None
        return facts.PUBLIC_SERVICE_LABEL in (found["metadata"].get("labels") or {})

    def awaiting(self, name: str) -> list[str]:
        """What the platform has still to make."""
        run = ModuleRunner(self.planes[name])
        awaiting: list[str] = run("cluster_info", provider="deckhouse", cluster=name).result["state"]["awaiting"]
        return awaiting


def host_of(plane: ControlPlane, cluster: DeckhouseCluster, **more: Any) -> Object:
    return {
        "alliance_provider": "deckhouse",
        # Nothing in a cluster tells it before the module has been on.
        "alliance_trust_domain": cluster.setup.domain,
        "alliance_kubeconfig": str(plane.operator_kubeconfig),
        "alliance_metadata_endpoint": cluster.endpoint,
        "alliance_public_services": ["xyz/shop"],
        **more,
    }


def known_at(guest: Peer, cluster: DeckhouseCluster) -> None:
    """The guest's administrator entered a cluster there."""
    spec = {
        "trustDomain": cluster.setup.domain,
        "metadataEndpoint": cluster.endpoint,
        "metadata": {"clusterCA": cluster.ca.certificate},
    }
    federation = {**manifest(facts.API_VERSION, "IstioFederation", "them"), "spec": spec}
    (guest.simulator.setup.federations / "them.yml").write_text(yaml.safe_dump(federation))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    guest = Peer(GUEST, standalone(tmp_path_factory.mktemp(GUEST) / "folder", f"{GUEST}.local", GUEST_SITE))
    planes: dict[str, ControlPlane] = {}
    clusters: dict[str, DeckhouseCluster] = {}
    with ExitStack() as stack:
        stack.callback(guest.simulator.stop)
        for name in (SLOW, READY):
            planes[name] = stack.enter_context(ControlPlane(name))
            folder = tmp_path_factory.mktemp(name)
            clusters[name] = DeckhouseCluster(Setup(planes[name].kubeconfig, planes[name].domain, folder))
            clusters[name].start()
            stack.callback(clusters[name].stop)
            clusters[name].kube.apply([manifest("v1", "Namespace", "xyz"), service("shop", labels={})])
        stand_in = clusters[SLOW].stand_in
        assert stand_in is not None
        stand_in.ready = False
        known_at(guest, clusters[READY])
        folder = tmp_path_factory.mktemp("inventory")
        hosts = {
            SLOW: host_of(planes[SLOW], clusters[SLOW], istio_module_platform_timeout=4),
            READY: host_of(planes[READY], clusters[READY]),
            GUEST: external_host(guest),
        }
        # All control planes of the lab have the same subnets.
        ignored = {"alliance_ignored_findings": ["subnets-overlap"]}
        write_inventory(folder, hosts, service_import_platform_timeout=60, **ignored)
        stack.enter_context(at_work(*clusters.values(), guest.simulator))
        yield World(planes, clusters, folder)


def test_a_platform_that_does_not_get_ready(world: World) -> None:
    """The run says what is missing there, and the other members are as they should be after it."""
    output = federate(world.folder, fails=True)
    (told,) = {line for line in output.splitlines() if "the platform has not made" in line and "[ERROR]" in line}
    assert f"cluster {SLOW}: after 4 s" in told
    assert "(0 of 1 are ready)" in told
    assert "kubectl" in told
    recap = [line for line in output[output.index("PLAY RECAP") :].splitlines() if "failed=" in line]
    assert {line.split()[0] for line in recap if "failed=0" not in line} == {SLOW}, recap

    assert world.told_of(READY) == {GUEST}
    assert world.is_published(READY)
    assert row(output, READY, GUEST)[3:6] == ["1", "root", "1"], output
    # Nobody stands for the other one yet: its neighbour's platform is not told of it, and the table says so.
    assert row(output, READY, SLOW)[3:5] == ["no", "0"], output
    assert "federation-missing" in row(output, READY, SLOW)[-2], output
    assert world.imported(READY) == {f"desk.xyz.svc.{GUEST}.local"}


def test_nothing_is_half_written_there(world: World) -> None:
    """The switch is set as a whole, and nothing that needs a platform that is ready was begun."""
    objects = {write for write in writes(world.planes[SLOW]) if " leases/" not in write}
    assert objects == {"patch namespaces/istio-alliance", "patch moduleconfigs/istio"}
    config = world.clusters[SLOW].kube.get("ModuleConfig", "istio")
    assert config is not None
    assert config["spec"] == {"version": 3, "enabled": True, "settings": {"federation": {"enabled": True}}}
    assert world.told_of(SLOW) == set()
    assert not world.is_published(SLOW)


def test_the_next_run_completes_it(world: World) -> None:
    """Both platforms are introduced to each other, and the run goes on until both let each other in."""
    slow = world.clusters[SLOW]
    assert slow.stand_in is not None
    slow.stand_in.ready = True
    until(lambda: not world.awaiting(SLOW), 60, "the platform is ready")
    for cluster in world.clusters.values():
        cluster.mounted.delay = MOUNT_DELAY
    output = federate(world.folder)
    for name, other in ((SLOW, READY), (READY, SLOW)):
        assert world.told_of(name) == {GUEST, other}
        assert world.is_published(name)
        assert row(output, name, other)[3:6] == ["1", "root", "1"], output
        # It was asked too early, and the run waited for the next time.
        assert "the sender is not known" in {request.refused for request in world.clusters[other].exporter.requests}
        until(lambda: f"shop.xyz.svc.{other}.local" in world.imported(name), 60, "it is in the mesh")  # noqa: B023


def test_the_run_after_that_writes_nothing(world: World) -> None:
    before = {name: writes(plane) for name, plane in world.planes.items()}
    output = federate(world.folder)
    recap = output[output.index("PLAY RECAP") :]
    assert recap.count("changed=0") == 3, recap
    assert {name: writes(plane) for name, plane in world.planes.items()} == before
