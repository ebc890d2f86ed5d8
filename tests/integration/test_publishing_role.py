# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role metadata_exporter where the platform runs the exporter: Services are published, nothing else is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import PUBLIC_SERVICE_LABEL

from tests.integration.ansible_module import ModuleRunner, run_playbook
from tests.integration.conftest import Admin

NAMESPACE = "published-role"
HOST = f"bar.{NAMESPACE}.svc.cluster-c.local"
STATE = {"name": "cluster-c", "uuid": "u", "namespace": "d8-istio", "cluster_domain": "cluster-c.local"}


@pytest.fixture(autouse=True)
def _service(admin: Admin) -> None:
    admin.namespace(NAMESPACE)
    admin.apply(service())


def service() -> dict[str, Any]:
    ports = [{"name": "http", "port": 80}]
    metadata = {"namespace": NAMESPACE, "name": "bar"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}}


def public(admin: Admin) -> bool:
    found = admin.get("Service", NAMESPACE, "bar")
    assert found is not None
    return PUBLIC_SERVICE_LABEL in (found["metadata"].get("labels") or {})


def play(run: ModuleRunner, folder: Path, *options: str, **variables: Any) -> tuple[str, list[dict[str, Any]]]:
    """The output, and the requests of the run."""
    known = {"ansible_connection": "local", "preflight_state": STATE, **variables}
    kubeconfig = str(run.control_plane.operator_kubeconfig)
    role: dict[str, Any] = {
        "name": "Publish",
        "module_defaults": {"group/meshalliance.istio.all": {"kubeconfig": kubeconfig}},
        "block": [
            {"name": "Run the role", "ansible.builtin.include_role": {"name": "meshalliance.istio.metadata_exporter"}}
        ],
    }
    show: dict[str, Any] = {
        "name": "Show",
        "ansible.builtin.debug": {"msg": "PLANNED={{ preflight_state | to_json }}="},
    }
    seen = len(run.requests())
    output = run_playbook(folder, {"all": {"hosts": {"cluster-c": known}}}, [role, show], *options)
    assert "failed=0" in output, output
    assert "ok=1 " not in output, output
    return output, run.requests()[seen:]


def planned(output: str) -> dict[str, Any]:
    text = output.partition("PLANNED=")[2].partition("}=")[0] + "}"
    found: dict[str, Any] = json.loads(text.replace('\\"', '"'))
    return found


def test_publishes_and_withdraws(run: ModuleRunner, admin: Admin, tmp_path: Path) -> None:
    named = {"alliance_provider": "deckhouse", "alliance_public_services": [f"{NAMESPACE}/bar", f"{NAMESPACE}/absent"]}
    output, _requests = play(run, tmp_path, "--check", **named)
    assert not public(admin)
    assert [item["hostname"] for item in planned(output)["planned_services"]] == [HOST]
    output, _requests = play(run, tmp_path, **named)
    assert public(admin)
    assert "changed=1" in output
    assert f"Service {NAMESPACE}/absent: it is to be public and does not exist" in output
    assert "planned_services" not in output
    output, _requests = play(run, tmp_path, **named)
    assert "changed=0" in output
    # Not named at all: no label is touched. The empty list: all of ours are.
    play(run, tmp_path, alliance_provider="deckhouse")
    assert public(admin)
    withdrawn = {"alliance_provider": "deckhouse", "alliance_public_services": []}
    output, _requests = play(run, tmp_path, "--check", **withdrawn)
    assert planned(output)["planned_withdrawals"] == [HOST]
    play(run, tmp_path, **withdrawn)
    assert not public(admin)


@pytest.mark.parametrize(
    ("provider", "services"), [("external", [f"{NAMESPACE}/bar"]), ("deckhouse", None), ("deckhouse", "")]
)
def test_asks_the_cluster_nothing_without_a_reason(
    run: ModuleRunner, tmp_path: Path, provider: str, services: Any
) -> None:
    for options in ((), ("--check",)):
        known = {} if services is None else {"alliance_public_services": services}
        _output, requests = play(run, tmp_path, *options, alliance_provider=provider, **known)
        assert requests == []
