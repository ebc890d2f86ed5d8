# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""departure_info: what is left is found in the objects of a real API server; what can't be asked is not proved.

What istiods and proxies hold is asked of real ones in tests/e2e.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import constrained_anchor
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import federation_resource
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.mesh_config import shared_mesh_config

from tests.integration.ansible_module import ModuleRun, ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import GATEWAY, Neighbour

NAMESPACE, ROOT_NAMESPACE = "left", "left-istio"
NETWORKING = "networking.istio.io/v1"
OURS = {"app.kubernetes.io/managed-by": "meshalliance.istio"}


@pytest.fixture(scope="module")
def gone() -> Neighbour:
    """It has left: nobody starts it."""
    return Neighbour("left-one")


@pytest.fixture(scope="module")
def objects(admin: Admin, gone: Neighbour) -> list[dict[str, Any]]:
    """Everything by which a cluster can be left in another one, a kind at a time."""
    admin.namespace(NAMESPACE, ROOT_NAMESPACE)
    host = f"bar.xyz.svc.{gone.domain}"
    entry = {
        "hosts": [host],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "ports": [{"name": "http", "number": 80, "protocol": "HTTP"}],
        "endpoints": [{"address": GATEWAY["address"], "ports": {"http": GATEWAY["port"]}}],
    }
    keys = json.dumps({gone.uuid: {"clusterUUID": gone.uuid}})
    anchors = shared_mesh_config({gone.domain: [constrained_anchor(gone.root, gone.domain)]})
    remote = {"name": f"istio-remote-secret-{gone.name}", "labels": {**OURS, "istio/multiCluster": "true"}}
    return [
        federation_resource(gone.name, trust_domain=gone.domain, endpoint="https://left.example/metadata/"),
        made(NETWORKING, "ServiceEntry", host, spec=entry),
        made(NETWORKING, "DestinationRule", host, spec={"host": host}),
        made("v1", "Secret", "alliance-remote-public-metadata", data={"remote-public-metadata.json": encoded(keys)}),
        made("v1", "ConfigMap", "istio-federation", ROOT_NAMESPACE, data={"mesh": anchors}),
        made("v1", "ConfigMap", "api-proxy-neighbours", data={"lds.json": gone.uuid}),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {**remote, "namespace": ROOT_NAMESPACE}},
    ]


def made(api_version: str, kind: str, name: str, namespace: str = NAMESPACE, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": OURS}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def known(gone: Neighbour) -> dict[str, Any]:
    return {
        "name": gone.name,
        "trust_domains": [gone.domain],
        "uuids": [gone.uuid],
        "roots": [gone.root],
        "gateways": [GATEWAY],
        "cluster_ids": [],
    }


def look(run: ModuleRunner, gone: Neighbour, **more: Any) -> ModuleRun:
    places = {"namespace": NAMESPACE, "root_namespace": ROOT_NAMESPACE}
    return run("departure_info", departed=[known(gone)], **{"wait_timeout": 0, **places, **more})


@pytest.mark.parametrize("check", [False, True])
def test_reads_only_and_finds_every_object(
    check: bool, run: ModuleRunner, admin: Admin, gone: Neighbour, objects: list[dict[str, Any]]
) -> None:
    admin.apply(*objects)
    try:
        # In check mode nothing is waited for.
        done = look(run, gone, check=check, wait_timeout=3600 if check else 0)
    finally:
        for item in objects:
            admin.delete(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"], item["apiVersion"])
    assert (done.result["changed"], done.writes) == (False, ())
    found = done.findings[gone.name]
    assert {finding["code"] for finding in found} == {"left-object"}
    named = {finding["object"].split()[0] + " " + finding["object"].rsplit("/", 1)[-1].split()[-1] for finding in found}
    assert named == {f"{item['kind']} {item['metadata']['name']}" for item in objects}
    assert all(finding["remedy"] and finding["cluster"] == "cluster-t" for finding in found)
    assert done.result["proved"] == {gone.name: False}
    for item in objects:
        assert done.result["looked_at"][item["kind"]] >= 1
    assert gone.keys.private_pem not in done.output


def test_reads_only_and_what_can_not_be_asked_is_not_proved(
    run: ModuleRunner, gone: Neighbour, objects: list[dict[str, Any]]
) -> None:
    """No istiod runs here: that nothing is left in it is not known."""
    done = look(run, gone)
    assert done.writes == ()
    assert gone.name not in done.findings
    (finding,) = done.result["findings"]
    assert (finding["code"], finding["severity"]) == ("unseen-istiod", "error")
    assert "no pod of istiod" in finding["message"]
    assert finding["remedy"]
    assert done.result["proved"] == {gone.name: False}


def test_reads_only_what_it_is_given_in_the_right_form(run: ModuleRunner) -> None:
    message = run("departure_info", departed=[{"uuids": ["x"]}], fails=True).result["msg"]
    assert "module departure" in message
