# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Services are to be labelled, and what a plan tells of it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import FederationMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import PUBLIC_SERVICE_LABEL
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published import healthcheck_services
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.publishing import (
    PUBLISH_MANAGER,
    Reference,
    decide,
    label_owners,
    planned_document,
    planned_publication,
    references_from,
    told,
)

DOMAIN = "cluster-a.local"
UUID = "11111111-1111-4111-8111-111111111111"
BY_NAME = Reference("xyz", "bar")
SELECTED = Reference("", "", "tier=public")


def service(name: str = "bar", *owners: str, value: str = "", **spec: Any) -> dict[str, Any]:
    """A live Service; with owners it carries the label."""
    metadata: dict[str, Any] = {"name": name, "namespace": "xyz", "uid": f"uid-{name}", "labels": {"app": name}}
    tree = {"f:metadata": {"f:labels": {f"f:{PUBLIC_SERVICE_LABEL}": {}}}}
    metadata["managedFields"] = [{"manager": owner, "operation": "Apply", "fieldsV1": tree} for owner in owners]
    metadata["managedFields"].append({"manager": "helm", "operation": "Update", "fieldsV1": {"f:spec": {}}})
    if owners:
        metadata["labels"][PUBLIC_SERVICE_LABEL] = value
    ports = [{"name": "http", "port": 80}]
    return {"metadata": metadata, "spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1", "ports": ports, **spec}}


@pytest.mark.parametrize(
    ("entry", "reference"),
    [
        ("xyz/bar", BY_NAME),
        ({"namespace": "xyz", "name": "bar"}, BY_NAME),
        ({"selector": " tier=public "}, SELECTED),
        ({"selector": "tier=public", "namespace": "xyz"}, Reference("xyz", "", "tier=public")),
    ],
    ids=str,
)
def test_references(entry: Any, reference: Reference) -> None:
    assert references_from([entry, copy.copy(entry)]) == (reference,)
    assert "xyz" in str(reference) or "tier=public" in str(reference)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "bar",
        "xyz/",
        "/bar",
        "xyz/bar/baz",
        "xyz/Bar",
        "xyz/*",
        7,
        None,
        [],
        {},
        {"name": "bar"},
        {"namespace": "xyz"},
        {"namespace": "xyz", "name": 7},
        {"namespace": None, "selector": "a=b"},
        {"namespace": "x/y", "selector": "a=b"},
        {"namespace": "xyz", "name": "bar", "selector": "a=b"},
        {"namespace": "xyz", "names": ["bar"]},
        {"selector": ""},
        {"selector": "  ", "namespace": "xyz"},
    ],
    ids=str,
)
def test_entries_that_can_not_be_read(entry: Any) -> None:
    with pytest.raises(AllianceError) as caught:
        references_from(["xyz/good", entry])
    assert caught.value.obj == "entry 2 of the public services"
    assert caught.value.remedy


def test_a_service_is_labelled() -> None:
    live = service()
    kept = copy.deepcopy(live)
    publication = decide({BY_NAME: [live]}, [], DOMAIN)
    (relabel,) = publication.writes
    assert (relabel.value, relabel.before) == ("", kept)
    assert relabel.after["metadata"]["labels"] == {"app": "bar", PUBLIC_SERVICE_LABEL: ""}
    assert not publication.findings
    assert told(publication.writes) == {
        "added": [{"hostname": f"bar.xyz.svc.{DOMAIN}", "ports": [{"name": "http", "port": 80, "protocol": "HTTP"}]}],
        "removed": [],
    }


def test_without_a_domain_nothing_is_told() -> None:
    publication = decide({BY_NAME: [service()]}, [service("old", PUBLISH_MANAGER)])
    assert len(publication.writes) == 2
    assert told(publication.writes) == {"added": [], "removed": []}


def test_what_is_ours_already_is_left() -> None:
    live = service("bar", PUBLISH_MANAGER)
    publication = decide({BY_NAME: [live]}, [live], DOMAIN)
    assert (publication.writes, publication.unchanged, publication.findings) == ([], 1, [])


def test_what_is_not_named_is_withdrawn_when_it_is_ours() -> None:
    ours, theirs = service("ours", PUBLISH_MANAGER), service("theirs", "kubectl-label")
    publication = decide({}, [ours, theirs], DOMAIN)
    (relabel,) = publication.writes
    assert (relabel.before, relabel.value) == (ours, None)
    assert relabel.after["metadata"]["labels"] == {"app": "ours"}
    assert told(publication.writes) == {"added": [], "removed": [f"ours.xyz.svc.{DOMAIN}"]}
    assert not publication.findings


@pytest.mark.parametrize("value", ["", "true"])
def test_the_other_owner_of_a_label_keeps_it(value: str) -> None:
    theirs = service("bar", "kubectl-label", value=value)
    publication = decide({BY_NAME: [theirs]}, [theirs], DOMAIN)
    assert [relabel.value for relabel in publication.writes] == [value]
    assert told(publication.writes)["added"] == []
    both = service("bar", "kubectl-label", PUBLISH_MANAGER, value=value)
    assert label_owners(both) == ("kubectl-label", PUBLISH_MANAGER)
    publication = decide({}, [both], DOMAIN)
    (relabel,) = publication.writes
    assert relabel.after == both
    assert told(publication.writes)["removed"] == []
    assert [(item.severity, item.code) for item in publication.findings] == [("warning", "still-public")]
    assert "kubectl-label" in publication.findings[0].message


def test_a_label_without_a_known_owner_is_not_ours() -> None:
    live = service("bar", "x")
    del live["metadata"]["managedFields"]
    assert decide({}, [live], DOMAIN).writes == []


def test_the_only_label_leaves_no_empty_map() -> None:
    live = service("bar", PUBLISH_MANAGER)
    del live["metadata"]["labels"]["app"]
    (relabel,) = decide({}, [live], DOMAIN).writes
    assert "labels" not in relabel.after["metadata"]


@pytest.mark.parametrize(
    "spec",
    [
        {"clusterIP": "None"},
        {"type": "ExternalName", "clusterIP": "", "externalName": "example.org"},
        {"ports": []},
        {"ports": [{"port": 80}]},
        {"ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]},
    ],
    ids=str,
)
def test_what_can_not_be_published_is_not_labelled(spec: dict[str, Any]) -> None:
    live = service(**spec)
    for found, severity in (
        ({BY_NAME: [live]}, "error"),
        ({SELECTED: [live]}, "warning"),
        ({SELECTED: [live], BY_NAME: [live]}, "error"),
    ):
        publication = decide(found, [], DOMAIN)
        assert publication.writes == []
        assert {item.severity for item in publication.findings} == {severity}
        assert "service-not-published" in {item.code for item in publication.findings}
        assert not any("its label" in item.remedy for item in publication.findings)


def test_what_became_unfit_keeps_our_label() -> None:
    live = service("bar", PUBLISH_MANAGER, clusterIP="None")
    publication = decide({BY_NAME: [live]}, [live], DOMAIN)
    assert publication.writes == []
    (finding,) = publication.findings
    assert PUBLIC_SERVICE_LABEL in finding.remedy


def test_an_owner_who_says_no_is_heeded() -> None:
    live = service("bar", "kubectl-label", value="false")
    publication = decide({BY_NAME: [live]}, [live], DOMAIN)
    assert publication.writes == []
    assert [item.severity for item in publication.findings] == ["error"]


def test_doubts_are_told_once() -> None:
    doubtful = {"ports": [{"name": "web", "port": 80}]}
    publication = decide({BY_NAME: [service(**doubtful)]}, [], DOMAIN)
    assert [item.code for item in publication.findings] == ["protocol-doubtful"]
    live = service("bar", PUBLISH_MANAGER, **doubtful)
    assert decide({BY_NAME: [live]}, [live], DOMAIN).findings == []


def test_nothing_found() -> None:
    findings = decide({BY_NAME: [], SELECTED: []}, [], DOMAIN).findings
    assert [(item.severity, item.code) for item in findings] == [
        ("error", "service-missing"),
        ("warning", "nothing-selected"),
    ]


def test_a_service_that_two_entries_find_is_written_once() -> None:
    assert len(decide({BY_NAME: [service()], SELECTED: [service()]}, [], DOMAIN).writes) == 1


STATE = {"name": "a", "uuid": UUID, "namespace": "istio-alliance", "cluster_domain": DOMAIN}
PROBED = [item.hostname for item in healthcheck_services("istio-alliance", UUID, DOMAIN)]
NEW = {"hostname": f"new.xyz.svc.{DOMAIN}", "ports": [{"name": "http", "port": 80, "protocol": "HTTP"}]}


def test_the_names_of_the_healthcheck() -> None:
    assert list(PROBED) == [
        f"alliance-healthcheck-{UUID}.istio-alliance.svc.{DOMAIN}",
        f"alliance-healthcheck.istio-alliance.svc.{DOMAIN}",
    ]


def _exporter(action: str) -> dict[str, Any]:
    names = ["metadata-exporter", "alliance-healthcheck", f"alliance-healthcheck-{UUID}"]
    objects = [{"action": action, "kind": "Service", "name": name} for name in names]
    return {"objects": [*objects, {"action": action, "kind": "Deployment", "name": "alliance-healthcheck"}]}


def test_a_plan_names_what_the_run_would_publish() -> None:
    state = planned_publication(STATE, _exporter("created"), {"added": [NEW], "removed": ["old"]})
    assert {item["hostname"] for item in state["planned_services"]} == {*PROBED, NEW["hostname"]}
    assert state["planned_withdrawals"] == ["old"]
    assert {key: state[key] for key in STATE} == STATE


def test_a_plan_names_what_the_run_would_withdraw() -> None:
    state = planned_publication(STATE, _exporter("deleted"), {"skipped": True})
    assert state["planned_services"] == []
    assert set(state["planned_withdrawals"]) == set(PROBED)


def test_a_service_that_only_changes_is_public_already() -> None:
    state = planned_publication(STATE, _exporter("updated"), {})
    assert (state["planned_services"], state["planned_withdrawals"]) == ([], [])


def test_what_a_member_will_answer() -> None:
    gateways = [{"address": "203.0.113.1", "port": 15443}]
    old = {**NEW, "hostname": f"old.xyz.svc.{DOMAIN}"}
    kept = {**NEW, "hostname": f"zzz.xyz.svc.{DOMAIN}"}
    now = FederationMetadata.from_dict({"ingressGateways": gateways, "publicServices": [old, kept]})
    planned = planned_publication(STATE, {}, {"added": [NEW], "removed": [old["hostname"], "never.there"]})
    after = planned_document(now, ClusterState.from_dict(planned))
    assert after == FederationMetadata.from_dict({"ingressGateways": gateways, "publicServices": [NEW, kept]})
    assert planned_document(now, ClusterState.from_dict(STATE)) is now
    assert planned_document(now, None) is now
