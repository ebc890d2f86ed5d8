# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""alliance_handover in a playbook, as the role external_neighbour runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState

from tests.integration.ansible_module import ModuleRunner, run_playbook

CA = "-----BEGIN CERTIFICATE-----\nAAAABBBB\n-----END CERTIFICATE-----\n"
STATE = ClusterState(
    name="one",
    uuid="uuid-one",
    trust_domain="one.local",
    cluster_domain="one.local",
    root_fingerprints=("AA:BB",),
    metadata_endpoint="https://one.example.com/metadata/",
    metadata_ca=CA,
)
PARTNER = {
    "alliance_provider": "external",
    "alliance_trust_domain": "partner.local",
    "alliance_metadata_endpoint": "https://istio.example.com/metadata/",
    "alliance_root_fingerprints": ["AB" * 32],
}
TASKS: list[dict[str, Any]] = [
    {"name": "Hand over", "ansible.builtin.include_role": {"name": "meshalliance.istio.external_neighbour"}},
    {
        "name": "Keep",
        "ansible.builtin.copy": {
            "content": "{{ external_neighbour_result | to_json }}",
            "dest": "{{ playbook_dir }}/{{ inventory_hostname }}.json",
            "mode": "0600",
        },
        "check_mode": False,
        "diff": False,
    },
]


def inventory(run: ModuleRunner, partner: dict[str, Any], **state: Any) -> dict[str, Any]:
    """A member that was read, with the way to an API that the action must not go, and one that is somebody else's."""
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "alliance_kubeconfig": str(run.control_plane.operator_kubeconfig),
    }
    one = {**common, "preflight_state": {**STATE.to_dict(), **state}}
    return {"istio_federation": {"hosts": {"one": one, "Partner": {**common, **PARTNER, **partner}}}}


def hand_over(
    run: ModuleRunner, folder: Path, *options: str, partner: dict[str, Any] | None = None, **state: Any
) -> tuple[dict[str, Any], str]:
    """The result of the host that is somebody else's, and what was printed. No API may have been asked."""
    before = len(run.requests())
    output = run_playbook(folder, inventory(run, partner or {}, **state), TASKS, *options)
    assert "failed=0" in output, output
    assert len(run.requests()) == before
    assert json.loads((folder / "one.json").read_text())["skipped"] is True
    result: dict[str, Any] = json.loads((folder / "Partner.json").read_text())
    return result, output


def test_reads_only_what_was_read_and_writes_the_file_once(run: ModuleRunner, tmp_path: Path) -> None:
    path = tmp_path / "alliance-external" / "partner.yml"
    planned, output = hand_over(run, tmp_path, "--check", "--diff")
    assert planned["changed"] is True
    assert not path.parent.exists()
    assert "+kind: IstioFederation" in output
    made, output = hand_over(run, tmp_path)
    text = path.read_text()
    assert made["changed"] is True
    assert made["manifests"] == planned["manifests"] == text
    assert made["path"] == str(path)
    (manifest,) = yaml.safe_load_all(text)
    assert manifest["spec"] == {
        "trustDomain": "one.local",
        "metadataEndpoint": "https://one.example.com/metadata/",
        "metadata": {"clusterCA": CA},
    }
    # What is printed can be pasted as it stands.
    assert text in output
    for options in ((), ("--check", "--diff")):
        again, output = hand_over(run, tmp_path, *options)
        assert again["changed"] is False
        assert f"is in {path}, unchanged" in output
        assert "IstioFederation" not in output
    changed, output = hand_over(run, tmp_path, "--diff", uuid="uuid-new")
    assert changed["changed"] is True
    assert "-# clusterUUID: uuid-one\n+# clusterUUID: uuid-new\n" in output
    assert path.read_text() in output


def test_without_a_file_it_is_printed_each_time(run: ModuleRunner, tmp_path: Path) -> None:
    for _time in range(2):
        result, output = hand_over(run, tmp_path, partner={"external_neighbour_directory": ""})
        assert (result["changed"], result["path"]) == (False, "")
        assert result["manifests"] in output
    assert not (tmp_path / "alliance-external").exists()
