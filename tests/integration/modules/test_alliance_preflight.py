# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""alliance_preflight in a playbook, as the role preflight runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState

from tests.integration.ansible_module import ModuleRunner, run_playbook


def tasks(folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "name": "Check",
            "meshalliance.istio.alliance_preflight": {
                "members": "{{ hostvars | meshalliance.istio.alliance_members(groups['istio_federation']) }}"
            },
            "register": "result",
            "ignore_errors": True,
        },
        {
            "name": "Keep",
            "ansible.builtin.copy": {
                "content": "{{ result | to_json }}",
                "dest": f"{folder}/{{{{ inventory_hostname }}}}.json",
                "mode": "0600",
            },
            "check_mode": False,
        },
    ]


def inventory(run: ModuleRunner, **domains: str) -> dict[str, Any]:
    """Hosts with a state as cluster_info returns it, and the way to an API that the action must not go."""
    hosts = {
        name: {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "alliance_kubeconfig": str(run.control_plane.operator_kubeconfig),
            "preflight_state": ClusterState(
                name=name, uuid=f"uuid-{name}", trust_domain=domain, cluster_domain=domain
            ).to_dict(),
        }
        for name, domain in domains.items()
    }
    return {"istio_federation": {"hosts": hosts}}


@pytest.mark.parametrize("options", [(), ("--check", "--diff")])
def test_reads_only_and_finds_everything_at_once(options: tuple[str, ...], run: ModuleRunner, tmp_path: Path) -> None:
    domains = {"one": "same.local", "two": "same.local", "three": "cluster.local", "four": "four.local"}
    before = len(run.requests())
    output = run_playbook(tmp_path, inventory(run, **domains), tasks(tmp_path), *options)
    results = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in domains}
    assert len(run.requests()) == before
    assert {name: result["changed"] for name, result in results.items()} == dict.fromkeys(domains, False)
    found = {name: [finding["code"] for finding in result["findings"]] for name, result in results.items()}
    assert found == {"one": ["domain-shared"], "two": ["domain-shared"], "three": ["domain-reserved"], "four": []}
    assert {name for name, result in results.items() if result.get("failed")} == {"one", "two", "three"}
    assert "ERROR one: its trust domain same.local is also that of two. Remedy: " in output
    assert results["one"]["msg"].startswith("1 findings keep one out of the alliance")


def test_an_ignored_finding_is_a_warning(run: ModuleRunner, tmp_path: Path) -> None:
    hosts = inventory(run, one="cluster.local", two="two.local")
    hosts["istio_federation"]["hosts"]["one"]["alliance_ignored_findings"] = ["domain-reserved"]
    output = run_playbook(tmp_path, hosts, tasks(tmp_path))
    result = json.loads((tmp_path / "one.json").read_text())
    assert [(item["severity"], item["code"]) for item in result["findings"]] == [("warning", "domain-reserved")]
    assert "failed" not in result or result["failed"] is False
    assert "[WARNING]: one: its trust domain is cluster.local" in " ".join(output.split())


def test_one_host_s_variables_do_not_end_the_run_for_the_others(tmp_path: Path) -> None:
    """A lookup that fails and a variable that nobody set; neither is read by any cluster."""
    broken = {
        "one": {"alliance_metadata_ca": "{{ lookup('ansible.builtin.file', '/no/such/partner-ca.pem') }}"},
        "two": {"alliance_peers": ["three", "{{ nobody_set_this }}"]},
        "three": {},
    }
    common = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    hosts = {name: {**common, "alliance_trust_domain": f"{name}.local", **more} for name, more in broken.items()}
    run_playbook(tmp_path, {"istio_federation": {"hosts": hosts}}, tasks(tmp_path))
    results = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in hosts}
    found = {name: [finding["code"] for finding in result["findings"]] for name, result in results.items()}
    assert found == {"one": ["variables-unusable"], "two": ["variables-unusable"], "three": []}
    (lookup,) = results["one"]["findings"]
    assert "alliance_metadata_ca" in lookup["message"]
    assert "/no/such/partner-ca.pem" in lookup["message"]
    (undefined,) = results["two"]["findings"]
    assert "alliance_peers" in undefined["message"]
    assert "defined" in undefined["message"]


def test_nor_do_those_of_a_host_outside_of_the_play(tmp_path: Path) -> None:
    """The whole role, whose one host reads the others."""
    unreadable = "{{ lookup('ansible.builtin.file', '/no/such/file') }}"
    partner = {
        "alliance_provider": "external",
        "alliance_trust_domain": "three.local",
        "alliance_metadata_endpoint": "https://three.example/metadata/",
        "alliance_root_fingerprints": ["AB" * 32],
    }
    common = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    variables = {"one": {"alliance_provider": unreadable}, "two": {"alliance_kubeconfig": unreadable}, "three": partner}
    hosts = {name: {**common, **more} for name, more in variables.items()}
    role = [{"name": "Check", "ansible.builtin.include_role": {"name": "meshalliance.istio.preflight"}}]
    output = run_playbook(tmp_path, {"istio_federation": {"hosts": hosts}}, role, "--limit", "three")
    recap = output[output.index("PLAY RECAP") :]
    assert "failed=0" in recap, output
