# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible and ansible-playbook as users do, but for the second that each start takes for imports.

Each command is a fork of a process that has ansible's command line imported; modules are packed, copied and started by
ansible as ever.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.demo import playbook
from tests.forking import Ended, ForkServer, Job, serve

# No command may take longer.
LIMIT_SECONDS = 300
PROGRAMS = {"ansible": ("ansible.cli.adhoc", "AdHocCLI"), "ansible-playbook": ("ansible.cli.playbook", "PlaybookCLI")}


class AnsibleCommands:
    """Call it to run a command. All share ansible's settings of the first one: it reads them at import."""

    def __init__(self) -> None:
        self._settings: dict[str, str] = {}
        self._server = ForkServer("tests.ansible_commands", lambda: {**os.environ, **self._settings})

    def __call__(
        self, program: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
    ) -> Ended:
        """Run C(program) ("ansible" or "ansible-playbook") in C(folder); without one, in the current folder."""
        settings = {name: value for name, value in environment.items() if name.startswith("ANSIBLE_")}
        self._settings = self._settings or settings
        assert self._settings == settings, "the settings have changed"
        return self._server.run(
            {
                "arguments": [program, *arguments],
                "environment": dict(environment),
                "folder": str((folder or Path()).absolute()),
            }
        )


run_ansible = AnsibleCommands()


def environment() -> dict[str, str]:
    """The environment of a user of this checkout, with output that is the same everywhere."""
    return {
        **playbook.environment(),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "COLUMNS": "1000",
        "NO_PROXY": "127.0.0.1",
    }


def _run(job: Job) -> None:
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    _program(job["arguments"][0]).cli_executor(job["arguments"])


def _program(name: str) -> Any:
    # Imported by those who run commands alone: ansible reads its settings at import.
    module, command_line = PROGRAMS[name]
    return getattr(import_module(module), command_line)


if __name__ == "__main__":
    for program in PROGRAMS:
        _program(program)
    serve(_run, LIMIT_SECONDS)
