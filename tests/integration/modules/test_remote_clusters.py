# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""remote_clusters: istiod is told of the clusters of the same domain, with tokens that their APIs take.

There is no istiod here; what it makes of the Secrets is tested end to end.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import token_in

from tests.gates.cycle import Step, cycle
from tests.integration.ansible_module import Cycle, ModuleRun, ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import API_DOMAIN, GATEWAY, Neighbour
from tests.wire.proxy import everything_leads_to

NAMESPACE, ROOT_NAMESPACE = "remote", "remote-istio"
DOMAIN = "mesh.local"
DECKHOUSE = "deckhouse.io/v1alpha1"


@pytest.fixture(scope="module")
def own(run: ModuleRunner, admin: Admin) -> tuple[str, str]:
    """This cluster's UUID and public key."""
    admin.namespace(NAMESPACE, ROOT_NAMESPACE)
    kube_system = admin.get("Namespace", None, "kube-system")
    assert kube_system is not None
    return kube_system["metadata"]["uid"], run("authn_keypair", namespace=NAMESPACE).result["public_key"]


@pytest.fixture(scope="module")
def one(make_neighbour: Callable[..., Neighbour], own: tuple[str, str]) -> Neighbour:
    made = make_neighbour("remote-one", DOMAIN)
    made.trusted = dict([own])
    return made


@pytest.fixture(scope="module")
def two(make_neighbour: Callable[..., Neighbour], own: tuple[str, str]) -> Neighbour:
    made = make_neighbour("remote-two", DOMAIN)
    made.trusted = dict([own])
    return made


@pytest.fixture(scope="module", autouse=True)
def _apis(one: Neighbour, two: Neighbour) -> Iterator[None]:
    """Each API by its name, through a proxy of its own host; addresses of this machine are asked directly."""
    with (
        pytest.MonkeyPatch.context() as patch,
        everything_leads_to({f"{item.name}.{API_DOMAIN}": item.port for item in (one, two)}) as (proxy, _asked),
    ):
        patch.setenv("HTTPS_PROXY", proxy)
        yield


@pytest.fixture(autouse=True)
def _as_in_the_beginning(one: Neighbour, two: Neighbour) -> None:
    for item in (one, two):
        item.status, item.api_status = 200, 200
        item.multicluster["ingressGateways"] = [GATEWAY]


def option(item: Any) -> dict[str, Any]:
    return item.option(mode="multicluster") if isinstance(item, Neighbour) else item


def trust(run: ModuleRunner, *neighbours: Any) -> ModuleRun:
    told = [option(item) for item in neighbours]
    return run("trust_anchors", neighbours=told, namespace=NAMESPACE, root_namespace=ROOT_NAMESPACE)


def remote(run: ModuleRunner, *neighbours: Any, **more: Any) -> ModuleRun:
    return run(
        "remote_clusters",
        neighbours=[option(item) for item in neighbours],
        namespace=NAMESPACE,
        root_namespace=ROOT_NAMESPACE,
        cluster_id="cluster-own",
        network="network-own",
        **{"wait_timeout": 1, **more},
    )


def secrets(admin: Admin) -> dict[str, dict[str, Any]]:
    listed = admin.client.list(
        admin.client.kind_of({"apiVersion": "v1", "kind": "Secret"}),
        ROOT_NAMESPACE,
        label_selector="istio/multiCluster",
    )
    return {item["metadata"]["name"]: item for item in listed.items}


def networks(admin: Admin) -> set[str]:
    text = admin.data("ConfigMap", ROOT_NAMESPACE, "istio-federation").get("meshNetworks")
    return set(json.loads(text)["networks"]) if text else set()


def conditions(admin: Admin, item: Neighbour) -> dict[str, tuple[str, str]]:
    resource = admin.get("IstioMulticluster", None, item.name, DECKHOUSE)
    assert resource is not None
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in resource["status"]["conditions"]}


def faults(done: ModuleRun) -> dict[str, list[str]]:
    """The codes by neighbour, but that no istiod can be asked here."""
    found = {name: [item["code"] for item in items] for name, items in done.findings.items()}
    assert found.pop("", ["istiod-unseen"]) == ["istiod-unseen"]
    return found


@cycle
def test_cycle(step: Step, run: ModuleRunner, expect: Cycle, admin: Admin, one: Neighbour, two: Neighbour) -> None:
    """One cluster; then another joins; then none."""
    if step.id == "create-check-first":
        trust(run, one, two)
    if step.action == "delete":
        done = remote(run, one, two, check=step.check, by_ansible=True, state="absent")
    else:
        neighbours = [one] if step.action == "create" else [one, two]
        done = remote(run, *neighbours, check=step.check, by_ansible=True)
        assert set(done.result["clusters"]) == {item.name for item in neighbours}
        assert faults(done) == {}
        if step.mode == "real":
            assert set(secrets(admin)) == {f"istio-remote-secret-{item.name}" for item in neighbours}
            assert networks(admin) == {f"network-{item.name}" for item in neighbours}
            for item in neighbours:
                told = conditions(admin, item)
                assert told["RemoteAPIServerReady"] == ("True", "RemoteAPIReachable")
                assert told["PrivateMetadataExchangeReady"] == ("True", "Succeeded")
    expect(step, done)
    if step.action == "delete" and step.mode == "real":
        assert (secrets(admin), networks(admin)) == ({}, set())


def test_the_secret_leads_to_the_neighbours_api(run: ModuleRunner, admin: Admin, one: Neighbour) -> None:
    remote(run, one)
    (secret,) = secrets(admin).values()
    assert secret["metadata"]["annotations"]["networking.istio.io/cluster"] == f"cluster-{one.name}"
    config = json.loads(base64.b64decode(secret["data"][f"cluster-{one.name}"]))
    assert config["clusters"][0]["cluster"]["server"] == f"https://{one.multicluster['apiHost']}"
    assert one.api_tokens[-1] == token_in(secret)


def test_a_token_is_renewed_and_only_then(run: ModuleRunner, admin: Admin, one: Neighbour) -> None:
    remote(run, one)
    (before,) = secrets(admin).values()
    done = remote(run, one, token_lifetime=3600)
    assert (done.result["renewed"], done.result["changed"]) == ([one.name], True)
    (after,) = secrets(admin).values()
    assert token_in(after) != token_in(before)
    again = remote(run, one, token_lifetime=3600)
    assert (again.result["renewed"], again.result["changed"], again.writes) == ([], False, ())


def test_a_new_neighbour_is_written_once_its_api_answers(
    run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour
) -> None:
    remote(run, one)
    two.api_status = 503
    done = remote(run, one, two)
    assert faults(done) == {two.name: ["api-NonOKResponse"]}
    assert set(secrets(admin)) == {f"istio-remote-secret-{one.name}"}
    assert conditions(admin, two)["RemoteAPIServerReady"] == ("False", "NonOKResponse")
    two.api_status = 200
    assert faults(remote(run, one, two)) == {}
    assert len(secrets(admin)) == 2


def test_a_neighbour_that_is_down_stays(run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour) -> None:
    remote(run, one, two)
    before = secrets(admin)
    two.stop()
    try:
        done = remote(run, one, {"name": two.name, "mode": "multicluster", "trust_domain": DOMAIN})
        assert faults(done) == {two.name: ["private-FetchFailed", "api-FetchFailed"]}
        assert {name: item["data"] for name, item in secrets(admin).items()} == {
            name: item["data"] for name, item in before.items()
        }
        assert networks(admin) == {f"network-{item.name}" for item in (one, two)}
    finally:
        two.start()


def test_a_neighbour_that_leaves_is_forgotten(run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour) -> None:
    trust(run, one, two)
    remote(run, one, two)
    trust(run, one)
    remote(run, one)
    assert set(secrets(admin)) == {f"istio-remote-secret-{one.name}"}
    assert networks(admin) == {f"network-{one.name}"}
    trust(run, one, two)


def test_the_roots_in_the_shared_mesh_config_stay(run: ModuleRunner, admin: Admin, one: Neighbour) -> None:
    """Two owners of one ConfigMap: each changes its own key."""
    remote(run, one)
    before = admin.data("ConfigMap", ROOT_NAMESPACE, "istio-federation")["mesh"]
    assert "caCertificates" in before
    remote(run, one, state="absent")
    assert admin.data("ConfigMap", ROOT_NAMESPACE, "istio-federation") == {"mesh": before}
    remote(run, one)
    again = trust(run, one)
    assert "update ConfigMap" not in str(again.objects)
    assert networks(admin) == {f"network-{one.name}"}


def test_tokens_are_never_shown(run: ModuleRunner, admin: Admin, one: Neighbour) -> None:
    done = remote(run, one, token_lifetime=7200, by_ansible=True)
    assert done.result["changed"] is True
    (secret,) = secrets(admin).values()
    for text in (token_in(secret), next(iter(secret["data"].values())), "PRIVATE KEY", "Bearer ey"):
        assert text not in done.output


def test_the_plan_on_a_fresh_cluster_shows_every_object(
    run: ModuleRunner, admin: Admin, one: Neighbour, make_neighbour: Callable[..., Neighbour]
) -> None:
    remote(run, one, state="absent")
    fresh = make_neighbour("remote-fresh", DOMAIN)
    planned = fresh.option(mode="multicluster", metadata_endpoint=None, metadata_ca=None)
    plan = remote(run, planned, check=True)
    assert (faults(plan), plan.writes) == ({}, ())
    assert {(kind, name) for _action, kind, name in plan.objects} == {
        ("ConfigMap", "alliance-remote-clusters"),
        ("ConfigMap", "istio-federation"),
        ("Secret", "istio-remote-secret-remote-fresh"),
    }
