# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules many times a second, each in a fork of a process that has them imported.

A run is the module's own main() in a process of its own, from its arguments to the JSON that it prints; only ansible's
way to it is left out.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from tests.ansible_commands import environment
from tests.forking import ForkServer, Job, serve

COLLECTION = "ansible_collections.meshalliance.istio.plugins"
# No run may take longer.
LIMIT_SECONDS = 60

Settings = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class QuickRun:
    """What a module printed as its result (empty when that was no JSON object), all its output, and its exit status."""

    result: dict[str, Any]
    output: str
    status: int


class Forker:
    """Call it to run a module; a context ends its process."""

    def __init__(self) -> None:
        self._server = ForkServer("tests.integration.forked", environment)

    def __call__(
        self,
        module: str,
        *,
        check: bool = False,
        settings: Settings | None = None,
        variables: Mapping[str, str] | None = None,
        **arguments: Any,
    ) -> QuickRun:
        """Run a module of the collection once.

        settings: constants that have other values in this run, by module of module_utils ("_kube.client") and name.
        variables: of the environment, besides those of environment().
        """
        done = self._server.run(
            {
                "module": module,
                "check": check,
                "settings": settings or {},
                "environment": {**environment(), **(variables or {})},
                "arguments": arguments,
            }
        )
        try:
            result = json.loads(done.stdout)
        except ValueError:
            result = {}
        return QuickRun(result if isinstance(result, dict) else {}, done.stdout + done.stderr, done.status)

    def __enter__(self) -> Forker:
        """Nothing is started before the first run."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._server.close()


def _import_all() -> None:
    for found in pkgutil.iter_modules(importlib.import_module(f"{COLLECTION}.modules").__path__):
        importlib.import_module(f"{COLLECTION}.modules.{found.name}")


def _run(job: Job) -> None:
    # Not at the top: the forking process alone needs ansible's own way to give a module its arguments.
    from ansible.module_utils.testing import patch_module_args

    os.environ.clear()
    os.environ.update(job["environment"])
    for place, values in job["settings"].items():
        utils = importlib.import_module(f"{COLLECTION}.module_utils.{place}")
        for name, value in values.items():
            getattr(utils, name)  # a constant that has another name by now is an error
            setattr(utils, name, value)
    arguments = {**job["arguments"], "_ansible_check_mode": job["check"], "_ansible_diff": True}
    module = importlib.import_module(f"{COLLECTION}.modules.{job['module']}")
    with patch_module_args(arguments):
        module.main()


if __name__ == "__main__":
    _import_all()
    serve(_run, LIMIT_SECONDS)
