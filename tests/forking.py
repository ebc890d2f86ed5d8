# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Python programs many times a second: one process has their imports done, and each run is a fork of it.

A job goes in as one line of JSON, an answer comes out as one line. What a job means says the program that calls
serve().
"""

from __future__ import annotations

import atexit
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Job = Mapping[str, Any]


@dataclass(frozen=True)
class Ended:
    """A run: what it printed, and its exit status; negative is the signal that ended it."""

    stdout: str
    stderr: str
    status: int


class ForkServer:
    """The process that forks. It is started by the first job. Thread-safe: jobs wait for each other.

    program: the module that calls serve(). environment: of the process; a job may have others.
    """

    def __init__(self, program: str, environment: Callable[[], Mapping[str, str]]) -> None:
        self._program = program
        self._environment = environment
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def run(self, job: Job) -> Ended:
        """Do one job."""
        with self._lock:
            return Ended(**json.loads(self._ask(json.dumps(job))))

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.communicate(timeout=60)
            self._process = None

    def _ask(self, line: str) -> str:
        if self._process is None:
            command = [sys.executable, "-m", self._program]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self._environment()
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, f"the forking process of {self._program} has ended with {process.wait(10)}"
        return answer


def serve(work: Callable[[Job], object], limit_seconds: int) -> None:
    """Answer jobs from standard input until there are no more; each is C(work) in a fork, ended by SIGALRM in time."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_forked(work, json.loads(line), limit_seconds)) + "\n")
        sys.stdout.flush()


def _forked(work: Callable[[Job], object], job: Job, limit_seconds: int) -> dict[str, Any]:
    told, said = os.memfd_create("stdout"), os.memfd_create("stderr")
    child = os.fork()
    if child == 0:
        os.dup2(told, 1)
        os.dup2(said, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.alarm(limit_seconds)
        atexit._clear()  # what the parent has to tidy up is the parent's
        os._exit(_status_of(work, job))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {"stdout": _content(told), "stderr": _content(said), "status": status}


def _status_of(work: Callable[[Job], object], job: Job) -> int:
    sys.stdout, sys.stderr = (io.TextIOWrapper(os.fdopen(number, "wb"), write_through=True) for number in (1, 2))
    try:
        work(job)
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
