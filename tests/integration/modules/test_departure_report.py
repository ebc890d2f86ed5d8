# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""departure_report in a playbook: the table at the end, and who fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible_module import ModuleRunner, run_playbook

LOOKED = {"ServiceEntry": 2, "istiods": 1, "proxies": 4}
REFUSED = {"asked": True, "refused": {"one": True}, "findings": []}
TASKS: list[dict[str, Any]] = [
    {
        "name": "See",
        "meshalliance.istio.departure_report": {
            "plan": "{{ groups | meshalliance.istio.alliance_departure('two') }}",
            "members": "{{ hostvars | meshalliance.istio.alliance_members(groups['istio_federation']) }}",
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
        "check_mode": False,
    },
]


def proof(name: str, proved: bool) -> dict[str, Any]:
    return {"proved": {name: proved}, "looked_at": LOOKED, "findings": []}


@pytest.mark.parametrize("proved", [True, False])
def test_reads_only_and_fails_who_is_not_done(proved: bool, run: ModuleRunner, tmp_path: Path) -> None:
    common = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    written = {"objects": [{"name": "x"}, {"name": "y"}], "changed": True}
    hosts: dict[str, dict[str, Any]] = {
        "one": {"unfederate_proof": proof("two", proved), "unfederate_trust": written},
        "two": {
            "unfederate_proof": proof("one", True),
            "unfederate_refusal": REFUSED,
            "unfederate_sets": {"results": [written, written]},
            "unfederate_leftovers": {"ours": [], "foreign": [], "resources": [], "looked_at": 60, "findings": []},
        },
    }
    hosts = {name: {**common, "unfederate_away": "", **values} for name, values in hosts.items()}
    before = len(run.requests())
    output = run_playbook(tmp_path, {"istio_federation": {"hosts": hosts}}, TASKS)
    assert len(run.requests()) == before
    results = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in hosts}
    assert bool(results["one"].get("failed")) is not proved, output
    assert not results["two"].get("failed")
    assert results["one"]["unfinished"] == ({} if proved else {"one": "not proved"})
    table = [line.split() for line in results["two"]["table"]]
    end = ["nothing", "is", "left"] if proved else ["not", "proved"]
    assert table[1] == ["one", "two", "2", "1", "-", "4", "-", "-", "-", "yes", "2", *end]
    assert table[2] == ["two", "everybody", "2", "1", "-", "4", "-", "-", "-", "-", "4", "emptied"]
    # It is printed once.
    assert output.count("CLUSTER  FORGETS") == 1


def test_reads_only_and_says_who_is_not_done_before_the_end(run: ModuleRunner, tmp_path: Path) -> None:
    tasks = json.loads(json.dumps(TASKS))
    tasks[0]["meshalliance.istio.departure_report"]["state"] = "asked"
    hosts = {
        name: {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        for name in ("one", "two")
    }
    before = len(run.requests())
    output = run_playbook(tmp_path, {"istio_federation": {"hosts": hosts}}, tasks)
    assert len(run.requests()) == before
    result = json.loads((tmp_path / "one.json").read_text())
    assert result["unfinished"] == {"one": "not run"}
    assert "CLUSTER" not in output
