# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's pod and the objects that shape calls, as a cluster may have them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import Entry
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client, ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.probe_pod import (
    ProbePod,
    find_probe,
    istiod_problem,
    read_shaping,
)

HOST = "bar.xyz.svc.cluster-b.local"
SPACE = "istio-alliance"
ON = ({"name": "ISTIO_META_DNS_CAPTURE", "value": "true"}, {"name": "PROXY_CONFIG_XDS_AGENT", "value": "true"})


class Cluster(Client):
    """A cluster with these objects."""

    def __init__(self, **objects: list[dict[str, Any]]) -> None:
        self.cluster = "cluster-a"
        self.objects = objects

    def list(self, kind: kinds.Kind, namespace: str | None = None, **_more: Any) -> ObjectList:
        found = self.objects.get(kind.plural, [])
        return ObjectList([obj for obj in found if namespace in (None, obj["metadata"]["namespace"])], "1")

    def get(self, kind: kinds.Kind, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        return next((obj for obj in self.list(kind, namespace).items if obj["metadata"]["name"] == name), None)


def named(name: str, namespace: str = SPACE, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, **more.pop("metadata", {})}, **more}


def pod(name: str, made: str = "2026-01-01T00:00:00Z", *, ready: bool = True, **more: Any) -> dict[str, Any]:
    proxy = {"name": "istio-proxy", "env": list(more.pop("env", ON))}
    native, sidecar = more.pop("native", False), more.pop("sidecar", True)
    containers = [{"name": "alliance-probe"}, *([proxy] if sidecar and not native else [])]
    spec = {"initContainers": [proxy] if native else [], "containers": containers}
    status = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}], **more.pop("status", {})}
    return named(name, spec=spec, status=status, metadata={"creationTimestamp": made, **more})


@pytest.mark.parametrize("native", [False, True])
def test_the_youngest_pod_that_is_ready_is_taken(native: bool) -> None:
    pods = [
        pod("old"),
        pod("young", "2026-01-02T00:00:00Z", native=native),
        pod("ending", "2026-01-03T00:00:00Z", deletionTimestamp="2026-01-03T00:00:01Z"),
        pod("coming", "2026-01-04T00:00:00Z", ready=False),
    ]
    assert find_probe(Cluster(pods=pods), SPACE) == ProbePod("young", captures_dns=True, hot_roots=True)


def test_how_its_sidecar_was_started_is_seen() -> None:
    found = find_probe(Cluster(pods=[pod("one", env=({"name": "PROXY_CONFIG_XDS_AGENT", "value": "false"},))]), SPACE)
    assert (found.captures_dns, found.hot_roots) == (False, False)


def test_a_pod_without_a_sidecar_is_no_probe() -> None:
    with pytest.raises(AllianceError, match="has no sidecar"):
        find_probe(Cluster(pods=[pod("one", sidecar=False)]), SPACE)


def deployment(**status: Any) -> dict[str, Any]:
    return named("alliance-probe", kind="Deployment", spec={}, status=status)


FAILURE = {"type": "ReplicaFailure", "status": "True", "message": "failed calling webhook"}
PULLING = {"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ({}, "there is no such Deployment"),
        ({"deployments": [deployment(conditions=[FAILURE])]}, "failed calling webhook"),
        (
            {
                "deployments": [deployment()],
                "pods": [pod("one", ready=False, status={"conditions": [], "containerStatuses": [PULLING]})],
            },
            "main: ImagePullBackOff no such image",
        ),
        (
            {
                "deployments": [deployment()],
                "pods": [
                    pod(
                        "one",
                        ready=False,
                        status={"conditions": [{"type": "PodScheduled", "status": "False", "message": "no node"}]},
                    )
                ],
            },
            "no node",
        ),
        ({"deployments": [deployment()]}, "no pod that is ready"),
    ],
)
def test_why_it_does_not_run_is_told(objects: dict[str, Any], why: str) -> None:
    with pytest.raises(AllianceError, match=why) as caught:
        find_probe(Cluster(**objects), SPACE)
    assert caught.value.remedy


def istiod(name: str, available: int) -> dict[str, Any]:
    status = {"updatedReplicas": 1, "replicas": 1, "availableReplicas": available}
    return named(name, "istio-system", kind="Deployment", spec={"replicas": 1}, status=status)


def test_one_istiod_that_works_is_enough() -> None:
    cluster = Cluster(deployments=[istiod("istiod", 0), istiod("istiod-new", 1)])
    assert istiod_problem(cluster, "istio-system", ["istiod", "istiod-new"]) == ""
    assert istiod_problem(cluster, "istio-system", []) == ""
    assert "Deployment istio-system/istiod: 0 of 1 pods" in istiod_problem(cluster, "istio-system", ["istiod"])
    assert "it does not exist" in istiod_problem(cluster, "istio-system", ["istiod-old"])


def test_an_istiod_that_was_scaled_to_nothing_does_not_work() -> None:
    gone = {**istiod("istiod", 0), "spec": {"replicas": 0}, "status": {}}
    assert istiod_problem(Cluster(deployments=[gone]), "istio-system", ["istiod"])


def entry(name: str, namespace: str = SPACE, hosts: Any = (HOST,), **more: Any) -> dict[str, Any]:
    spec = {"hosts": list(hosts), **({"addresses": more.pop("addresses")} if "addresses" in more else {})}
    return named(name, namespace, spec=spec, **more)


def rule(name: str, mode: str, host: str = HOST) -> dict[str, Any]:
    return named(name, "xyz", spec={"host": host, "trafficPolicy": {"tls": {"mode": mode}} if mode else {}})


def test_objects_of_a_host_are_found_wherever_they_are() -> None:
    allocated = {"addresses": [{"value": "240.240.0.1"}, {"value": "2001:2::1"}]}
    cluster = Cluster(
        serviceentries=[
            entry(HOST, status=allocated),
            entry("same-namespace", hosts=("other", HOST)),
            entry(HOST, "xyz", addresses=["192.0.2.1"]),
            entry("of-others", hosts=("other",)),
        ],
        destinationrules=[
            rule("off", "DISABLE"),
            rule("wild", "SIMPLE", "*.cluster-b.local"),
            rule("right", "ISTIO_MUTUAL"),
            rule("none", ""),
            rule("else", "DISABLE", "foo.xyz.svc.cluster-b.local"),
        ],
    )
    shaping = read_shaping(cluster, [HOST], SPACE, exact=True)
    assert shaping.entries[HOST] == (
        Entry(f"{SPACE}/{HOST}", ("240.240.0.1", "2001:2::1")),
        Entry(f"{SPACE}/same-namespace", ours=False),
        Entry(f"xyz/{HOST}", ("192.0.2.1",), ours=False),
    )
    assert shaping.rules[HOST] == ("xyz/off", "xyz/wild")


def test_a_platform_names_its_objects_as_it_likes() -> None:
    cluster = Cluster(serviceentries=[entry("of-the-platform", "d8-istio")])
    shaping = read_shaping(cluster, [HOST], "d8-istio", exact=False)
    assert [item.ours for item in shaping.entries[HOST]] == [True]
