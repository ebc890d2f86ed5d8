# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules many times a second: one process has everything imported, and each run is a fork of it.

A run is the module's own main() in a process of its own, from its arguments to the JSON that it prints; only ansible's
way to it is left out. As a program, this file is the process that forks: one job a line in, one answer a line out.
"""

from __future__ import annotations

import atexit
import importlib
import io
import json
import os
import pkgutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from tests.integration.ansible_module import environment

COLLECTION = "ansible_collections.meshalliance.istio.plugins"
# No run may take longer: it is ended by SIGALRM.
LIMIT_SECONDS = 60

Settings = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class QuickRun:
    """What a module printed as its result (empty when that was no JSON object), all its output, and its exit status."""

    result: dict[str, Any]
    output: str
    status: int


class Forker:
    """Starts the forking process; call it to run a module. Thread-safe: runs wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

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
        job = {
            "module": module,
            "check": check,
            "settings": settings or {},
            "variables": variables or {},
            "arguments": arguments,
        }
        with self._lock:
            answer = json.loads(self._ask(json.dumps(job)))
        return QuickRun(**answer)

    def _ask(self, line: str) -> str:
        if self._process is None:
            command = [sys.executable, "-m", "tests.integration.forked"]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, f"the forking process has ended with {process.wait(10)}"
        return answer

    def __enter__(self) -> Forker:
        """Nothing is started before the first run."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the forking process."""
        if self._process is not None:
            self._process.communicate(timeout=LIMIT_SECONDS + 10)


def _serve() -> None:
    """Answer jobs until there are no more."""
    names = [found.name for found in pkgutil.iter_modules(importlib.import_module(f"{COLLECTION}.modules").__path__)]
    modules = {name: importlib.import_module(f"{COLLECTION}.modules.{name}") for name in names}
    mains = {name: module.main for name, module in modules.items() if hasattr(module, "main")}  # else an action plugin
    for line in sys.stdin:
        job = json.loads(line)
        sys.stdout.write(json.dumps(_fork(mains[job["module"]], job)) + "\n")
        sys.stdout.flush()


def _fork(main: Callable[[], None], job: Mapping[str, Any]) -> dict[str, Any]:
    """Run main() in a child; what it printed."""
    told, said = os.memfd_create("stdout"), os.memfd_create("stderr")
    child = os.fork()
    if child == 0:
        os.dup2(told, 1)
        os.dup2(said, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.alarm(LIMIT_SECONDS)
        os._exit(_child(main, job))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    printed, complaints = _content(told), _content(said)
    try:
        result = json.loads(printed)
    except ValueError:
        result = {}
    return {"result": result if isinstance(result, dict) else {}, "output": printed + complaints, "status": status}


def _child(main: Callable[[], None], job: Mapping[str, Any]) -> int:
    # Not at the top: the forking process alone needs ansible's own way to give a module its arguments.
    from ansible.module_utils.testing import patch_module_args

    sys.stdout, sys.stderr = (io.TextIOWrapper(os.fdopen(number, "wb"), write_through=True) for number in (1, 2))
    try:
        os.environ.update(job["variables"])
        for place, values in job["settings"].items():
            module = importlib.import_module(f"{COLLECTION}.module_utils.{place}")
            for name, value in values.items():
                getattr(module, name)  # a constant that has another name by now is an error
                setattr(module, name, value)
        arguments = {**job["arguments"], "_ansible_check_mode": job["check"], "_ansible_diff": True}
        with patch_module_args(arguments):
            main()
    except SystemExit as leaving:
        code = leaving.code
        return code if isinstance(code, int) else int(code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 99
    finally:
        atexit._run_exitfuncs()  # a fork that leaves by os._exit() has to tidy up by itself
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _content(number: int) -> str:
    os.lseek(number, 0, os.SEEK_SET)
    with os.fdopen(number, "rb") as file:
        return file.read().decode("utf-8", "replace")


if __name__ == "__main__":
    _serve()
