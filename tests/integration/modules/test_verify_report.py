# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verify_report in a playbook: the matrix at the end, the files, and who fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.integration.ansible_module import ModuleRunner, run_playbook

RED = {"layer": "gateway", "reason": "it can't be reached", "remedy": "look at it", "blamed": "two"}
TASKS: list[dict[str, Any]] = [
    {
        "name": "See",
        "meshalliance.istio.verify_report": {
            "members": "{{ hostvars | meshalliance.istio.alliance_members(groups['istio_federation']) }}",
            "json_file": "{{ playbook_dir }}/reports/result.json",
            "junit_file": "{{ playbook_dir }}/reports/result.xml",
            "page_file": "{{ playbook_dir }}/reports/result.html",
        },
        "register": "result",
        "ignore_errors": True,
    },
    {
        "name": "Keep",
        "ansible.builtin.copy": {
            "content": "{{ result | to_json }}",
            "dest": "{{ playbook_dir }}/{{ inventory_hostname }}.json",
            "mode": "0600",
        },
    },
]


def probed(cluster: str, neighbour: str, **check: Any) -> dict[str, Any]:
    made = {"cluster": cluster, "neighbour": neighbour, "check": "service", "name": "bar:80", "ms": 2.0, **check}
    return {"results": [{"checks": [made], "targets": {neighbour: ["bar:80"]}, "offered": {neighbour: 1}}]}


@pytest.mark.parametrize("red", [True, False])
def test_reads_only_and_fails_who_has_a_red_edge(red: bool, run: ModuleRunner, tmp_path: Path) -> None:
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "verify_failures": [],
    }
    hosts = {
        "one": {**common, "verify_probed": probed("one", "two", **(RED if red else {}))},
        "two": {**common, "verify_probed": probed("two", "one")},
    }
    before = len(run.requests())
    output = run_playbook(tmp_path, {"istio_federation": {"hosts": hosts}}, TASKS)
    assert len(run.requests()) == before
    results = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in hosts}
    assert [bool(results[name].get("failed")) for name in hosts] == [red, False]
    assert results["one"]["edges"] == {"two": "error" if red else "ok"}
    assert output.count("FROM \\ TO") == 1
    assert ("FAIL gateway" in output) is red
    folder = tmp_path / "reports"
    assert {path.name for path in folder.iterdir()} == {"result.json", "result.xml", "result.html"}
    failures = list(ElementTree.parse(folder / "result.xml").iter("failure"))
    assert len(failures) == red
    assert json.loads((folder / "result.json").read_text())["edges"][0]["level"] == ("error" if red else "ok")
