# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module against a real API server, and looks at what it asked that server for."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import WRITE_LEASE

from tests.ansible_commands import environment, run_ansible
from tests.gates.cycle import Step
from tests.integration.forked import Forker
from tests.lab.controlplane import ControlPlane

MUTATING = frozenset({"create", "update", "patch", "delete", "deletecollection"})
# The user of operator_kubeconfig: what a module does is told from what tests do by it.
OPERATOR = "alliance-operator"
_LEASE = f" leases/{WRITE_LEASE}"


@dataclass(frozen=True)
class ModuleRun:
    """A module's result and the mutating requests that the API server saw meanwhile, as "verb resource/name"."""

    result: dict[str, Any]
    writes: tuple[str, ...]
    output: str

    @property
    def objects(self) -> set[tuple[str, str, str]]:
        """What was written, or in check mode would be: (action, kind, name)."""
        return {(item["action"], item["kind"], item["name"]) for item in self.result["objects"]}

    @property
    def findings(self) -> dict[str, list[dict[str, str]]]:
        """The findings by neighbour."""
        found: dict[str, list[dict[str, str]]] = {}
        for finding in self.result["findings"]:
            found.setdefault(finding["neighbour"], []).append(finding)
        return found


@dataclass(frozen=True)
class ModuleRunner:
    """Runs modules of the collection against one control plane."""

    control_plane: ControlPlane
    _forker: Forker = field(default_factory=Forker)

    def __call__(
        self, module: str, *, check: bool = False, fails: bool = False, by_ansible: bool = False, **arguments: Any
    ) -> ModuleRun:
        """Run it once. A failure that was not announced by C(fails) fails the test.

        by_ansible: as users do, with what ansible prints of it with -vvv, diffs first. Without it, the module alone.
        """
        seen = len(self.requests())
        result, output = (self._by_ansible if by_ansible else self._forked)(module, check=check, **arguments)
        assert bool(result.get("failed")) is fails, output
        return ModuleRun(result, tuple(_writes(self.requests()[seen:])), output)

    def _forked(self, module: str, *, check: bool, **arguments: Any) -> tuple[dict[str, Any], str]:
        done = self._forker(module, check=check, **self._arguments(arguments))
        assert done.result, done.output
        return done.result, done.output

    def _by_ansible(self, module: str, *, check: bool, **arguments: Any) -> tuple[dict[str, Any], str]:
        done = run_ansible("ansible", [*self.options(module, check=check, **arguments), "-vvv"], environment())
        output = done.stdout + done.stderr
        assert "localhost | " in output, output
        return _result(output), output

    def _arguments(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"kubeconfig": str(self.control_plane.operator_kubeconfig), "cluster": "cluster-t", **arguments}

    def command(self, module: str, *, check: bool = False, **arguments: Any) -> list[str]:
        """The command that runs it in a process of its own; its environment is environment()."""
        return [sys.executable, "-m", "ansible", "adhoc", *self.options(module, check=check, **arguments)]

    def options(self, module: str, *, check: bool = False, **arguments: Any) -> list[str]:
        """What ansible is called with."""
        given = json.dumps(self._arguments(arguments))
        options = ["localhost", "-m", f"meshalliance.istio.{module}", "-a", given, "--diff"]
        return [*options, *(["--check"] if check else [])]

    def requests(self) -> list[dict[str, Any]]:
        """All requests of modules so far, as audit events."""
        return self.control_plane.audit_events(user=OPERATOR)


@dataclass
class Cycle:
    """Compares the steps of a cycle with what they promise, and the real steps with the plans before them."""

    planned: dict[str, set[tuple[str, str, str]]] = field(default_factory=dict)

    def __call__(self, step: Step, done: ModuleRun) -> None:
        """Check one step; the steps have to come in their order."""
        assert done.result["changed"] is step.changed, done.output
        assert bool(done.writes) is step.writes, done.writes
        assert bool(done.objects) is step.changed, done.output
        if step.mode == "check":
            first = self.planned.setdefault(step.action, done.objects)
            assert done.objects == first
            # A plan shows every object that it would write.
            for _action, _kind, name in done.objects:
                assert name in done.output.partition("localhost | ")[0]
        elif step.repeat == "first":
            assert done.objects == self.planned[step.action]


def run_playbook(folder: Path, inventory: Mapping[str, Any], tasks: list[dict[str, Any]], *options: str) -> str:
    """Run tasks on all hosts of an inventory without gathering facts; the output."""
    (folder / "inventory.yml").write_text(yaml.safe_dump(dict(inventory)))
    play = {"name": "Test", "hosts": "all", "gather_facts": False, "tasks": tasks}
    (folder / "playbook.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    done = run_ansible("ansible-playbook", ["-i", "inventory.yml", "playbook.yml", *options], environment(), folder)
    return done.stdout + done.stderr


def _result(output: str) -> dict[str, Any]:
    """The JSON that ansible prints behind "localhost | CHANGED =>"; diffs stand before it."""
    marker = output.index("=> {", output.index("localhost | "))
    result: dict[str, Any] = json.JSONDecoder().raw_decode(output[marker + 3 :].lstrip())[0]
    if "FAILED" in output[output.index("localhost | ") : marker]:
        result["failed"] = True
    return result


def _writes(events: list[dict[str, Any]]) -> list[str]:
    """The Lease that a writing run holds is left out, unless nothing else was written: no run takes it for nothing."""
    found = []
    for event in events:
        if event["verb"] in MUTATING and event["stage"] == "ResponseComplete":
            ref = event.get("objectRef") or {}
            found.append(f"{event['verb']} {ref.get('resource')}/{ref.get('name', '')}")
    return [write for write in found if not write.endswith(_LEASE)] or found
