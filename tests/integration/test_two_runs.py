# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once against one cluster, as two AWX jobs would: one writes, the other one waits and reads again."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import lease, names

from tests.ansible_commands import environment
from tests.integration.ansible_module import MUTATING, ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import Neighbour
from tests.integration.test_exporter import until
from tests.processes import kill_with_children

ROUNDS = 20
NAMESPACE, ROOT_NAMESPACE = "two-runs", "two-runs-istio"
ISTIO = "networking.istio.io/v1"


def begin(run: ModuleRunner, module: str, *arguments: dict[str, Any]) -> list[subprocess.Popen[str]]:
    """Start a module once with each set of arguments, all at the same time."""
    return [
        subprocess.Popen(
            run.command(module, **item),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for item in arguments
    ]


def ended(started: list[subprocess.Popen[str]]) -> None:
    """Wait until all have ended well."""
    for process in started:
        output, _errors = process.communicate(timeout=120)
        assert process.returncode == 0, output


class Holder:
    """Somebody else who holds the Lease of a namespace: whoever wants to write comes to a stop there."""

    def __init__(self, admin: Admin, namespace: str) -> None:
        self._admin, self._namespace = admin, namespace

    def take(self) -> None:
        """Hold it for two minutes at most."""
        held = lease.lease_object(self._namespace, names.WRITE_LEASE, "somebody on awx-1", self._record(), time.time())
        held["spec"]["leaseDurationSeconds"] = 120
        self._admin.apply(held)

    def release(self) -> None:
        """Give it back."""
        record = self._record()
        assert record is not None
        self._admin.apply(lease.release_object(self._namespace, names.WRITE_LEASE, record, time.time()))

    def _record(self) -> lease.Record | None:
        found = self._admin.get("Lease", self._namespace, names.WRITE_LEASE, "coordination.k8s.io/v1")
        return None if found is None else lease.record_of(found, None, 0)


def entries_written(events: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """How often each ServiceEntry was written and deleted."""
    return Counter(
        (event["verb"], event["objectRef"]["name"])
        for event in events
        if event["stage"] == "ResponseComplete"
        and event["verb"] in MUTATING
        and (event.get("objectRef") or {}).get("resource") == "serviceentries"
    )


@pytest.fixture(scope="module")
def neighbour(run: ModuleRunner, admin: Admin, make_neighbour: Callable[[str], Neighbour]) -> Neighbour:
    """One that both sides have learnt of."""
    admin.namespace(NAMESPACE, ROOT_NAMESPACE)
    kube_system = admin.get("Namespace", None, "kube-system")
    assert kube_system is not None
    made = make_neighbour("two-runs-one")
    made.trusted = {kube_system["metadata"]["uid"]: run("authn_keypair", namespace=NAMESPACE).result["public_key"]}
    run("trust_anchors", neighbours=[made.option()], namespace=NAMESPACE, root_namespace=ROOT_NAMESPACE)
    return made


def have_fetched(neighbour: Neighbour, requests: int) -> bool:
    """Whether a neighbour was sent so many requests with a token."""
    return neighbour.tokens_seen >= requests


def test_what_is_published_is_imported_once(
    run: ModuleRunner, admin: Admin, neighbour: Neighbour, figures: Callable[[str], None]
) -> None:
    """In every round a service appears and another one goes. Both runs have computed that before either may write."""
    arguments: dict[str, Any] = {"neighbours": [neighbour.option()], "namespace": NAMESPACE}
    neighbour.services = [neighbour.service(f"s{number}") for number in range(5)]
    run("service_entries", **arguments)
    holder = Holder(admin, NAMESPACE)
    for number in range(ROUNDS):
        neighbour.services = [*neighbour.services[1:], neighbour.service(f"s{number + 5}")]
        before = admin.names("ServiceEntry", NAMESPACE, ISTIO)
        seen, asked = len(run.requests()), neighbour.tokens_seen
        holder.take()
        started = begin(run, "service_entries", arguments, arguments)
        until(partial(have_fetched, neighbour, asked + 2), 60, "both have fetched")
        holder.release()
        ended(started)
        events = run.requests()[seen:]
        after = admin.names("ServiceEntry", NAMESPACE, ISTIO)
        ((gone,), (come,)) = before - after, after - before
        written = entries_written(events)
        # The one that came second has deleted nothing and made nothing anew.
        assert set(written) == {("patch", come), ("delete", gone)}, written
        assert set(written.values()) == {1}, written
        # Each of them took the Lease and gave it back.
        assert len(leases(events)) == 4
    figures(f"{ROUNDS} rounds of two runs at once, both had something to write in each")


def leases(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The writes of Leases that were carried out."""
    return [
        event
        for event in events
        if event["stage"] == "ResponseComplete"
        and event["verb"] in MUTATING
        and (event.get("objectRef") or {}).get("resource") == "leases"
        and event["responseStatus"]["code"] < 400
    ]


def test_two_that_want_different_things_do_not_mix(run: ModuleRunner, admin: Admin) -> None:
    """The end is what one of them wants, whole: never a part of either."""
    admin.namespace("two-wills")

    def wanted(will: str) -> dict[str, Any]:
        definitions = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": "two-wills"},
                "data": {"will": will},
            }
            for name in (*(f"both-{number}" for number in range(20)), f"only-{will}")
        ]
        return {
            "applyset": {"name": "wills", "namespace": "two-wills"},
            "definitions": definitions,
            "lease_namespace": "two-wills",
        }

    holder = Holder(admin, "two-wills")
    for _round in range(5):
        holder.take()
        started = begin(run, "applyset", wanted("one"), wanted("two"))
        holder.release()
        ended(started)
        client = admin.client
        kind = client.kind_of({"apiVersion": "v1", "kind": "ConfigMap"})
        found = [item for item in client.list(kind, "two-wills").items if "will" in (item.get("data") or {})]
        (will,) = {item["data"]["will"] for item in found}
        assert {item["metadata"]["name"] for item in found if item["metadata"]["name"].startswith("only")} == {
            f"only-{will}"
        }
        assert len(found) == 21


def test_a_holder_that_lives_is_named_and_a_dead_one_is_taken_over(run: ModuleRunner, admin: Admin) -> None:
    admin.namespace("two-held")
    held = lease.lease_object("two-held", names.WRITE_LEASE, "somebody on awx-1, process 1", None, time.time())
    admin.apply(held)
    definition = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late", "namespace": "two-held"}}
    arguments: dict[str, Any] = {"definitions": [definition], "lease_namespace": "two-held"}
    failed = run("applyset", fails=True, lease_wait=1, **arguments)
    assert "somebody on awx-1, process 1" in failed.result["msg"]
    assert failed.writes == ()
    assert run("applyset", check=True, **arguments).result["changed"]
    done = run("applyset", **arguments)
    assert done.result["changed"]
    found = admin.get("Lease", "two-held", names.WRITE_LEASE, "coordination.k8s.io/v1")
    assert found is not None
    assert not found["spec"].get("holderIdentity")
    assert run("applyset", **arguments).writes == ()


def test_a_killed_run_holds_nobody_up_for_long(run: ModuleRunner, admin: Admin) -> None:
    """Killed while it holds the Lease; the next run takes it over and completes the set."""
    admin.namespace("two-killed")
    definitions = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{number}", "namespace": "two-killed"}}
        for number in range(300)
    ]
    arguments: dict[str, Any] = {
        "applyset": {"name": "killed", "namespace": "two-killed"},
        "definitions": definitions,
        "lease_namespace": "two-killed",
    }
    process = subprocess.Popen(
        run.command("applyset", **arguments),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while len(admin.names("ConfigMap", "two-killed")) < 5:
            assert time.monotonic() < deadline, "it writes nothing"
            time.sleep(0.005)
    finally:
        kill_with_children(process)
    run("applyset", **arguments)
    assert {f"c{number}" for number in range(300)} <= admin.names("ConfigMap", "two-killed")
    assert run("applyset", **arguments).writes == ()
