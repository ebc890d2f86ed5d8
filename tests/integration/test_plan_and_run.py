# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan and run agree: for random changes of inventory, labels and neighbours, what the plan said is what the run did.

The roles that publish, trust and import run against a real API server, beside neighbours that are real HTTPS servers.
Three views are compared object by object: the plan's file of check mode, that of the run, and what is different in the
API server afterwards. ALLIANCE_PLAN_CHANGES sets how many changes, ALLIANCE_PLAN_SEED repeats a test by its seed.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible_commands import environment, run_ansible
from tests.integration.ansible_module import ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import GATEWAY, HTTP, Neighbour, make_root

Object = dict[str, Any]
Key = tuple[str, str]

READER, NAMESPACE, ROOT_NAMESPACE, APPS = "planned-here", "planned", "planned-istio", "planned-apps"
pytestmark = pytest.mark.long

KINDS = (
    ("networking.istio.io/v1", "ServiceEntry", NAMESPACE),
    ("networking.istio.io/v1", "DestinationRule", NAMESPACE),
    ("v1", "ConfigMap", NAMESPACE),
    ("v1", "ConfigMap", ROOT_NAMESPACE),
    ("v1", "Secret", NAMESPACE),
    ("v1", "Service", APPS),
    ("deckhouse.io/v1alpha1", "IstioFederation", None),
)
PORTS = [[HTTP], [HTTP, {"name": "grpc", "port": 9090, "protocol": "HTTP2"}], [{**HTTP, "port": 8080}]]
SERVICES = ("alpha", "beta", "gamma")
CHANGES = int(os.environ.get("ALLIANCE_PLAN_CHANGES", "50"))

PLAY: list[Object] = [
    {
        "name": "Run",
        "hosts": READER,
        "gather_facts": False,
        "module_defaults": {
            "group/meshalliance.istio.all": {
                "cluster": "{{ inventory_hostname }}",
                "kubeconfig": "{{ alliance_kubeconfig }}",
            }
        },
        "tasks": [
            {
                "name": "Publish",
                "ansible.builtin.include_role": {
                    "name": "meshalliance.istio.metadata_exporter",
                    "tasks_from": "publish",
                },
            },
            {"name": "Trust", "ansible.builtin.include_role": {"name": "meshalliance.istio.root_exchange"}},
            {"name": "Import", "ansible.builtin.include_role": {"name": "meshalliance.istio.service_import"}},
            {
                "name": "Show",
                "meshalliance.istio.alliance_report": {"group": "istio_federation", "plan_file": "{{ plan_file }}"},
            },
        ],
    }
]


@dataclass
class World:
    """What can change: who is in the inventory, what they offer, what is published here, and how it is imported."""

    run: ModuleRunner
    admin: Admin
    folder: Path
    neighbours: list[Neighbour]
    chance: random.Random
    members: set[str] = field(default_factory=set)
    published: set[str] = field(default_factory=set)
    failover: bool = False

    def change(self) -> str:
        """One random change; what it is, in words."""
        neighbour = self.chance.choice(self.neighbours)
        kinds: list[Callable[[Neighbour], str]] = [
            self._services,
            self._services,
            self._ports,
            self._gateways,
            self._member,
            self._root,
            self._away,
            self._labels,
            self._failover,
            self._drift,
            self._new_label_of_somebody,
        ]
        return f"{self.chance.choice(kinds)(neighbour)} ({neighbour.name})"

    def _services(self, neighbour: Neighbour) -> str:
        name = self.chance.choice(SERVICES)
        kept = [item for item in neighbour.services if not item["hostname"].startswith(f"{name}.")]
        gone = len(kept) < len(neighbour.services)
        neighbour.services = kept if gone else [*kept, neighbour.service(name)]
        return f"{'withdraws' if gone else 'publishes'} {name}"

    def _ports(self, neighbour: Neighbour) -> str:
        if not neighbour.services:
            return self._services(neighbour)
        place = self.chance.randrange(len(neighbour.services))
        changed = {**neighbour.services[place], "ports": self.chance.choice(PORTS)}
        neighbour.services = [*neighbour.services[:place], changed, *neighbour.services[place + 1 :]]
        return "gets other ports"

    def _gateways(self, neighbour: Neighbour) -> str:
        count = self.chance.randint(0, 2)
        addresses = self.chance.sample(range(1, 9), count)
        neighbour.gateways = [{"address": f"203.0.113.{number}", "port": 15443} for number in addresses]
        return f"has {count} gateways"

    def _member(self, neighbour: Neighbour) -> str:
        self.members ^= {neighbour.name}
        # Of one that comes in nobody can know before that it is away, nor what address a gateway without one will have.
        neighbour.status, neighbour.gateways = 200, neighbour.gateways or [GATEWAY]
        return "comes or leaves"

    def _root(self, neighbour: Neighbour) -> str:
        neighbour.status = 200
        neighbour.root = neighbour.told_root = make_root(neighbour.domain)
        return "has another root"

    def _away(self, neighbour: Neighbour) -> str:
        known = neighbour.name in self.members and self.admin.get(
            "IstioFederation", None, neighbour.name, "deckhouse.io/v1alpha1"
        )
        neighbour.status = 503 if neighbour.status == 200 and known else 200
        return f"answers {neighbour.status}"

    def _labels(self, _neighbour: Neighbour) -> str:
        self.published = set(self.chance.sample(SERVICES, self.chance.randint(0, len(SERVICES))))
        return f"the inventory publishes {sorted(self.published)}"

    def _new_label_of_somebody(self, _neighbour: Neighbour) -> str:
        name = self.chance.choice(SERVICES)
        label = {"federation.istio.deckhouse.io/public-service": ""}
        metadata = {"name": name, "namespace": APPS, "labels": label if self.chance.random() < 0.5 else {}}
        self.admin.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata}, manager="somebody-else")
        return f"somebody labels {name}, or does no longer"

    def _failover(self, _neighbour: Neighbour) -> str:
        self.failover = not self.failover
        return f"failover is {self.failover}"

    def _drift(self, _neighbour: Neighbour) -> str:
        """Somebody changes or deletes an object of ours."""
        names = sorted(self.admin.names("ServiceEntry", NAMESPACE, "networking.istio.io/v1"))
        if not names:
            return "nothing is there to be changed"
        name = self.chance.choice(names)
        if self.chance.random() < 0.5:
            self.admin.delete("ServiceEntry", NAMESPACE, name, "networking.istio.io/v1")
            return f"somebody deletes {name}"
        spec = {"hosts": [name], "location": "MESH_EXTERNAL"}
        metadata = {"name": name, "namespace": NAMESPACE}
        self.admin.client.apply(
            {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": metadata, "spec": spec},
            field_manager="somebody",
        )
        return f"somebody changes {name}"

    def play(self, *options: str) -> Object:
        """Run the playbook; its plan."""
        file = self.folder / ("check.json" if "--check" in options else "run.json")
        file.unlink(missing_ok=True)
        (self.folder / "inventory.yml").write_text(yaml.safe_dump(self._inventory(file)))
        (self.folder / "playbook.yml").write_text(yaml.safe_dump(PLAY, sort_keys=False))
        done = run_ansible(
            "ansible-playbook", ["-i", "inventory.yml", "playbook.yml", *options], environment(), self.folder
        )
        assert done.status == 0, done.stdout + done.stderr
        plan: Object = json.loads(file.read_text())
        return plan

    def _inventory(self, file: Path) -> Object:
        here = {
            "alliance_kubeconfig": str(self.run.control_plane.operator_kubeconfig),
            "alliance_namespace": NAMESPACE,
            "alliance_root_namespace": ROOT_NAMESPACE,
            "alliance_public_services": [f"{APPS}/{name}" for name in sorted(self.published)],
            "service_import_failover": self.failover,
            "preflight_state": {
                "name": READER,
                "uuid": "here",
                "trust_domain": f"{READER}.local",
                "cluster_domain": f"{READER}.local",
                "namespace": NAMESPACE,
            },
            "plan_file": str(file),
        }
        hosts: Object = {READER: here}
        for neighbour in self.neighbours:
            if neighbour.name in self.members:
                option = neighbour.option()
                hosts[neighbour.name] = {
                    "alliance_metadata_endpoint": option["metadata_endpoint"],
                    "alliance_metadata_ca": option["metadata_ca"],
                    "preflight_state": json.loads(json.dumps(neighbour.state())),
                }
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        return {"istio_federation": {"hosts": hosts, "vars": local}}

    def live(self) -> dict[Key, str]:
        """All objects that the roles may write: their content, and what of it is the collection's. No statuses."""
        found = {}
        for version, kind, namespace in KINDS:
            client = self.admin.client
            for obj in client.list(client.kind_of({"apiVersion": version, "kind": kind}), namespace).items:
                metadata = obj["metadata"]
                if kind == "IstioFederation" and metadata["name"] not in {item.name for item in self.neighbours}:
                    continue
                owned = [
                    (entry["manager"], entry["fieldsV1"])
                    for entry in metadata.get("managedFields") or []
                    if entry["manager"].startswith("meshalliance") and not entry.get("subresource")
                ]
                content = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
                kept = {key: metadata.get(key) for key in ("labels", "annotations", "uid")}
                found[(kind, f"{metadata.get('namespace', '')}/{metadata['name']}")] = json.dumps(
                    [content, kept, owned], sort_keys=True
                )
        return found


@pytest.fixture(scope="module")
def world(
    run: ModuleRunner, admin: Admin, make_neighbour: Callable[..., Neighbour], tmp_path_factory: pytest.TempPathFactory
) -> World:
    seed = int(os.environ.get("ALLIANCE_PLAN_SEED") or random.SystemRandom().randrange(10**6))
    print(f"ALLIANCE_PLAN_SEED={seed}")
    admin.namespace(NAMESPACE, ROOT_NAMESPACE, APPS)
    for name in SERVICES:
        ports = [{"name": "http", "port": 80}]
        metadata = {"namespace": APPS, "name": name}
        admin.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}})
    public_key = run("authn_keypair", namespace=NAMESPACE).result["public_key"]
    kube_system = admin.get("Namespace", None, "kube-system")
    assert kube_system is not None
    neighbours = [make_neighbour(f"planned-{name}") for name in ("one", "two", "three")]
    for neighbour in neighbours:
        neighbour.trusted = {kube_system["metadata"]["uid"]: public_key}
    made = World(run, admin, tmp_path_factory.mktemp("planned"), neighbours, random.Random(seed))
    made.members = {neighbours[0].name, neighbours[1].name}
    return made


def of_reader(plan: Object) -> Object:
    (found,) = [cluster for cluster in plan["clusters"] if cluster["name"] == READER]
    assert found["failures"] == []
    cluster: Object = found
    return cluster


def differences(before: dict[Key, str], after: dict[Key, str]) -> set[tuple[str, str, str]]:
    """(action, kind, namespace/name) of what is different in the API server."""
    found = {("created", *key) for key in after.keys() - before.keys()}
    found |= {("deleted", *key) for key in before.keys() - after.keys()}
    return found | {("updated", *key) for key in before.keys() & after.keys() if before[key] != after[key]}


def objects(cluster: Object) -> set[tuple[str, str, str]]:
    return {
        (item["action"], item["kind"], f"{item.get('namespace', '')}/{item['name']}") for item in cluster["objects"]
    }


def test_the_plan_is_what_the_run_does(world: World) -> None:
    changed = 0
    for number in range(CHANGES):
        told = "the first run" if number == 0 else world.change()
        before = world.live()
        plan = world.play("--check", "--diff")
        assert world.live() == before, f"{number}, {told}: the plan writes nothing"
        done = world.play()
        planned, ran = of_reader(plan), of_reader(done)
        assert objects(planned) == objects(ran), f"{number}, {told}"
        assert objects(ran) == differences(before, world.live()), f"{number}, {told}"
        assert plan["edges"] == done["edges"], f"{number}, {told}"
        assert planned["changed"] == ran["changed"], f"{number}, {told}"
        changed += bool(ran["objects"])
        if number % 10 == 9:
            # What is done is done: the next plan is empty.
            again = of_reader(world.play("--check"))
            assert (again["objects"], again["changed"]) == ([], False), f"{number}, {told}"
    assert changed >= CHANGES / 4, "most changes were none: the test shows little"
