# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a cluster and Secrets, from objects in memory."""

from __future__ import annotations

import base64
import datetime
import json
import time
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.service_ports import unpack
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.cluster import Place, read_cluster, read_uuid
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import read_secret, secret_manifest

SIDECAR = {"security.istio.io/tlsMode": "istio"}


class Answer:
    body = {"gitVersion": "v1.34.4"}


class Memory:
    """What read_cluster asks a client for."""

    cluster = "cluster-x"

    def __init__(self, *objects: dict[str, Any], clock: float | None = 0.0) -> None:
        self.objects = [{"kind": "Namespace", "metadata": {"name": "kube-system", "uid": "the-uid"}}, *objects]
        self.clock = clock

    def request(self, method: str, path: str) -> Answer:
        assert (method, path) == ("GET", "/version")
        return Answer()

    def server_time(self) -> float | None:
        return None if self.clock is None else time.time() + self.clock

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> dict[str, Any] | None:
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


def read(*objects: dict[str, Any], clock: float | None = 0.0) -> Any:
    return read_cluster(Memory(*objects, clock=clock), "a", Place())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("clock", "text"),
    [(0.0, None), (25.0, None), (-25.0, None), (None, None), (90.0, "90 s ahead of"), (-90.0, "90 s behind")],
)
def test_clocks(clock: float | None, text: str | None) -> None:
    findings = {finding["code"]: finding for finding in read(clock=clock).findings}
    assert ("clock-skew" in findings) is (text is not None)
    if text is not None:
        assert text.split()[-1] in findings["clock-skew"]["message"]
        assert findings["clock-skew"]["severity"] == "error"
        assert findings["clock-skew"]["cluster"] == "a"


def pod(name: str, agent: str | None, *, owner: tuple[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    env = [] if agent is None else [{"name": "PROXY_CONFIG_XDS_AGENT", "value": agent}]
    labels = {**SIDECAR, **metadata.pop("labels", {})}
    owners = [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else []
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "xyz", "labels": labels, "ownerReferences": owners, **metadata},
        "spec": {"containers": [{"name": "main"}, {"name": "istio-proxy", "env": env}]},
    }


def native(name: str) -> dict[str, Any]:
    """A sidecar as an init container that keeps running (Istio's native sidecars)."""
    made = pod(name, None)
    made["spec"] = {"containers": [{"name": "main"}], "initContainers": [{"name": "istio-proxy", "env": []}]}
    return made


def test_workloads_that_need_a_restart() -> None:
    state = read(
        pod("foo-1", None, owner=("ReplicaSet", "foo-abc"), labels={"pod-template-hash": "abc"}),
        pod("foo-2", "false", owner=("ReplicaSet", "foo-abc"), labels={"pod-template-hash": "abc"}),
        pod("new-1", "true", owner=("ReplicaSet", "new-abc"), labels={"pod-template-hash": "abc"}),
        pod("own", None, owner=("ReplicaSet", "by-hand")),
        pod("daemon-1", None, owner=("DaemonSet", "daemon")),
        pod("alone", None),
        pod("going", None, deletionTimestamp="2026-01-01T00:00:00Z"),
        native("native"),
    )
    assert state.outdated_workloads == (
        "DaemonSet xyz/daemon",
        "Deployment xyz/foo",
        "Pod xyz/alone",
        "Pod xyz/native",
        "ReplicaSet xyz/by-hand",
    )


def test_subnets() -> None:
    nodes = [
        {"kind": "Node", "metadata": {"name": name}, "spec": {"podCIDRs": cidrs}}
        for name, cidrs in (("b", ["10.2.0.0/24"]), ("a", ["10.1.0.0/24", "fd00::/64"]))
    ]
    services = {"kind": "ServiceCIDR", "metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.96.0.0/16"]}}
    state = read(*nodes, {"kind": "Node", "metadata": {"name": "c"}, "spec": {}}, services)
    assert state.pod_cidrs == ("10.1.0.0/24", "10.2.0.0/24", "fd00::/64")
    assert state.service_cidrs == ("10.96.0.0/16",)


def test_a_gateway_without_an_address_does_not_keep_the_run_from_making_one() -> None:
    spec = {"type": "LoadBalancer", "ports": [{"name": "tls", "port": 15443}, {"name": "https", "port": 443}]}
    metadata = {"name": "alliance-ingressgateway", "namespace": "istio-alliance"}
    state = read({"kind": "Service", "metadata": metadata, "spec": spec})
    assert (state.gateway_exists, state.gateways, state.metadata_endpoint) == (True, None, None)
    problems = [finding for finding in state.findings if finding["code"] != "istiod-missing"]
    assert problems
    assert {finding["severity"] for finding in problems} == {"warning"}


GATEWAY_PORTS = [
    {"name": "tls", "port": 15443},
    {"name": "https", "port": 443},
    {"name": "tls-multicluster", "port": 15444},
    {"name": "tls-api", "port": 6443},
]


def gateway(ports: list[dict[str, Any]], address: str = "203.0.113.7") -> dict[str, Any]:
    return {
        "kind": "Service",
        "metadata": {"name": "alliance-ingressgateway", "namespace": "istio-alliance"},
        "spec": {"type": "LoadBalancer", "ports": ports},
        "status": {"loadBalancer": {"ingress": [{"ip": address}]}},
    }


def config_map(name: str, namespace: str = "istio-system", **data: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def istiod(**env: str) -> dict[str, Any]:
    container = {"name": "discovery", "env": [{"name": key, "value": value} for key, value in env.items()]}
    return {
        "kind": "Deployment",
        "metadata": {"name": "istiod", "namespace": "istio-system", "labels": {"app": "istiod"}},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


def test_a_member_of_a_multicluster() -> None:
    values = json.dumps({"global": {"hub": "hub.example", "tag": "1.31.0", "network": "net-a"}})
    state = read(
        istiod(CLUSTER_ID="cluster-a"),
        config_map("istio", mesh="trustDomain: mesh.local\n", meshNetworks="networks: {net-x: {}}\n"),
        config_map("istio-sidecar-injector", values=values),
        gateway(GATEWAY_PORTS),
    )
    assert (state.cluster_id, state.network, state.proxy_image) == ("cluster-a", "net-a", "hub.example/proxyv2:1.31.0")
    assert state.mesh_networks == ("net-x",)
    assert state.api_host == "203.0.113.7:6443"
    assert state.multicluster_gateways == ({"address": "203.0.113.7", "port": 15444},)
    assert state.gateways == ({"address": "203.0.113.7", "port": 15443},)
    assert (state.services, state.findings) == ("", ())


def test_a_member_of_a_federation_alone() -> None:
    state = read(istiod(), gateway(GATEWAY_PORTS[:2]))
    assert (state.cluster_id, state.network, state.proxy_image, state.mesh_networks) == ("Kubernetes", "", "", ())
    assert (state.api_host, state.multicluster_gateways, state.findings) == (None, None, ())


def test_the_network_may_be_told_by_the_namespace() -> None:
    labels = {"topology.istio.io/network": "net-label"}
    namespace = {"kind": "Namespace", "metadata": {"name": "istio-system", "labels": labels}}
    assert read(istiod(), namespace).network == "net-label"
    values = config_map("istio-sidecar-injector", values='{"global": {"network": "net-a"}}')
    assert read(istiod(), namespace, values).network == "net-a"


def test_advertised_addresses_of_the_multicluster_win() -> None:
    name = "metadata-exporter-ingressgateway-advertise"
    listed = {"multicluster-ingressgateways-array.json": '[{"address": "gw.example", "port": 1}]'}
    state = read(istiod(), gateway(GATEWAY_PORTS), config_map(name, "istio-alliance", **listed))
    assert state.multicluster_gateways == ({"address": "gw.example", "port": 1},)
    assert state.gateways == ({"address": "203.0.113.7", "port": 15443},)
    assert state.api_host == "203.0.113.7:6443"
    broken = config_map(name, "istio-alliance", **{"multicluster-ingressgateways-array.json": "no JSON"})
    (finding,) = read(istiod(), gateway(GATEWAY_PORTS), broken).findings
    assert (finding["severity"], finding["code"]) == ("warning", "advertise-invalid")
    assert "multicluster-ingressgateways-array.json" in finding["remedy"]


def test_an_api_at_an_ipv6_address() -> None:
    assert read(istiod(), gateway(GATEWAY_PORTS, "2001:db8::7")).api_host == "[2001:db8::7]:6443"


def test_all_services_are_packed_when_asked_for() -> None:
    memory: Any = Memory(istiod(), gateway(GATEWAY_PORTS[:1]))
    state = read_cluster(memory, "a", Place(), with_services=True)
    assert unpack(state.services) == {"istio-alliance/alliance-ingressgateway": [["tls", 15443, "TCP"]]}


def test_ca_and_key_are_read_without_what_is_around_them() -> None:
    """A cluster that was reached once stays readable, whatever stands in its Secrets."""
    ca, pair = make_ca("ca", datetime.datetime.now(datetime.timezone.utc)).certificate, generate_key_pair()
    tls = secret_manifest("istio-alliance", "alliance-metadata-tls", {"ca.crt": f"# \u00fc\n{pair.private_pem}{ca}"})
    keys = secret_manifest("istio-alliance", "alliance-authn-keypair", {"pub.pem": f"# \u00fc\n{pair.public_pem}"})
    state = read(tls, keys)
    assert (state.metadata_ca, state.authn_key_pub) == (ca, pair.public_pem)
    broken = read({**tls, "data": {"ca.crt": "=broken"}}, {**keys, "data": {"pub.pem": ""}})
    assert (broken.metadata_ca, broken.authn_key_pub) == (None, None)
    assert {finding["code"] for finding in broken.findings} >= {"ca-unusable"}
    assert "key-unusable" not in {finding["code"] for finding in broken.findings}


def test_a_cluster_without_kube_system_is_none() -> None:
    memory = Memory()
    assert read_uuid(memory) == "the-uid"  # type: ignore[arg-type]
    memory.objects.clear()
    with pytest.raises(AllianceError, match="kube-system") as caught:
        read_uuid(memory)  # type: ignore[arg-type]
    assert caught.value.cluster == "cluster-x"


def test_secrets_there_and_back() -> None:
    made = secret_manifest("ns", "s", {"b": "two", "a": "ä"})
    assert list(made["data"]) == ["a", "b"]
    assert base64.b64decode(made["data"]["b"]) == b"two"
    assert read_secret(Memory(made), "ns", "s") == {"a": "ä", "b": "two"}  # type: ignore[arg-type]
    assert read_secret(Memory(), "ns", "s") == {}  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [base64.b64encode(b"\xff\xfe").decode(), "=broken"])
def test_a_secret_that_is_no_text_is_named_and_not_shown(value: str) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s", "namespace": "ns"}, "data": {"k": value}}
    with pytest.raises(AllianceError) as caught:
        read_secret(Memory(secret), "ns", "s")  # type: ignore[arg-type]
    assert str(caught.value).startswith("cluster cluster-x, Secret ns/s: ")
    assert value not in str(caught.value)
