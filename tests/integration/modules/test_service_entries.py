# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""service_entries: what neighbours publish is callable here, and nothing is lost when they fail."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.gates.cycle import Step, cycle
from tests.integration.ansible_module import Cycle, ModuleRun, ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import GATEWAY, Neighbour

NAMESPACE, ROOT_NAMESPACE = "services", "services-istio"
FEDERATION = "deckhouse.io/v1alpha1"
ISTIO = "networking.istio.io/v1"


@pytest.fixture(scope="module")
def own(run: ModuleRunner, admin: Admin) -> tuple[str, str]:
    """This cluster's UUID and public key."""
    admin.namespace(NAMESPACE, ROOT_NAMESPACE)
    kube_system = admin.get("Namespace", None, "kube-system")
    assert kube_system is not None
    return kube_system["metadata"]["uid"], run("authn_keypair", namespace=NAMESPACE).result["public_key"]


@pytest.fixture(scope="module")
def one(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("services-one")


@pytest.fixture(scope="module")
def two(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("services-two")


@pytest.fixture(scope="module", autouse=True)
def _trusted(run: ModuleRunner, own: tuple[str, str], one: Neighbour, two: Neighbour) -> None:
    """Both sides have learnt who the other is."""
    for neighbour in (one, two):
        neighbour.trusted = dict([own])
    trust(run, one, two)


@pytest.fixture(autouse=True)
def _as_in_the_beginning(one: Neighbour, two: Neighbour) -> None:
    for neighbour in (one, two):
        neighbour.status, neighbour.refusals, neighbour.gateways = 200, 0, [GATEWAY]


def trust(run: ModuleRunner, *neighbours: Neighbour) -> ModuleRun:
    option = [item.option() for item in neighbours]
    return run("trust_anchors", neighbours=option, namespace=NAMESPACE, root_namespace=ROOT_NAMESPACE)


def entries(run: ModuleRunner, *neighbours: Any, **more: Any) -> ModuleRun:
    option = [item.option() if isinstance(item, Neighbour) else item for item in neighbours]
    return run("service_entries", neighbours=option, namespace=NAMESPACE, **more)


def hosts(admin: Admin) -> set[str]:
    """The hosts of all ServiceEntries; each has its DestinationRule."""
    client = admin.client
    found, ruled = (
        [item["spec"] for item in client.list(client.kind_of({"apiVersion": ISTIO, "kind": kind}), NAMESPACE).items]
        for kind in ("ServiceEntry", "DestinationRule")
    )
    assert {spec["host"] for spec in ruled} == {host for spec in found for host in spec["hosts"]}
    return {host for spec in found for host in spec["hosts"]}


def published(*neighbours: Neighbour) -> set[str]:
    return {service["hostname"] for neighbour in neighbours for service in neighbour.services}


def condition(admin: Admin, neighbour: Neighbour) -> tuple[str, str]:
    resource = admin.get("IstioFederation", None, neighbour.name, FEDERATION)
    assert resource is not None
    found = {item["type"]: item for item in resource["status"]["conditions"]}["PrivateMetadataExchangeReady"]
    return found["status"], found["reason"]


@cycle
def test_cycle(step: Step, run: ModuleRunner, expect: Cycle, admin: Admin, one: Neighbour, two: Neighbour) -> None:
    """Services of one neighbour; then one is published and one no more, and another neighbour joins; then none."""
    if step.id == "change-check-first":
        one.services = [one.service("baz"), one.service("qux")]
    if step.action == "delete":
        done = entries(run, one, two, check=step.check, by_ansible=True, state="absent")
    else:
        neighbours = [one] if step.action == "create" else [one, two]
        done = entries(run, *neighbours, check=step.check, by_ansible=True)
        assert done.result["imported"] == {item.name: len(item.services) for item in neighbours}
        assert done.result["findings"] == []
        if step.mode == "real":
            assert hosts(admin) == published(*neighbours)
            for item in neighbours:
                assert condition(admin, item) == ("True", "Succeeded")
    expect(step, done)
    if step.action == "delete" and step.mode == "real":
        assert hosts(admin) == set()


def test_the_objects_lead_through_the_neighbours_gateway(run: ModuleRunner, admin: Admin, one: Neighbour) -> None:
    entries(run, one)
    client = admin.client
    found = client.list(client.kind_of({"apiVersion": ISTIO, "kind": "ServiceEntry"}), NAMESPACE).items
    for spec in (item["spec"] for item in found):
        assert {endpoint["address"] for endpoint in spec["endpoints"]} == {GATEWAY["address"]}
        assert {port for endpoint in spec["endpoints"] for port in endpoint["ports"].values()} == {GATEWAY["port"]}
        assert spec["location"] == "MESH_INTERNAL"
    for item in client.list(client.kind_of({"apiVersion": ISTIO, "kind": "DestinationRule"}), NAMESPACE).items:
        assert item["spec"]["trafficPolicy"]["tls"]["mode"] == "ISTIO_MUTUAL"


def test_a_first_refusal_is_asked_again(run: ModuleRunner, admin: Admin, one: Neighbour) -> None:
    """The neighbour's exporter learns of our key a moment after it was written."""
    one.refusals = 2
    seen = one.tokens_seen
    done = entries(run, one)
    assert done.result["findings"] == []
    assert one.tokens_seen - seen == 3
    assert hosts(admin) == published(one)


def test_a_lasting_refusal_is_told(run: ModuleRunner, admin: Admin, own: tuple[str, str], one: Neighbour) -> None:
    entries(run, one)
    before = hosts(admin)
    one.trusted = {}
    try:
        done = entries(run, one)
    finally:
        one.trusted = dict([own])
    (finding,) = done.findings[one.name]
    assert finding["code"] == "private-NonOKResponse"
    assert "401" in finding["message"]
    assert "clocks" in finding["remedy"]
    assert hosts(admin) == before
    assert condition(admin, one) == ("False", "NonOKResponse")


@pytest.mark.parametrize("gateways", [[], None])
def test_no_gateway_evicts_nothing(
    gateways: list[dict[str, Any]] | None, run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour
) -> None:
    entries(run, one, two)
    before = hosts(admin)
    assert before == published(one, two)
    # As an exporter with an internal error answers: nothing of it may be believed.
    one.gateways, one.services = gateways, []
    done = entries(run, one, two)
    (finding,) = done.findings[one.name]
    assert finding["code"] == "neighbour-without-gateway"
    assert "what was known of it stays" in finding["message"]
    assert hosts(admin) == before
    assert not [write for write in done.writes if not write.startswith("patch istiofederations/")]
    again = entries(run, one, two)
    assert (again.result["changed"], again.writes) == (False, ())


def stale(admin: Admin, neighbour: Neighbour) -> tuple[str, str] | None:
    resource = admin.get("IstioFederation", None, neighbour.name, FEDERATION)
    assert resource is not None
    found = [item for item in resource["status"]["conditions"] if item["type"] == "Stale"]
    return (found[0]["status"], found[0]["reason"]) if found else None


def twice(run: ModuleRunner, *neighbours: Any, **options: Any) -> ModuleRun:
    """A plan, the run, and another run that does nothing; the run."""
    # Timestamps are not renewed while writes are counted.
    options = {"status_refresh": 86400, **options}
    plan = entries(run, *neighbours, check=True, **options)
    assert plan.writes == ()
    done = entries(run, *neighbours, **options)
    assert (done.objects, done.result["changed"]) == (plan.objects, plan.result["changed"])
    again = entries(run, *neighbours, **options)
    assert (again.result["changed"], again.writes) == (False, ())
    return done


def test_last_known_good_stays_for_as_long_as_it_may(
    run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour
) -> None:
    """A neighbour is away: warned of, evicted, brought back by a longer time, and back by itself."""
    one.services = [one.service("kept")]
    entries(run, one, two)
    one.stop()
    try:
        away = [one.option(), two.option()]
        assert twice(run, *away).findings.keys() == {one.name}
        assert stale(admin, one) is None
        time.sleep(1.5)  # it is away for longer than a second now
        done = twice(run, *away, stale_warn_after="1s", stale_after="1h")
        assert [item["code"] for item in done.findings[one.name]] == ["private-FetchFailed", "neighbour-stale"]
        assert stale(admin, one) == ("True", "LastKnownGood")
        assert (done.objects, hosts(admin)) == (set(), published(one, two))
        done = twice(run, *away, stale_after="1s")
        assert [item["code"] for item in done.findings[one.name]] == ["private-FetchFailed", "neighbour-evicted"]
        assert "stays" not in done.findings[one.name][0]["message"]
        assert {item[0] for item in done.objects} == {"deleted"}
        assert done.result["imported"] == {one.name: 0, two.name: len(two.services)}
        assert hosts(admin) == published(two)
        assert stale(admin, one) == ("True", "Evicted")
        # Whom it trusts is not the question.
        assert run_trust(run, away).result["trusted"].keys() == {one.name, two.name}
        twice(run, *away, stale_after="never")
        assert hosts(admin) == published(one, two)
    finally:
        one.start()
    assert twice(run, one, two, stale_after="1s").findings == {}
    assert hosts(admin) == published(one, two)
    assert stale(admin, one) == ("False", "Succeeded")


def run_trust(run: ModuleRunner, option: list[dict[str, Any]]) -> ModuleRun:
    return run("trust_anchors", neighbours=option, namespace=NAMESPACE, root_namespace=ROOT_NAMESPACE)


def test_that_there_is_no_gateway_counts_when_it_is_confirmed(
    run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour
) -> None:
    one.services = [one.service("kept")]
    entries(run, one, two)
    one.gateways = []
    done = twice(run, one.option(confirm_no_gateways=True), two)
    assert [item["code"] for item in done.findings[one.name]] == ["no-gateway-confirmed"]
    assert hosts(admin) == published(two)
    assert condition(admin, one) == ("True", "Succeeded")
    # Without a confirmation it is a mistake again, and there is nothing left to keep.
    done = entries(run, one, two)
    assert [item["message"] for item in done.findings[one.name]] == ["it names no ingress gateway"]
    one.gateways = [GATEWAY]
    assert entries(run, one, two).findings == {}
    assert hosts(admin) == published(one, two)


@pytest.mark.parametrize("broken", ["stopped", "error"])
def test_a_neighbour_that_is_down_keeps_its_services(
    broken: str, run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour
) -> None:
    """The other neighbour's changes are made meanwhile."""
    entries(run, one, two)
    two.services = [two.service(f"during-{broken}")]
    if broken == "stopped":
        one.stop()
    else:
        one.status = 500
    try:
        done = entries(run, {"name": one.name}, two)
        (finding,) = done.findings[one.name]
        assert "what was known of it stays" in finding["message"]
        assert hosts(admin) == published(one, two)
        assert not [item for item in done.objects if item[0] == "deleted" and one.name in item[2]]
        again = entries(run, {"name": one.name}, two)
        assert (again.result["changed"], again.writes) == (False, ())
    finally:
        if broken == "stopped":
            one.start()


def test_no_token_goes_to_somebody_else(run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour) -> None:
    """After the clusterUUID at an endpoint changed, it sees no request with a token."""
    entries(run, one, two)
    before, old = hosts(admin), one.uuid
    one.told_uuid = "99999999-9999-4999-8999-999999999999"
    try:
        trust(run, one, two)
        seen, asked = one.tokens_seen, two.tokens_seen
        done = entries(run, one, two)
        assert one.tokens_seen == seen
        assert two.tokens_seen == asked + 1
        assert done.findings[one.name][0]["code"] == "private-ClusterUUIDMismatch"
        assert hosts(admin) == before
    finally:
        one.told_uuid = old
        trust(run, one, two)
    assert entries(run, one, two).findings == {}


def test_who_was_never_proved_is_not_asked(
    run: ModuleRunner, one: Neighbour, make_neighbour: Callable[[str], Neighbour]
) -> None:
    stranger = make_neighbour("services-stranger")
    done = entries(run, one, stranger)
    assert done.findings[stranger.name][0]["code"] == "private-AwaitingPublic"
    assert stranger.requests == []
    assert done.result["imported"][stranger.name] == 0


def test_a_service_outside_of_the_domain_costs_itself_only(run: ModuleRunner, admin: Admin, one: Neighbour) -> None:
    good = [one.service("good")]
    one.services = [*good, {**one.service("bad"), "hostname": "bad.xyz.svc.elsewhere.local"}]
    try:
        done = entries(run, one)
        (finding,) = done.findings[one.name]
        assert finding["code"] == "service-refused"
        assert "elsewhere.local" in finding["object"]
        assert hosts(admin) == {good[0]["hostname"]}
    finally:
        one.services = good


def test_rendered_writes_nothing(run: ModuleRunner, admin: Admin, one: Neighbour) -> None:
    entries(run, one)
    before = hosts(admin)
    one.services = [one.service("rendered")]
    done = entries(run, one, state="rendered")
    assert (done.result["changed"], done.writes) == (False, ())
    kinds = [(item["kind"], item["spec"].get("hosts") or item["spec"]["host"]) for item in done.result["rendered"]]
    (host,) = published(one)
    assert sorted(kinds, key=str) == [("DestinationRule", host), ("ServiceEntry", [host])]
    assert hosts(admin) == before


def test_a_heartbeat_is_written_and_is_no_change(run: ModuleRunner, one: Neighbour) -> None:
    entries(run, one)
    time.sleep(1)  # the resolution of a status' times
    done = entries(run, one, status_refresh=0)
    assert done.result["changed"] is False
    assert done.writes == (f"patch istiofederations/{one.name}",)


def test_the_private_key_and_tokens_are_never_shown(run: ModuleRunner, admin: Admin, one: Neighbour) -> None:
    one.services = [one.service("shown")]
    done = entries(run, one)
    assert done.result["changed"] is True
    encoded = admin.data("Secret", NAMESPACE, "alliance-authn-keypair")["priv.pem"]
    for text in ("PRIVATE KEY", encoded, "eyJ", "Bearer"):
        assert text not in done.output


def test_the_plan_on_a_fresh_cluster_shows_every_object(
    run: ModuleRunner, admin: Admin, one: Neighbour, make_neighbour: Callable[[str], Neighbour], own: tuple[str, str]
) -> None:
    """Nothing was exchanged yet and no exporter is there: the plan takes what the neighbour's API has."""
    fresh = make_neighbour("services-fresh")
    fresh.trusted = dict([own])
    entries(run, one, state="absent")
    planned = fresh.option(metadata_endpoint=None, metadata_ca=None)
    plan = entries(run, planned, check=True, by_ansible=True)
    assert plan.findings == {}
    assert plan.writes == ()
    assert {kind for _action, kind, _name in plan.objects} == {"ConfigMap", "ServiceEntry", "DestinationRule"}
    assert published(fresh) <= {word.strip("\"',-") for word in plan.output.split()}
    trust(run, one, fresh)
    assert entries(run, fresh).objects == plan.objects
    assert json.dumps(sorted(hosts(admin))) == json.dumps(sorted(published(fresh)))
