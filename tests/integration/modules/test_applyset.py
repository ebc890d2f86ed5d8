# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""applyset: sets of objects at a real API server."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import (
    PART_OF_LABEL,
    ApplySet,
    Contents,
)

from tests.ansible_commands import environment
from tests.definitions import definition
from tests.gates.cycle import Step, cycle
from tests.integration.ansible_module import Cycle, ModuleRunner
from tests.integration.conftest import Admin
from tests.processes import kill_with_children

HERE, THERE = "blue", "green"
ISTIO = "networking.istio.io/v1"
SECRET_TEXT = "correct-horse-battery-staple"
OTHER_SECRET_TEXT = "tr0ub4dor-and-three"
SET = {"name": "team-blue", "namespace": HERE}


def config_map(name: str, namespace: str = HERE, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def secret(text: str) -> dict[str, Any]:
    metadata = {"name": "password", "namespace": HERE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"word": text}}


def service_entry(name: str, namespace: str = HERE, port: int = 80) -> dict[str, Any]:
    spec = {
        "hosts": [f"{name}.example"],
        "resolution": "STATIC",
        "location": "MESH_INTERNAL",
        "ports": [{"number": port, "name": "http", "protocol": "HTTP"}],
        "endpoints": [{"address": "203.0.113.10", "ports": {"http": 15443}}],
    }
    return {
        "apiVersion": ISTIO,
        "kind": "ServiceEntry",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def workload(image: str = "one") -> list[dict[str, Any]]:
    """What the server completes most: a Service and a Deployment."""
    port = {"name": "http", "port": 80}
    container = {
        "name": "main",
        "image": image,
        "ports": [{"containerPort": 80}],
        "env": [{"name": "A", "value": "1"}],
        "resources": {"requests": {"cpu": "0.1", "memory": "1024Mi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
    }
    template = {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "w"}}, "template": template}
    metadata = {"name": "w", "namespace": HERE}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [port]}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec},
    ]


CYCLE_ARGUMENTS: dict[str, dict[str, Any]] = {
    "create": {
        "applyset": SET,
        "definitions": [
            config_map("kept", a="1"),
            config_map("pruned", THERE, a="1"),
            secret(SECRET_TEXT),
            service_entry("bar"),
            *workload(),
        ],
    },
    "change": {
        "applyset": SET,
        "definitions": [
            config_map("kept", a="2"),
            secret(OTHER_SECRET_TEXT),
            service_entry("bar", port=8080),
            service_entry("baz"),
            *workload("two"),
        ],
    },
    "delete": {"applyset": SET, "state": "absent"},
}


@pytest.fixture(scope="module", autouse=True)
def _namespaces(admin: Admin) -> None:
    admin.namespace(HERE, THERE)


@cycle
def test_cycle(step: Step, run: ModuleRunner, expect: Cycle, admin: Admin) -> None:
    if step.id == "delete-real-first":
        admin.apply(config_map("of-others"))
    done = run("applyset", check=step.check, by_ansible=True, **CYCLE_ARGUMENTS[step.action])
    expect(step, done)
    for text in (SECRET_TEXT, OTHER_SECRET_TEXT):
        assert text not in done.output
    if step.mode == "real" and step.action != "delete":
        wanted = CYCLE_ARGUMENTS[step.action]["definitions"]
        assert admin.names("ServiceEntry", HERE, ISTIO) == {
            item["metadata"]["name"] for item in wanted if item["kind"] == "ServiceEntry"
        }
        assert ("pruned" in admin.names("ConfigMap", THERE)) is (step.action == "create")
    if step.mode == "real" and step.action == "delete":
        assert admin.names("ServiceEntry", HERE, ISTIO) == set()
        assert admin.names("ConfigMap", HERE) & {"kept", "of-others", SET["name"]} == {"of-others"}


def test_secrets_are_in_no_diff_result_or_output(run: ModuleRunner) -> None:
    """Neither as text nor encoded; that a value changes is shown."""
    first = run("applyset", definitions=[secret(SECRET_TEXT)])
    second = run("applyset", definitions=[secret(OTHER_SECRET_TEXT)])
    assert "(hidden)" in first.output
    assert "(hidden, changed)" in second.output
    for done in (first, second):
        for text in (SECRET_TEXT, OTHER_SECRET_TEXT, "Y29ycmVjdC1ob3Jz", "dHIwdWI0ZG9y"):
            assert text not in done.output


@pytest.mark.parametrize("adopt", ["always", "refuse", "skip"])
def test_adoption_of_what_others_made(adopt: str, run: ModuleRunner, admin: Admin) -> None:
    name = f"taken-{adopt}"
    admin.apply(config_map(name, theirs="1"))
    applyset = {"name": f"adopt-{adopt}", "namespace": HERE}
    definitions = [config_map(name, ours="1"), config_map(f"new-{adopt}")]
    done = run("applyset", fails=adopt == "refuse", applyset=applyset, adopt=adopt, definitions=definitions)
    live = admin.get("ConfigMap", HERE, name)
    assert live is not None
    labelled = (live["metadata"].get("labels") or {}).get(PART_OF_LABEL) == ApplySet(**applyset).id
    assert labelled is (adopt == "always")
    assert live["data"] == ({"theirs": "1", "ours": "1"} if adopt == "always" else {"theirs": "1"})
    assert (f"new-{adopt}" in admin.names("ConfigMap", HERE)) is (adopt != "refuse")
    if adopt == "refuse":
        assert done.writes == ()
        assert done.result["msg"].startswith(f"cluster cluster-t, ConfigMap {HERE}/{name}: ")
        assert "not ours" in done.result["msg"]
        assert done.result["error"]["remedy"]
    else:
        again = run("applyset", applyset=applyset, adopt=adopt, definitions=definitions)
        assert (again.result["changed"], again.writes) == (False, ())


def test_a_member_of_another_set_is_never_taken(run: ModuleRunner, admin: Admin) -> None:
    one, other = {"name": "set-one", "namespace": HERE}, {"name": "set-other", "namespace": HERE}
    run("applyset", applyset=one, definitions=[config_map("contested", a="1")])
    done = run("applyset", fails=True, applyset=other, definitions=[config_map("contested", a="2")])
    assert ApplySet(**one).id in done.result["msg"]
    assert done.writes == ()
    assert admin.data("ConfigMap", HERE, "contested") == {"a": "1"}


def test_only_members_of_the_own_set_are_pruned(run: ModuleRunner, admin: Admin) -> None:
    mine, theirs = {"name": "mine", "namespace": HERE}, {"name": "theirs", "namespace": HERE}
    run("applyset", applyset=mine, definitions=[config_map("m1"), config_map("m2", THERE)])
    run("applyset", applyset=theirs, definitions=[config_map("t1")])
    admin.apply(config_map("nobodys"))
    done = run("applyset", applyset=mine, definitions=[config_map("m1")])
    assert done.result["counts"] == {"created": 0, "updated": 1, "deleted": 1, "unchanged": 1}
    assert [write for write in done.writes if write.startswith("delete")] == ["delete configmaps/m2"]
    assert {"m1", "t1", "nobodys"} <= admin.names("ConfigMap", HERE)


def test_a_killed_run_is_completed(run: ModuleRunner, admin: Admin) -> None:
    """It had recorded what it was going to write, had written half, and had not pruned yet."""
    applyset = ApplySet("killed", HERE)
    contents = Contents(frozenset({"ConfigMap", "ServiceEntry.networking.istio.io"}), frozenset({HERE, THERE}))
    half, stale = config_map("half"), service_entry("stale", THERE)
    for obj in (half, stale):
        obj["metadata"]["labels"] = {PART_OF_LABEL: applyset.id}
    admin.apply(applyset.parent(contents), half, stale, manager="meshalliance.istio")
    definitions = [config_map("half"), config_map("whole")]
    arguments = {"applyset": {"name": "killed", "namespace": HERE}, "definitions": definitions}
    done = run("applyset", **arguments)
    assert ("deleted", "ServiceEntry", "stale") in done.objects
    assert ("created", "ConfigMap", "whole") in done.objects
    assert admin.names("ServiceEntry", THERE, ISTIO) == set()
    parent = admin.get("ConfigMap", HERE, "killed")
    assert parent is not None
    annotations = parent["metadata"]["annotations"]
    assert annotations["applyset.kubernetes.io/contains-group-kinds"] == "ConfigMap"
    assert annotations["applyset.kubernetes.io/additional-namespaces"] == ""
    assert run("applyset", **arguments).writes == ()


def test_a_parent_that_a_killed_run_did_not_come_to_is_made(run: ModuleRunner, admin: Admin) -> None:
    """Definitions and namespaces are written before the parent, which may lie in such a namespace."""
    arguments = {"applyset": {"name": "orphaned", "namespace": HERE}, "definitions": [config_map("member")]}
    run("applyset", **arguments)
    admin.delete("ConfigMap", HERE, "orphaned")
    assert run("applyset", **arguments).objects == {("created", "ConfigMap", "orphaned")}
    assert run("applyset", **arguments).writes == ()


def test_a_run_killed_in_the_middle_is_completed(run: ModuleRunner, admin: Admin) -> None:
    admin.namespace("middle")
    names = {f"s{number}" for number in range(300)}
    definitions = [service_entry(name, "middle") for name in sorted(names)]
    arguments = {"applyset": {"name": "middle", "namespace": "middle"}, "definitions": definitions}
    log = run.control_plane.audit_log
    before = log.stat().st_size
    process = subprocess.Popen(
        run.command("applyset", **arguments),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        with log.open("rb") as events:
            events.seek(before)
            seen = 0
            while seen < 40:  # each in two events
                seen += events.read().count(b'"verb":"patch"')
                assert time.monotonic() < deadline, "it writes nothing"
                time.sleep(0.005)
    finally:
        kill_with_children(process)
    half = admin.names("ServiceEntry", "middle", ISTIO)
    assert 0 < len(half) < len(names)
    assert admin.get("ConfigMap", "middle", "middle") is not None, "the parent is recorded first"
    done = run("applyset", **arguments)
    # The server still carries out what it had received from the killed run: what the next one found is what counts.
    created = {name for action, _kind, name in done.objects if action == "created"}
    assert len(created) == done.result["counts"]["created"] == len(names) - done.result["counts"]["unchanged"]
    assert half.isdisjoint(created)
    assert {f"patch serviceentries/{name}" for name in created} <= set(done.writes)
    assert admin.names("ServiceEntry", "middle", ISTIO) == names
    assert run("applyset", **arguments).writes == ()


def test_what_somebody_else_changed_is_repaired(run: ModuleRunner, admin: Admin) -> None:
    arguments = {"applyset": {"name": "repair", "namespace": HERE}, "definitions": [config_map("repaired", a="1")]}
    run("applyset", **arguments)
    admin.apply(config_map("repaired", a="broken"))
    plan = run("applyset", check=True, **arguments)
    assert "broken" in plan.output
    assert plan.writes == ()
    assert run("applyset", **arguments).writes == ("patch configmaps/repaired",)
    assert admin.data("ConfigMap", HERE, "repaired") == {"a": "1"}
    admin.delete("ConfigMap", HERE, "repaired")
    assert run("applyset", **arguments).objects == {("created", "ConfigMap", "repaired")}


def test_fields_of_others_stay_and_removed_fields_go(run: ModuleRunner, admin: Admin) -> None:
    run("applyset", definitions=[config_map("shared", a="1", b="2")])
    admin.apply(config_map("shared", theirs="3"), manager="kubectl")
    second = run("applyset", definitions=[config_map("shared", a="1", b="2")])
    assert (second.result["changed"], second.writes) == (False, ())
    assert run("applyset", definitions=[config_map("shared", a="1")]).result["changed"] is True
    assert admin.data("ConfigMap", HERE, "shared") == {"a": "1", "theirs": "3"}


def test_a_definition_and_its_objects_in_one_call(run: ModuleRunner, admin: Admin) -> None:
    """The objects are written when the API server serves their kind; a plan knows it before."""
    crd = definition("Star", "tests.example.com")
    api_version = "tests.example.com/v1"
    star = {"apiVersion": api_version, "kind": "Star", "metadata": {"name": "one", "namespace": HERE}, "size": 3}
    expected = {("created", "CustomResourceDefinition", "stars.tests.example.com"), ("created", "Star", "one")}
    assert run("applyset", check=True, definitions=[star, crd]).objects == expected
    assert run("applyset", definitions=[star, crd], wait=True).objects == expected
    found = admin.get("Star", HERE, "one", api_version)
    assert found is not None
    assert found["size"] == 3
    assert run("applyset", definitions=[star, crd]).writes == ()


def test_what_is_only_wanted_where_its_kind_is_known(run: ModuleRunner, admin: Admin) -> None:
    moon = {"apiVersion": "tests.example.com/v1", "kind": "Moon", "metadata": {"name": "one", "namespace": HERE}}
    optional = ["Moon.tests.example.com"]
    arguments = {
        "applyset": {"name": "sky", "namespace": HERE},
        "definitions": [config_map("sky-1"), moon],
        "when_served": optional,
    }
    expected = {("created", "ConfigMap", "sky"), ("created", "ConfigMap", "sky-1")}
    for check in (True, False):
        done = run("applyset", check=check, **arguments)
        assert (done.objects, done.result["not_served"]) == (expected, optional)
        assert "Moon.tests.example.com is asked for and not known there" in done.output
        assert done.result["counts"]["created"] == 2
    assert run("applyset", **arguments).writes == ()
    run("applyset", definitions=[definition("Moon", "tests.example.com")], wait=True)
    done = run("applyset", **arguments)
    assert ("created", "Moon", "one") in done.objects
    assert done.result["not_served"] == []
    assert run("applyset", **arguments).writes == ()
    done = run("applyset", **{**arguments, "definitions": [config_map("sky-1")]})
    assert ("deleted", "Moon", "one") in done.objects


def test_an_unknown_kind(run: ModuleRunner) -> None:
    unknown = {"apiVersion": "nowhere.example.com/v1", "kind": "Comet", "metadata": {"name": "x", "namespace": HERE}}
    done = run("applyset", fails=True, definitions=[config_map("not-written"), unknown])
    assert done.writes == ()
    message = done.result["msg"]
    assert message.startswith("cluster cluster-t: ")
    assert "does not serve Comet in nowhere.example.com/v1" in message
    assert "CustomResourceDefinition" in done.result["error"]["remedy"]


def test_one_bad_object_costs_itself_only(run: ModuleRunner, admin: Admin) -> None:
    bad = service_entry("bad")
    bad["spec"]["resolution"] = "NO-SUCH-RESOLUTION"
    done = run("applyset", fails=True, definitions=[bad, service_entry("good")])
    assert f"ServiceEntry {HERE}/bad" in done.result["msg"]
    assert done.result["changed"] is True
    assert "good" in admin.names("ServiceEntry", HERE, ISTIO)


def test_waiting_tells_why_it_ended(run: ModuleRunner) -> None:
    """Nothing runs Deployments here, so it never gets ready."""
    done = run("applyset", fails=True, definitions=workload(), wait=True, wait_timeout=1)
    assert f"Deployment {HERE}/w: its controller has not seen the new specification yet" in done.result["msg"]
    assert "wait_timeout" in done.result["error"]["remedy"]


def test_waiting_ends_when_the_object_is_ready(run: ModuleRunner, admin: Admin) -> None:
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
    status = {"observedGeneration": 99, **counts}
    ready = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "namespace": HERE}}
    timer = threading.Timer(3.0, lambda: admin.apply({**ready, "status": status}, subresource="status"))
    timer.start()
    try:
        done = run("applyset", definitions=workload(), wait=True, wait_timeout=60)
    finally:
        timer.join()
    assert done.result["changed"] is False


def test_400_objects_twice(run: ModuleRunner, admin: Admin) -> None:
    admin.namespace("many")
    rules = [
        {
            "apiVersion": ISTIO,
            "kind": "DestinationRule",
            "metadata": {"name": f"s{number}", "namespace": "many"},
            "spec": {"host": f"s{number}.example", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}},
        }
        for number in range(200)
    ]
    entries = [service_entry(f"s{number}", "many") for number in range(200)]
    arguments = {"applyset": {"name": "many", "namespace": "many"}, "definitions": rules + entries}
    assert len(json.dumps(arguments)) < 128 * 1024, "more does not fit into one argument of a command"
    first = run("applyset", **arguments)
    assert first.result["counts"] == {"created": 401, "updated": 0, "deleted": 0, "unchanged": 0}
    requests = len(run.requests())
    second = run("applyset", **arguments)
    assert second.result["counts"] == {"created": 0, "updated": 0, "deleted": 0, "unchanged": 400}
    assert second.writes == ()
    # One GET for the parent, one LIST for each kind: no request for each object.
    assert len(run.requests()) - requests <= 5
