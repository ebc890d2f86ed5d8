# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""unfederate.yml beside real API servers: a dead cluster leaves an upstream one, a platform's, and a multicluster.

Nothing runs in these control planes, so no istiod can be asked: what the playbook does about that is seen here too. The
whole proof, with istiods and proxies, is in tests/e2e.
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

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation_crds import (
    federation_crd,
    multicluster_crd,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import (
    RemoteCluster,
    networks_config_map,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.remote_secrets import NETWORKS_MANAGER
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import Applier
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError

from tests.integration.ansible_module import ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import Neighbour
from tests.integration.platform import Platform
from tests.integration.test_exporter import until
from tests.lab.controlplane import ControlPlane
from tests.wire.playbook import federate, write_inventory, writes

NAMESPACE, ROOT_NAMESPACE = "leaving", "leaving-istio"
FEDERATION = "deckhouse.io/v1alpha1"
HERE, PLATFORM = "here", "platform"
# Nobody listens there.
DEAD = {"alliance_host": "https://127.0.0.1:9", "alliance_api_key": "x"}


@dataclass
class World:
    """Two clusters with three neighbours: one that goes, one of their own domain that goes too, one that stays."""

    here: ControlPlane
    there: ControlPlane
    admin: Admin
    other: Admin
    gone: Neighbour
    joined: Neighbour
    kept: Neighbour
    folder: Path

    def names(self, kind: str, admin: Admin | None = None) -> set[str]:
        """The resources of a kind for neighbours."""
        where = admin or self.admin
        found = where.client.list(where.client.kind_of({"apiVersion": FEDERATION, "kind": kind})).items
        return {item["metadata"]["name"] for item in found} & {self.gone.name, self.joined.name, self.kept.name}

    def known(self) -> set[str]:
        """The clusterUUIDs that the exporter accepts."""
        text = self.admin.data("Secret", NAMESPACE, "alliance-remote-public-metadata")["remote-public-metadata.json"]
        return set(json.loads(base64.b64decode(text)))

    def writes(self) -> list[str]:
        """What was written in both clusters so far."""
        return writes(self.here) + writes(self.there)

    def leave(self, name: str, *options: str, fails: bool = True) -> str:
        """Run the playbook. It fails here, because no istiod can be asked."""
        return federate(self.folder, "-e", f"alliance_leaving={name}", *options, fails=fails, playbook="unfederate.yml")


def member(neighbour: Neighbour) -> dict[str, Any]:
    """Its variables in the inventory: a cluster of ours whose API is away."""
    option = neighbour.option()
    told = {"alliance_metadata_endpoint": option["metadata_endpoint"], "alliance_metadata_ca": option["metadata_ca"]}
    return {**DEAD, **told, "alliance_trust_domain": neighbour.domain}


@pytest.fixture(scope="module")
def world(
    control_plane: ControlPlane,
    admin: Admin,
    run: ModuleRunner,
    make_neighbour: Callable[..., Neighbour],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    gone, kept = make_neighbour("gone"), make_neighbour("kept")
    joined = make_neighbour("joined-gone", "mesh.local")
    admin.namespace(NAMESPACE, ROOT_NAMESPACE)
    public_key = run("authn_keypair", namespace=NAMESPACE).result["public_key"]
    kube_system = admin.get("Namespace", None, "kube-system")
    assert kube_system is not None
    for item in (gone, joined, kept):
        item.trusted = {kube_system["metadata"]["uid"]: public_key}
    with ControlPlane("leaving-platform") as there:
        client = Client.from_options({"kubeconfig": str(there.kubeconfig)}, PLATFORM)
        other = Admin(client)
        platform = Platform(other, make_neighbour("platform-exporter"))
        prepare_platform(platform)
        folder = tmp_path_factory.mktemp("leaving")
        made = World(control_plane, there, admin, other, gone, joined, kept, folder)
        inventory(made)
        yield made
        client.close()


def prepare_platform(platform: Platform) -> None:
    """A cluster of the platform with federation on."""
    applier = Applier(platform.admin.client, manager="platform")
    applier.execute(applier.plan([federation_crd(), multicluster_crd()]), wait=30)
    platform.install()
    platform.make_ready()
    platform.admin.namespace(NAMESPACE)


def inventory(world: World) -> None:
    """All clusters as members; those that leave are dead."""
    hosts: dict[str, Any] = {
        HERE: {"alliance_kubeconfig": str(world.here.operator_kubeconfig), "alliance_trust_domain": "here.local"},
        PLATFORM: {
            "alliance_provider": "deckhouse",
            "alliance_kubeconfig": str(world.there.operator_kubeconfig),
            "alliance_metadata_endpoint": "https://platform.example/metadata/",
        },
        world.gone.name: member(world.gone),
        # One that stays, and has no API that could be away.
        world.kept.name: {
            **member(world.kept),
            "alliance_provider": "external",
            "alliance_root_fingerprints": world.kept.fingerprints,
        },
    }
    common = {"alliance_namespace": NAMESPACE, "alliance_root_namespace": ROOT_NAMESPACE, "unfederate_proof_timeout": 0}
    write_inventory(world.folder, hosts, **common)


@pytest.fixture
def federated(world: World, run: ModuleRunner) -> World:
    """Everybody trusts and imports; the remote cluster is read."""
    for item in (world.gone, world.joined, world.kept):
        item.stop()
        item.start()
    places = {"namespace": NAMESPACE, "neighbours": [world.gone.option(), world.kept.option()]}
    done = run("trust_anchors", root_namespace=ROOT_NAMESPACE, **places)
    assert done.result["findings"] == [], done.output
    run("service_entries", **places)
    told = ModuleRunner(world.there)(
        "trust_anchors",
        provider="deckhouse",
        neighbours=[world.gone.option(), world.kept.option()],
        namespace=NAMESPACE,
    )
    assert told.result["findings"] == [], told.output
    return world


def join(world: World, run: ModuleRunner) -> None:
    """The cluster of one domain is let in and trusted, and read as remote_clusters has it: no API answers here."""
    options = [world.gone.option(), world.kept.option(), world.joined.option(mode="multicluster")]
    places = {"namespace": NAMESPACE, "root_namespace": ROOT_NAMESPACE, "api_proxy": {"cluster_domain": "mesh.local"}}
    assert run("trust_anchors", neighbours=options, **places).result["findings"] == []
    gateways = (GatewayAddress("203.0.113.20", 15444),)
    remote = RemoteCluster(world.joined.name, "cluster-joined", "192.0.2.9:6443", "network-joined", gateways)
    applier, applyset = Applier(world.admin.client), ApplySet("alliance-remote-clusters", NAMESPACE)
    applier.execute(applier.plan([remote.secret(ROOT_NAMESPACE)], applyset), applyset)
    networks = Applier(world.admin.client, manager=NETWORKS_MANAGER)
    networks.execute(networks.plan([networks_config_map(ROOT_NAMESPACE, [remote])]))


def rows(output: str) -> dict[str, list[str]]:
    """The rows of the table by cluster."""
    lines = output.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("CLUSTER  "))
    cells = [re.split(r"\s{2,}", line.strip()) for line in lines[start + 1 :]]
    end = next((index for index, row in enumerate(cells) if row == [""]), len(cells))
    return {row[0]: row[1:] for row in cells[:end]}


def test_a_dead_cluster_leaves_an_upstream_and_a_platforms_cluster(federated: World) -> None:
    world = federated
    world.gone.stop()
    before = world.writes()
    plan = world.leave(world.gone.name, "--check", "--diff", fails=False)
    assert world.writes() == before, "the plan writes nothing"
    assert {row[-1] for name, row in rows(plan).items() if name in (HERE, PLATFORM)} == {"planned"}
    assert f"bar.xyz.svc.{world.gone.domain}" in plan
    output = world.leave(world.gone.name)
    for where in (world.admin, world.other):
        assert world.names("IstioFederation", where) == {world.kept.name}
    assert world.known() == {world.kept.uuid}
    assert world.gone.domain not in world.admin.data("ConfigMap", ROOT_NAMESPACE, "istio-federation")["mesh"]
    hosts = world.admin.names("ServiceEntry", NAMESPACE, "networking.istio.io/v1")
    assert hosts == {f"bar.xyz.svc.{world.kept.domain}"}
    # That nobody could ask an istiod is told, with what to do, and is no proof.
    table = rows(output)
    assert {table[HERE][-1], table[PLATFORM][-1]} == {"not proved"}
    assert table[world.gone.name][-1] == "away"
    assert output.count("no pod of istiod") >= 2
    assert "ERROR here: " in output
    assert f"NOTE {world.gone.name}: it could not be read" in output
    assert f"TO DO: take {world.gone.name} out of istio_federation" in output
    # What it was known by is remembered in both, for the next proof.
    for where in (world.admin, world.other):
        memory = where.data("ConfigMap", NAMESPACE, "alliance-departures")
        assert json.loads(memory[world.gone.name])["uuids"] == [world.gone.uuid]


def test_the_second_run_writes_nothing_and_knows_what_to_look_for(federated: World) -> None:
    world = federated
    world.gone.stop()
    world.leave(world.gone.name)
    before = world.writes()
    output = world.leave(world.gone.name)
    assert world.writes() == before
    assert "changed=0" in output
    assert set(re.findall(r"changed=(\d+)", output)) == {"0"}
    # Somebody brings a thing of it back: it is found by its clusterUUID, which no resource tells any more.
    place = {
        "name": "api-proxy-neighbours",
        "namespace": NAMESPACE,
        "labels": {"app.kubernetes.io/managed-by": "meshalliance.istio"},
    }
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": {"lds.json": world.gone.uuid}}
    world.admin.apply(config)
    try:
        found = world.leave(world.gone.name)
    finally:
        world.admin.delete("ConfigMap", NAMESPACE, "api-proxy-neighbours")
    assert f"ERROR here (neighbour {world.gone.name}): ConfigMap {NAMESPACE}/api-proxy-neighbours" in found
    assert "Remedy: look who keeps it" in found


def test_one_that_is_in_no_group_any_more(federated: World) -> None:
    world = federated
    world.gone.stop()
    document = (world.folder / "inventory.yml").read_text()
    parsed = yaml.safe_load(document)
    gone = parsed["istio_federation"]["hosts"].pop(world.gone.name)
    (world.folder / "inventory.yml").write_text(
        yaml.safe_dump({**parsed, "retired": {"hosts": {world.gone.name: gone}}})
    )
    try:
        output = world.leave(world.gone.name)
    finally:
        (world.folder / "inventory.yml").write_text(document)
    assert world.names("IstioFederation") == {world.kept.name}
    assert rows(output)[HERE][-1] == "not proved"
    assert f"take {world.gone.name} out" not in output


def test_a_dead_cluster_leaves_a_multicluster(federated: World, run: ModuleRunner) -> None:
    """Its remote secret, its network, its anchor, and its way in at the api-proxy."""
    world = federated
    join(world, run)
    world.joined.stop()
    document = (world.folder / "inventory.yml").read_text()
    parsed = yaml.safe_load(document)
    here = parsed["istio_federation"]["hosts"][HERE]
    joined = {**DEAD, "alliance_trust_domain": "mesh.local"}
    group = {"hosts": {HERE: here, world.joined.name: joined}, "vars": parsed["istio_federation"]["vars"]}
    (world.folder / "inventory.yml").write_text(yaml.safe_dump({**parsed, "istio_multicluster": group}))
    assert world.joined.uuid in str(world.admin.data("ConfigMap", NAMESPACE, "api-proxy-neighbours"))
    try:
        output = world.leave(world.joined.name)
    finally:
        (world.folder / "inventory.yml").write_text(document)
    assert world.names("IstioMulticluster") == set()
    assert world.names("IstioFederation") == {world.gone.name, world.kept.name}, "the others stay"
    secrets = world.admin.names("Secret", ROOT_NAMESPACE)
    assert f"istio-remote-secret-{world.joined.name}" not in secrets
    shared = world.admin.data("ConfigMap", ROOT_NAMESPACE, "istio-federation")
    assert "meshNetworks" not in shared
    assert "mesh.local" not in shared["mesh"]
    assert world.joined.uuid not in str(world.admin.data("ConfigMap", NAMESPACE, "api-proxy-neighbours"))
    assert world.joined.uuid not in world.known()
    assert f"NOTE {world.joined.name}: it could not be read" in output


def test_a_cluster_that_fails_keeps_no_other_from_going_on(federated: World) -> None:
    """An object in the way of one step in one cluster: it is told there, and the other one is done."""
    world = federated
    world.gone.stop()
    guard = guarding(world.gone.name)
    world.admin.apply(*guard)
    try:
        until(lambda: not deletable(world.admin, world.gone.name), 60, "the policy is in force")
        output = world.leave(world.gone.name)
    finally:
        for item in reversed(guard):
            world.admin.delete(item["kind"], None, item["metadata"]["name"], item["apiVersion"])
    until(lambda: deletable(world.admin, world.gone.name), 60, "the policy is in force no more")
    assert rows(output)[HERE][-1] == "failed"
    assert world.names("IstioFederation", world.other) == {world.kept.name}
    assert world.names("IstioFederation") == {world.kept.name, world.gone.name}
    assert re.search(r"ERROR here: .*left-guard", output), output
    # The next run completes it.
    world.leave(world.gone.name)
    assert world.names("IstioFederation") == {world.kept.name}


def deletable(admin: Admin, name: str) -> bool:
    """Whether the API server would delete an IstioFederation."""
    kind = admin.client.kind_of({"apiVersion": FEDERATION, "kind": "IstioFederation"})
    try:
        admin.client.request("DELETE", kind.path(None, name), query={"dryRun": "All"})
    except ApiError as error:
        assert "left-guard" in error.message
        return False
    return True


def guarding(resource: str) -> list[dict[str, Any]]:
    """A policy that keeps an IstioFederation from being deleted."""
    version = "admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": ["deckhouse.io"],
        "apiVersions": ["*"],
        "operations": ["DELETE"],
        "resources": ["istiofederations"],
    }
    validation = {"expression": f"oldObject.metadata.name != '{resource}'", "message": "left-guard"}
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [validation], "failurePolicy": "Fail"}
    name = {"name": "left-guard"}
    binding = {"policyName": "left-guard", "validationActions": ["Deny"]}
    return [
        {"apiVersion": version, "kind": "ValidatingAdmissionPolicy", "metadata": name, "spec": spec},
        {"apiVersion": version, "kind": "ValidatingAdmissionPolicyBinding", "metadata": name, "spec": binding},
    ]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "it is not said who leaves"),
        (("-e", "alliance_edge=here"), "an edge has two ends"),
        (("-e", "alliance_edge=here,nobody"), "nobody is in none of the groups"),
        (("-e", "alliance_leaving=all"), "all is a pattern of hosts"),
        (("-e", "alliance_leaving=gone", "-e", "alliance_edge=here,gone"), "are both given"),
    ],
)
def test_what_is_not_said_clearly_is_refused_before_anything(world: World, options: tuple[str, ...], why: str) -> None:
    before = world.writes()
    output = federate(world.folder, *options, fails=True, playbook="unfederate.yml")
    assert why in " ".join(output.split())
    assert world.writes() == before
