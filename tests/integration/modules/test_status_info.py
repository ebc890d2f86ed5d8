# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""status_info: what a cluster and its API tell of themselves and of neighbours that nobody asks, without a write."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.exporter.gateway import published_gateway
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    ClusterView,
    EdgeView,
    Overview,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca, make_leaf
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import secret_manifest

from tests.integration.ansible_module import ModuleRun, ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import GATEWAY, Neighbour

OURS, ISTIO = "status-alliance", "status-istio"
PLACE = {"namespace": OURS, "root_namespace": ISTIO}
FEDERATION = "deckhouse.io/v1alpha1"
NETWORKING = "networking.istio.io/v1"
Object = dict[str, Any]


def obj(api_version: str, kind: str, name: str, namespace: str = OURS, **more: Any) -> Object:
    labels = more.pop("labels", {})
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        **more,
    }


def pod(app: str) -> Object:
    """A pod that nobody runs: its status is written as a kubelet would."""
    containers = [{"name": "main", "image": "example.com/none"}]
    spec = {"containers": containers, "automountServiceAccountToken": False}
    return obj("v1", "Pod", f"{app}-1", labels={"app": app}, spec=spec)


def ready(admin: Admin, app: str, status: str = "True") -> None:
    conditions = [{"type": "Ready", "status": status}]
    admin.apply(
        {**obj("v1", "Pod", f"{app}-1"), "status": {"phase": "Running", "conditions": conditions}},
        manager="kubelet",
        subresource="status",
    )


def serve(admin: Admin, app: str) -> None:
    """A workload with one Ready pod, its Service and its endpoint."""
    ports = [{"name": "tls", "port": 15443}]
    endpoint = {"addresses": ["10.9.9.9"], "conditions": {"ready": True}}
    slice_labels = {"kubernetes.io/service-name": app}
    admin.apply(
        obj("v1", "ServiceAccount", "default"),
        pod(app),
        obj("v1", "Service", app, spec={"ports": ports, "selector": {"app": app}}),
        obj(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            f"{app}-1",
            labels=slice_labels,
            addressType="IPv4",
            endpoints=[endpoint],
            ports=ports,
        ),
    )
    ready(admin, app)


@pytest.fixture(scope="module")
def one(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("status-one")


@pytest.fixture(scope="module")
def two(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("status-two")


@pytest.fixture(scope="module")
def own(run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour) -> Neighbour:
    """The cluster itself, which has proved both neighbours and imports from them."""
    admin.namespace(OURS, ISTIO)
    kube_system = admin.get("Namespace", None, "kube-system")
    assert kube_system is not None
    uid = kube_system["metadata"]["uid"]
    key = run("authn_keypair", namespace=OURS).result["public_key"]
    this = Neighbour("cluster-t")
    this.uuid, this.services = uid, []
    admin.apply(obj("v1", "ConfigMap", "istio-ca-root-cert", ISTIO, data={"root-cert.pem": this.root}))
    for neighbour in (one, two):
        neighbour.trusted = {uid: key}
    exchange(run, one, two)
    for app in ("alliance-ingressgateway", "metadata-exporter"):
        serve(admin, app)
    return this


def exchange(run: ModuleRunner, *neighbours: Neighbour) -> None:
    """A run that learns from the neighbours."""
    option = [item.option() for item in neighbours]
    assert run("trust_anchors", neighbours=option, **PLACE).result["findings"] == []
    assert run("service_entries", neighbours=option, namespace=OURS).result["findings"] == []


def learn_again(run: ModuleRunner, *neighbours: Neighbour) -> None:
    """They answer one run, and are silent again."""
    for neighbour in neighbours:
        neighbour.start()
    exchange(run, *neighbours)
    for neighbour in neighbours:
        neighbour.stop()
        neighbour.requests.clear()


@pytest.fixture(autouse=True)
def _silent(own: Neighbour, one: Neighbour, two: Neighbour) -> Iterator[None]:
    """No neighbour answers while it is looked."""
    for neighbour in (one, two):
        neighbour.stop()
        neighbour.requests.clear()
    yield
    for neighbour in (one, two):
        assert neighbour.requests == []
        neighbour.start()


def look(run: ModuleRunner, own: Neighbour, *neighbours: Object, check: bool = False, **more: Any) -> ModuleRun:
    known: Object = {"name": "cluster-t", "gateways": (GATEWAY,), "kubernetes_version": "v1.34.4", **PLACE}
    state = own.state(**{**known, **more.pop("state", {})})
    done = run("status_info", check=check, state=state, neighbours=list(neighbours), namespace=OURS, **more)
    assert (done.result["changed"], done.writes) == (False, ())
    return done


def overview(done: ModuleRun) -> Overview:
    return Overview.from_dict(done.result["overview"])


def view(done: ModuleRun) -> ClusterView:
    (found,) = overview(done).clusters
    return found


def edge(done: ModuleRun, neighbour: Neighbour) -> EdgeView:
    found = overview(done).edge("cluster-t", neighbour.name)
    assert found is not None
    return found


def levels(of: Any) -> dict[str, str]:
    return {check.name: check.level for check in of.checks}


def codes(of: Any) -> list[str]:
    return sorted(finding.code for finding in of.findings)


def drifted(done: ModuleRun) -> str:
    (finding,) = [item for item in view(done).findings if item.code == "drift"]
    return finding.message


@pytest.mark.parametrize("check", [False, True])
def test_reads_only_and_tells_what_is_well_and_what_is_not_known(
    check: bool, run: ModuleRunner, own: Neighbour, one: Neighbour, two: Neighbour
) -> None:
    done = look(run, own, one.option(), two.option(), check=check)
    found = levels(view(done))
    # This API server has no pods that run: no istiod can be asked, and no proxy.
    assert found == {
        "api": "ok",
        "addresses": "ok",
        "workloads": "ok",
        "gateway": "ok",
        "exporter": "ok",
        "published": "ok",
        "istiod": "error",
        "proxies": "unknown",
        "gateway-proxies": "unknown",
        "certificates": "ok",
        "drift": "ok",
    }
    for neighbour in (one, two):
        told = edge(done, neighbour)
        assert levels(told) == {
            "identity": "ok",
            "trust": "ok",
            "imports": "ok",
            "learnt": "ok",
            "traffic": "unknown",
        }
        assert told.level == "unknown"
        assert [service.host for service in told.services] == [item["hostname"] for item in neighbour.services]
        assert told.services[0].ports == ("80/HTTP",)
        assert list(told.roots) == neighbour.fingerprints
        assert told.gateways == ("203.0.113.10:15443",)
        assert told.last_fetch


def test_what_somebody_changed_differs_from_what_a_run_would_write(
    run: ModuleRunner, admin: Admin, own: Neighbour, one: Neighbour, two: Neighbour
) -> None:
    host = one.services[0]["hostname"]
    spec = {"host": host, "trafficPolicy": {"tls": {"mode": "DISABLE"}}}
    admin.apply(obj(NETWORKING, "DestinationRule", host, spec=spec))
    done = look(run, own, one.option(), two.option())
    assert levels(view(done))["drift"] == "warning"
    assert f"DestinationRule {OURS}/{host} differs" in drifted(done)
    admin.delete("DestinationRule", OURS, host, NETWORKING)
    assert f"DestinationRule {OURS}/{host} is missing" in drifted(look(run, own, one.option(), two.option()))
    learn_again(run, one, two)
    assert levels(view(look(run, own, one.option(), two.option())))["drift"] == "ok"


def test_what_a_neighbour_s_own_api_says_is_held_against_what_is_known(
    run: ModuleRunner, own: Neighbour, one: Neighbour, two: Neighbour
) -> None:
    moved = {"address": "203.0.113.77", "port": 15443}
    state = two.state(gateways=(moved,), published=(*two.services, two.service("new")), root_fingerprints=("AA",))
    done = look(run, own, one.option(), two.option(state=state))
    assert edge(done, one).level == "unknown"
    told = edge(done, two)
    assert codes(told) == ["gateways-behind", "imports-behind", "roots-behind"]
    assert (levels(told)["identity"], levels(told)["imports"], told.level) == ("warning", "error", "error")


def test_a_neighbour_whose_gateway_is_gone_is_no_green_edge(
    run: ModuleRunner, own: Neighbour, one: Neighbour, two: Neighbour
) -> None:
    done = look(run, own, one.option(), two.option(state=two.state(gateways=None)))
    assert (codes(edge(done, two)), edge(done, two).level) == (["gateways-behind"], "error")


def test_a_neighbour_that_can_t_be_read_is_not_known(
    run: ModuleRunner, own: Neighbour, one: Neighbour, two: Neighbour
) -> None:
    done = look(run, own, one.option(state=None), two.option(state=None, provider="external", root_fingerprints=["AA"]))
    assert codes(edge(done, one)) == ["neighbour-not-read"]
    assert levels(edge(done, two))["learnt"] == "ok"
    done = look(run, own, two.option(state=None, provider="external"), fresh_for="0")
    assert codes(edge(done, two)) == ["neighbour-not-asked"]


def test_a_neighbour_that_was_never_proved(run: ModuleRunner, own: Neighbour, one: Neighbour, two: Neighbour) -> None:
    stranger = Neighbour("status-three")
    done = look(run, own, one.option(), two.option(), stranger.option())
    told = edge(done, stranger)
    assert (codes(told), told.level, told.service_count) == (["neighbour-not-proved"], "error", 0)


def test_a_run_that_failed_is_remembered(
    run: ModuleRunner, admin: Admin, own: Neighbour, one: Neighbour, two: Neighbour
) -> None:
    run("service_entries", neighbours=[one.option(), two.option()], namespace=OURS)
    done = look(run, own, one.option(), two.option(), stale_warn_after="0")
    assert codes(edge(done, one)) == ["neighbour-stale", "private-FetchFailed"]
    assert levels(edge(done, one))["kept"] == "warning"
    assert edge(done, one).service_count == 1
    time.sleep(2)  # a status tells times in whole seconds
    done = look(run, own, one.option(), two.option(), stale_after="1s", stale_warn_after="0")
    assert codes(edge(done, one)) == ["neighbour-evicted", "private-FetchFailed"]
    assert edge(done, one).service_count == 0
    learn_again(run, one, two)


def test_pods_and_endpoints_tell_whether_the_gateway_serves(
    run: ModuleRunner, admin: Admin, own: Neighbour, one: Neighbour, two: Neighbour
) -> None:
    ready(admin, "metadata-exporter", "False")
    admin.delete("Service", OURS, "alliance-ingressgateway")
    try:
        done = look(run, own, one.option(), two.option(), state={"gateways": None})
        found = levels(view(done))
        assert {name: found[name] for name in ("gateway", "exporter", "addresses")} == {
            "gateway": "error",
            "exporter": "error",
            "addresses": "error",
        }
        assert {"gateway-missing", "exporter-down", "gateway-without-address"} <= set(codes(view(done)))
    finally:
        serve(admin, "alliance-ingressgateway")
        ready(admin, "metadata-exporter")


def test_certificates_that_end_are_told(
    run: ModuleRunner, admin: Admin, own: Neighbour, one: Neighbour, two: Neighbour
) -> None:
    long_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=370)
    ca = make_ca("endpoint", long_ago)
    leaf = make_leaf(ca, ["203.0.113.10"], long_ago)
    values = {"tls.crt": leaf.certificate, "tls.key": leaf.key, "ca.crt": ca.certificate}
    admin.apply(secret_manifest(OURS, "ended-tls", values, "kubernetes.io/tls"))
    done = look(run, own, one.option(), two.option(), tls_secret="ended-tls", expiry_warning="4000d")
    assert {"certificate-ended", "certificate-ends"} <= set(codes(view(done)))
    assert levels(view(done))["certificates"] == "error"
    ends = {expiry.name: expiry.ends for expiry in view(done).expiries}
    assert {"root", "certificate of the metadata endpoint", "CA of the metadata endpoint"} <= set(ends)
    # Nothing of a Secret but its ends.
    assert leaf.key not in json.dumps(done.result)


def test_a_platform_tells_what_it_has_learnt(run: ModuleRunner, admin: Admin, own: Neighbour, one: Neighbour) -> None:
    state = {"provider": "deckhouse", "awaiting": ("an address of the ingress gateway",)}
    done = look(run, own, one.option(), state=state)
    assert levels(view(done))["platform"] == "error"
    told = edge(done, one)
    assert "platform" in levels(told)
    assert told.service_count == len(one.services)


def test_what_is_published_has_to_be_open_and_served(
    run: ModuleRunner, admin: Admin, own: Neighbour, one: Neighbour, two: Neighbour
) -> None:
    published = (own.service("bar"),)
    done = look(run, own, one.option(), two.option(), state={"published": published})
    assert {"published-not-open", "published-without-endpoints"} <= set(codes(view(done)))
    admin.namespace("xyz")
    endpoint = {"addresses": ["10.9.9.8"], "conditions": {"ready": True}}
    admin.apply(
        published_gateway(OURS, [published[0]["hostname"]]),
        obj(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "bar-1",
            "xyz",
            labels={"kubernetes.io/service-name": "bar"},
            addressType="IPv4",
            endpoints=[endpoint],
            ports=[],
        ),
    )
    try:
        done = look(run, own, one.option(), two.option(), state={"published": published})
        assert levels(view(done))["published"] == "ok"
        assert levels(view(look(run, own, one.option(), two.option())))["published"] == "error"
    finally:
        admin.delete("Gateway", OURS, "alliance-published", NETWORKING)
