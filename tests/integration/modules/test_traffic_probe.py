# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""traffic_probe where no kubelet runs: what it plans, what it asks exporters, what it says without a probe.

Real calls: tests/e2e.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.ansible_module import ModuleRun, ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import Neighbour

NAMESPACE, ROOT_NAMESPACE = "probed", "probed-istio"


@pytest.fixture(scope="module")
def one(run: ModuleRunner, admin: Admin, make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    """A neighbour that was proved and imported from."""
    made = make_neighbour("probed-one")
    admin.namespace(NAMESPACE, ROOT_NAMESPACE)
    kube_system = admin.get("Namespace", None, "kube-system")
    assert kube_system is not None
    key = run("authn_keypair", namespace=NAMESPACE).result["public_key"]
    made.trusted = {kube_system["metadata"]["uid"]: key}
    told = {"neighbours": [made.option()], "namespace": NAMESPACE}
    run("trust_anchors", **told, root_namespace=ROOT_NAMESPACE)
    run("service_entries", **told)
    return made


def probe(run: ModuleRunner, *neighbours: Neighbour, **more: Any) -> ModuleRun:
    options = [item.option() for item in neighbours]
    return run(
        "traffic_probe", **{"neighbours": options, "namespace": NAMESPACE, "trust_domain": "cluster-t.local", **more}
    )


def by_check(done: ModuleRun) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for check in done.result["checks"]:
        found.setdefault(check["check"], []).append(check)
    return found


@pytest.mark.parametrize("check", [False, True])
def test_it_reads_only(check: bool, run: ModuleRunner, one: Neighbour) -> None:
    done = probe(run, one, check=check)
    assert (done.result["changed"], done.writes) == (False, ())
    assert len(done.result["targets"][one.name]) == done.result["offered"][one.name] > 0
    assert bool(done.result["checks"]) is not check


def test_without_a_probe_the_own_cluster_is_named(run: ModuleRunner, one: Neighbour) -> None:
    done = probe(run, one)
    (workload,) = by_check(done)["workload"]
    assert (workload["layer"], workload["blamed"]) == ("workload", "cluster-t")
    assert "Deployment probed/alliance-probe: the probe does not run: there is no such Deployment" in workload["reason"]
    assert done.result["failures"] == 1


def test_an_exporter_is_asked_with_and_without_a_good_token(run: ModuleRunner, one: Neighbour) -> None:
    checks = by_check(probe(run, one))
    assert [check.get("layer") for check in [*checks["exporter"], *checks["identity"]]] == [None] * 3
    assert not [check for check in checks["identity"] if "skipped" in check]


@pytest.fixture
def forgetful(one: Neighbour) -> Iterator[Neighbour]:
    """It does not know this cluster's key any more."""
    known, one.trusted = one.trusted, {}
    yield one
    one.trusted = known


def test_an_exporter_that_does_not_know_the_key_is_named(run: ModuleRunner, forgetful: Neighbour) -> None:
    (exporter,) = by_check(probe(run, forgetful))["exporter"]
    assert (exporter["layer"], exporter["blamed"]) == ("exporter", forgetful.name)


def test_an_istiod_that_is_not_there_is_named(run: ModuleRunner, one: Neighbour) -> None:
    names = {check["name"] for check in by_check(probe(run, one, istiod=["istiod"]))["workload"]}
    assert names == {"istiod", "probe"}


def test_a_neighbour_of_which_nothing_is_known(
    run: ModuleRunner, one: Neighbour, make_neighbour: Callable[[str], Neighbour]
) -> None:
    stranger = make_neighbour("probed-stranger")
    checks = by_check(probe(run, stranger))
    (service,) = checks["service"]
    assert (service["layer"], service["blamed"]) == ("service-entry", "cluster-t")
    (exporter,) = checks["exporter"]
    assert (exporter["layer"], exporter["blamed"]) == ("exporter", "cluster-t")


def test_a_sample_is_taken(run: ModuleRunner, one: Neighbour) -> None:
    done = probe(run, one, check=True, limit=1)
    assert len(done.result["targets"][one.name]) == 1
    done = probe(run, one, check=True, services=["nobody.*"])
    assert (done.result["targets"], done.result["offered"]) == ({one.name: []}, {one.name: 0})


def test_a_neighbour_without_a_name_is_refused(run: ModuleRunner) -> None:
    done = run("traffic_probe", fails=True, neighbours=[{}], trust_domain="cluster-t.local")
    assert "alliance_neighbours" in done.result["msg"]
