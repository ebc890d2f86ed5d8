# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metadata_info: asking a neighbour, without changing anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.ansible_module import ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import GATEWAY, Neighbour

NAMESPACE = "asking"


@pytest.fixture(scope="module")
def neighbour(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("info")


@pytest.fixture
def way(neighbour: Neighbour) -> dict[str, str]:
    option = neighbour.option()
    return {"endpoint": option["metadata_endpoint"], "endpoint_ca": option["metadata_ca"]}


@pytest.mark.parametrize("check", [False, True])
def test_reads_only_the_public_document(
    check: bool, run: ModuleRunner, neighbour: Neighbour, way: dict[str, str]
) -> None:
    """It needs no cluster for that: the API server is not asked at all."""
    before = len(run.requests())
    done = run("metadata_info", check=check, **way)
    assert len(run.requests()) == before
    assert done.result["changed"] is False
    assert done.result["public"] == {
        "clusterUUID": neighbour.uuid,
        "authnKeyPub": neighbour.keys.public_pem,
        "rootCA": neighbour.root,
        "trustDomain": neighbour.domain,
    }
    assert done.result["root_fingerprints"] == neighbour.fingerprints
    assert "private" not in done.result


def test_reads_only_the_private_document(
    run: ModuleRunner, admin: Admin, neighbour: Neighbour, way: dict[str, str]
) -> None:
    admin.namespace(NAMESPACE)
    arguments = {**way, "private": True, "trust_domain": neighbour.domain, "namespace": NAMESPACE}
    without_key = run("metadata_info", fails=True, **arguments)
    assert f"Secret {NAMESPACE}/alliance-authn-keypair: there is no key pair" in without_key.result["msg"]
    public_key = run("authn_keypair", namespace=NAMESPACE).result["public_key"]
    kube_system = admin.get("Namespace", None, "kube-system")
    assert kube_system is not None
    neighbour.trusted = {kube_system["metadata"]["uid"]: public_key}
    done = run("metadata_info", **arguments)
    assert done.result["private"] == {"ingressGateways": [GATEWAY], "publicServices": neighbour.services}
    assert done.result["findings"] == []
    assert (done.result["changed"], done.writes) == (False, ())
    for text in ("PRIVATE KEY", "eyJ", "Bearer"):
        assert text not in done.output
    neighbour.trusted = {}
    assert "it answered 401" in run("metadata_info", fails=True, **arguments).result["msg"]


def test_pins_are_compared(run: ModuleRunner, neighbour: Neighbour, way: dict[str, str]) -> None:
    run("metadata_info", root_fingerprints=neighbour.fingerprints, **way)
    wrong = ":".join(["00"] * 32)
    message = run("metadata_info", fails=True, root_fingerprints=[wrong], **way).result["msg"]
    assert wrong in message
    assert neighbour.fingerprints[0] in message


def test_a_certificate_of_another_ca_is_refused(run: ModuleRunner, way: dict[str, str], neighbour: Neighbour) -> None:
    seen = len(neighbour.requests)
    message = run("metadata_info", fails=True, endpoint=way["endpoint"]).result["msg"]
    assert "certificate" in message.lower()
    assert len(neighbour.requests) == seen
    assert (
        run("metadata_info", endpoint=way["endpoint"], insecure=True).result["public"]["clusterUUID"] == neighbour.uuid
    )
