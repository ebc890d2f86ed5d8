# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our cluster, a simulated cluster of the platform, and a peer without a cluster, which know each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deckhouse import facts
from tests.deckhouse.cluster import DeckhouseCluster, Setup
from tests.deckhouse.standalone import Standalone, StandaloneSetup
from tests.integration.test_exporter import DOMAIN, until
from tests.lab.controlplane import ControlPlane
from tests.wire.ours import Ours, Peer

PARTNER_SITE = {
    "gateways": [{"address": "203.0.113.30", "port": 15443}],
    "services": [{"hostname": "qux.xyz.svc.partner.local", "ports": [{"name": "http", "port": 80}]}],
}


def module_config(**settings: Any) -> dict[str, Any]:
    """ModuleConfig istio with federation on."""
    spec = {"version": 3, "enabled": True, "settings": {"federation": {"enabled": True}, **settings}}
    return {"apiVersion": facts.API_VERSION, "kind": "ModuleConfig", "metadata": {"name": "istio"}, "spec": spec}


def service(name: str, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A Service in the namespace xyz, published unless labels are given."""
    metadata = {
        "name": name,
        "namespace": "xyz",
        "labels": {facts.PUBLIC_SERVICE_LABEL: ""} if labels is None else labels,
    }
    ports = [{"name": "http", "port": 80}, {"name": "grpc", "port": 9090}, {"name": "tcp-echo", "port": 9000}]
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports, **spec}}


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    with ControlPlane("ours", domain=DOMAIN) as plane:
        made = Ours(plane, tmp_path_factory.mktemp("ours"))
        until(made.exporter.ready, 60, "our exporter is ready")
        yield made
        made.stop()


@pytest.fixture(scope="session")
def dkp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A whole cluster, federation on, one service published."""
    with ControlPlane("dkp", domain="cluster-c.local") as plane:
        simulator = DeckhouseCluster(Setup(plane.kubeconfig, "cluster-c.local", tmp_path_factory.mktemp("dkp")))
        simulator.start()
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "xyz"}}
        simulator.kube.apply([module_config(), namespace, service("bar")])
        simulator.step()
        yield Peer("cluster-c", simulator)
        simulator.stop()


def standalone(folder: Path, domain: str, site: dict[str, Any]) -> Standalone:
    """A peer that answers."""
    (folder / "federations").mkdir(parents=True)
    (folder / "site.json").write_text(json.dumps(site))
    simulator = Standalone(StandaloneSetup(domain, folder, folder / "site.json", folder / "federations"))
    simulator.start()
    return simulator


def introduce(simulator: Standalone, ours: Ours) -> None:
    """Its administrator pastes what we handed over."""
    (simulator.setup.federations / "cluster-a.yml").write_text(yaml.safe_dump(ours.federation()))
    simulator.step()


@pytest.fixture(scope="session")
def partner(tmp_path_factory: pytest.TempPathFactory, ours: Ours) -> Iterator[Peer]:
    simulator = standalone(tmp_path_factory.mktemp("partner") / "folder", "partner.local", PARTNER_SITE)
    introduce(simulator, ours)
    yield Peer("partner", simulator)
    simulator.stop()


@pytest.fixture(scope="session")
def _acquainted(ours: Ours, dkp: Peer, partner: Peer) -> None:
    """Everybody has proved everybody: our exporter lets both in, and both let us in."""
    assert isinstance(dkp.simulator, DeckhouseCluster)
    ours.trust(dkp, partner)
    dkp.simulator.kube.apply([ours.federation()])
    dkp.simulator.step()


@pytest.fixture
def exchanged(ours: Ours, dkp: Peer, partner: Peer, _acquainted: None) -> Iterator[tuple[Peer, Peer]]:
    """Both peers, with everything imported from both. What a test breaks is whole again after it."""
    for peer in (dkp, partner):
        peer.exporter.behave()
    assert ours.trust(dkp, partner).findings == {}
    assert ours.entries(dkp, partner).findings == {}
    yield dkp, partner
    for peer in (dkp, partner):
        peer.exporter.behave()
