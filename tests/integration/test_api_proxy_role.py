# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role api_proxy, and what shows its pods a changed list of neighbours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy import (
    config_hash,
    neighbours_config_map,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_settings import (
    ProxyNeighbour,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.api_proxy_pods import (
    FIELD_MANAGER,
    HASH_ANNOTATION,
    refresh_proxies,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError

from tests.integration.ansible_module import MUTATING, ModuleRunner, run_playbook
from tests.integration.conftest import Admin

NAMESPACE, ROOT = "proxy-role", "proxy-role-root"
STATE = {
    "name": "cluster-a",
    "uuid": "u",
    "root_namespace": ROOT,
    "cluster_domain": "cluster-a.local",
    "revision": "default",
    "proxy_image": "registry.example/proxyv2:1.31.0",
}


@pytest.fixture(autouse=True, scope="module")
def _namespaces(admin: Admin) -> None:
    admin.namespace(NAMESPACE, ROOT)


@contextmanager
def controllers(admin: Admin) -> Iterator[None]:
    """Somebody who calls the Deployment ready, as its controller would."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.2):
            found = admin.get("Deployment", NAMESPACE, "api-proxy", "apps/v1")
            if (
                found is None
                or (found.get("status") or {}).get("observedGeneration") == found["metadata"]["generation"]
            ):
                continue
            counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 2)
            status = {"observedGeneration": found["metadata"]["generation"], **counts}
            body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "status": status}
            body["metadata"] = {"name": "api-proxy", "namespace": NAMESPACE}
            admin.apply(body, manager="controller", subresource="status")

    thread = threading.Thread(target=work)
    thread.start()
    yield
    done.set()
    thread.join()


def play(run: ModuleRunner, admin: Admin, folder: Path, *options: str, **variables: Any) -> tuple[str, int]:
    """The output, and the number of writes."""
    known = {"ansible_connection": "local", "preflight_state": STATE, "alliance_namespace": NAMESPACE, **variables}
    role: dict[str, Any] = {
        "name": "Run",
        "module_defaults": {"group/meshalliance.istio.all": {"kubeconfig": str(run.control_plane.operator_kubeconfig)}},
        "block": [{"name": "Role", "ansible.builtin.include_role": {"name": "meshalliance.istio.api_proxy"}}],
    }
    seen = len(run.requests())
    with controllers(admin):
        output = run_playbook(folder, {"all": {"hosts": {"cluster-a": known}}}, [role], *options)
    return output, sum(event["verb"] in MUTATING for event in run.requests()[seen:])


def template(admin: Admin) -> dict[str, Any]:
    found = admin.get("Deployment", NAMESPACE, "api-proxy", "apps/v1")
    assert found is not None
    pod: dict[str, Any] = found["spec"]["template"]
    return pod


def test_makes_everything_and_then_nothing(run: ModuleRunner, admin: Admin, tmp_path: Path) -> None:
    output, writes = play(run, admin, tmp_path, "--check")
    assert "failed=0" in output, output
    assert "changed=1" in output
    assert writes == 0
    output, writes = play(run, admin, tmp_path)
    assert "failed=0" in output, output
    assert writes > 10
    for again in ("--check", "--diff"):
        output, writes = play(run, admin, tmp_path, again)
        assert "changed=0" in output, output
        assert writes == 0
    pod = template(admin)
    assert pod["spec"]["containers"][0]["image"] == STATE["proxy_image"]
    assert pod["spec"]["automountServiceAccountToken"] is False


def test_more_rules_change_rights_and_nothing_else(run: ModuleRunner, admin: Admin, tmp_path: Path) -> None:
    play(run, admin, tmp_path)
    before = template(admin)
    rule = {"apiGroups": ["multicluster.x-k8s.io"], "resources": ["serviceexports"], "verbs": ["list", "watch"]}
    output, _writes = play(run, admin, tmp_path, api_proxy_extra_rules=[rule])
    assert "failed=0" in output, output
    role = admin.get("ClusterRole", None, f"meshalliance:{NAMESPACE}:api-proxy", "rbac.authorization.k8s.io/v1")
    assert role is not None
    assert rule in role["rules"]
    assert template(admin) == before


@pytest.mark.parametrize("provider", ["deckhouse", "external"])
def test_asks_other_clusters_nothing(run: ModuleRunner, admin: Admin, tmp_path: Path, provider: str) -> None:
    seen = len(run.requests())
    output, _writes = play(run, admin, tmp_path, alliance_provider=provider)
    assert "failed=0" in output, output
    assert run.requests()[seen:] == []


def test_an_unknown_image_is_told(run: ModuleRunner, admin: Admin, tmp_path: Path) -> None:
    state = {**STATE, "proxy_image": None}
    output, writes = play(run, admin, tmp_path, preflight_state=state)
    assert "Set api_proxy_image" in output.replace("\n", " ")
    assert writes == 0


def pod(name: str, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "proxy-pods", "labels": labels}
    spec = {"containers": [{"name": "a", "image": "a"}], "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def neighbours(*names: str) -> dict[str, Any]:
    known = [ProxyNeighbour(name, name, KEY) for name in names]
    return neighbours_config_map("proxy-pods", "own", known, cluster_domain="a.local")


KEY = generate_key_pair().public_pem


def digests(admin: Admin) -> dict[str, str | None]:
    found = {}
    for name in admin.names("Pod", "proxy-pods"):
        live = admin.get("Pod", "proxy-pods", name)
        assert live is not None
        found[name] = (live["metadata"].get("annotations") or {}).get(HASH_ANNOTATION)
    return found


def test_running_pods_are_shown_a_change_once(admin: Admin) -> None:
    admin.namespace("proxy-pods")
    try:
        admin.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "proxy-pods"}}
        )
        admin.apply(pod("one", app="api-proxy"), pod("two", app="api-proxy"), pod("other", app="else"))
        first, second = neighbours("b"), neighbours("b", "c")
        # Planning, before there is a ConfigMap and before it is changed.
        assert refresh_proxies(admin.client, first, planning=True) == ["one", "two"]
        admin.apply(first)
        assert refresh_proxies(admin.client, first) == ["one", "two"]
        assert digests(admin) == {"one": config_hash(first), "two": config_hash(first), "other": None}
        assert refresh_proxies(admin.client, first) == []
        assert refresh_proxies(admin.client, second, planning=True) == ["one", "two"]
        assert digests(admin)["one"] == config_hash(first)
        admin.apply(second)
        assert refresh_proxies(admin.client, second) == ["one", "two"]
        live = admin.get("Pod", "proxy-pods", "one")
        assert live is not None
        managers = {entry["manager"]: entry["fieldsV1"] for entry in live["metadata"]["managedFields"]}
        assert f"f:{HASH_ANNOTATION}" in managers[FIELD_MANAGER]["f:metadata"]["f:annotations"]
    finally:
        for name in ("one", "two", "other"):
            admin.delete("Pod", "proxy-pods", name)


class Listed:
    """A client with pods and a ConfigMap of certain ages."""

    def __init__(self, config_map: dict[str, Any], written: str, **pods: dict[str, Any]) -> None:
        fields = [{"time": written, "manager": "meshalliance.istio"}]
        metadata = {**config_map["metadata"], "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": fields}
        self.live = {**config_map, "metadata": metadata}
        self.pods = [{"metadata": {"name": name, **data.pop("metadata")}, **data} for name, data in pods.items()]
        self.touched: list[str] = []

    def list(self, *_kind: Any, **_selector: Any) -> Any:
        return type("Found", (), {"items": self.pods})

    def get(self, *_name: Any) -> dict[str, Any]:
        return self.live

    def request(self, _method: str, path: str, **_more: Any) -> None:
        if path.endswith("/gone"):
            raise ApiError("gone", status=404)
        self.touched.append(path.rpartition("/")[2])


def test_pods_that_started_later_have_seen_it() -> None:
    written = "2026-01-02T00:00:00Z"
    client = Listed(
        neighbours("b"),
        written,
        old={"metadata": {"creationTimestamp": "2026-01-01T23:59:59Z"}},
        same={"metadata": {"creationTimestamp": written}},
        new={"metadata": {"creationTimestamp": "2026-01-02T00:00:01Z"}},
        gone={"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}},
        ending={"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z", "deletionTimestamp": written}},
        ended={"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Failed"}},
    )
    touched = refresh_proxies(client, neighbours("b"))  # type: ignore[arg-type]
    assert touched == client.touched == ["old", "same"]
