# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module as users do, through ansible, against a real API server, and looks at what it asked that server for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.controlplane import ControlPlane

MUTATING = frozenset({"create", "update", "patch", "delete", "deletecollection"})
COLLECTIONS = Path(sys.prefix) / "collections"


@dataclass(frozen=True)
class ModuleRun:
    """A module's result and the mutating requests that the API server saw meanwhile, as "verb resource/name"."""

    result: dict[str, Any]
    writes: tuple[str, ...]
    output: str


@dataclass(frozen=True)
class ModuleRunner:
    """Runs modules of the collection against one control plane."""

    control_plane: ControlPlane

    def __call__(self, module: str, *, check: bool = False, fails: bool = False, **arguments: Any) -> ModuleRun:
        """Run it once. A failure that was not announced by C(fails) fails the test."""
        seen = len(self.control_plane.audit_events())
        arguments = {"kubeconfig": str(self.control_plane.kubeconfig), "cluster": "cluster-t", **arguments}
        command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "-m", f"meshalliance.istio.{module}"]
        command += ["-a", json.dumps(arguments), "--diff", *(["--check"] if check else [])]
        done = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False, timeout=120)
        result = _result(done.stdout + done.stderr)
        assert bool(result.get("failed")) is fails, done.stdout + done.stderr
        events = self.control_plane.audit_events()[seen:]
        return ModuleRun(result, tuple(_writes(events)), done.stdout + done.stderr)


def _environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_AUTH_"))}
    return {
        **clean,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }


def _result(output: str) -> dict[str, Any]:
    """The JSON that ansible prints behind "localhost | CHANGED =>"; diffs stand before it."""
    marker = output.index("=> {", output.index("localhost | "))
    result: dict[str, Any] = json.JSONDecoder().raw_decode(output[marker + 3 :].lstrip())[0]
    if "FAILED" in output[output.index("localhost | ") : marker]:
        result["failed"] = True
    return result


def _writes(events: list[dict[str, Any]]) -> list[str]:
    found = []
    for event in events:
        if event["verb"] in MUTATING and event["stage"] == "ResponseComplete":
            ref = event.get("objectRef") or {}
            found.append(f"{event['verb']} {ref.get('resource')}/{ref.get('name', '')}")
    return found
