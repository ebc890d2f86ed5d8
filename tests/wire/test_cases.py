# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every case of cases.py, by name: our modules and our exporter at one end of the wire, the simulator at the other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.deckhouse import deviations, facts, fetch, gateways, tokens
from tests.deckhouse.deviations import Deviation
from tests.integration.ansible_module import ModuleRun
from tests.integration.test_exporter import OURS, manifest, until
from tests.wire.cases import CASES
from tests.wire.conftest import introduce, standalone
from tests.wire.ours import GATEWAY_IP, Ours, Peer

Object = dict[str, Any]
Peers = tuple[Peer, Peer]

SHARED_HOST = "bar.xyz.svc.shared.local"
HTTP, GRPC = {"name": "http", "port": 80}, {"name": "grpc", "port": 9090}


def test_every_case_has_a_test_of_its_name() -> None:
    found = {name.removeprefix("test_case_") for name in globals() if name.startswith("test_case_")}
    assert found == set(CASES)


# Bad peers.


def fails(ours: Ours, peers: Peers, path: str, deviation: Deviation, reason: str) -> None:
    """The first peer answers so: it is told with its reason, what was known stays, and the other peer goes on."""
    broken, other = peers
    hosts, status = set(ours.imported()), ours.status(broken)["metadataCache"]
    broken.exporter.deviate(path, deviation)
    done = [ours.entries(*peers)]
    if path == facts.PUBLIC_PATH:
        done.append(ours.trust(*peers))
        assert ours.conditions(broken)["PublicMetadataExchangeReady"]["reason"] == reason
    for run in done:
        (finding,) = run.findings[broken.name]
        assert finding["code"].partition("-")[2] == reason
        assert finding["cluster"] == "cluster-t"
        assert "what was known of it stays" in finding["message"]
        assert other.name not in run.findings
        assert not deleted(run)
    assert ours.conditions(broken)["PrivateMetadataExchangeReady"]["reason"] == reason
    assert set(ours.imported()) == hosts
    assert ours.status(broken)["metadataCache"] == status
    again = ours.entries(*peers)
    assert (again.result["changed"], again.writes) == (False, ())


def deleted(run: ModuleRun) -> list[Any]:
    return [item for item in run.objects if item[0] == "deleted"]


def test_case_public_answers_500(ours: Ours, exchanged: Peers) -> None:
    fails(ours, exchanged, facts.PUBLIC_PATH, deviations.INTERNAL_ERROR, "NonOKResponse")


def test_case_private_answers_500(ours: Ours, exchanged: Peers) -> None:
    fails(ours, exchanged, facts.FEDERATION_PATH, deviations.INTERNAL_ERROR, "NonOKResponse")


def test_case_public_is_bad_json(ours: Ours, exchanged: Peers) -> None:
    fails(ours, exchanged, facts.PUBLIC_PATH, deviations.BAD_JSON, "InvalidJSON")


def test_case_private_is_bad_json(ours: Ours, exchanged: Peers) -> None:
    fails(ours, exchanged, facts.FEDERATION_PATH, deviations.BAD_JSON, "InvalidJSON")


@pytest.mark.parametrize(
    "deviation",
    [
        pytest.param(deviations.NOT_AN_OBJECT, id="list"),
        pytest.param(deviations.with_field("clusterUUID", 7), id="number"),
        pytest.param(deviations.with_field("authnKeyPub", ["key"]), id="key-list"),
        pytest.param(deviations.with_field("rootCA", "no certificate"), id="no-certificate"),
    ],
)
def test_case_public_has_the_wrong_shape(deviation: Deviation, ours: Ours, exchanged: Peers) -> None:
    fails(ours, exchanged, facts.PUBLIC_PATH, deviation, "InvalidPublicMetadata")


@pytest.mark.parametrize(
    "deviation",
    [
        pytest.param(deviations.NOT_AN_OBJECT, id="list"),
        pytest.param(deviations.with_field("ingressGateways", {"address": "203.0.113.1"}), id="gateways-object"),
        pytest.param(deviations.with_field("publicServices", "bar"), id="services-text"),
        pytest.param(deviations.without_field("publicServices"), id="services-missing"),
    ],
)
def test_case_private_has_the_wrong_shape(deviation: Deviation, ours: Ours, exchanged: Peers) -> None:
    fails(ours, exchanged, facts.FEDERATION_PATH, deviation, "InvalidPrivateMetadata")


def test_case_public_ok_and_private_failing(ours: Ours, exchanged: Peers) -> None:
    """A peer whose private document was never had: it is trusted, nothing is imported, and that is told."""
    dkp, _partner = exchanged
    ours.run("service_entries", neighbours=[], namespace=OURS, state="absent")
    ours.trust()
    dkp.exporter.deviate(facts.FEDERATION_PATH, deviations.INTERNAL_ERROR)
    assert ours.trust(dkp).findings == {}
    done = ours.entries(dkp)
    assert [finding["code"] for finding in done.findings[dkp.name]] == ["private-NonOKResponse"]
    found = {type_: (item["status"], item["reason"]) for type_, item in ours.conditions(dkp).items()}
    assert found == {
        "PublicMetadataExchangeReady": ("True", "Succeeded"),
        "PrivateMetadataExchangeReady": ("False", "NonOKResponse"),
    }
    assert ours.imported() == {}


def test_case_peers_partly_stale(ours: Ours, exchanged: Peers) -> None:
    dkp, partner = exchanged
    dkp_hosts = {host for host in ours.imported() if host.endswith(dkp.domain)}
    dkp.exporter.deviate(facts.PUBLIC_PATH, deviations.INTERNAL_ERROR)
    dkp.exporter.deviate(facts.FEDERATION_PATH, deviations.INTERNAL_ERROR)
    with site(partner, services=[offered("new.xyz.svc.partner.local", HTTP)]):
        done = ours.entries(dkp, partner)
        assert set(done.findings) == {dkp.name}
        assert set(ours.imported()) == dkp_hosts | {"new.xyz.svc.partner.local"}
        assert ours.conditions(partner)["PrivateMetadataExchangeReady"]["status"] == "True"
        assert ours.conditions(dkp)["PrivateMetadataExchangeReady"]["status"] == "False"


# What is remembered.


def test_case_lists_replaced_not_appended(ours: Ours, exchanged: Peers) -> None:
    dkp, partner = exchanged
    address = {"address": "203.0.113.99", "port": 443}
    with site(partner, gateways=[address], services=[offered("other.xyz.svc.partner.local", GRPC)]):
        assert ours.entries(dkp, partner).findings == {}
        private = ours.status(partner)["metadataCache"]["private"]
        assert private["ingressGateways"] == [address]
        assert [service["hostname"] for service in private["publicServices"]] == ["other.xyz.svc.partner.local"]
        imported = {host: spec for host, spec in ours.imported().items() if host.endswith("partner.local")}
        (spec,) = imported.values()
        assert [(item["address"], item["ports"]) for item in spec["endpoints"]] == [("203.0.113.99", {"grpc": 443})]
        assert [port["name"] for port in spec["ports"]] == ["grpc"]


def test_case_transition_times_kept_while_unchanged(ours: Ours, exchanged: Peers) -> None:
    dkp, _partner = exchanged
    before = transition(ours, dkp)
    time.sleep(1)  # the resolution of these times
    dkp.exporter.deviate(facts.FEDERATION_PATH, deviations.INTERNAL_ERROR)
    ours.entries(*exchanged)
    failed = transition(ours, dkp)
    time.sleep(1)
    dkp.exporter.deviate(facts.FEDERATION_PATH, deviations.BAD_JSON)
    ours.entries(*exchanged, status_refresh=0)
    assert ours.conditions(dkp)["PrivateMetadataExchangeReady"]["reason"] == "InvalidJSON"
    assert transition(ours, dkp) == failed
    assert failed != before


def transition(ours: Ours, peer: Peer) -> str:
    return str(ours.conditions(peer)["PrivateMetadataExchangeReady"]["lastTransitionTime"])


def test_case_foreign_conditions_kept(ours: Ours, exchanged: Peers) -> None:
    dkp, _partner = exchanged
    foreign = {
        "type": "DataplaneConnectionReady",
        "status": "True",
        "reason": "Succeeded",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = ours.status(dkp)
    status["conditions"] = [*status["conditions"], foreign]
    resource = manifest("deckhouse.io/v1alpha1", "IstioFederation", dkp.name, status=status)
    ours.cluster.client.apply(resource, field_manager="somebody", subresource="status")
    dkp.exporter.deviate(facts.PUBLIC_PATH, deviations.INTERNAL_ERROR)
    ours.trust(*exchanged)
    ours.entries(*exchanged)
    assert ours.conditions(dkp)["PublicMetadataExchangeReady"]["status"] == "False"
    assert ours.conditions(dkp)["DataplaneConnectionReady"] == foreign


def test_case_uuid_changed_no_token_sent(ours: Ours, exchanged: Peers) -> None:
    dkp, partner = exchanged
    hosts = set(ours.imported())
    stranger = "99999999-9999-4999-8999-999999999999"
    dkp.exporter.deviate(facts.PUBLIC_PATH, deviations.with_field("clusterUUID", stranger))
    seen, asked = dkp.tokens_seen, partner.tokens_seen
    for done in (ours.trust(*exchanged), ours.entries(*exchanged)):
        (finding,) = done.findings[dkp.name]
        assert finding["code"].endswith("-ClusterUUIDMismatch")
        assert stranger in finding["message"]
        assert f"IstioFederation {dkp.name}" in finding["remedy"]
    assert dkp.tokens_seen == seen
    assert partner.tokens_seen == asked + 1
    assert set(ours.imported()) == hosts


# Where a gateway is: our exporter tells a consumer of the platform.


class Gateway:
    """Our gateway as the cluster's administrator and its controllers make it, and what the other side is told."""

    def __init__(self, ours: Ours, dkp: Peer) -> None:
        self.ours = ours
        self.dkp = dkp

    def service(self, type_: str = "LoadBalancer", port: str = "tls", ingress: list[Object] | None = None) -> None:
        number = {"nodePort": 30555} if type_ == "NodePort" else {}
        ports = [{"name": port, "port": 15443, "targetPort": 15443, **number}]
        name = "alliance-ingressgateway"
        self.ours.cluster.apply(manifest("v1", "Service", name, OURS, spec={"type": type_, "ports": ports}))
        if type_ == "LoadBalancer":
            status = {"loadBalancer": {"ingress": ingress or []}}
            self.ours.cluster.apply(manifest("v1", "Service", name, OURS, status=status), "status")

    def advertise(self, data: dict[str, str]) -> None:
        name = "metadata-exporter-ingressgateway-advertise"
        self.ours.cluster.apply(manifest("v1", "ConfigMap", name, OURS, data=data))

    def node(self, name: str, *addresses: tuple[str, str], ready: bool = True, cordoned: bool = False) -> None:
        """A node with a ready gateway pod on it."""
        apply = self.ours.cluster.apply
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        told = [{"type": type_, "address": address} for type_, address in addresses]
        apply(manifest("v1", "Node", name, spec={"unschedulable": cordoned}))
        apply(manifest("v1", "Node", name, status={"addresses": told, "conditions": [condition]}), "status")
        pod = manifest("v1", "Pod", f"gateway-{name}", OURS)
        pod["metadata"]["labels"] = {"app": "alliance-ingressgateway"}
        pod["spec"] = {
            "nodeName": name,
            "serviceAccountName": "metadata-exporter",
            "automountServiceAccountToken": False,
            "containers": [{"name": "istio-proxy", "image": "auto"}],
        }
        apply(pod)
        up = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
        apply(manifest("v1", "Pod", f"gateway-{name}", OURS, status=up), "status")

    def clear(self) -> None:
        """As before."""
        client = self.ours.cluster.client
        for kind, namespace in (("Pod", OURS), ("Node", None)):
            found = client.kind_of({"apiVersion": "v1", "kind": kind})
            for item in client.list(found, namespace).items:
                path = found.path(namespace, item["metadata"]["name"])
                client.request("DELETE", path, body={"gracePeriodSeconds": 0})
        self.unadvertise()
        self.service(ingress=[{"ip": GATEWAY_IP}])
        self.tells([GATEWAY_IP])

    def unadvertise(self) -> None:
        kind = self.ours.cluster.client.kind_of({"apiVersion": "v1", "kind": "ConfigMap"})
        self.ours.cluster.client.delete(kind, "metadata-exporter-ingressgateway-advertise", OURS)

    def told(self) -> list[str] | None:
        """The addresses in our document, as the platform's consumer gets it."""
        simulator = self.dkp.simulator
        token = tokens.sign(
            simulator.kube.text("Secret", facts.KEYPAIR_SECRET, facts.PRIVATE_KEY),
            subject=simulator.uuid(),
            audience=self.ours.cluster.uuid,
            scope=facts.FEDERATION_SCOPE,
            now=time.time(),
        )
        answer = fetch.get(self.ours.front.endpoint + facts.FEDERATION_PATH, ca=self.ours.front.ca, token=token)
        assert answer.status == 200, answer.body
        listed = json.loads(answer.body)["ingressGateways"]
        return None if listed is None else [item["address"] for item in listed]

    def tells(self, addresses: list[str] | None) -> None:
        """Wait until these are told; None is null, and an empty list is never told."""
        until(lambda: self.told() == addresses, 10, f"{addresses} are told, not {self.told()}")

    def platform_would_tell(self) -> list[str] | None:
        """What the platform's exporter makes of the same objects."""
        client = self.ours.cluster.client
        items: Callable[..., list[Object]] = lambda kind, namespace=None: (  # noqa: E731
            client.list(client.kind_of({"apiVersion": "v1", "kind": kind}), namespace).items
        )
        (service,) = [item for item in items("Service", OURS) if item["metadata"]["name"] == "alliance-ingressgateway"]
        found = gateways.addresses(service, items("Node"), items("Pod", OURS), None)
        return None if found is None else [item["address"] for item in found]


@pytest.fixture
def gateway(ours: Ours, exchanged: Peers) -> Iterator[Gateway]:
    made = Gateway(ours, exchanged[0])
    made.tells([GATEWAY_IP])
    yield made
    made.clear()


def test_case_load_balancer_with_ip(gateway: Gateway) -> None:
    gateway.service(ingress=[{"ip": "192.0.2.77", "hostname": "ignored.example.com"}])
    gateway.tells(["192.0.2.77"])
    assert gateway.platform_would_tell() == ["192.0.2.77"]


def test_case_load_balancer_with_hostname(gateway: Gateway) -> None:
    gateway.service(ingress=[{"hostname": "gateway.example.com"}])
    gateway.tells(["gateway.example.com"])
    assert gateway.platform_would_tell() == ["gateway.example.com"]


def test_case_load_balancer_without_tls_port(gateway: Gateway) -> None:
    gateway.service(port="other", ingress=[{"ip": "192.0.2.77"}])
    gateway.tells(None)
    assert gateway.platform_would_tell() is None


def test_case_load_balancer_with_several_entries(gateway: Gateway) -> None:
    """The platform tells the first one; we tell all, and its consumer unites them."""
    gateway.service(ingress=[{"ip": "192.0.2.78"}, {"ip": "192.0.2.77"}])
    gateway.tells(["192.0.2.77", "192.0.2.78"])
    assert gateway.platform_would_tell() == ["192.0.2.78"]


def test_case_node_port_with_unready_node(gateway: Gateway) -> None:
    gateway.node("node-1", ("ExternalIP", "198.51.100.1"))
    gateway.node("node-2", ("ExternalIP", "198.51.100.2"), ready=False)
    gateway.service("NodePort")
    gateway.tells(["198.51.100.1"])
    assert gateway.platform_would_tell() == ["198.51.100.1"]


def test_case_node_port_with_cordoned_node(gateway: Gateway) -> None:
    gateway.node("node-1", ("ExternalIP", "198.51.100.1"), cordoned=True)
    gateway.node("node-2", ("ExternalIP", "198.51.100.2"))
    gateway.service("NodePort")
    gateway.tells(["198.51.100.2"])
    assert gateway.platform_would_tell() == ["198.51.100.2"]


def test_case_node_port_with_internal_fallback(gateway: Gateway) -> None:
    gateway.node("node-1", ("InternalIP", "192.0.2.101"), ("ExternalIP", "198.51.100.1"))
    gateway.node("node-2", ("Hostname", "node-2"), ("InternalIP", "192.0.2.102"))
    gateway.service("NodePort")
    gateway.tells(["192.0.2.102", "198.51.100.1"])
    assert gateway.platform_would_tell() == ["192.0.2.102", "198.51.100.1"]


def test_case_advertise_without_its_key(gateway: Gateway) -> None:
    """Nothing is advertised then: the load balancer's address counts."""
    advertised(gateway)
    gateway.advertise({"another-key": "[]"})
    gateway.tells([GATEWAY_IP])


def test_case_advertise_with_bad_json(gateway: Gateway) -> None:
    """Somebody wanted another address than the gateway's own, and nobody knows which: no guess is told."""
    advertised(gateway)
    gateway.advertise({facts.ADVERTISE_KEY: '[{"address": "192.0.2.'})
    gateway.tells(None)


def test_case_advertise_with_empty_list(gateway: Gateway) -> None:
    """Never an empty list on the wire: the platform's consumer would drop everything of ours."""
    advertised(gateway)
    gateway.advertise({facts.ADVERTISE_KEY: "[]"})
    gateway.tells([GATEWAY_IP])


def advertised(gateway: Gateway) -> None:
    gateway.advertise({facts.ADVERTISE_KEY: json.dumps([{"address": "vip.example.com", "port": 443}])})
    gateway.tells(["vip.example.com"])


# One host.


@pytest.fixture(scope="module")
def twins(ours: Ours, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    """Two clusters of one domain."""
    made = []
    for number, name in enumerate(("twin-one", "twin-two"), 1):
        listed = {"gateways": [{"address": f"203.0.113.{number}", "port": 15443}], "services": []}
        folder: Path = tmp_path_factory.mktemp(name) / "folder"
        simulator = standalone(folder, "shared.local", listed)
        introduce(simulator, ours)
        made.append(Peer(name, simulator))
    first, second = made
    yield first, second
    for peer in made:
        peer.simulator.stop()


def import_shared(ours: Ours, twins: Peers) -> tuple[ModuleRun, Object]:
    """Trust both, import from both; the run, and the one ServiceEntry of the host."""
    ours.trust(*twins)
    for twin in twins:
        # It is let in and lets in only once both have learnt of each other.
        twin.simulator.step()
    done = ours.entries(*twins)
    again = ours.entries(*twins)
    assert (again.result["changed"], again.writes) == (False, ())
    return done, ours.imported()[SHARED_HOST]


def test_case_same_host_from_two_peers(ours: Ours, twins: Peers) -> None:
    """One ServiceEntry with the endpoints of both; one of them fails, and nothing changes."""
    first, second = twins
    with site(first, services=[offered(SHARED_HOST, HTTP)]), site(second, services=[offered(SHARED_HOST, HTTP)]):
        done, spec = import_shared(ours, twins)
        assert done.findings == {}
        assert [item["address"] for item in spec["endpoints"]] == ["203.0.113.1", "203.0.113.2"]
        first.exporter.deviate(facts.FEDERATION_PATH, deviations.NULL_GATEWAYS)
        try:
            ours.entries(*twins)
        finally:
            first.exporter.behave()
        assert ours.imported()[SHARED_HOST] == spec


def test_case_same_host_twice_in_one_peer(ours: Ours, twins: Peers) -> None:
    first, second = twins
    twice = [offered(SHARED_HOST, HTTP), offered(SHARED_HOST, GRPC), offered(SHARED_HOST, HTTP)]
    with site(first, services=twice), site(second, services=[]):
        done, spec = import_shared(ours, twins)
        assert {finding["code"] for finding in done.findings[first.name]} == {"service-twice"}
        assert [port["name"] for port in spec["ports"]] == ["http"]
        assert [item["address"] for item in spec["endpoints"]] == ["203.0.113.1"]


def test_case_same_host_with_differing_ports(ours: Ours, twins: Peers) -> None:
    """The peer whose name sorts first counts, for the endpoints of both."""
    first, second = twins
    with site(first, services=[offered(SHARED_HOST, HTTP)]), site(second, services=[offered(SHARED_HOST, GRPC)]):
        done, spec = import_shared(ours, twins)
        (finding,) = done.findings[second.name]
        assert finding["code"] == "ports-differ"
        assert finding["object"] == SHARED_HOST
        assert [port["name"] for port in spec["ports"]] == ["http"]
        assert [item["ports"] for item in spec["endpoints"]] == [{"http": 15443}, {"http": 15443}]


def offered(hostname: str, *ports: Object) -> Object:
    return {"hostname": hostname, "ports": list(ports)}


@contextmanager
def site(peer: Peer, **changes: Any) -> Iterator[None]:
    """The peer offers something else for a while."""
    path = peer.simulator.setup.site
    before = path.read_text()
    path.write_text(json.dumps({**json.loads(before), **changes}))
    try:
        yield
    finally:
        path.write_text(before)
