# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""federate.yml with alliance_render_dir on a real API server: kubectl applies the files, and a run changes nothing.

Nothing runs in the control plane; somebody calls its workloads ready, as their controllers would. The neighbours are
somebody else's clusters, real HTTPS servers.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client

from tests.integration.conftest import Admin
from tests.integration.neighbour import Neighbour, make_root
from tests.lab.controlplane import ControlPlane
from tests.wire.playbook import at_work, federate, write_inventory, writes

Object = dict[str, Any]

HERE, NAMESPACE, ISTIO = "rendered", "istio-alliance", "istio-system"
pytestmark = pytest.mark.long

APPLY = ("apply", "--server-side", "--force-conflicts", "--field-manager=meshalliance.istio", "-k")
# What the collection may write to a cluster while it renders: what can't be a file.
NO_FILES = re.compile(
    r"secrets/alliance-(authn-keypair|metadata-tls|metadata-ca)|configmaps/alliance-(keypair|certificate)|leases/|istiofederations/"
)


class Controllers:
    """Calls every workload ready, and gives the load balancer an address."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def step(self) -> None:
        for kind, counts in (
            ("Deployment", ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")),
            ("DaemonSet", ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady")),
        ):
            client = self._admin.client
            for obj in client.list(client.kind_of({"apiVersion": "apps/v1", "kind": kind})).items:
                generation = obj["metadata"]["generation"]
                if (obj.get("status") or {}).get("observedGeneration") != generation:
                    number = obj["spec"].get("replicas", 1)
                    status: Object = {"observedGeneration": generation, **dict.fromkeys(counts, number)}
                    if kind == "DaemonSet":
                        status |= {"currentNumberScheduled": number, "numberMisscheduled": 0}
                    self._status(obj, status)
        gateway = self._admin.get("Service", NAMESPACE, "alliance-ingressgateway")
        if gateway is not None and not (gateway.get("status") or {}).get("loadBalancer"):
            self._status(gateway, {"loadBalancer": {"ingress": [{"ip": "203.0.113.99"}]}})

    def _status(self, obj: Object, status: Object) -> None:
        metadata = {key: obj["metadata"][key] for key in ("name", "namespace")}
        identity = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}
        self._admin.apply({**identity, "status": status}, manager="controller", subresource="status")


@dataclass
class World:
    """A cluster with Istio, and two neighbours."""

    plane: ControlPlane
    admin: Admin
    neighbours: list[Neighbour]
    folder: Path

    @property
    def files(self) -> Path:
        """The folder of its manifests."""
        return self.folder / "clusters" / HERE

    def render(self, *options: str) -> str:
        """Run the playbook for files."""
        return federate(self.folder, "-e", f"alliance_render_dir={self.folder / 'clusters'}", *options)

    def apply(self) -> None:
        """What a GitOps tool does; on the first day the definitions may not be served when their resources come."""
        try:
            self.plane.kubectl(*APPLY, self.files)
        except Exception:
            self.plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
            self.plane.kubectl(*APPLY, self.files)

    def introduce(self) -> None:
        """The neighbours' administrators enter our key."""
        secret = self.admin.get("Secret", NAMESPACE, "alliance-authn-keypair")
        system = self.admin.get("Namespace", None, "kube-system")
        assert system is not None
        if secret is not None:
            key = base64.b64decode(secret["data"]["pub.pem"]).decode()
            for neighbour in self.neighbours:
                neighbour.trusted = {system["metadata"]["uid"]: key}

    def texts(self) -> dict[str, str]:
        """The files by name."""
        return {path.name: path.read_text() for path in sorted(self.files.iterdir())}


def changed(output: str) -> int:
    """How many tasks changed something for the cluster."""
    (found,) = re.findall(rf"^{HERE}\s+: ok=\d+\s+changed=(\d+)", output, re.MULTILINE)
    return int(found)


def istio(domain: str) -> list[Object]:
    """What an installation of Istio has, as far as it is read."""
    labels = {"app": "istiod"}
    container = {"name": "discovery", "image": "pilot:1.31.0", "args": ["discovery", "--domain", domain]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    values = {"global": {"hub": "hub.example", "tag": "1.31.0"}}

    def obj(api_version: str, kind: str, name: str, **more: Any) -> Object:
        return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": ISTIO}, **more}

    deployment = obj(
        "apps/v1", "Deployment", "istiod", spec={"selector": {"matchLabels": labels}, "template": template}
    )
    deployment["metadata"]["labels"] = labels
    return [
        deployment,
        obj("v1", "ConfigMap", "istio", data={"mesh": f"trustDomain: {domain}\n"}),
        obj("v1", "ConfigMap", "istio-sidecar-injector", data={"values": json.dumps(values)}),
        obj("v1", "ConfigMap", "istio-ca-root-cert", data={"root-cert.pem": make_root(domain)}),
    ]


@pytest.fixture(scope="module")
def world(make_neighbour: Callable[..., Neighbour], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    neighbours = [make_neighbour(f"rendered-{name}") for name in ("one", "two")]
    folder = tmp_path_factory.mktemp("rendering")
    with ControlPlane(HERE) as plane:
        client = Client.from_options({"kubeconfig": str(plane.kubeconfig)}, HERE)
        admin = Admin(client)
        admin.namespace(ISTIO)
        admin.apply(*istio(f"{HERE}.local"))
        hosts: Object = {HERE: {"alliance_kubeconfig": str(plane.operator_kubeconfig)}}
        for neighbour in neighbours:
            option = neighbour.option()
            hosts[neighbour.name] = {
                "alliance_provider": "external",
                "alliance_trust_domain": neighbour.domain,
                "alliance_metadata_endpoint": option["metadata_endpoint"],
                "alliance_metadata_ca": option["metadata_ca"],
                "alliance_root_fingerprints": neighbour.fingerprints,
            }
        settings = {"metadata_exporter_image": "exporter:1", "external_neighbour_directory": ""}
        # No timestamp is renewed meanwhile, however slow the machine is.
        write_inventory(folder, hosts, alliance_status_refresh=86400, **settings)
        with at_work(Controllers(admin)):
            yield World(plane, admin, neighbours, folder)
        client.close()


def until_nothing_changes(world: World) -> int:
    """Render and apply, each round with what the one before has made known; how many rounds."""
    for number in range(1, 8):
        world.introduce()
        if changed(world.render()) == 0:
            return number
        world.apply()
    raise AssertionError("the files never come to an end")


def test_check_mode_writes_no_file_and_nothing_else(world: World) -> None:
    before = writes(world.plane)
    output = world.render("--check", "--diff")
    assert changed(output) > 0
    assert not world.files.exists()
    assert writes(world.plane) == before


def test_applied_files_leave_nothing_to_do(world: World) -> None:
    """The first day: from a cluster that has Istio and nothing else to one that is federated."""
    before = len(writes(world.plane))
    until_nothing_changes(world)
    done = writes(world.plane)[before:]
    assert [write for write in done if not NO_FILES.search(write)] == []
    hosts = world.admin.names("ServiceEntry", NAMESPACE, "networking.istio.io/v1")
    assert hosts == {f"bar.xyz.svc.{neighbour.domain}" for neighbour in world.neighbours}
    seen = writes(world.plane)
    output = federate(world.folder)
    assert changed(output) == 0, output
    assert writes(world.plane) == seen
    assert "No changes: " in output


def test_a_change_comes_by_files_too(world: World) -> None:
    until_nothing_changes(world)
    one = world.neighbours[0]
    one.services = [one.service("bar"), one.service("new")]
    output = world.render()
    assert "PLAN: what applying the rendered files will change" in output
    assert f"+ new.xyz.svc.{one.domain} 80/HTTP" in output
    assert f"new.xyz.svc.{one.domain}" not in world.admin.names("ServiceEntry", NAMESPACE, "networking.istio.io/v1")
    world.apply()
    until_nothing_changes(world)
    assert changed(federate(world.folder)) == 0
    # What is gone from the files is deleted by whoever prunes: a run does, kubectl apply doesn't.
    one.services = [one.service("bar")]
    world.render()
    world.apply()
    assert f"new.xyz.svc.{one.domain}" in world.admin.names("ServiceEntry", NAMESPACE, "networking.istio.io/v1")
    federate(world.folder)
    assert f"new.xyz.svc.{one.domain}" not in world.admin.names("ServiceEntry", NAMESPACE, "networking.istio.io/v1")
    assert changed(federate(world.folder)) == 0


def test_the_files_are_the_same_each_time_and_hold_no_private_key(world: World) -> None:
    until_nothing_changes(world)
    first = world.texts()
    world.render()
    assert world.texts() == first
    listed = yaml.safe_load(first["kustomization.yaml"])["resources"]
    assert sorted([*listed, "kustomization.yaml"]) == sorted(first)
    everything = "".join(first.values())
    assert "PRIVATE KEY" not in everything
    for name in ("alliance-authn-keypair", "alliance-metadata-tls", "alliance-metadata-ca"):
        for key, value in world.admin.data("Secret", NAMESPACE, name).items():
            if key.endswith((".key", "priv.pem")):
                assert value not in everything
                assert base64.b64decode(value).decode().splitlines()[1] not in everything
