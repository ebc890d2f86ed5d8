# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gates: what they run. tests/gates/run.py runs them.

A gate is one program. It passes when the program's exit code is 0; a pytest suite counts with each of its tests, every
other gate as one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.gates.staging import OUTPUT, ROOT

VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = str(BIN / "python")
OLDEST = str(VENV / "core-oldest" / "bin" / "python")

COLLECTION = "ansible_collections.meshalliance.istio"
TYPED = (
    f"{COLLECTION}.plugins.module_utils._alliance",
    f"{COLLECTION}.plugins.module_utils._kube",
    f"{COLLECTION}.plugins.module_utils._federation",
    f"{COLLECTION}.plugins.module_utils._neighbour",
    f"{COLLECTION}.exporter",
)

MINUTE = 60


@dataclass(frozen=True)
class Gate:
    """One gate.

    suite: the program is pytest, and its tests are counted.
    timeout: seconds after which it is ended and has failed.
    alone: it uses all processors and must not share them.
    needs: a gate that has to have passed in the same run, if it was asked for; this one is failed otherwise. Both are
      alone, as others run at the same time.
    """

    name: str
    command: tuple[str, ...]
    about: str
    suite: bool = False
    timeout: int = 10 * MINUTE
    alone: bool = False
    needs: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def junit(self) -> Path:
        """Where pytest writes its counts."""
        return OUTPUT / f"{self.name}.xml"

    @property
    def log(self) -> Path:
        """Where everything that the program prints goes."""
        return OUTPUT / f"{self.name}.log"

    def arguments(self) -> list[str]:
        """The complete command line."""
        return [*self.command, f"--junitxml={self.junit}"] if self.suite else list(self.command)


def pytest(python: str, folder: str, *arguments: str) -> tuple[str, ...]:
    """The command line of a suite."""
    cache = OUTPUT / "pytest" / Path(python).parents[1].name
    return (python, "-m", "pytest", "--color=no", "-o", f"cache_dir={cache}", *arguments, folder)


# What is left to `make long`; of other tests it takes larger numbers.
_NOT_LONG = ("-m", "not long")
# Two files at a time, each by one process: most of their time is waiting for servers.
_TWO_FILES = ("--numprocesses=2", "--dist=loadfile")


def environment(gate: Gate) -> dict[str, str]:
    """What a gate's program finds in its environment: our tools first, our collection alone, no user's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "K8S_AUTH_", "PYTEST_"))}
    kept.pop("KUBECONFIG", None)
    kept.pop("PYTHONPATH", None)
    interpreter = Path(gate.command[0]).parent if Path(gate.command[0]).is_absolute() else BIN
    return {
        **kept,
        "PATH": os.pathsep.join([str(interpreter), str(BIN), kept.get("PATH", os.defpath)]),
        "VIRTUAL_ENV": str(interpreter.parent),
        "ANSIBLE_COLLECTIONS_PATH": str(VENV / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
        **gate.environment,
    }


GATES = (
    Gate("sanity", (PYTHON, "-m", "tests.gates.sanity"), "ansible-test sanity", timeout=20 * MINUTE),
    Gate("ruff", (str(BIN / "ruff"), "check", "."), "mistakes in Python files"),
    Gate("ruff-format", (str(BIN / "ruff"), "format", "--check", "."), "layout of Python files"),
    Gate(
        "mypy",
        (PYTHON, "-m", "mypy", *(word for name in TYPED for word in ("-p", name))),
        "types in the shared code and the exporter, strict",
    ),
    Gate("changelog", (str(BIN / "antsibull-changelog"), "lint"), "changelog fragments"),
    Gate("unit", pytest(PYTHON, "tests/unit"), "unit tests, newest ansible-core", suite=True),
    Gate("unit-oldest", pytest(OLDEST, "tests/unit"), "unit tests, oldest ansible-core", suite=True),
    Gate("page", pytest(PYTHON, "tests/page"), "the HTML page in a headless Chromium", suite=True),
    Gate("monitoring", pytest(PYTHON, "tests/monitoring"), "alerts, with Prometheus' tool for rules", suite=True),
    # One copy of the checkout serves these and sanity, one after another.
    Gate("ansible-lint", (PYTHON, "-m", "tests.gates.ansible_lint"), "Ansible files, profile production"),
    Gate("importer", (PYTHON, "-m", "tests.gates.importer"), "the check that Galaxy makes at an upload"),
    Gate("collection", pytest(PYTHON, "tests/gates"), "the collection's parts fit together", suite=True),
    Gate(
        "build",
        (PYTHON, "-m", "tests.lab", "build"),
        "programs and images of the lab; from the cache where their pins are unchanged",
        timeout=45 * MINUTE,
        alone=True,
    ),
    Gate(
        "integration",
        pytest(PYTHON, "tests/integration", *_NOT_LONG, *_TWO_FILES),
        "modules and exporter against real API servers",
        suite=True,
        timeout=45 * MINUTE,
        alone=True,
        needs="build",
    ),
    Gate(
        "wire",
        pytest(PYTHON, "tests/wire", *_TWO_FILES),
        "modules, roles and exporter against a simulated Deckhouse cluster",
        suite=True,
        timeout=30 * MINUTE,
        alone=True,
        needs="build",
    ),
    Gate(
        "e2e",
        pytest(PYTHON, "tests/e2e", *_NOT_LONG),
        "complete clusters of their own: federated ones of upstream Istio and of Deckhouse, and two of one domain",
        suite=True,
        timeout=75 * MINUTE,
        alone=True,
        needs="build",
    ),
)

# What `make lint` stands for.
GROUPS = {
    "lint": ("ruff", "ruff-format", "mypy", "changelog", "ansible-lint"),
    "unit": ("unit", "unit-oldest"),
}
