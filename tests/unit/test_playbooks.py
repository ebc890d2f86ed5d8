# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks refuse before they ask any cluster."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.ansible_commands import environment, run_ansible
from tests.gates.staging import ROOT


def test_a_multicluster_is_not_half_rendered(tmp_path: Path) -> None:
    host = {"ansible_connection": "local", "alliance_host": "https://127.0.0.1:9"}
    inventory = {"istio_multicluster": {"hosts": {"cluster-a": host}, "vars": {"alliance_render_dir": "files"}}}
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
    arguments = ["-i", "inventory.yml", str(ROOT / "playbooks" / "multicluster.yml")]
    done = run_ansible("ansible-playbook", arguments, environment(), tmp_path)
    assert done.status == 2
    for said in ("cluster-a: multicluster.yml makes no files", "Remedy: run it with -e alliance_render_dir=''"):
        assert said in done.stdout
    assert "127.0.0.1:9" not in done.stdout + done.stderr
    empty = run_ansible("ansible-playbook", [*arguments, "-e", "alliance_render_dir="], environment(), tmp_path)
    assert empty.status == 2
    assert "127.0.0.1:9" in empty.stdout + empty.stderr
