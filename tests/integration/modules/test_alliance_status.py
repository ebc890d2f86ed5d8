# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""alliance_status at the end of status.yml: one cluster that can be read, one that can't, and one that is not ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Overview

from tests.ansible_commands import environment, run_ansible
from tests.forking import Ended
from tests.integration.ansible_module import ModuleRunner
from tests.integration.conftest import Admin

NOBODY = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "x", "user": {"token": "none"}}],
    "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    "current-context": "x",
}


def play(run: ModuleRunner, folder: Path, *options: str) -> Ended:
    """Run the playbook on the three."""
    hosts: dict[str, dict[str, Any]] = {
        "here": {
            "alliance_kubeconfig": str(run.control_plane.operator_kubeconfig),
            "alliance_namespace": "status-play",
        },
        "away": {"alliance_kubeconfig": NOBODY},
        "partner": {
            "alliance_provider": "external",
            "alliance_trust_domain": "partner.local",
            "alliance_metadata_endpoint": "https://partner.example/metadata/",
            "alliance_root_fingerprints": [":".join(["AA"] * 32)],
        },
    }
    common = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    inventory = {"istio_federation": {"hosts": hosts, "vars": common}}
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
    files = ["-e", "status_json_file=status.json", "-e", "status_page_file=new/status.html"]
    arguments = ["-i", "inventory.yml", "meshalliance.istio.status", *files, *options]
    return run_ansible("ansible-playbook", arguments, environment(), folder)


@pytest.mark.parametrize("options", [(), ("--check", "--diff")])
def test_reads_only_and_tells_of_all_clusters(
    options: tuple[str, ...], run: ModuleRunner, admin: Admin, tmp_path: Path
) -> None:
    admin.namespace("status-play")
    before = len(run.requests())
    done = play(run, tmp_path, *options)
    assert done.status == 0, done.stdout + done.stderr
    asked = run.requests()[before:]
    assert asked
    assert {event["verb"] for event in asked} <= {"get", "list", "watch"}
    overview = Overview.from_dict(json.loads((tmp_path / "status.json").read_text()))
    views = {view.name: view for view in overview.clusters}
    # No istiod on this API server; the other one can't be reached; the third is known by nobody's word yet.
    assert {name: view.level for name, view in views.items()} == {
        "here": "error",
        "away": "error",
        "partner": "unknown",
    }
    assert views["here"].checks[0].level == "ok"
    assert "cluster-unreadable" in {finding.code for finding in views["away"].findings}
    edges = {(edge.reader, edge.neighbour): edge.level for edge in overview.edges}
    assert set(edges) == {("here", "away"), ("here", "partner"), ("away", "here"), ("away", "partner")}
    assert edges["away", "here"] == "unknown"
    assert "Status of the alliance: ERROR" in done.stdout
    assert (tmp_path / "new" / "status.html").read_text().startswith("<!DOCTYPE html>")


def test_reads_only_and_fails_on_request(run: ModuleRunner, tmp_path: Path) -> None:
    done = play(run, tmp_path, "-e", "status_fail_on=error", "-e", "status_compare_objects=false")
    assert done.status != 0
    assert "the alliance is at level error" in done.stdout
    assert (tmp_path / "status.json").exists()
