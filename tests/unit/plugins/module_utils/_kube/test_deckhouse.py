# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a Deckhouse cluster, from objects in memory: from a bare platform to one that is ready."""

from __future__ import annotations

import base64
import datetime
import time
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.service_ports import unpack
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.deckhouse import (
    federation_served,
    read_deckhouse_cluster,
    read_deckhouse_uuid,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind

Object = dict[str, Any]

ROOT = make_ca("root", datetime.datetime.now(datetime.timezone.utc)).certificate
CA = make_ca("ca", datetime.datetime.now(datetime.timezone.utc)).certificate
PAIR = generate_key_pair()
KEY = PAIR.public_pem
ALL_KINDS = ("moduleconfigs", "istiofederations")


class Answer:
    def __init__(self, body: Any) -> None:
        self.body = body


class Memory:
    """What read_deckhouse_cluster asks a client for."""

    cluster = "c"

    def __init__(self, *objects: Object, served: tuple[str, ...] = ALL_KINDS, status: int = 404) -> None:
        self.objects, self.served, self.status = objects, served, status

    def request(self, _method: str, path: str) -> Answer:
        if path == "/version":
            return Answer({"gitVersion": "v1.31.1"})
        assert path == "/apis/deckhouse.io/v1alpha1"
        if not self.served:
            raise ApiError("no such group", status=self.status)
        return Answer({"resources": [{"name": name} for name in self.served]})

    def server_time(self) -> float:
        return time.time()

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        return next((item for item in self.list(kind, namespace).items if item["metadata"]["name"] == name), None)

    def list(self, kind: Kind, namespace: str | None = None, *, label_selector: str | None = None) -> ObjectList:
        key, _equals, value = (label_selector or "").partition("=")
        found = [
            item
            for item in self.objects
            if item["kind"] == kind.kind and namespace in (None, item["metadata"].get("namespace"))
        ]
        if key:
            labels = [(item, item["metadata"].get("labels") or {}) for item in found]
            found = [item for item, has in labels if key in has and value in ("", has[key])]
        return ObjectList(found, "1")


def obj(kind: str, name: str, namespace: str | None = "d8-istio", **more: Any) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": more.pop("labels", {})}
    return {"kind": kind, "metadata": metadata, **more}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def ready(yes: bool = True) -> Object:
    return {"conditions": [{"type": "Ready", "status": "True" if yes else "False"}]}


def config(name: str = "istio", **spec: Any) -> Object:
    return obj("ModuleConfig", name, None, spec=spec)


def istiod(revision: str, domain: str) -> list[Object]:
    container = {"name": "discovery", "image": "pilot:1.25.2", "args": ["--domain", domain]}
    labels = {"app": "istiod", "istio.io/rev": revision}
    spec = {"template": {"spec": {"containers": [container]}}}
    return [
        obj("Deployment", f"istiod-{revision}", labels=labels, spec=spec),
        obj("ConfigMap", f"istio-{revision}", data={"mesh": f"trustDomain: {domain}\n"}),
    ]


def gateway_pod(name: str, node: str, yes: bool = True, **metadata: Any) -> Object:
    made = obj("Pod", name, labels={"app": "ingressgateway"}, spec={"nodeName": node, "containers": []})
    made["metadata"].update(metadata)
    return {**made, "status": ready(yes)}


def node(name: str, yes: bool = True) -> Object:
    return obj("Node", name, None, spec={"podCIDRs": ["10.1.0.0/24"]}, status=ready(yes))


def ingress(host: str, secret: str = "ingress-tls") -> Object:  # noqa: S107
    rules = [{"host": host, "http": {"paths": [{"path": "/metadata/"}]}}]
    return obj("Ingress", "metadata-exporter", spec={"rules": rules, "tls": [{"secretName": secret}]})


SWITCHED_ON = config(version=2, enabled=True, settings={"federation": {"enabled": True}})
GATEWAY = obj(
    "Service",
    "ingressgateway",
    spec={"type": "LoadBalancer", "ports": [{"name": "tls", "port": 15443}]},
    status={"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}},
)
EXPORTER = obj(
    "Deployment", "metadata-exporter", spec={"replicas": 1}, status={"updatedReplicas": 1, "availableReplicas": 1}
)
READY: dict[str, list[Object]] = {
    "config": [SWITCHED_ON],
    "uuid": [obj("ConfigMap", "d8-cluster-uuid", "kube-system", data={"cluster-uuid": "the-uuid\n"})],
    "istiod": istiod("v1x25", "c.local"),
    "roots": [obj("ConfigMap", "istio-ca-root-cert", data={"root-cert.pem": ROOT})],
    "key": [obj("Secret", "d8-remote-authn-keypair", data={"pub.pem": encoded(KEY), "priv.pem": encoded("no")})],
    "gateway": [GATEWAY],
    "pods": [gateway_pod("gw", "one")],
    "nodes": [node("one")],
    "exporter": [EXPORTER],
    "ingress": [ingress("istio-metadata.c.example"), obj("Secret", "ingress-tls", data={"ca.crt": encoded(CA)})],
}


def read(
    *, served: tuple[str, ...] = ALL_KINDS, endpoint: str | None = None, published: bool = False, **parts: list[Object]
) -> ClusterState:
    """A ready cluster in which some parts are others."""
    objects = [item for part in {**READY, **parts}.values() for item in part]
    client: Any = Memory(*objects, served=served)
    return read_deckhouse_cluster(client, "c", endpoint=endpoint, with_published=published)


def codes(state: ClusterState) -> list[str]:
    return [finding["code"] for finding in state.findings]


def test_a_cluster_that_is_ready() -> None:
    label = {"federation.istio.deckhouse.io/public-service": ""}
    ports = {"clusterIP": "10.96.0.9", "ports": [{"name": "http", "port": 80}]}
    services = [obj("Service", "bar", "xyz", labels=label, spec=ports), obj("Service", "foo", "xyz", spec=ports)]
    state = read(services=services, published=True)
    assert (state.awaiting, state.findings) == ((), ())
    assert (state.provider, state.uuid, state.name) == ("deckhouse", "the-uuid", "c")
    assert state.namespace == state.root_namespace == "d8-istio"
    assert (state.trust_domain, state.cluster_domain, state.revision) == ("c.local", "c.local", "v1x25")
    assert (state.roots, state.root_fingerprints) == (ROOT, (fingerprint(ROOT),))
    assert state.authn_key_pub == KEY
    assert state.gateways == ({"address": "203.0.113.7", "port": 15443},)
    assert (state.gateway_exists, state.exporter_ready) == (True, True)
    assert state.metadata_endpoint == "https://istio-metadata.c.example/metadata/"
    assert state.metadata_ca == CA
    assert state.module_config_version == 2
    assert state.pod_cidrs == ("10.1.0.0/24",)
    assert state.public_services == 1
    assert [service["hostname"] for service in state.published or ()] == ["bar.xyz.svc.c.local"]
    assert ClusterState.from_dict(state.to_dict()) == state


def test_a_platform_that_was_never_asked_for_a_mesh() -> None:
    """All that is missing is named in the order in which it comes, and none of it is a finding."""
    domain = config("global", settings={"modules": {"publicDomainTemplate": "%s.c.example"}})
    client: Any = Memory(domain, served=("moduleconfigs",))
    state = read_deckhouse_cluster(client, "c")
    assert [text.partition(" (")[0] for text in state.awaiting] == [
        "the ModuleConfig istio with the federation switched on",
        "the definition of IstioFederation",
        "the root certificate",
        "the key pair",
        "the ingress gateway",
        "the metadata-exporter",
    ]
    assert state.findings == ()
    assert (state.uuid, state.trust_domain, state.module_config_version) == ("", "", None)
    assert state.metadata_endpoint == "https://istio.c.example/metadata/"
    assert state.metadata_ca is None
    assert (state.gateway_exists, state.exporter_ready, state.public_services) == (False, False, 0)


@pytest.mark.parametrize(
    ("parts", "missing"),
    [
        ({"config": [config(enabled=False, settings={"federation": {"enabled": True}})]}, "the module istio"),
        ({"config": [config(version=3, enabled=True)]}, "federation"),
        ({"roots": []}, "the root certificate"),
        ({"key": []}, "the key pair"),
        ({"pods": []}, "the pods of the ingress gateway (0 of 0 are ready)"),
        ({"pods": [gateway_pod("gw", "one", False)]}, "the pods of the ingress gateway (0 of 1 are ready)"),
        ({"gateway": [{**GATEWAY, "status": {}}]}, "an address of the ingress gateway"),
        ({"exporter": [{**EXPORTER, "status": {}}]}, "the metadata-exporter (0 of 1 pods are updated)"),
        ({"exporter": []}, "the metadata-exporter"),
    ],
)
def test_what_is_awaited(parts: dict[str, list[Object]], missing: str) -> None:
    state = read(**parts)
    assert state.awaiting[-1].startswith(missing)
    assert state.findings == ()


def test_an_exporter_of_another_kind_is_known_by_its_pods() -> None:
    pod = obj("Pod", "exporter", labels={"app": "metadata-exporter"}, spec={"containers": []}, status=ready())
    assert read(exporter=[pod]).exporter_ready is True
    assert read(exporter=[{**pod, "status": ready(False)}]).exporter_ready is False


def test_a_node_that_is_down_keeps_nobody_waiting() -> None:
    nodes = [node("one"), node("two", False)]
    pods = [gateway_pod("gw-1", "one"), gateway_pod("gw-2", "two", False)]
    assert read(nodes=nodes, pods=pods).awaiting == ()
    unready = [gateway_pod("gw-1", "one"), gateway_pod("gw-3", "three", False)]
    assert read(nodes=nodes, pods=unready).awaiting == ()
    # With no other pod, those of the node that is down are what there is to tell.
    only = [gateway_pod("gw-2", "two", False)]
    assert read(nodes=nodes, pods=only).awaiting == ("the pods of the ingress gateway (0 of 1 are ready)",)


def test_a_pod_that_is_going_does_not_count() -> None:
    going = gateway_pod("old", "one", False, deletionTimestamp="2026-01-01T00:00:00Z")
    assert read(pods=[gateway_pod("gw", "one"), going]).awaiting == ()


def test_what_is_wrong_with_the_gateway_names_the_platforms_objects() -> None:
    state = read(gateway=[{**GATEWAY, "spec": {"type": "LoadBalancer", "ports": [{"name": "x", "port": 1}]}}])
    (finding,) = state.findings
    assert (finding["severity"], finding["object"]) == ("warning", "Service d8-istio/ingressgateway")
    assert "ModuleConfig istio" in finding["remedy"]
    broken = obj(
        "ConfigMap", "metadata-exporter-ingressgateway-advertise", data={"ingressgateways-array.json": "no JSON"}
    )
    (finding,) = read(advertise=[broken]).findings
    assert finding["code"] == "advertise-invalid"
    assert finding["object"] == "ConfigMap d8-istio/metadata-exporter-ingressgateway-advertise"


def test_advertised_addresses_win() -> None:
    text = '[{"address": "gw.c.example", "port": 443}]'
    listed = obj("ConfigMap", "metadata-exporter-ingressgateway-advertise", data={"ingressgateways-array.json": text})
    assert read(advertise=[listed]).gateways == ({"address": "gw.c.example", "port": 443},)


def test_another_kind_of_cluster_is_told_apart() -> None:
    client: Any = Memory(served=())
    state = read_deckhouse_cluster(client, "c")
    (finding,) = state.findings
    assert (finding["severity"], finding["code"], finding["cluster"]) == ("error", "deckhouse-missing", "c")
    assert "alliance_provider: istio" in finding["remedy"]
    assert federation_served(client) is False


def test_an_api_server_that_fails_is_not_another_kind_of_cluster() -> None:
    client: Any = Memory(served=(), status=403)
    with pytest.raises(ApiError):
        read_deckhouse_cluster(client, "c")


@pytest.mark.parametrize("outside", ["", "# Köln\x07\r\n", PAIR.private_pem])
def test_only_certificates_and_keys_are_read_of_a_secret(outside: str) -> None:
    """No comment, whatever its letters, and no private key that somebody put beside them."""
    secrets = [
        obj("Secret", "ingress-tls", data={"ca.crt": encoded(outside + CA.replace("\n", "\r\n") + outside + ROOT)})
    ]
    pair = [obj("Secret", "d8-remote-authn-keypair", data={"pub.pem": encoded(outside + KEY.strip() + "\n" + outside)})]
    state = read(ingress=[*READY["ingress"][:1], *secrets], key=pair)
    assert (state.metadata_ca, state.authn_key_pub) == (CA + ROOT, KEY)
    assert (state.findings, state.awaiting) == ((), ())


@pytest.mark.parametrize(
    "value",
    [
        encoded("the ca"),
        encoded(PAIR.private_pem),
        encoded("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        encoded("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
        encoded(CA[:-40] + KEY[:-40]),
        base64.b64encode(b"\xff\xfe").decode(),
        "=broken",
    ],
)
def test_a_secret_of_no_use_is_named_and_not_shown(value: str) -> None:
    """It costs what it would have told, not the cluster's place in the alliance."""
    state = read(
        ingress=[*READY["ingress"][:1], obj("Secret", "ingress-tls", data={"ca.crt": value})],
        key=[obj("Secret", "d8-remote-authn-keypair", data={"pub.pem": value})],
    )
    assert (state.metadata_ca, state.authn_key_pub) == (None, None)
    assert [(item["severity"], item["code"], item["object"]) for item in state.findings] == [
        ("warning", "key-unusable", "Secret d8-istio/d8-remote-authn-keypair"),
        ("warning", "ca-unusable", "Secret d8-istio/ingress-tls"),
    ]
    assert value not in str(state.findings)
    assert state.awaiting[-1].startswith("the key pair")


def test_what_the_platform_calls_a_cluster_and_its_network() -> None:
    """By its rule, unless its istiod says it: 0x11E60398 is the Adler-32 checksum of "Wikipedia"."""
    uuid = [obj("ConfigMap", "d8-cluster-uuid", "kube-system", data={"cluster-uuid": "Wikipedia"})]
    state = read(uuid=uuid)
    assert (state.cluster_id, state.network) == ("c-local-300286872", "network-c-local-300286872")
    named = istiod("v1x25", "c.local")
    named[0]["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "CLUSTER_ID", "value": "told"}]
    values = '{"global": {"network": "net-told", "hub": "hub.example", "tag": "v1"}}'
    told = read(istiod=[*named, obj("ConfigMap", "istio-sidecar-injector-v1x25", data={"values": values})])
    assert (told.cluster_id, told.network, told.proxy_image) == ("told", "net-told", "hub.example/proxyv2:v1")
    for parts in ({"uuid": []}, {"istiod": []}):
        unknown = read(**parts)
        assert (unknown.cluster_id, unknown.network) == ("", "")


def test_where_the_platforms_api_and_network_are_reached() -> None:
    state = read()
    assert state.multicluster_gateways == state.gateways
    assert state.api_host is None
    domain = config("global", settings={"modules": {"publicDomainTemplate": "%s.c.example"}})
    assert read(domain=[domain]).api_host == "istio-api-proxy.c.example"
    proxy = obj("Ingress", "api-proxy", spec={"rules": [{"host": "istio-api-proxy.else.example"}]})
    assert read(domain=[domain, proxy]).api_host == "istio-api-proxy.else.example"


def test_all_services_are_packed_when_asked_for() -> None:
    client: Any = Memory(*[item for part in READY.values() for item in part])
    assert read_deckhouse_cluster(client, "c").services == ""
    state = read_deckhouse_cluster(client, "c", with_services=True)
    assert unpack(state.services) == {"d8-istio/ingressgateway": [["tls", 15443, "TCP"]]}


def test_several_revisions_that_agree_are_normal() -> None:
    state = read(istiod=[*istiod("v1x21", "c.local"), *istiod("v1x25", "c.local")])
    assert (state.trust_domain, state.revision, len(state.istio)) == ("c.local", "", 2)
    assert state.findings == ()


def test_several_revisions_that_differ_are_told() -> None:
    state = read(istiod=[*istiod("v1x21", "old.local"), *istiod("v1x25", "c.local")])
    assert state.trust_domain == ""
    assert codes(state) == ["domain-differs", "domain-differs"]
    assert "c.local, old.local" in state.findings[0]["message"]


@pytest.mark.parametrize("named", [None, "https://else.example/metadata/"])
def test_an_endpoint_that_nothing_tells_is_asked_for(named: str | None) -> None:
    state = read(ingress=[], endpoint=named)
    assert state.metadata_endpoint == named
    assert codes(state) == ([] if named else ["endpoint-missing"])


def test_the_endpoint_of_the_inventory_wins_and_the_ca_is_still_found() -> None:
    state = read(endpoint="https://127.0.0.1:8443/metadata/")
    assert state.metadata_endpoint == "https://127.0.0.1:8443/metadata/"
    assert state.metadata_ca == CA


def test_a_service_that_cannot_be_published_is_a_warning() -> None:
    label = {"federation.istio.deckhouse.io/public-service": ""}
    state = read(services=[obj("Service", "bar", "xyz", labels=label, spec={"type": "ExternalName"})])
    assert [(item["severity"], item["object"]) for item in state.findings] == [("warning", "Service xyz/bar")]


def test_the_uuid_is_what_the_platform_says() -> None:
    client: Any = Memory(*READY["uuid"])
    assert read_deckhouse_uuid(client) == "the-uuid"
    nobody: Any = Memory()
    assert read_deckhouse_uuid(nobody) == ""
