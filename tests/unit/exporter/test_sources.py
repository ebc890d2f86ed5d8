# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the objects of an API server to the inputs of the documents."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.exporter.documents import Inputs, MulticlusterInputs
from ansible_collections.meshalliance.istio.exporter.metrics import Metrics
from ansible_collections.meshalliance.istio.exporter.neighbour_state import first_end
from ansible_collections.meshalliance.istio.exporter.options import parse
from ansible_collections.meshalliance.istio.exporter.publisher import Publisher
from ansible_collections.meshalliance.istio.exporter.sources import Sources
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind

from tests.unit.exporter.world import make_root

LABEL = "federation.istio.deckhouse.io/public-service"
NAMESPACE = "istio-alliance"
READY = [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}]


class Api:
    """Answers lists from C(objects), by kind, namespace and selectors; watches never tell anything."""

    def __init__(self) -> None:
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.lists: list[tuple[str, str | None, str | None, str | None]] = []
        self.refused = 2
        self.ended = threading.Event()

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        assert (kind.kind, name, namespace) == ("Namespace", "kube-system", None)
        if self.refused:
            self.refused -= 1
            raise ApiError("not yet", status=503)
        return {"metadata": {"name": "kube-system", "uid": "1234"}}

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> ObjectList:
        self.lists.append((kind.kind, namespace, label_selector, field_selector))
        found = [
            item
            for item in self.objects.get(kind.kind, [])
            if (namespace is None or item["metadata"].get("namespace") == namespace)
            and (not label_selector or label_selector.split("=")[0] in item["metadata"].get("labels", {}))
            and (not field_selector or field_selector == f"metadata.name={item['metadata']['name']}")
        ]
        return ObjectList(found, "1")

    def watch(self, kind: Kind, **_: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        self.ended.wait(10)
        yield from ()


def meta(name: str, namespace: str | None = NAMESPACE, **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "resourceVersion": "77", "managedFields": [{"x": 1}], **more}


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": meta(name), "data": data}


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    port = {"name": "http", "port": 80, "protocol": "TCP"}
    ports = [
        {"name": "tls", "port": 15443, "nodePort": 30443},
        {"name": "tls-multicluster", "port": 15444, "nodePort": 30544},
        {"name": "tls-api", "port": 6443, "nodePort": 30644},
    ]
    api.objects = {
        "Service": [
            {
                "metadata": meta("bar", "xyz", labels={LABEL: ""}),
                "spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1", "ports": [port]},
            },
            {"metadata": meta("foo", "xyz"), "spec": {"clusterIP": "10.0.0.2", "ports": [port]}},
            {"metadata": meta("alliance-ingressgateway"), "spec": {"type": "NodePort", "ports": ports}},
        ],
        "Node": [
            {
                "metadata": {"name": "node-1"},
                "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.7"}], "conditions": READY},
            }
        ],
        "Pod": [
            {
                "metadata": meta("gw", labels={"app": "alliance-ingressgateway"}),
                "spec": {"nodeName": "node-1", "containers": [{"name": "istio-proxy"}]},
                "status": {"conditions": READY},
            }
        ],
        "ConfigMap": [config_map("istio-ca-root-cert", **{"root-cert.pem": "ROOT"}), config_map("other", x="y")],
        "Secret": [
            {
                "metadata": meta("alliance-remote-public-metadata"),
                "data": {"remote-public-metadata.json": base64.b64encode(b"{}").decode()},
            }
        ],
    }
    yield api
    api.ended.set()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def following(api: Api, metrics: Metrics, tmp_path: Path) -> Iterator[Callable[..., Sources]]:
    """following(argument, ...) makes sources with more arguments."""
    (tmp_path / "pub.pem").write_text("KEY")
    needed = ["--namespace", NAMESPACE, "--cluster-domain", "cluster-b.local"]
    made: list[Sources] = []

    def make(*more: str) -> Sources:
        files = ["--public-key-file", str(tmp_path / "pub.pem"), "--key-change-file", str(tmp_path / "change.jwt")]
        options = parse([*needed, *files, *more], {})
        made.append(Sources(api, options, metrics, lambda: None))
        return made[-1]

    yield make
    for sources in made:
        sources.stop()


@pytest.fixture
def sources(following: Callable[..., Sources]) -> Sources:
    return following()


def settled(sources: Sources) -> Inputs:
    sources.start()
    deadline = time.monotonic() + 5
    while (inputs := sources.inputs()).unsynced or not inputs.cluster_uuid:
        assert time.monotonic() < deadline, inputs
        time.sleep(0.01)
    return inputs


def test_before_anything_is_known(sources: Sources) -> None:
    inputs = sources.inputs()
    assert inputs.services is None
    assert len(inputs.unsynced) == 8
    assert "lease" not in inputs.unsynced


def test_everything_that_documents_are_made_of(sources: Sources) -> None:
    inputs = settled(sources)
    assert inputs.cluster_uuid == "1234"
    assert inputs.public_key == "KEY"
    assert (inputs.root_pem, inputs.root_version) == ("ROOT", "77")
    assert inputs.remote_metadata == "{}"
    assert [service.hostname for service in inputs.services or ()] == ["bar.xyz.svc.cluster-b.local"]
    assert [(found.address, found.port) for found in inputs.addresses] == [("192.0.2.7", 30443)]
    assert inputs.gateway is None
    assert inputs.multicluster is None
    assert sources.dead_threads() == ()


MODE = ("--cluster-id", "cluster-b", "--network-name", "net-b")


def test_what_a_multicluster_is_told(following: Callable[..., Sources]) -> None:
    sources = following(*MODE)
    before = sources.inputs().multicluster
    assert before == MulticlusterInputs("cluster-b", "net-b"), "nothing is listed yet, and that is no problem"
    found = settled(sources).multicluster
    assert found == MulticlusterInputs("cluster-b", "net-b", "192.0.2.7:30644", (GatewayAddress("192.0.2.7", 30544),))


def test_another_way_to_the_api(following: Callable[..., Sources]) -> None:
    found = settled(following(*MODE, "--api-host", "api.example")).multicluster
    assert found is not None
    assert (found.api_host, found.addresses) == ("api.example", (GatewayAddress("192.0.2.7", 30544),))


def test_advertised_addresses_are_those_of_one_port(api: Api, following: Callable[..., Sources]) -> None:
    text = '[{"address": "gw.example", "port": 1}]'
    name = "metadata-exporter-ingressgateway-advertise"
    api.objects["ConfigMap"].append(config_map(name, **{"multicluster-ingressgateways-array.json": text}))
    inputs = settled(following(*MODE))
    assert inputs.multicluster is not None
    assert inputs.multicluster.addresses == (GatewayAddress("gw.example", 1),)
    assert inputs.multicluster.api_host == "192.0.2.7:30644"
    assert inputs.addresses == (GatewayAddress("192.0.2.7", 30443),)


def test_a_gateway_without_the_ports(api: Api, following: Callable[..., Sources]) -> None:
    gateway = api.objects["Service"][-1]
    gateway["spec"]["ports"] = gateway["spec"]["ports"][:1]
    inputs = settled(following(*MODE))
    assert inputs.multicluster is not None
    assert (inputs.multicluster.api_host, inputs.multicluster.addresses) == ("", ())
    assert [finding.message for finding in inputs.multicluster.findings] == [
        "it has no port named tls-multicluster",
        "it has no port named tls-api",
    ]
    assert inputs.address_findings == ()


def test_only_what_the_rules_allow_is_asked_for(sources: Sources, api: Api) -> None:
    settled(sources)
    deadline = time.monotonic() + 5
    while len(api.lists) < 11 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(api.lists, key=str) == [
        ("ConfigMap", NAMESPACE, None, "metadata.name=istio-ca-root-cert"),
        ("ConfigMap", NAMESPACE, None, "metadata.name=metadata-exporter-ingressgateway-advertise"),
        ("Gateway", NAMESPACE, None, "metadata.name=alliance-published"),
        ("IstioFederation", None, None, None),
        ("IstioMulticluster", None, None, None),
        ("Lease", NAMESPACE, None, "metadata.name=metadata-exporter"),
        ("Node", None, None, None),
        ("Pod", NAMESPACE, "app=alliance-ingressgateway", None),
        ("Secret", NAMESPACE, None, "metadata.name=alliance-remote-public-metadata"),
        ("Service", NAMESPACE, None, "metadata.name=alliance-ingressgateway"),
        ("Service", None, LABEL, None),
    ]


def test_neighbours_are_those_of_both_kinds(api: Api, following: Callable[..., Sources]) -> None:
    for kind in ("IstioFederation", "IstioMulticluster"):
        # As a list has them: without their kind.
        api.objects[kind] = [{"metadata": {"name": "b"}, "spec": {"trustDomain": "b.local"}}]
    sources = following()
    settled(sources)
    deadline = time.monotonic() + 5
    while len(sources.neighbours()) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [state.key for state in sources.neighbours()] == [("IstioFederation", "b"), ("IstioMulticluster", "b")]


def test_readiness_does_not_depend_on_what_is_known_of_neighbours(
    api: Api, following: Callable[..., Sources], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = api.list

    def without(kind: Kind, *arguments: Any, **selectors: Any) -> ObjectList:
        if kind.group == "deckhouse.io":
            raise ApiError("not defined yet", status=404)
        return real(kind, *arguments, **selectors)

    monkeypatch.setattr(api, "list", without)
    sources = following()
    assert settled(sources).unsynced == ()
    assert sources.neighbours() == ()


def test_ends_of_own_certificates(api: Api, following: Callable[..., Sources], tmp_path: Path) -> None:
    pem = make_root("the endpoint")
    api.objects["ConfigMap"][0]["data"]["root-cert.pem"] = pem
    sources = following("--certificate-file", str(tmp_path / "tls.crt"))
    settled(sources)
    assert sources.own_ends() == {"root": first_end(pem)}
    for text, expected in ((pem, first_end(pem)), ("what?", None), (pem, first_end(pem))):
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").replace(tmp_path / "tls.crt")
        assert sources.own_ends().get("metadata-endpoint") == expected


def test_what_is_kept_in_memory_is_small(sources: Sources) -> None:
    settled(sources)
    kept = repr([sources.services.items, sources.nodes.items, sources.gateway_pods.items, sources.root.items])
    for unused in ("managedFields", "containers", "lastHeartbeatTime"):
        assert unused not in kept


def test_a_replaced_key_file_is_noticed(sources: Sources, tmp_path: Path) -> None:
    assert sources.files_changed()
    assert (sources.inputs().public_key, sources.inputs().key_change) == ("KEY", "")
    assert not sources.files_changed()
    # As the kubelet does it: a new file takes the place of the old one.
    (tmp_path / "new.pem").write_text("NEW")
    (tmp_path / "new.pem").replace(tmp_path / "pub.pem")
    assert sources.files_changed()
    assert sources.inputs().public_key == "NEW"
    (tmp_path / "change.jwt").write_text("a.b.c")
    assert sources.files_changed()
    assert sources.inputs().key_change == "a.b.c"
    (tmp_path / "pub.pem").unlink()
    assert sources.files_changed()
    assert sources.inputs().public_key == ""
    assert not sources.files_changed()


def test_the_last_view_stays_when_it_cannot_be_computed(sources: Sources) -> None:
    settled(sources)
    broken = False

    def read() -> Inputs:
        if broken:
            raise RuntimeError("nonsense")
        return sources.inputs()

    publisher = Publisher(read, Metrics())
    publisher.refresh()
    before = publisher.view
    assert before.published == 0
    assert before.wanted == {"bar.xyz.svc.cluster-b.local"}
    broken = True
    publisher.start()
    publisher.poke()
    time.sleep(0.1)
    assert publisher.alive
    assert publisher.view is before
    publisher.stop()


def test_an_informer_that_cannot_follow_is_seen_in_the_metrics(sources: Sources, api: Api, metrics: Metrics) -> None:
    def figure(name: str, informer: str) -> float | None:
        return metrics.registry.get_sample_value(f"meshalliance_exporter_informer_{name}", {"informer": informer})

    def refuse(kind: Kind, *_given: Any, **_more: Any) -> ObjectList:
        if kind.kind == "Node":
            raise ApiError("forbidden", status=403, reason="Forbidden")
        return ObjectList([], "1")

    assert figure("synced", "services") == 0
    api.list = refuse  # type: ignore[method-assign]
    sources.start()
    deadline = time.monotonic() + 5
    while (figure("failing", "nodes"), figure("synced", "services")) != (1, 1):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert figure("synced", "nodes") == 0
    assert figure("failing", "services") == 0
    assert "nodes" in sources.inputs().unsynced
