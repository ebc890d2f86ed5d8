# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways of applying the same objects that are compared."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.benchmark.api import Api
from tests.benchmark.objects import Object
from tests.gates.gates import VENV

RECAP = re.compile(r"^\S+\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


class BenchmarkError(Exception):
    """A contestant didn't do what it was asked for: its time means nothing."""


class Contestant(Protocol):
    """Something that applies the objects of the race."""

    name: str

    def run(self, *, expect_change: bool) -> float:
        """Apply all objects once; the wall time in seconds. Raises BenchmarkError."""


@dataclass
class Playbook:
    """One ansible-playbook process with one task, from a virtual environment of its own."""

    name: str
    environment: Path
    module: str
    arguments: dict[str, object]
    work: Path

    def __post_init__(self) -> None:
        """Write the playbook. It is JSON, which YAML is a superset of; the objects are in a file of their own."""
        task = {"name": "Measure", self.module: self.arguments}
        play = {
            "name": self.name,
            "hosts": "all",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "tasks": [task],
        }
        # An empty configuration, so that none of the user's is found.
        self.configuration = self.work / "ansible.cfg"
        self.configuration.touch()
        stem = re.sub(r"[^a-z0-9]+", "-", self.name.lower())
        self.playbook = self.work / f"{stem}.yml"
        self.playbook.write_text(json.dumps([play], indent=2), encoding="utf-8")

    def run(self, *, expect_change: bool) -> float:
        """Run the playbook; the time includes the start of ansible-playbook."""
        command = [str(self.environment / "bin" / "ansible-playbook"), "-i", "localhost,", "-c", "local"]
        command.append(str(self.playbook))
        seconds, output = timed(command, self.surroundings())
        recap = RECAP.search(output)
        if recap is None:
            raise BenchmarkError(f"{self.name} printed no recap:\n{output[-2000:]}")
        changed = int(recap.group(2)) > 0
        if changed is not expect_change:
            raise BenchmarkError(f"{self.name} reported changed={changed}, expected {expect_change}")
        return seconds

    def surroundings(self) -> dict[str, str]:
        """The environment: nothing of the user's settings; caches in the benchmark's folder."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "K8S_AUTH_"))}
        kept.pop("KUBECONFIG", None)
        temporary = self.work / "tmp"
        temporary.mkdir(exist_ok=True)
        more = {
            "ANSIBLE_CONFIG": str(self.configuration),
            "ANSIBLE_HOME": str(self.work / "ansible" / self.environment.name),
            "ANSIBLE_NOCOLOR": "1",
            # Where kubernetes.core keeps what it learnt about the API: warm after the first run, as on a workstation.
            "TMPDIR": str(temporary),
            "ANSIBLE_STDOUT_CALLBACK": "default",
        }
        if self.environment == VENV:
            more["ANSIBLE_COLLECTIONS_PATH"] = str(VENV / "collections")
        return {**kept, **more}


@dataclass
class Kubectl:
    """kubectl apply --server-side with one file that holds all objects."""

    kubectl: Path
    kubeconfig: Path
    file: Path
    work: Path
    name: str = "kubectl apply --server-side"

    def run(self, *, expect_change: bool) -> float:
        """Run kubectl. It doesn't tell whether it changed anything; the race looks at the objects itself."""
        command = [str(self.kubectl), "--kubeconfig", str(self.kubeconfig), "apply", "--server-side"]
        command += ["-f", str(self.file)]
        return timed(command, {**os.environ, "HOME": str(self.work / "kubectl-home")})[0]


@dataclass
class Floor:
    """The requests alone: what no client can be faster than by much."""

    api: Api
    namespace: str
    objects: list[Object]
    name: str = "floor (requests alone)"

    def run(self, *, expect_change: bool) -> float:
        """Read what is there, then write every object, or nothing when nothing is to be done."""
        started = time.perf_counter()
        found = self.api.read_all(self.namespace)
        if expect_change:
            self.api.apply_all(self.objects)
        elif sum(len(items) for items in found.values()) != len(self.objects):
            raise BenchmarkError("the objects of the floor are not all there")
        return time.perf_counter() - started


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Run a program; its wall time and what it printed. Raises BenchmarkError when it fails."""
    started = time.perf_counter()
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise BenchmarkError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return seconds, done.stdout
