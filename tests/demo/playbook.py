# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the collection's playbooks as a user of this checkout does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.lab.layout import CHECKOUT

COLLECTIONS = Path(sys.prefix) / "collections"


def environment() -> dict[str, str]:
    """The process environment without settings of whoever runs this, so that runs are alike everywhere."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_AUTH_"))}
    path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{clean.get('PATH', os.defpath)}"
    return {**clean, "PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}


def playbook_command(playbook: str, inventory: Path, *arguments: str) -> list[str]:
    """The command that runs a playbook of the collection."""
    ansible = str(Path(sys.prefix) / "bin" / "ansible-playbook")
    return [ansible, "-i", str(inventory), str(CHECKOUT / "playbooks" / playbook), *arguments]


def run_playbook(playbook: str, inventory: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a playbook, printing what it prints."""
    command = playbook_command(playbook, inventory, *arguments)
    return subprocess.run(command, env=environment(), cwd=CHECKOUT, check=False)
