# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""published_services: the label is on what the inventory names, and nobody else's label is touched."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import PUBLIC_SERVICE_LABEL
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.publishing import (
    PUBLISH_MANAGER,
    label_owners,
    references_from,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.publishing import carry_out, plan_publication

from tests.gates.cycle import Step, cycle
from tests.integration.ansible_module import Cycle, ModuleRun, ModuleRunner
from tests.integration.conftest import Admin

SHOP, OTHER = "published-shop", "published-other"
DOMAIN = "cluster-t.local"
HTTP = [{"name": "http", "port": 80}]
STEPS: dict[str, list[Any]] = {
    "create": [f"{SHOP}/checkout", {"selector": "tier=public", "namespace": SHOP}],
    # Two are withdrawn, one stays, one is new.
    "change": [{"namespace": SHOP, "name": "checkout"}, f"{OTHER}/mail"],
    "delete": [],
}
PUBLIC = {
    "create": {f"{SHOP}/checkout", f"{SHOP}/catalogue", f"{SHOP}/search"},
    "change": {f"{SHOP}/checkout", f"{OTHER}/mail"},
    "delete": set(),
}


def service(namespace: str, name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name, "labels": {"app": name, **(labels or {})}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": HTTP, **spec}}


@pytest.fixture(scope="module", autouse=True)
def _services(admin: Admin) -> None:
    admin.namespace(SHOP, OTHER)
    tier = {"tier": "public"}
    admin.apply(
        service(SHOP, "checkout"),
        service(SHOP, "catalogue", labels=tier),
        service(SHOP, "search", labels=tier),
        service(OTHER, "mail", labels=tier),
        service(OTHER, "theirs"),
        service(OTHER, "headless", clusterIP="None"),
        service(OTHER, "outside", type="ExternalName", externalName="example.org", ports=None),
        service(OTHER, "nameless", ports=[{"port": 80}]),
        service(OTHER, "names", ports=[{"name": "dns", "port": 53, "protocol": "UDP"}]),
    )


def publish(run: ModuleRunner, *services: Any, **more: Any) -> ModuleRun:
    return run("published_services", services=list(services), cluster_domain=DOMAIN, **more)


def live(admin: Admin, namespace: str, name: str) -> dict[str, Any]:
    found = admin.get("Service", namespace, name)
    assert found is not None
    return found


def public(admin: Admin) -> set[str]:
    """The labelled Services of our namespaces."""
    kind = admin.client.kind_of({"apiVersion": "v1", "kind": "Service"})
    items = [item for space in (SHOP, OTHER) for item in admin.client.list(kind, space).items]
    return {
        f"{item['metadata']['namespace']}/{item['metadata']['name']}"
        for item in items
        if PUBLIC_SERVICE_LABEL in item["metadata"]["labels"]
    }


def label(admin: Admin, name: str, value: str | None, manager: str = "owner") -> None:
    """Set the label of a Service in OTHER as its owner does, or give it up."""
    labels = {} if value is None else {PUBLIC_SERVICE_LABEL: value}
    metadata = {"namespace": OTHER, "name": name, "labels": labels}
    admin.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata}, manager=manager)


@cycle
def test_cycle(step: Step, run: ModuleRunner, expect: Cycle, admin: Admin) -> None:
    before = public(admin)
    done = publish(run, *STEPS[step.action], check=step.check, by_ansible=True)
    expect(step, done)
    assert done.result["findings"] == []
    assert public(admin) == (before if step.check else PUBLIC[step.action])
    # The other labels stay as they were.
    labels = live(admin, SHOP, "catalogue")["metadata"]["labels"]
    assert {key: labels[key] for key in labels if key != PUBLIC_SERVICE_LABEL} == {"app": "catalogue", "tier": "public"}
    if step.changed:
        told = {item["hostname"] for item in done.result["added"]}, set(done.result["removed"])
        assert (
            told
            == {
                "create": ({host(name) for name in PUBLIC["create"]}, set()),
                "change": ({host(f"{OTHER}/mail")}, {host(f"{SHOP}/catalogue"), host(f"{SHOP}/search")}),
                "delete": (set(), {host(name) for name in PUBLIC["change"]}),
            }[step.action]
        )
        ports = [item["ports"] for item in done.result["added"]]
        assert all(entry == [{"name": "http", "port": 80, "protocol": "HTTP"}] for entry in ports)
    else:
        assert (done.result["added"], done.result["removed"]) == ([], [])


def host(name: str) -> str:
    namespace, _slash, service_name = name.partition("/")
    return f"{service_name}.{namespace}.svc.{DOMAIN}"


def test_the_diff_shows_the_label_and_nothing_else(run: ModuleRunner, admin: Admin) -> None:
    done = publish(run, f"{SHOP}/checkout", check=True, by_ansible=True)
    shown = done.output.partition("localhost | ")[0]
    changed = [line for line in shown.splitlines() if line[:1] in ("+", "-") and line[:3] not in ("+++", "---")]
    # The comma of the line before comes with it.
    assert [line[1:].strip(" ,") for line in changed] == ['"app": "checkout"'] * 2 + [f'"{PUBLIC_SERVICE_LABEL}": ""']
    assert live(admin, SHOP, "checkout")["metadata"]["labels"] == {"app": "checkout"}


def test_what_can_not_be_published_is_reported_and_the_others_are_published(run: ModuleRunner, admin: Admin) -> None:
    names = ("headless", "outside", "nameless", "names", "absent", "mail")
    done = publish(run, *(f"{OTHER}/{name}" for name in names), {"selector": "tier=nobody"})
    found = {finding["object"]: finding for finding in done.result["findings"] if finding["severity"] == "error"}
    assert set(found) == {f"Service {OTHER}/{name}" for name in names[:-1]}
    assert found[f"Service {OTHER}/absent"]["code"] == "service-missing"
    for name in names[:-2]:
        finding = found[f"Service {OTHER}/{name}"]
        assert (finding["code"], finding["cluster"]) == ("service-not-published", "cluster-t")
        assert finding["remedy"]
        assert "label" not in finding["remedy"]
    (unmatched,) = [finding for finding in done.result["findings"] if finding["code"] == "nothing-selected"]
    assert "tier=nobody" in unmatched["object"]
    assert f"cluster cluster-t, Service {OTHER}/absent: it is to be public and does not exist" in done.output
    assert public(admin) == {f"{OTHER}/mail"}
    assert publish(run, *(f"{OTHER}/{name}" for name in names)).writes == ()
    publish(run)


def test_what_a_selector_finds_by_the_way_is_a_warning(run: ModuleRunner, admin: Admin) -> None:
    done = publish(run, {"selector": "app in (mail, headless)"}, check=True)
    assert done.objects == {("updated", "Service", "mail")}
    assert {(item["severity"], item["object"]) for item in done.result["findings"]} == {
        ("warning", f"Service {OTHER}/headless")
    }


def test_somebody_elses_label_stays(run: ModuleRunner, admin: Admin) -> None:
    label(admin, "theirs", "true")
    # Not named: it's public all the same, and no matter of ours.
    assert publish(run).writes == ()
    # Named: we own the label too, with their value, so that neither takes it from the other.
    done = publish(run, f"{OTHER}/theirs")
    assert done.objects == {("updated", "Service", "theirs")}
    assert done.result["added"] == []
    assert label_owners(live(admin, OTHER, "theirs")) == (PUBLISH_MANAGER, "owner")
    assert live(admin, OTHER, "theirs")["metadata"]["labels"][PUBLIC_SERVICE_LABEL] == "true"
    assert publish(run, f"{OTHER}/theirs").writes == ()
    # Named no longer: theirs stays, and that is told.
    done = publish(run)
    assert done.result["removed"] == []
    (finding,) = done.result["findings"]
    assert (finding["severity"], finding["code"]) == ("warning", "still-public")
    assert finding["message"].endswith("set by owner")
    assert label_owners(live(admin, OTHER, "theirs")) == ("owner",)
    done = publish(run)
    assert (done.writes, done.result["findings"]) == ((), [])
    # Their own way to take it away works while we name the Service: ours holds it then.
    publish(run, f"{OTHER}/theirs")
    label(admin, "theirs", None)
    assert label_owners(live(admin, OTHER, "theirs")) == (PUBLISH_MANAGER,)
    assert publish(run).result["removed"] == [host(f"{OTHER}/theirs")]
    assert public(admin) == set()


def test_a_label_that_somebody_removed_is_set_again(run: ModuleRunner, admin: Admin) -> None:
    publish(run, f"{OTHER}/mail")
    path = f"/api/v1/namespaces/{OTHER}/services/mail"
    patch = {"metadata": {"labels": {PUBLIC_SERVICE_LABEL: None}}}
    admin.client.request("PATCH", path, body=patch, content_type="application/merge-patch+json")
    assert public(admin) == set()
    assert publish(run, f"{OTHER}/mail").objects == {("updated", "Service", "mail")}
    assert public(admin) == {f"{OTHER}/mail"}
    publish(run)


def test_an_owner_who_says_no_is_heeded(run: ModuleRunner, admin: Admin) -> None:
    label(admin, "theirs", "false")
    done = publish(run, f"{OTHER}/theirs")
    assert done.writes == ()
    (finding,) = done.result["findings"]
    assert "the value 'false'" in finding["message"]
    label(admin, "theirs", None)


def test_a_service_that_vanishes_meanwhile_is_not_made_anew(admin: Admin) -> None:
    admin.apply(service(OTHER, "fleeting"))
    publication = plan_publication(admin.client, references_from([f"{OTHER}/fleeting"]), DOMAIN)
    admin.delete("Service", OTHER, "fleeting")
    done, findings = carry_out(admin.client, publication.writes)
    assert done == []
    assert [(item.code, item.object) for item in findings] == [("label-not-written", f"Service {OTHER}/fleeting")]
    assert admin.get("Service", OTHER, "fleeting") is None
    # The same name, another Service: nobody asked to publish that one.
    admin.apply(service(OTHER, "fleeting"))
    assert carry_out(admin.client, publication.writes)[0] == []
    assert PUBLIC_SERVICE_LABEL not in live(admin, OTHER, "fleeting")["metadata"]["labels"]


def test_many_names_in_one_namespace(run: ModuleRunner, admin: Admin) -> None:
    names = [f"many-{number}" for number in range(10)]
    admin.apply(*(service(OTHER, name) for name in names))
    done = publish(run, *(f"{OTHER}/{name}" for name in [*names, "absent"]))
    assert done.result["counts"] == {"created": 0, "updated": 10, "deleted": 0, "unchanged": 0}
    assert [finding["object"] for finding in done.result["findings"]] == [f"Service {OTHER}/absent"]
    assert publish(run).result["counts"]["updated"] == 10


@pytest.mark.parametrize("entry", ["checkout", {"selector": ""}, {"selector": "a in ("}], ids=str)
def test_an_entry_that_can_not_be_read_changes_nothing(run: ModuleRunner, entry: Any) -> None:
    done = publish(run, f"{SHOP}/checkout", entry, fails=True)
    assert done.writes == ()
    assert done.result["error"]["cluster"] == "cluster-t"
    assert done.result["error"]["object"]
    assert done.result["error"]["remedy"]
