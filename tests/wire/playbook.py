# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as users run them, beside simulated clusters that work all the time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import yaml

from tests.ansible_commands import environment, run_ansible
from tests.gates.staging import ROOT
from tests.integration.ansible_module import MUTATING, OPERATOR
from tests.lab.controlplane import ControlPlane
from tests.wire.ours import Peer

Object = dict[str, Any]


class Stepping(Protocol):
    """What works in steps."""

    def step(self) -> None:
        """One of them."""


class _Worker(threading.Thread):
    """One step after another, as a controller does: a step that fails is begun anew.

    An object may be deleted between a list and the write that follows from it. What fails again and again is a fault.
    """

    def __init__(self, simulator: Stepping) -> None:
        super().__init__(daemon=True)
        self.failures: list[Exception] = []  # since the last step that worked
        self._simulator = simulator
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.3):
            try:
                self._simulator.step()
            except Exception as error:  # told by end()
                self.failures.append(error)
            else:
                self.failures.clear()

    def end(self) -> None:
        """Stop; the error of the last steps if they failed one after another."""
        self._ended.set()
        self.join(30)
        if len(self.failures) > 1:
            raise self.failures[-1]


@contextmanager
def at_work(*simulators: Stepping) -> Iterator[None]:
    """Controllers and consumers, again and again."""
    workers = [_Worker(simulator) for simulator in simulators]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.end()


def external_host(peer: Peer) -> Object:
    """The inventory's variables of a neighbour that isn't ours."""
    return {
        "alliance_provider": "external",
        "alliance_trust_domain": peer.domain,
        # As people write it; the platform needs the slash.
        "alliance_metadata_endpoint": peer.simulator.endpoint.rstrip("/"),
        "alliance_metadata_ca": peer.simulator.ca.certificate,
        "alliance_root_fingerprints": peer.option()["root_fingerprints"],
    }


def write_inventory(folder: Path, hosts: Object, group: str = "istio_federation", **variables: Any) -> None:
    """inventory.yml with these hosts in a group."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {group: {"hosts": hosts, "vars": {**local, **variables}}}
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory))


def federate(folder: Path, *options: str, fails: bool = False, playbook: str = "federate.yml") -> str:
    """Run a playbook on the inventory of a folder; its output. A failure that was not announced fails the test."""
    arguments = ["-i", "inventory.yml", *options, str(ROOT / "playbooks" / playbook)]
    done = run_ansible("ansible-playbook", arguments, environment(), folder)
    output = done.stdout + done.stderr
    assert (done.status != 0) is fails, output
    return output


def row(output: str, cluster: str, neighbour: str) -> list[str]:
    """The words of the table's line for a neighbour of a cluster."""
    lines = [line.split() for line in output.splitlines()]
    (found,) = [words for words in lines if words[:2] == [cluster, neighbour]]
    return found


def writes(plane: ControlPlane) -> list[str]:
    """What the operator has written in a cluster so far."""
    events = plane.audit_events(user=OPERATOR)
    done = [event for event in events if event["verb"] in MUTATING and event["stage"] == "ResponseComplete"]
    return [f"{event['verb']} {event['objectRef']['resource']}/{event['objectRef'].get('name')}" for event in done]
