# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""trust_anchors: who is believed, what is written, and what stays when a neighbour fails."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import anchors_for
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    PROVED_ANNOTATION,
    federation_resource,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_change import sign_key_change
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.mesh_config import parse_shared_mesh_config
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet

from tests.deckhouse import admission
from tests.gates.cycle import Step, cycle
from tests.integration.ansible_module import Cycle, ModuleRun, ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import Neighbour, make_root

NAMESPACE, ROOT_NAMESPACE = "trust", "trust-istio"
FEDERATION = "deckhouse.io/v1alpha1"
PLACES = {"namespace": NAMESPACE, "root_namespace": ROOT_NAMESPACE}


@pytest.fixture(scope="module")
def one(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("trust-one")


@pytest.fixture(scope="module")
def two(make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    return make_neighbour("trust-two")


@pytest.fixture(scope="module", autouse=True)
def _namespaces(admin: Admin) -> None:
    admin.namespace(NAMESPACE, ROOT_NAMESPACE)


def anchors(admin: Admin) -> dict[str, list[str]]:
    """The anchors in the shared mesh config, by trust domain."""
    text = admin.data("ConfigMap", ROOT_NAMESPACE, "istio-federation")["mesh"]
    return {domain: list(pems) for domain, pems in parse_shared_mesh_config(text).items()}


def known_to_the_exporter(admin: Admin) -> dict[str, Any]:
    text = admin.data("Secret", NAMESPACE, "alliance-remote-public-metadata")["remote-public-metadata.json"]
    return dict(json.loads(base64.b64decode(text)))


def status(admin: Admin, neighbour: Neighbour) -> dict[str, Any]:
    found = admin.get("IstioFederation", None, neighbour.name, FEDERATION)
    assert found is not None
    return dict(found["status"])


def condition(admin: Admin, neighbour: Neighbour) -> tuple[str, str]:
    found = {item["type"]: item for item in status(admin, neighbour)["conditions"]}["PublicMetadataExchangeReady"]
    return found["status"], found["reason"]


def expected_anchors(*neighbours: Neighbour) -> dict[str, list[str]]:
    return {item.domain: list(anchors_for(item.root, item.domain)) for item in neighbours}


def trust(run: ModuleRunner, *neighbours: Any, **more: Any) -> ModuleRun:
    option = [item.option() if isinstance(item, Neighbour) else item for item in neighbours]
    return run("trust_anchors", neighbours=option, **PLACES, **more)


@cycle
def test_cycle(step: Step, run: ModuleRunner, expect: Cycle, admin: Admin, one: Neighbour, two: Neighbour) -> None:
    """One neighbour; then its root is rotated and another one joins; then all goes."""
    if step.id == "change-check-first":
        one.rotate()
    if step.action == "delete":
        done = trust(run, check=step.check, by_ansible=True, state="absent")
    else:
        neighbours = [one] if step.action == "create" else [one, two]
        done = trust(run, *neighbours, check=step.check, by_ansible=True)
        assert done.result["trusted"] == {item.name: item.fingerprints for item in neighbours}
        assert done.result["findings"] == []
        if step.mode == "real":
            assert anchors(admin) == expected_anchors(*neighbours)
            assert known_to_the_exporter(admin) == {
                item.uuid: {
                    "clusterUUID": item.uuid,
                    "authnKeyPub": item.keys.public_pem,
                    "rootCA": item.root,
                    "scopes": ["private-federation"],
                }
                for item in neighbours
            }
            for item in neighbours:
                assert condition(admin, item) == ("True", "Succeeded")
                assert status(admin, item)["metadataCache"]["public"]["clusterUUID"] == item.uuid
    expect(step, done)
    if step.action == "delete" and step.mode == "real":
        assert admin.get("ConfigMap", ROOT_NAMESPACE, "istio-federation") is None
        assert admin.get("IstioFederation", None, one.name, FEDERATION) is None


def test_a_cluster_of_the_same_domain(
    run: ModuleRunner, admin: Admin, one: Neighbour, make_neighbour: Callable[..., Neighbour]
) -> None:
    """Its resource is an IstioMulticluster, and the api-proxy lets it in; the federated one it does not."""
    joined = make_neighbour("trust-joined", "mesh.local")
    proxy = {"api_proxy": {"cluster_domain": "mesh.local", "limits": {"burst": 7}}}
    done = trust(run, joined.option(mode="multicluster", flat_network=True), one, **proxy)
    assert done.result["findings"] == []
    assert anchors(admin) == expected_anchors(joined, one)
    assert {uuid: entry["scopes"] for uuid, entry in known_to_the_exporter(admin).items()} == {
        joined.uuid: ["private-multicluster"],
        one.uuid: ["private-federation"],
    }
    resource = admin.get("IstioMulticluster", None, joined.name, FEDERATION)
    assert resource is not None
    assert resource["spec"]["enableIngressGateway"] is False
    assert resource["status"]["metadataCache"]["public"]["clusterUUID"] == joined.uuid
    configuration = str(admin.data("ConfigMap", NAMESPACE, "api-proxy-neighbours"))
    assert joined.uuid in configuration
    assert one.uuid not in configuration
    again = trust(run, joined.option(mode="multicluster", flat_network=True), one, **proxy)
    assert (again.result["changed"], again.writes) == (False, ())
    # It gets a domain of its own: one resource of one kind.
    joined.domain = "joined.local"
    joined.rotate()
    trust(run, joined, one, **proxy)
    assert admin.get("IstioMulticluster", None, joined.name, FEDERATION) is None
    assert condition(admin, joined) == ("True", "Succeeded")
    assert joined.uuid not in str(admin.data("ConfigMap", NAMESPACE, "api-proxy-neighbours"))
    assert trust(run, joined, one, **proxy).writes == ()
    trust(run, one)
    assert admin.get("ConfigMap", NAMESPACE, "api-proxy-neighbours") is None


def test_a_root_that_is_not_the_apis_is_not_trusted(
    run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour
) -> None:
    """The finding names both; that edge keeps what it had, the other one goes on."""
    trust(run, one, two)
    before = anchors(admin)
    one.told_root = make_root(one.domain)
    two.rotate()
    try:
        done = trust(run, one, two)
        (finding,) = done.findings[one.name]
        assert finding["code"] == "public-InvalidPublicMetadata"
        assert one.fingerprints[0] in finding["message"]
        assert two.name not in done.findings
        assert anchors(admin) == {one.domain: before[one.domain], **expected_anchors(two)}
        assert anchors(admin)[two.domain] != before[two.domain]
        told = run("metadata_info", endpoint=one.option()["metadata_endpoint"], endpoint_ca=one.option()["metadata_ca"])
        (other,) = told.result["root_fingerprints"]
        assert other in finding["message"]
        assert other not in json.dumps(done.result["trusted"])
        assert condition(admin, one) == ("False", "InvalidPublicMetadata")
        again = trust(run, one, two)
        assert (again.result["changed"], again.writes) == (False, ())
    finally:
        one.told_root = one.root
        trust(run, one, two)


@pytest.mark.parametrize("broken", ["stopped", "error"])
def test_a_neighbour_that_is_down_changes_nothing(
    broken: str, run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour
) -> None:
    trust(run, one, two)
    before = anchors(admin), known_to_the_exporter(admin), status(admin, one)["metadataCache"]
    if broken == "stopped":
        one.stop()
    else:
        one.status = 500
    try:
        # Its API is down as well: neither state nor endpoint is known but from the resource.
        option = {"name": one.name}
        done = trust(run, option, two)
        (finding,) = done.findings[one.name]
        assert finding["code"] == ("public-FetchFailed" if broken == "stopped" else "public-NonOKResponse")
        assert "what was known of it stays" in finding["message"]
        assert (anchors(admin), known_to_the_exporter(admin), status(admin, one)["metadataCache"]) == before
        # Telling so in the status is the only write, once.
        assert done.writes == (f"patch istiofederations/{one.name}",)
        again = trust(run, option, two)
        assert (again.result["changed"], again.writes) == (False, ())
        assert len(again.findings[one.name]) == 1
    finally:
        one.status = 200
        if broken == "stopped":
            one.start()
        trust(run, one, two)
    assert condition(admin, one) == ("True", "Succeeded")


def test_another_cluster_uuid_is_refused(run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour) -> None:
    """Also when its API agrees: a cluster that was made anew has to be confirmed by deleting its resource."""
    trust(run, one, two)
    before = anchors(admin), known_to_the_exporter(admin)
    old = one.uuid
    one.uuid = one.told_uuid = "99999999-9999-4999-8999-999999999999"
    try:
        done = trust(run, one, two)
        (finding,) = done.findings[one.name]
        assert finding["code"] == "public-ClusterUUIDMismatch"
        assert old in finding["message"]
        assert one.uuid in finding["message"]
        assert f"IstioFederation {one.name}" in finding["remedy"]
        assert (anchors(admin), known_to_the_exporter(admin)) == before
        assert condition(admin, one) == ("False", "ClusterUUIDMismatch")
        admin.delete("IstioFederation", None, one.name, FEDERATION)
        assert trust(run, one, two).findings == {}
        assert set(known_to_the_exporter(admin)) == {one.uuid, two.uuid}
    finally:
        one.uuid = one.told_uuid = old
        admin.delete("IstioFederation", None, one.name, FEDERATION)
        trust(run, one, two)


def test_neither_of_two_that_claim_one_uuid_is_believed(
    run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour
) -> None:
    trust(run, state="absent")
    old = two.uuid
    two.uuid = two.told_uuid = one.uuid
    try:
        done = trust(run, one, two)
        assert done.result["trusted"] == {}
        for item, other in ((one, two), (two, one)):
            (finding,) = done.findings[item.name]
            assert finding["code"] == "public-ClusterUUIDMismatch"
            assert finding["message"].endswith(f"is that of {other.name}")
        assert anchors(admin) == {}
        assert known_to_the_exporter(admin) == {}
    finally:
        two.uuid = two.told_uuid = old
    assert trust(run, one, two).findings == {}


def test_who_proved_a_uuid_first_keeps_it_while_away(
    run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour
) -> None:
    """A pinned neighbour without an API can't take the place of one that is down: its key would speak for it."""
    trust(run, state="absent")
    trust(run, one)
    keys = known_to_the_exporter(admin)
    old = two.uuid
    one.stop()
    two.uuid = two.told_uuid = one.uuid
    try:
        done = trust(run, one, two.option(state=None, root_fingerprints=two.fingerprints))
        assert set(done.result["trusted"]) == {one.name}
        (finding,) = done.findings[two.name]
        assert finding["code"] == "public-ClusterUUIDMismatch"
        assert known_to_the_exporter(admin) == keys
    finally:
        two.uuid = two.told_uuid = old
        one.start()
    assert trust(run, one, two).findings == {}


def test_an_unknown_neighbour_needs_a_pin(run: ModuleRunner, one: Neighbour, two: Neighbour) -> None:
    """Its API can't be read and it was never proved: only its fingerprint helps, and only the right one."""
    trust(run, state="absent")
    (pin,) = one.fingerprints
    unproved = trust(run, one.option(state=None))
    assert "never proved before" in unproved.findings[one.name][0]["message"]
    wrong = trust(run, one.option(state=None, root_fingerprints=two.fingerprints))
    assert pin in wrong.findings[one.name][0]["message"]
    assert two.fingerprints[0] in wrong.findings[one.name][0]["message"]
    assert (unproved.result["trusted"], wrong.result["trusted"]) == ({}, {})
    assert trust(run, one.option(state=None, root_fingerprints=[pin.lower()])).result["trusted"] == {one.name: [pin]}


def test_a_new_key_of_a_neighbour_whose_api_nobody_reads(run: ModuleRunner, admin: Admin, two: Neighbour) -> None:
    """The known key has to vouch for it; both count until the end that it sets."""
    who = {"state": None, "provider": "external", "root_fingerprints": two.fingerprints}
    assert trust(run, two.option(**who)).findings == {}
    old, new, now = two.keys, generate_key_pair(), time.time()
    two.keys = new
    (finding,) = trust(run, two.option(**who)).findings[two.name]
    assert "another public key" in finding["message"]
    assert known_to_the_exporter(admin)[two.uuid]["authnKeyPub"] == old.public_pem
    change = {"subject": two.uuid, "new_public_pem": new.public_pem, "now": now, "until": now + 3600}
    two.key_change = sign_key_change(generate_key_pair().private_pem, **change)
    assert "another public key" in trust(run, two.option(**who)).findings[two.name][0]["message"]
    two.key_change = sign_key_change(old.private_pem, **change)
    assert trust(run, two.option(**who)).findings == {}
    told = known_to_the_exporter(admin)[two.uuid]
    assert (told["authnKeyPub"], told["previousAuthnKeyPub"]) == (new.public_pem, old.public_pem)
    assert told["previousAuthnKeyUntil"] == rfc3339(now + 3600)
    again = trust(run, two.option(**who))
    assert (again.result["changed"], again.writes) == (False, ())
    two.key_change = ""
    assert trust(run, two.option(**who)).findings == {}


def test_a_held_neighbour_stays_as_it_is(run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour) -> None:
    trust(run, one, two)
    before = anchors(admin)
    one.rotate()
    done = trust(run, one.option(hold="its trust domain is shared"), two)
    assert "its trust domain is shared" in done.findings[one.name][0]["message"]
    assert anchors(admin) == before
    trust(run, one, two)


def test_who_is_no_neighbour_any_more_is_not_trusted(
    run: ModuleRunner, admin: Admin, one: Neighbour, two: Neighbour
) -> None:
    trust(run, one, two)
    done = trust(run, two)
    assert ("deleted", "IstioFederation", one.name) in done.objects
    assert anchors(admin) == expected_anchors(two)
    assert set(known_to_the_exporter(admin)) == {two.uuid}


def test_a_heartbeat_is_written_and_is_no_change(run: ModuleRunner, one: Neighbour, two: Neighbour) -> None:
    trust(run, one, two)
    time.sleep(1)  # the resolution of a status' times
    done = trust(run, one, two, status_refresh=0)
    assert done.result["changed"] is False
    assert sorted(done.writes) == [f"patch istiofederations/{item.name}" for item in (one, two)]
    assert trust(run, one, two, status_refresh=0, check=True).writes == ()


def test_the_plan_on_a_fresh_cluster_needs_no_exporter(run: ModuleRunner, one: Neighbour) -> None:
    """Where no exporter is there yet, its API tells what it will publish."""
    trust(run, state="absent")
    fresh = one.option(metadata_endpoint=None, metadata_ca=None, state=one.state(authn_key_pub=None, gateways=None))
    plan = trust(run, fresh, check=True)
    assert plan.findings == {}
    assert plan.writes == ()
    assert plan.result["trusted"] == {one.name: one.fingerprints}
    assert trust(run, one).objects == plan.objects


PLATFORM = {"namespace": "trust-platform", "provider": "deckhouse"}


@pytest.fixture(scope="module")
def platform_set(admin: Admin, run: ModuleRunner) -> Iterator[str]:
    """The id of the ApplySet on a platform; nothing of the other tests is left, nothing of these stays."""
    admin.namespace(PLATFORM["namespace"])
    run("trust_anchors", neighbours=[], state="absent", **PLACES)
    yield ApplySet("alliance-trust", PLATFORM["namespace"]).id
    run("trust_anchors", neighbours=[], state="absent", **PLATFORM)


def tell(run: ModuleRunner, *neighbours: Any, **more: Any) -> ModuleRun:
    option = [item.option() if isinstance(item, Neighbour) else item for item in neighbours]
    return run("trust_anchors", neighbours=option, **PLATFORM, **more)


def fetched(admin: Admin, neighbour: Neighbour, **changes: str) -> None:
    """The platform writes what it has fetched from a neighbour."""
    known = {"clusterUUID": neighbour.uuid, "authnKeyPub": neighbour.keys.public_pem, "rootCA": neighbour.root}
    resource = {"apiVersion": FEDERATION, "kind": "IstioFederation", "metadata": {"name": neighbour.name}}
    status = {"metadataCache": {"public": {**known, **changes}}}
    admin.apply({**resource, "status": status}, manager="platform", subresource="status")


@cycle
def test_cycle_on_a_platform(
    step: Step,
    run: ModuleRunner,
    expect_platform: Cycle,
    admin: Admin,
    platform_set: str,
    one: Neighbour,
    two: Neighbour,
) -> None:
    """One neighbour; then another one joins; then all goes. Nothing but resources is written, and no status."""
    if step.action == "delete":
        done = tell(run, check=step.check, by_ansible=True, state="absent")
    else:
        neighbours = [one] if step.action == "create" else [one, two]
        done = tell(run, *neighbours, check=step.check, by_ansible=True)
        assert done.result["trusted"] == {item.name: item.fingerprints for item in neighbours}
        assert done.result["findings"] == []
        if step.mode == "real":
            for item in neighbours:
                found = admin.get("IstioFederation", None, item.name, FEDERATION)
                assert found is not None
                option = item.option()
                spec = found["spec"]
                assert (spec["trustDomain"], spec["metadataEndpoint"]) == (item.domain, option["metadata_endpoint"])
                assert spec["metadata"]["clusterCA"] == option["metadata_ca"]
                assert not found.get("status")
                assert found["metadata"]["labels"]["applyset.kubernetes.io/part-of"] == platform_set
    expect_platform(step, done)
    assert {kind for _action, kind, _name in done.objects} <= {"IstioFederation", "ConfigMap"}
    assert admin.names("Secret", PLATFORM["namespace"]) == set()
    assert admin.names("ConfigMap", PLATFORM["namespace"]) <= {"alliance-trust"}
    if step.action == "delete" and step.mode == "real":
        assert admin.get("IstioFederation", None, one.name, FEDERATION) is None


@pytest.fixture(scope="module")
def expect_platform() -> Cycle:
    return Cycle()


def test_a_platform_is_not_told_of_who_is_not_proved(
    run: ModuleRunner, admin: Admin, platform_set: str, one: Neighbour, two: Neighbour
) -> None:
    one.told_root = make_root(one.domain)
    try:
        done = tell(run, one, two)
    finally:
        one.told_root = one.root
    assert [item["code"] for item in done.findings[one.name]] == ["public-InvalidPublicMetadata"]
    assert set(done.result["trusted"]) == {two.name}
    assert admin.get("IstioFederation", None, one.name, FEDERATION) is None
    # Once it was told, it stays so while the neighbour is away.
    assert tell(run, one, two).findings == {}
    one.stop()
    try:
        away = tell(run, one, two)
    finally:
        one.start()
    assert [item["code"] for item in away.findings[one.name]] == ["public-FetchFailed"]
    assert (away.result["changed"], away.writes) == (False, ())


def test_a_platform_remembers_what_was_proved(
    run: ModuleRunner, admin: Admin, platform_set: str, one: Neighbour, two: Neighbour
) -> None:
    """In an annotation: one write when its API vouches for a rotation, none when nobody does."""

    def memory() -> dict[str, Any]:
        found = admin.get("IstioFederation", None, one.name, FEDERATION)
        assert found is not None
        return dict(json.loads(found["metadata"]["annotations"][PROVED_ANNOTATION]))

    tell(run, one, two)
    assert memory()["rootCA"] == one.root
    old = one.root
    one.rotate()
    refused = tell(run, one.option(state=None), two)
    assert [item["code"] for item in refused.findings[one.name]] == ["public-InvalidPublicMetadata"]
    assert (refused.result["changed"], refused.writes, memory()["rootCA"]) == (False, (), old)
    plan = tell(run, one, two, check=True, by_ansible=True)
    shown = plan.output.partition("localhost | ")[0]
    assert PROVED_ANNOTATION in shown
    # A line of the new root.
    assert one.root.splitlines()[5] in shown
    done = tell(run, one, two)
    assert done.writes == (f"patch istiofederations/{one.name}",)
    assert done.objects == plan.objects == {("updated", "IstioFederation", one.name)}
    assert memory()["rootCA"] == one.root
    again = tell(run, one, two)
    assert (again.result["changed"], again.writes, again.findings) == (False, (), {})


def test_a_platform_that_has_just_been_switched_on_is_asked_again(
    run: ModuleRunner, admin: Admin, platform_set: str, one: Neighbour, two: Neighbour
) -> None:
    """Its rule that refuses the resources while federation is off goes a while after the switch."""
    tell(run, state="absent")
    rule = admission.federation_off()
    admin.apply(*rule)
    try:
        until_refused(admin)
        failed = tell(run, one, two, fails=True, platform_timeout=1)
        assert admission.OFF_MESSAGE in failed.result["msg"]
        assert "platform_timeout" in failed.result["msg"]
        # Lifted while the module asks: its second attempt comes after some seconds.
        timer = threading.Timer(4, remove, (admin, rule))
        timer.start()
        done = tell(run, one, two)
        timer.join()
        assert set(done.result["trusted"]) == {one.name, two.name}
        assert done.result["counts"]["created"] >= 2
        assert admin.get("IstioFederation", None, two.name, FEDERATION) is not None
    finally:
        remove(admin, rule)
    assert tell(run, one, two).writes == ()


def remove(admin: Admin, manifests: list[dict[str, Any]]) -> None:
    for item in reversed(manifests):
        if admin.get(item["kind"], None, item["metadata"]["name"], item["apiVersion"]) is not None:
            admin.delete(item["kind"], None, item["metadata"]["name"], item["apiVersion"])


def until_refused(admin: Admin) -> None:
    """The API server takes a rule up a moment after it was written."""
    probe = federation_resource("probe", trust_domain="probe.local", endpoint="https://probe.example/metadata/")
    for _attempt in range(100):
        try:
            admin.apply(probe)
        except AllianceError:
            break
        time.sleep(0.2)
    if admin.get("IstioFederation", None, "probe", FEDERATION) is not None:
        admin.delete("IstioFederation", None, "probe", FEDERATION)


def test_the_status_of_a_platform_is_never_touched(
    run: ModuleRunner, admin: Admin, platform_set: str, one: Neighbour, two: Neighbour
) -> None:
    tell(run, one, two)
    fetched(admin, one)
    fetched(admin, two, rootCA=one.root)
    before = status(admin, one), status(admin, two)
    time.sleep(1)  # the resolution of a status' times
    done = tell(run, one, two, status_refresh=0)
    assert (done.result["changed"], done.writes) == (False, ())
    assert (status(admin, one), status(admin, two)) == before
    (finding,) = done.findings[two.name]
    assert finding["code"] == "platform-differs"
    assert one.fingerprints[0] in finding["message"]
    assert two.fingerprints[0] in finding["message"]
    assert set(done.findings) == {two.name}


@pytest.mark.parametrize("name", ["trust-one", "theirs"])
def test_somebody_elses_resource_on_a_platform_is_not_taken(
    name: str, run: ModuleRunner, admin: Admin, platform_set: str, one: Neighbour, two: Neighbour
) -> None:
    tell(run, state="absent")
    theirs = federation_resource(name, trust_domain=one.domain, endpoint="https://x.example/metadata/")
    admin.apply(theirs)
    try:
        done = tell(run, one, two)
        (finding,) = done.findings[one.name]
        assert (finding["code"], finding["object"]) == ("federation-taken", f"IstioFederation {name}")
        assert set(done.result["trusted"]) == {two.name}
        # The remedy works: given to the set by its label, it is ours, or replaced by ours.
        _text, _sep, label = finding["remedy"].rpartition(" ")
        key, _equals, value = label.partition("=")
        given = {**theirs, "metadata": {"name": name, "labels": {key: value}}}
        admin.apply(given)
        assert tell(run, one, two).findings == {}
        assert (admin.get("IstioFederation", None, "theirs", FEDERATION)) is None
    finally:
        tell(run, state="absent")
