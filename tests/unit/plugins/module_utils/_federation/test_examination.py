# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking for what is left: every place is asked, and what can't be asked is not taken for proved."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departed import Departed
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import departure
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.departure import (
    Examination,
    Place,
    examine,
    wait_until_gone,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds, proxies
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client, ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.istiod import Istiod, RemoteCluster
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.port_forward import PodAnswerError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.proxies import CLUSTERS_PATH, SECRETS_PATH, Proxy

OURS = {names.MANAGED_BY_LABEL: names.MANAGED_BY}
HOST = "bar.xyz.svc.b.local"
GONE = Departed(
    "b",
    trust_domains=("b.local",),
    uuids=("uuid-b",),
    gateways=(GatewayAddress("192.0.2.1", 15443),),
    cluster_ids=("cluster-b",),
)
PLACE = Place(own=ClusterState(name="a", uuid="uuid-a", trust_domain="a.local"))


class World(Client):
    """A cluster that has objects, one istiod, and proxies."""

    def __init__(self) -> None:
        self.cluster = "cluster-a"
        self.objects: list[dict[str, Any]] = []
        self.mesh: dict[str, Any] = {}
        self.remote: dict[str, RemoteCluster] = {}
        self.proxies: dict[str, dict[str, bytes] | AllianceError] = {}
        self.istiod_errors: tuple[AllianceError, ...] = ()

    def add(self, kind: str, name: str, namespace: str = "istio-alliance", **more: Any) -> None:
        labels = more.pop("labels", OURS)
        self.objects.append(
            {"kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": labels}, **more}
        )

    def list(
        self, kind: kinds.Kind, namespace: str | None = None, *, label_selector: str | None = None, **_more: Any
    ) -> ObjectList:
        label, _equals, value = (label_selector or "").partition("=")
        found = [
            item
            for item in self.objects
            if item["kind"] == kind.kind
            and namespace in (None, item["metadata"]["namespace"])
            and (not label or item["metadata"]["labels"].get(label) == value)
        ]
        return ObjectList(found, "1")

    def get(self, kind: kinds.Kind, name: str, namespace: str | None = None) -> None:
        return None


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()

    def pods(*_where: Any) -> list[str]:
        for error in made.istiod_errors:
            raise error
        return ["istiod-1"]

    def pod_get(_client: Any, _namespace: str, pod: str, _port: int, path: str, **_more: Any) -> bytes:
        answers = made.proxies[pod]
        if isinstance(answers, AllianceError):
            raise answers
        return answers[path]

    monkeypatch.setattr(departure, "istiod_pods", pods)
    monkeypatch.setattr(departure, "mesh_config", lambda *_where: made.mesh)
    monkeypatch.setattr(departure, "remote_clusters", lambda *_where: [Istiod("istiod-1", made.remote, {})])
    monkeypatch.setattr(departure, "list_proxies", lambda _client: [Proxy("xyz", name) for name in made.proxies])
    monkeypatch.setattr(proxies, "pod_get", pod_get)
    return made


def proxy(host: str = "foo.xyz.svc.a.local", address: str = "10.0.0.1", connections: int = 0) -> dict[str, bytes]:
    stats = [{"name": "cx_active", "value": str(connections)}]
    hosts = [{"address": {"socket_address": {"address": address, "port_value": 15443}}, "stats": stats}]
    clusters = {"cluster_statuses": [{"name": f"outbound|80||{host}", "host_statuses": hosts}]}
    return {SECRETS_PATH: b"{}", CLUSTERS_PATH: json.dumps(clusters).encode()}


def codes(found: Examination) -> list[str]:
    return [finding.code for finding in found.findings]


def test_nothing_is_left_and_all_of_it_is_counted(world: World) -> None:
    world.add("ServiceEntry", "x", spec={"hosts": ["x.y.svc.c.local"]})
    world.add("ConfigMap", names.SHARED_MESH_CONFIGMAP, "istio-system")
    world.add("ConfigMap", names.DEPARTURES_CONFIGMAP, data={"b": "uuid-b"})
    world.add("IstioFederation", "c", spec={"trustDomain": "c.local"})
    world.proxies = {"foo-1": proxy(connections=3), "bar-1": proxy()}
    found = examine(world, [GONE], PLACE)
    assert found.findings == []
    assert found.proved("b")
    assert found.looked_at == {
        "ServiceEntry": 1,
        "ConfigMap": 2,
        "IstioFederation": 1,
        "istiods": 1,
        "anchors in istiods": 0,
        "remote clusters in istiods": 0,
        "proxies": 2,
        "roots in proxies": 0,
        "clusters in proxies": 2,
        "open connections of proxies": 3,
    }
    assert found.connections == {}


def test_everything_that_is_left_is_told_with_its_place(world: World) -> None:
    world.add("ServiceEntry", HOST, spec={"hosts": [HOST]})
    world.add("IstioFederation", "b", "", labels={}, spec={})
    world.mesh = {"caCertificates": [{"pem": "", "trustDomains": ["b.local"]}]}
    world.remote = {"cluster-b": RemoteCluster("cluster-b", "istio-system/x", "synced")}
    world.proxies = {"foo-1": proxy(HOST, "192.0.2.1", connections=4), "bar-1": proxy()}
    found = examine(world, [GONE], PLACE)
    assert [(item.code, item.object) for item in found.left] == [
        ("left-object", f"ServiceEntry istio-alliance/{HOST}"),
        ("left-foreign", "IstioFederation b"),
        ("left-anchor", "istiod istio-system/istiod-1"),
        ("left-remote", "istiod istio-system/istiod-1"),
        ("left-cluster", "Pod xyz/foo-1"),
        ("left-connection", "Pod xyz/foo-1"),
    ]
    assert all(item.neighbour == "b" and item.remedy and item.severity == "error" for item in found.left)
    assert found.connections == {"b": 4}
    assert not found.proved("b")
    assert found.proved("another")


def test_what_the_others_have_too_is_not_left(world: World) -> None:
    world.add("IstioFederation", "c", spec={"trustDomain": "b.local"})
    world.proxies = {"foo-1": proxy(HOST, "10.0.0.1", connections=4)}
    assert examine(world, [GONE], PLACE).proved("b")
    own = Place(own=ClusterState(name="a", uuid="uuid-a", trust_domain="b.local"))
    world.objects = []
    assert examine(world, [GONE], own).proved("b")
    assert not examine(world, [GONE], PLACE).proved("b")


def test_on_a_platform_its_own_objects_are_looked_at(world: World) -> None:
    world.add("ServiceEntry", "theirs", "d8-istio", labels={}, spec={"hosts": [HOST]})
    assert examine(world, [GONE], PLACE).proved("b")
    found = examine(world, [GONE], Place(root_namespace="d8-istio", platform=True))
    assert codes(found) == ["left-object"]


@pytest.mark.parametrize("silent", ["istiod", "proxy", "nonsense"])
def test_who_does_not_answer_proves_nothing(silent: str, world: World) -> None:
    world.proxies = {"foo-1": proxy(), "bar-1": proxy()}
    if silent == "istiod":
        world.istiod_errors = (AllianceError("no pod of istiod is Ready", remedy="see why"),)
    elif silent == "proxy":
        world.proxies["bar-1"] = PodAnswerError("no answer", obj="Pod xyz/bar-1")
    else:
        world.proxies["bar-1"] = {SECRETS_PATH: b"?", CLUSTERS_PATH: b"?"}
    found = examine(world, [GONE], PLACE)
    assert codes(found) == ["unseen-istiod" if silent == "istiod" else "unseen-proxy"]
    (finding,) = found.unseen
    assert finding.remedy
    assert not found.proved("b")
    if silent != "istiod":
        assert finding.object == "Pod xyz/bar-1"
        assert found.looked_at["proxies"] == 1
        without = examine(world, [GONE], PLACE, with_proxies=False)
        assert without.proved("b")
        assert "proxies" not in without.looked_at


def test_it_is_waited_until_nothing_is_left_and_no_longer() -> None:
    left = Examination(left=[Finding("error", "left-root", "x", neighbour="b")])
    unseen = Examination(unseen=[Finding("error", "unseen-proxy", "x")])
    looks, seconds = [left, unseen, Examination()], [0.0]

    def pause(time: float) -> None:
        seconds[0] += time

    found = wait_until_gone(lambda: looks.pop(0), patience=60, pause=pause, clock=lambda: seconds[0])
    assert (found.proved("b"), looks, seconds) == (True, [], [2.0])
    found = wait_until_gone(lambda: left, patience=5, pause=pause, clock=lambda: seconds[0])
    assert (found, seconds) == (left, [7.0])
