# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An external neighbour, from the first plan to its rotation: trust_anchors and service_entries one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member

from tests.integration.ansible_module import ModuleRun, ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import Neighbour

NAMESPACE, ROOT_NAMESPACE = "external", "external-istio"


@pytest.fixture(scope="module")
def own(run: ModuleRunner, admin: Admin) -> tuple[str, str]:
    """This cluster's UUID and public key: what the neighbour's administrator enters on the other side."""
    admin.namespace(NAMESPACE, ROOT_NAMESPACE)
    kube_system = admin.get("Namespace", None, "kube-system")
    assert kube_system is not None
    return kube_system["metadata"]["uid"], run("authn_keypair", namespace=NAMESPACE).result["public_key"]


@pytest.fixture
def partner(run: ModuleRunner, make_neighbour: Callable[[str], Neighbour]) -> Iterator[Neighbour]:
    yield make_neighbour("partner")
    for module in ("service_entries", "trust_anchors"):
        options = {} if module == "service_entries" else {"root_namespace": ROOT_NAMESPACE}
        run(module, neighbours=[], namespace=NAMESPACE, **options)


def as_declared(partner: Neighbour, **variables: Any) -> dict[str, Any]:
    """Its entry in the option neighbours, from the inventory's variables alone."""
    told = partner.option()
    return Member(
        partner.name,
        provider="external",
        declared_domain=partner.domain,
        endpoint=told["metadata_endpoint"],
        ca=told["metadata_ca"],
        **{"root_fingerprints": tuple(partner.fingerprints), **variables},
    ).as_neighbour(Member("own"))


def exchange(run: ModuleRunner, neighbour: dict[str, Any], *, check: bool = False) -> tuple[ModuleRun, ModuleRun]:
    common = {"neighbours": [neighbour], "namespace": NAMESPACE, "check": check}
    trust = run("trust_anchors", root_namespace=ROOT_NAMESPACE, **common)
    return trust, run("service_entries", **common)


def test_from_the_first_plan_to_the_second_run(run: ModuleRunner, own: tuple[str, str], partner: Neighbour) -> None:
    declared = as_declared(partner)
    trust, imports = exchange(run, declared, check=True)
    assert trust.result["trusted"] == {partner.name: partner.fingerprints}
    assert (trust.writes, imports.writes, partner.tokens_seen) == ((), (), 0)
    (finding,) = imports.findings[partner.name]
    assert (finding["severity"], finding["code"]) == ("warning", "private-AwaitingPublic")

    # Its administrator has not entered us yet: there is something to hand over.
    trust, imports = exchange(run, declared)
    assert trust.result["trusted"] == {partner.name: partner.fingerprints}
    assert trust.result["findings"] == []
    (finding,) = imports.findings[partner.name]
    assert (finding["severity"], finding["code"]) == ("error", "private-NonOKResponse")
    assert "role external_neighbour" in finding["remedy"]

    partner.trusted = dict([own])
    trust, imports = exchange(run, declared)
    assert imports.result["imported"] == {partner.name: 1}
    assert imports.result["findings"] == []
    for done in exchange(run, declared):
        assert (done.result["changed"], done.writes) == (False, ())


def test_without_pins_it_is_not_believed(run: ModuleRunner, own: tuple[str, str], partner: Neighbour) -> None:
    partner.trusted = dict([own])
    trust, imports = exchange(run, as_declared(partner, root_fingerprints=()))
    assert trust.result["trusted"] == {}
    (finding,) = trust.findings[partner.name]
    assert "no pins" in finding["message"]
    assert "administrator" in finding["remedy"]
    assert (imports.result["imported"], partner.tokens_seen) == ({partner.name: 0}, 0)


def test_believed_at_first_sight_and_held_to_it(run: ModuleRunner, own: tuple[str, str], partner: Neighbour) -> None:
    partner.trusted = dict([own])
    declared = as_declared(partner, root_fingerprints=(), trust_on_first_use=True)
    _trust, imports = exchange(run, declared)
    assert imports.result["imported"] == {partner.name: 1}
    known = partner.fingerprints
    partner.rotate()
    tokens = partner.tokens_seen
    trust, imports = exchange(run, declared)
    assert trust.result["trusted"] == {partner.name: known}
    (finding,) = trust.findings[partner.name]
    assert known[0] in finding["message"]
    assert partner.fingerprints[0] in finding["message"]
    # What was known stays callable, and nothing signed goes to who is not proved.
    assert imports.result["imported"] == {partner.name: 1}
    assert partner.tokens_seen == tokens
    assert [done.result["changed"] for done in exchange(run, as_declared(partner))] == [True, True]
    assert exchange(run, as_declared(partner))[0].result["trusted"] == {partner.name: partner.fingerprints}
