# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of the platform as a member of ours: from a module that is off to an alliance with an external neighbour.

The tests tell one story, in their order. The platform works beside them all the time, as it does in life.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.deckhouse import module_config
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.handover import federation_manifests
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError

from tests.deckhouse import admission, certificates, deviations, facts
from tests.deckhouse.cluster import DeckhouseCluster, Setup
from tests.deckhouse.standalone import Standalone
from tests.integration.ansible_module import ModuleRun, ModuleRunner
from tests.integration.test_exporter import manifest, until
from tests.lab.controlplane import ControlPlane
from tests.wire.conftest import service, standalone
from tests.wire.ours import Ours, Peer
from tests.wire.playbook import at_work, external_host, federate, write_inventory, writes

Object = dict[str, Any]

NAME, DOMAIN = "cluster-d", "cluster-d.local"
GUEST, GUEST_DOMAIN = "guest", "guest.local"
OURS = "istio-alliance"
GUEST_SITE = {
    "gateways": [{"address": "203.0.113.50", "port": 15443}],
    "services": [{"hostname": f"desk.xyz.svc.{GUEST_DOMAIN}", "ports": [{"name": "http", "port": 80}]}],
}
# What the platform's administrator set, in an older version of the schema.
FOREIGN = {
    "version": 2,
    "enabled": False,
    "settings": {"tracing": {"enabled": True}, "alliance": {"ingressGateway": {"serviceAnnotations": {"theirs": "1"}}}},
}


class World:
    """The cluster, the neighbour that isn't ours, and the inventory that has both."""

    def __init__(self, plane: ControlPlane, cluster: DeckhouseCluster, guest: Peer, folder: Path) -> None:
        self.plane, self.cluster, self.guest, self.folder = plane, cluster, guest, folder
        self.kube = cluster.kube
        self.run = ModuleRunner(plane)
        hosts = {
            NAME: {
                "alliance_provider": "deckhouse",
                "alliance_kubeconfig": str(plane.operator_kubeconfig),
                "alliance_metadata_endpoint": cluster.endpoint,
                "alliance_gateway": {"inlet": "NodePort", "node_port": 30443},
                "alliance_public_services": ["xyz/shop"],
            },
            GUEST: external_host(guest),
        }
        write_inventory(folder, hosts, service_import_platform_timeout=5)

    def federate(self, *options: str) -> str:
        """Run the playbook; its output."""
        return federate(self.folder, *options)

    def writes(self) -> list[str]:
        """What the operator has written so far."""
        return writes(self.plane)

    def info(self, **more: Any) -> Object:
        """What cluster_info says of it."""
        state: Object = self.run("cluster_info", provider="deckhouse", cluster=NAME, **more).result["state"]
        return state

    def tell(self, *neighbours: Object, **more: Any) -> ModuleRun:
        """Tell the platform of these neighbours."""
        return self.run("trust_anchors", provider="deckhouse", neighbours=list(neighbours), namespace=OURS, **more)

    def seen(self, *neighbours: Object) -> ModuleRun:
        """What federation_info sees."""
        return self.run("federation_info", neighbours=list(neighbours))

    def config(self) -> Object:
        """ModuleConfig istio."""
        found = self.kube.get("ModuleConfig", "istio")
        assert found is not None
        return found

    def switch(self, **federation: bool) -> None:
        """The platform's administrator changes settings.federation."""
        spec = {"settings": {"federation": federation}}
        self.kube.apply(
            [{**manifest(facts.API_VERSION, "ModuleConfig", "istio"), "spec": {**self.config()["spec"], **spec}}]
        )


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    guest = Peer(GUEST, standalone(tmp_path_factory.mktemp(GUEST) / "folder", GUEST_DOMAIN, GUEST_SITE))
    with ControlPlane(NAME, domain=DOMAIN) as plane:
        cluster = DeckhouseCluster(Setup(plane.kubeconfig, DOMAIN, tmp_path_factory.mktemp(NAME)))
        cluster.start()
        cluster.kube.apply([manifest("v1", "Namespace", "xyz"), service("shop", labels={})])
        with at_work(cluster):
            yield World(plane, cluster, guest, tmp_path_factory.mktemp("inventory"))
        cluster.stop()
    guest.simulator.stop()


def test_reads_only_before_anything_is_on(member: World) -> None:
    """The endpoint is found by the platform's template; everything else is still awaited."""
    before = member.writes()
    state = member.info()
    assert state["uuid"] == member.cluster.uuid()
    assert state["metadata_endpoint"] == "https://istio.cluster-d.example/metadata/"
    assert state["module_config_version"] is None
    assert "ModuleConfig istio" in state["awaiting"][0]
    assert state["findings"] == []
    assert member.writes() == before


def test_another_cluster_is_no_platform(ours: Ours) -> None:
    state = ours.run("cluster_info", provider="deckhouse").result["state"]
    (finding,) = [item for item in state["findings"] if item["code"] == "deckhouse-missing"]
    assert "alliance_provider: istio" in finding["remedy"]


def test_a_federation_is_refused_while_federation_is_off(member: World) -> None:
    """By us before the kind is there, by the API server after that."""
    early = member.run(
        "trust_anchors", provider="deckhouse", neighbours=[member.guest.option()], namespace="default", fails=True
    )
    assert "federation is off" in early.result["msg"]
    config = {**manifest(facts.API_VERSION, "ModuleConfig", "istio"), "spec": {**FOREIGN, "enabled": True}}
    member.kube.apply([config])
    until(lambda: member.kube.get("ValidatingAdmissionPolicy", admission.FEDERATION_OFF), 60, "the module is on")
    until(lambda: member.cluster.platform.settings.enabled, 60, "the platform is done")
    # A refusal may be a platform's that has not noticed yet: it is asked again for a while.
    refused = member.run(
        "trust_anchors",
        provider="deckhouse",
        neighbours=[member.guest.option()],
        namespace="default",
        platform_timeout=1,
        fails=True,
    )
    assert admission.OFF_MESSAGE in refused.result["msg"]
    assert member.kube.list("IstioFederation") == []


def test_the_platform_limits_its_settings(member: World) -> None:
    """What ModuleConfig refuses is refused by us before, so nobody meets these; the simulator is as strict."""
    gateways: list[Any] = [
        "LoadBalancer",
        ["inlet"],
        {"inlet": "HostPort"},
        {"inlet": ["NodePort"]},
        {"node_port": 30443},
        {"metadata_node_port": 30444},
        {"nodePort": 30443},
        {"nodePort": {"port": 80}},
        {"nodePort": {"port": "30443"}},
        {"nodePort": {"port": 30443, "nodePort": 30443}},
        {"serviceAnnotations": {"port": 1}},
        {"serviceAnnotations": ["a=b"]},
        {"nodeSelector": {"edge": True}},
        {"tolerations": {"operator": "Exists"}},
        {"tolerations": ["edge"]},
        {"tolerations": [{"toleration_seconds": 1}]},
        {"advertise": {"address": "203.0.113.1", "port": 15443}},
        {"advertise": ["203.0.113.1:15443"]},
        {"advertise": [{"address": "203.0.113.1"}]},
        {"advertise": [{"address": "203.0.113.1", "port": "15443"}]},
        {"advertise": [{"address": "203.0.113.1", "port": 15443, "name": "tls"}]},
    ]
    wrong: list[Object] = [
        {"version": 4},
        {"settings": {"federation": {"enabled": "yes"}}},
        *({"settings": {"alliance": {"ingressGateway": gateway}}} for gateway in gateways),
    ]
    for spec in wrong:
        with pytest.raises(ApiError, match=admission.MODULE_CONFIG):
            apply_config(member, spec)


def test_the_platform_takes_all_that_it_knows(member: World) -> None:
    """Also what our variable alliance_gateway becomes, whatever its keys."""
    ours = {
        "inlet": "NodePort",
        "node_port": "30443",
        "service_annotations": {"a": "b"},
        "node_selector": {"edge": ""},
        "tolerations": [
            {"key": "edge", "operator": "Equal", "value": "x", "effect": "NoExecute", "tolerationSeconds": 9}
        ],
        "advertise": [{"address": "gateway.example.com", "port": "443"}, {"address": "203.0.113.1", "port": 15443}],
        "metadata_node_port": 30444,
    }
    apply_config(member, {**module_config(3, ours)["spec"], "enabled": False})
    taken = member.config()["spec"]["settings"]["alliance"]["ingressGateway"]
    assert len(taken) == 6


def apply_config(member: World, spec: Object) -> None:
    """ModuleConfig istio, as the platform's administrator."""
    member.kube.apply([{**manifest(facts.API_VERSION, "ModuleConfig", "istio"), "spec": spec}])


def test_the_plan_writes_nothing(member: World) -> None:
    member.kube.apply([{**manifest(facts.API_VERSION, "ModuleConfig", "istio"), "spec": FOREIGN}])
    before = member.writes()
    output = member.federate("--check", "--diff")
    assert member.writes() == before
    assert f"IstioFederation {GUEST}" in output or f"name: {GUEST}" in output
    assert not (member.folder / "alliance-external").exists()


def test_one_run(member: World) -> None:
    """From a module that is off to a platform that knows its neighbour."""
    output = member.federate()
    spec = member.config()["spec"]
    assert (spec["version"], spec["enabled"]) == (FOREIGN["version"], True)
    assert spec["settings"]["tracing"] == {"enabled": True}
    assert spec["settings"]["federation"] == {"enabled": True}
    assert spec["settings"]["alliance"]["ingressGateway"] == {
        "serviceAnnotations": {"theirs": "1"},
        "inlet": "NodePort",
        "nodePort": {"port": 30443},
    }
    found = member.kube.get("IstioFederation", GUEST)
    assert found is not None
    assert found["spec"] == {
        "trustDomain": GUEST_DOMAIN,
        "metadataEndpoint": member.guest.simulator.endpoint,
        "metadata": {"clusterCA": member.guest.simulator.ca.certificate},
    }
    managers = {
        entry["manager"] for entry in found["metadata"]["managedFields"] if entry.get("subresource") == "status"
    }
    assert managers <= {"deckhouse"}
    shop = member.kube.get("Service", "shop", "xyz")
    assert shop is not None
    assert shop["metadata"]["labels"][facts.PUBLIC_SERVICE_LABEL] == ""
    rows = [line.split() for line in output.splitlines()]
    assert any(row[:3] == [NAME, GUEST, GUEST_DOMAIN] for row in rows), output


def test_the_neighbour_pastes_what_it_was_handed(member: World) -> None:
    """The file is complete and right: with nothing else it lets the platform in, and imports from it."""
    handed = member.folder / "alliance-external" / f"{GUEST}.yml"
    simulator = member.guest.simulator
    (simulator.setup.federations / "pasted.yml").write_text(handed.read_text())
    simulator.step()
    status = json.loads((simulator.setup.folder / "status.json").read_text())
    assert status["refused"] == []
    (federation,) = status["federations"]
    reasons = {item["type"]: item["reason"] for item in federation["status"]["conditions"]}
    assert reasons["PublicMetadataExchangeReady"] == "Succeeded", federation

    def accepted() -> bool:
        simulator.step()
        text = (simulator.setup.folder / "status.json").read_text()
        return f"shop.xyz.svc.{DOMAIN}" in {
            host for item in json.loads(text)["objects"] for host in item["spec"].get("hosts", [])
        }

    until(accepted, 60, "it imports what the platform publishes")
    imported = f"desk.xyz.svc.{GUEST_DOMAIN}"

    def in_the_mesh() -> bool:
        found = member.kube.list("ServiceEntry", facts.NAMESPACE)
        return imported in {host for item in found for host in item["spec"]["hosts"]}

    until(in_the_mesh, 60, "the platform imports what it publishes")


def test_an_endpoint_is_handed_over_with_its_slash() -> None:
    """The platform puts the documents' paths right behind it."""
    endpoint = "https://istio.example.com/metadata"
    listed = [
        Member(NAME, provider="deckhouse", declared_domain=DOMAIN, endpoint=endpoint),
        Member(
            GUEST, provider="external", declared_domain=GUEST_DOMAIN, endpoint=f"https://{GUEST}.example.com/metadata/"
        ),
    ]
    assert f"{endpoint}/" in federation_manifests(listed, GUEST)


def test_the_next_run_shows_it_and_writes_nothing(member: World) -> None:
    before = member.writes()
    output = member.federate("--diff")
    assert member.writes() == before, output
    recap = output[output.index("PLAY RECAP") :]
    assert recap.count("changed=0") == 2, recap
    (row,) = [line.split() for line in output.splitlines() if line.split()[:3] == [NAME, GUEST, GUEST_DOMAIN]]
    assert row[3:6] == ["1", "root", "1"], output


def test_reads_only_a_whole_platform(member: World) -> None:
    state = member.info(gather_published=True)
    assert state["awaiting"] == []
    assert state["trust_domain"] == state["cluster_domain"] == DOMAIN
    assert state["metadata_endpoint"] == "https://istio-metadata.cluster-d.example/metadata/"
    assert state["metadata_ca"] == member.cluster.ca.certificate
    assert state["gateways"] == [{"address": "192.0.2.10", "port": 30443}]
    assert [item["hostname"] for item in state["published"]] == [f"shop.xyz.svc.{DOMAIN}"]
    public = member.cluster.document(facts.PUBLIC_PATH)
    assert (state["uuid"], state["authn_key_pub"], state["roots"]) == (
        public["clusterUUID"],
        public["authnKeyPub"],
        public["rootCA"],
    )


def test_the_platforms_conditions_are_told(member: World) -> None:
    """Good ones silently, bad ones with reason and message."""
    option = member.guest.option()
    good = member.seen(option)
    assert (good.result["awaiting"], good.result["findings"]) == ([], [])
    assert good.result["trusted"] == {GUEST: option["root_fingerprints"]}
    assert good.result["imported"] == {GUEST: 1}
    member.guest.exporter.deviate(facts.FEDERATION_PATH, deviations.INTERNAL_ERROR)
    try:
        until(lambda: reasons(member).get("PrivateMetadataExchangeReady") == "NonOKResponse", 60, "it has asked")
        (finding,) = member.seen(option).findings[GUEST]
        assert finding["code"] == "private-NonOKResponse"
        assert "500" in finding["message"]
    finally:
        member.guest.exporter.behave()
    until(lambda: reasons(member).get("PrivateMetadataExchangeReady") == "Succeeded", 60, "all is well again")


def reasons(member: World) -> dict[str, str]:
    found = member.kube.get("IstioFederation", GUEST) or {}
    return {item["type"]: item["reason"] for item in (found.get("status") or {}).get("conditions", [])}


def test_what_the_platform_holds_is_compared(member: World) -> None:
    """It believes whoever answers: here somebody else did, once."""
    other = member.cluster.document(facts.PUBLIC_PATH)["rootCA"]
    member.guest.exporter.deviate(facts.PUBLIC_PATH, deviations.with_field("rootCA", other))

    def held() -> str:
        found = member.kube.get("IstioFederation", GUEST) or {}
        return str(found["status"]["metadataCache"]["public"]["rootCA"])

    until(lambda: held() == other, 60, "the platform has taken it")
    with member.cluster.lock:  # the platform does nothing meanwhile
        member.guest.exporter.behave()
        done = member.tell(member.guest.option())
    (finding,) = done.findings[GUEST]
    assert finding["code"] == "platform-differs"
    assert member.guest.option()["root_fingerprints"][0] in finding["message"]
    assert (done.result["changed"], done.writes) == (False, ())


@pytest.fixture
def impostor(member: World, tmp_path: Path) -> Iterator[Standalone]:
    """In the platform's cluster the guest's name leads to somebody else, who lets everybody in; with us it doesn't."""
    made = standalone(tmp_path / "impostor", GUEST_DOMAIN, GUEST_SITE)
    made.peers = member.guest.simulator.peers  # type: ignore[method-assign]
    yield made
    member.cluster.compares_uuid = False
    member.cluster.astray.clear()
    honest = member.guest.simulator.document(facts.PUBLIC_PATH)
    until(lambda: held(member) == honest, 60, "the platform has the guest's own document again")
    made.stop()


def held(member: World) -> Object:
    """What the platform holds of the guest."""
    found = member.kube.get("IstioFederation", GUEST) or {}
    public: Object = ((found.get("status") or {}).get("metadataCache") or {}).get("public") or {}
    return public


def answered_by(member: World, impostor: Standalone, *own: str) -> None:
    """From now on; of the guest's document the impostor replaces only these fields by its own."""
    honest, false = (item.document(facts.PUBLIC_PATH) for item in (member.guest.simulator, impostor))
    document = {**honest, **{name: false[name] for name in own}}
    impostor.exporter.deviate(facts.PUBLIC_PATH, deviations.says(json.dumps(document)))
    member.cluster.astray[member.guest.simulator.endpoint] = impostor.endpoint


@pytest.mark.parametrize(
    "own",
    [("clusterUUID", "authnKeyPub", "rootCA"), ("rootCA",), ("authnKeyPub",), ("clusterUUID",)],
    ids=["everything", "root", "key", "uuid"],
)
def test_somebody_else_answers_the_platform_all_the_time(
    own: tuple[str, ...], member: World, impostor: Standalone
) -> None:
    """It is told in every run for as long as it lasts, and what the impostor says is not taken for proved."""
    false = impostor.document(facts.PUBLIC_PATH)
    answered_by(member, impostor, *own)
    until(lambda: all(held(member).get(name) == false[name] for name in own), 60, "the platform has taken it")
    option = member.guest.option()
    for done in (member.tell(option), member.tell(option, check=True), member.tell(option)):
        (finding,) = done.findings[GUEST]
        assert (finding["code"], finding["severity"]) == ("platform-differs", "error")
        assert finding["object"] == f"IstioFederation {GUEST}"
        assert done.result["trusted"] == {GUEST: option["root_fingerprints"]}
        assert (done.result["changed"], done.writes) == (False, ())
    # The same with nothing but what was proved once to go by: the pins are gone, and the guest is away.
    member.guest.exporter.deviate(facts.PUBLIC_PATH, deviations.INTERNAL_ERROR)
    try:
        away = member.tell({**option, "root_fingerprints": []})
    finally:
        member.guest.exporter.behave()
    assert {finding["code"] for finding in away.findings[GUEST]} == {"platform-differs", "public-NonOKResponse"}
    assert away.writes == ()
    assert held(member) != member.guest.simulator.document(facts.PUBLIC_PATH)


def test_somebody_else_answers_the_platform_first(member: World, impostor: Standalone) -> None:
    """From the moment when it is told of the guest: that run itself sees it, by what it remembers as proved."""
    option = member.guest.option()
    member.tell()
    until(lambda: held(member) == {}, 60, "the platform knows nobody")
    answered_by(member, impostor, "clusterUUID", "authnKeyPub", "rootCA")
    assert member.tell(option).result["changed"]
    until(lambda: held(member).get("clusterUUID") == impostor.uuid(), 60, "the platform believes the impostor")
    assert "platform-differs" in {finding["code"] for finding in member.seen(option).findings[GUEST]}


def test_the_playbook_tells_of_somebody_else(member: World, impostor: Standalone) -> None:
    answered_by(member, impostor, "rootCA")
    false = certificates.fingerprints(impostor.document(facts.PUBLIC_PATH)["rootCA"])[0]
    until(lambda: held(member).get("rootCA") == impostor.root.certificate, 60, "the platform has taken it")
    before = member.writes()
    output = member.federate()
    told = [line for line in output.splitlines() if line.startswith("ERROR ") and false in line]
    assert told, output
    assert member.guest.option()["root_fingerprints"][0] in told[0]
    assert member.writes() == before


def test_a_platform_that_compares_uuids_tells_it_itself(member: World, impostor: Standalone) -> None:
    """What it holds stays right, and its condition says why it takes nothing."""
    member.cluster.compares_uuid = True
    answered_by(member, impostor, "clusterUUID", "authnKeyPub", "rootCA")
    until(lambda: reasons(member).get("PublicMetadataExchangeReady") == "ClusterUUIDMismatch", 60, "it has asked")
    option = member.guest.option()
    assert member.tell(option).findings == {}
    (finding,) = member.seen(option).findings[GUEST]
    assert finding["code"] == "public-ClusterUUIDMismatch"
    assert impostor.uuid() in finding["message"]


def test_a_neighbour_that_is_away_stays(member: World) -> None:
    member.guest.exporter.deviate(facts.PUBLIC_PATH, deviations.INTERNAL_ERROR)
    try:
        done = member.tell(member.guest.option())
    finally:
        member.guest.exporter.behave()
    assert [finding["code"] for finding in done.findings[GUEST]] == ["public-NonOKResponse"]
    assert (done.result["changed"], done.writes) == (False, ())
    assert member.kube.get("IstioFederation", GUEST) is not None


def test_somebody_elses_federation_is_left_alone(member: World) -> None:
    spec = {"trustDomain": "taken.local", "metadataEndpoint": "https://127.0.0.1:1/metadata/"}
    member.kube.apply([{**manifest(facts.API_VERSION, "IstioFederation", "theirs"), "spec": spec}])
    try:
        done = member.tell(
            member.guest.option(), {**member.guest.option(), "name": "new", "trust_domain": "taken.local"}
        )
        (finding,) = done.findings["new"]
        assert finding["code"] == "federation-taken"
        assert "IstioFederation theirs" in finding["object"]
        assert done.writes == ()
    finally:
        member.kube.delete("IstioFederation", "theirs")


def test_waiting_ends_with_what_is_missing(member: World) -> None:
    way: dict[str, Any] = {"by_ansible": True, "cluster": NAME, "metadata_endpoint": member.cluster.endpoint}
    stand_in = member.cluster.stand_in
    assert stand_in is not None
    stand_in.ready = False
    try:
        until(lambda: member.info()["awaiting"], 60, "the pods are not ready any more")
        failed = member.run("deckhouse_wait", fails=True, timeout=1, interval=1, **way)
        for said in (NAME, "(0 of 1 are ready)", "kubectl -n d8-istio get pods", "CSE Pro"):
            assert said in failed.result["msg"]
        planned = member.run("deckhouse_wait", check=True, **way)
        assert planned.result["awaiting"]
    finally:
        stand_in.ready = True
    member.cluster.exporter.deviate(facts.PUBLIC_PATH, deviations.with_field("rootCA", ""))
    try:
        until(lambda: not member.info()["awaiting"], 60, "the pods are ready again")
        failed = member.run("deckhouse_wait", fails=True, timeout=1, interval=1, **way)
        assert "rootCA" in failed.result["msg"]
    finally:
        member.cluster.exporter.behave()
    done = member.run("deckhouse_wait", **way)
    assert (done.result["awaiting"], done.result["changed"], done.writes) == ([], False, ())


def test_federation_is_switched_off(member: World) -> None:
    """By the administrator, behind our back: it is told, and the API server takes no federation any more."""
    member.switch(enabled=False)
    until(lambda: any("federation.enabled" in text for text in member.info()["awaiting"]), 60, "it is off")
    until(lambda: member.kube.get("ValidatingAdmissionPolicy", admission.FEDERATION_OFF), 60, "the rule is back")
    until(lambda: not member.cluster.platform.settings.federation, 60, "the platform is done")
    until(lambda: member.kube.get("Service", facts.GATEWAY, facts.NAMESPACE) is None, 60, "the gateway is gone")
    port = member.guest.exporter.port
    changed = {**member.guest.option(), "metadata_endpoint": f"https://localhost:{port}/metadata/"}
    refused = member.run(
        "trust_anchors", provider="deckhouse", neighbours=[changed], namespace=OURS, platform_timeout=1, fails=True
    )
    assert admission.OFF_MESSAGE in refused.result["msg"]
