# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""leftovers_info: what there is of the alliance, in every kind that a real API server serves."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import federation_resource
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import PART_OF_LABEL, ApplySet

from tests.integration.ansible_module import ModuleRunner
from tests.integration.conftest import Admin

NAMESPACE = "leftovers"
FEDERATION = "deckhouse.io/v1alpha1"
OURS = {"app.kubernetes.io/managed-by": "meshalliance.istio"}
APP = {"app": "left"}
CONTAINERS = [{"name": "left", "image": "left"}]
WORKLOAD = {
    "selector": {"matchLabels": APP},
    "template": {"metadata": {"labels": APP}, "spec": {"containers": CONTAINERS}},
}


def made(api_version: str, kind: str, name: str, labels: dict[str, str], **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "labels": labels}
    space = more.pop("namespace", NAMESPACE)
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {**metadata, **({"namespace": space} if space else {})},
        **more,
    }


def names(entries: list[dict[str, str]]) -> set[str]:
    return {f"{item['kind']} {item['name']}" for item in entries}


@pytest.mark.parametrize("check", [False, True])
def test_reads_only_and_tells_whose_what_is(check: bool, run: ModuleRunner, admin: Admin) -> None:
    admin.namespace(NAMESPACE)
    part_of = {PART_OF_LABEL: ApplySet("alliance-gateway", NAMESPACE).id}
    team = {PART_OF_LABEL: ApplySet("team-blue", "blue").id}
    objects = [
        made("v1", "Secret", "left-secret", OURS),
        made("coordination.k8s.io/v1", "Lease", "left-lease", OURS),
        made("apps/v1", "DaemonSet", "left-set", {**OURS, **part_of}, spec=WORKLOAD),
        made("rbac.authorization.k8s.io/v1", "ClusterRole", "left-role", OURS, namespace=None, rules=[]),
        made("v1", "ConfigMap", "of-a-team", {**OURS, **team}),
        made("networking.istio.io/v1", "VirtualService", "theirs", {}, spec={"hosts": ["x.example"]}),
        made("v1", "ConfigMap", "elsewhere", {}, namespace="default"),
    ]
    resource = federation_resource("left-theirs", trust_domain="theirs.local", endpoint="https://theirs.example/")
    resource["metadata"]["labels"] = {}
    admin.apply(*objects, resource)
    try:
        done = run("leftovers_info", namespace=NAMESPACE, check=check)
    finally:
        for item in (*objects, resource):
            admin.delete(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"], item["apiVersion"])
    assert (done.result["changed"], done.writes) == (False, ())
    assert {"Secret left-secret", "DaemonSet left-set", "ClusterRole left-role"} <= names(done.result["ours"])
    others = {"ConfigMap of-a-team", "IstioFederation left-theirs", "Lease left-lease"}
    assert not others & names(done.result["ours"]), "a Lease says who is at work, and goes with its namespace"
    assert names(done.result["foreign"]) == {"ConfigMap of-a-team", "VirtualService theirs"}
    assert names(done.result["resources"]) == {"IstioFederation left-theirs"}
    assert done.result["namespaces"] == [NAMESPACE]
    # A control plane has dozens of kinds; each of them was listed.
    assert done.result["looked_at"] > 40
    assert done.result["findings"] == []


def test_reads_only_where_nothing_is(run: ModuleRunner) -> None:
    done = run("leftovers_info", namespace="never-made")
    assert (done.result["foreign"], done.result["namespaces"], done.writes) == ([], [], ())
