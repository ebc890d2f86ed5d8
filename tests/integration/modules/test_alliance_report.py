# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""alliance_report in a playbook: the table at the end of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState

from tests.integration.ansible_module import ModuleRunner, run_playbook

FINDING = {
    "severity": "error",
    "code": "private-FetchFailed",
    "message": "connection refused",
    "remedy": "start it",
    "cluster": "one",
    "neighbour": "two",
    "object": "",
}
RESULTS = {
    "one": {
        "root_exchange_result": {"trusted": {"two": ["AB"]}, "findings": [], "objects": [{"name": "x"}]},
        "service_import_result": {"imported": {"two": 3}, "findings": [FINDING], "objects": [{}, {}]},
    }
}
TASKS: list[dict[str, Any]] = [
    {
        "name": "Show",
        "meshalliance.istio.alliance_report": {"group": "istio_federation"},
        "register": "result",
        "run_once": True,
    },
    {
        "name": "Keep",
        "ansible.builtin.copy": {
            "content": "{{ result | to_json }}",
            "dest": "{{ playbook_dir }}/result.json",
            "mode": "0600",
        },
        "check_mode": False,
        "run_once": True,
    },
]


@pytest.mark.parametrize("options", [(), ("--check", "--diff")])
def test_reads_only_and_prints_the_table(options: tuple[str, ...], run: ModuleRunner, tmp_path: Path) -> None:
    hosts: dict[str, dict[str, Any]] = {
        name: {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "alliance_kubeconfig": str(run.control_plane.operator_kubeconfig),
            **RESULTS.get(name, {}),
        }
        for name in ("one", "two")
    }
    hosts["one"]["preflight_state"] = ClusterState(name="one", uuid="1", trust_domain="one.local").to_dict()
    hosts["two"]["alliance_trust_domain"] = "two.local"
    before = len(run.requests())
    output = run_playbook(tmp_path, {"istio_federation": {"hosts": hosts}}, TASKS, *options)
    result = json.loads((tmp_path / "result.json").read_text())
    assert len(run.requests()) == before
    assert result["changed"] is False
    table = [line.split() for line in result["table"]]
    assert table[0] == ["CLUSTER", "NEIGHBOUR", "TRUST", "DOMAIN", "TRUST", "SERVICES", "CHANGES", "PROBLEMS"]
    assert table[1] == ["one", "two", "two.local", "1", "root", "3", "3", "private-FetchFailed"]
    assert table[2] == ["two", "one", "one.local", "?", "?", "-", "not", "reached"]
    for line in result["table"]:
        assert line in output
    assert "ERROR one (neighbour two): connection refused. Remedy: start it" in result["table"]


def test_reads_only_and_shows_all_providers(run: ModuleRunner, tmp_path: Path) -> None:
    """An upstream cluster, one whose platform says what it holds, and one that is somebody else's."""
    done = {"objects": [{"name": "x"}], "findings": []}
    variables: dict[str, dict[str, Any]] = {
        "one": {
            "root_exchange_result": {**done, "trusted": {"dkp": ["AB"], "partner": ["CD"]}},
            "service_import_result": {**done, "imported": {"dkp": 2, "partner": 1}},
        },
        "dkp": {
            "alliance_provider": "deckhouse",
            "istio_module_config_result": done,
            "root_exchange_result": {**done, "trusted": {"one": ["EF"], "partner": ["CD"]}},
            "service_import_result": {"trusted": {"one": ["EF"]}, "imported": {"one": 4}, "findings": []},
        },
        "partner": {
            "alliance_provider": "external",
            "alliance_trust_domain": "partner.local",
            "root_exchange_result": {"skipped": True, "changed": False},
            "external_neighbour_result": {"changed": True},
        },
    }
    for name in ("one", "dkp"):
        state = ClusterState(name=name, uuid=name, trust_domain=f"{name}.local")
        variables[name]["preflight_state"] = state.to_dict()
    common = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    hosts = {name: {**common, **values} for name, values in variables.items()}
    before = len(run.requests())
    run_playbook(tmp_path, {"istio_federation": {"hosts": hosts}}, TASKS)
    assert len(run.requests()) == before
    table = [line.split() for line in json.loads((tmp_path / "result.json").read_text())["table"]]
    assert table[1:] == [
        ["dkp", "one", "one.local", "1", "root", "4", "2", "-"],
        ["dkp", "partner", "partner.local", "no", "0", "-"],
        ["one", "dkp", "dkp.local", "1", "root", "2", "2", "-"],
        ["one", "partner", "partner.local", "1", "root", "1", "-"],
        ["partner", "dkp", "dkp.local", "-", "-", "-", "external"],
        ["partner", "one", "one.local", "-", "-", "external"],
    ]
