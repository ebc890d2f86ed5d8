# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""departure_refusal_info: real requests with the cluster's own key, which neighbours accept or refuse."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.ansible_module import ModuleRun, ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import Neighbour

NAMESPACE = "refused"


@pytest.fixture(scope="module")
def one(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("refusing-one")


@pytest.fixture(scope="module")
def two(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("refusing-two")


@pytest.fixture(scope="module")
def key(run: ModuleRunner, admin: Admin) -> str:
    """The public key of the cluster that asks."""
    admin.namespace(NAMESPACE)
    public: str = run("authn_keypair", namespace=NAMESPACE).result["public_key"]
    return public


@pytest.fixture
def uuid(admin: Admin) -> str:
    found = admin.get("Namespace", None, "kube-system")
    assert found is not None
    return str(found["metadata"]["uid"])


def ask(run: ModuleRunner, *neighbours: Neighbour, **more: Any) -> ModuleRun:
    return run(
        "departure_refusal_info",
        **{"neighbours": [item.option() for item in neighbours], "namespace": NAMESPACE, "wait_timeout": 0, **more},
    )


@pytest.mark.parametrize("check", [False, True])
def test_reads_only_and_tells_who_refuses(
    check: bool, run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour, key: str, uuid: str
) -> None:
    two.trusted = {uuid: key}
    try:
        done = ask(run, one, two, check=check, wait_timeout=3600 if check else 0, by_ansible=True)
    finally:
        two.trusted = {}
    assert (done.result["changed"], done.writes) == (False, ())
    assert done.result["asked"] is True
    assert done.result["refused"] == {one.name: True, two.name: False}
    assert done.result["answers"] == {
        one.name: {"federation": 401, "multicluster": 401},
        two.name: {"federation": 200, "multicluster": 200},
    }
    (finding,) = done.findings[two.name]
    assert (finding["code"], set(done.findings)) == ("identity-accepted", {two.name})
    private = admin.data("Secret", NAMESPACE, "alliance-authn-keypair")["priv.pem"]
    assert base64.b64decode(private).decode().splitlines()[1] not in done.output
    assert private not in done.output


def test_reads_only_and_tells_who_does_not_answer(run: ModuleRunner, one: Neighbour, two: Neighbour, key: str) -> None:
    one.stop()
    try:
        done = ask(run, one, two)
    finally:
        one.start()
    assert done.result["refused"] == {two.name: True}
    assert [item["code"] for item in done.findings[one.name]] == ["refusal-unseen"]


def test_no_token_goes_to_another_cluster(run: ModuleRunner, one: Neighbour, key: str) -> None:
    seen = one.tokens_seen
    one.told_uuid = "somebody-else"
    try:
        done = ask(run, one)
    finally:
        one.told_uuid = one.uuid
    assert one.tokens_seen == seen
    assert [item["code"] for item in done.findings[one.name]] == ["refusal-unseen"]


@pytest.mark.parametrize("more", [{"namespace": "default"}, {"provider": "deckhouse"}])
def test_reads_only_where_there_is_no_key_of_ours(more: dict[str, str], run: ModuleRunner, one: Neighbour) -> None:
    seen = len(one.requests)
    done = ask(run, one, **more)
    assert (done.result["asked"], done.result["refused"], done.findings) == (False, {}, {})
    assert len(one.requests) == seen


def test_a_neighbour_without_a_name_is_refused(run: ModuleRunner) -> None:
    assert "alliance_departed" in run("departure_refusal_info", neighbours=[{}], fails=True).result["msg"]
