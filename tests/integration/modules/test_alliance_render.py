# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""alliance_render in a playbook, after a module that rendered a set of a real cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.integration.ansible_module import ModuleRunner, run_playbook

OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "rendered", "namespace": "default"}}
SECRET = {**OBJECT, "kind": "Secret", "stringData": {"key": "very-secret-text"}}


def tasks(*definitions: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": "Render",
            "meshalliance.istio.applyset": {
                "kubeconfig": "{{ kubeconfig }}",
                "cluster": "{{ inventory_hostname }}",
                "applyset": {"name": "alliance-istio", "namespace": "default"},
                "definitions": list(definitions),
                "render_dir": "out",
            },
            "register": "istio_module_proxies",
        },
        {
            "name": "Complete",
            "meshalliance.istio.alliance_render": {"group": "istio_federation", "directory": "out"},
            "run_once": True,
        },
    ]


def test_reads_only_and_writes_files(run: ModuleRunner, tmp_path: Path) -> None:
    common = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    hosts = {"one": {**common, "kubeconfig": str(run.control_plane.operator_kubeconfig)}}
    inventory = {"istio_federation": {"hosts": hosts}}
    folder, seen = tmp_path / "out" / "one", len(run.requests())
    output = run_playbook(tmp_path, inventory, tasks(OBJECT, SECRET), "--check")
    assert "changed=2" in output, output
    assert not folder.exists()
    output = run_playbook(tmp_path, inventory, tasks(OBJECT, SECRET))
    assert "changed=2" in output, output
    assert "Secret rendered is not written into a file" in " ".join(output.split())
    text = (folder / "alliance-istio.yaml").read_text()
    found = list(yaml.safe_load_all(text))
    assert [(item["kind"], item["metadata"]["name"]) for item in found] == [
        ("ConfigMap", "alliance-istio"),
        ("ConfigMap", "rendered"),
    ]
    assert "very-secret-text" not in text + output
    assert yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"] == ["alliance-istio.yaml"]
    output = run_playbook(tmp_path, inventory, tasks(OBJECT, SECRET))
    assert "changed=0" in output, output
    # The cluster was read, and nothing else.
    assert {event["verb"] for event in run.requests()[seen:]} <= {"get", "list"}
    # What is no longer in the set is no longer in the folder.
    output = run_playbook(tmp_path, inventory, tasks())
    assert "changed=1" in output, output
    assert [path.name for path in folder.iterdir()] == ["kustomization.yaml"]
