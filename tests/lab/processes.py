# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting daemons and ending them again, and never another process that got the same id later."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when it is gone or only waits to be reaped."""
    try:
        # The command's name in parentheses may hold spaces: count the fields from the last parenthesis.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


@dataclass(frozen=True)
class Daemon:
    """A daemon by name, with its record (`<folder>/<name>.json`) and its log (`<logs>/<name>.log`)."""

    name: str
    folder: Path
    logs: Path

    @property
    def record(self) -> Path:
        """The file that holds the process id and its start time."""
        return self.folder / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """What the daemon printed."""
        return self.logs / f"{self.name}.log"

    def pid(self) -> int | None:
        """The id of the running process, None when it isn't running."""
        try:
            record = json.loads(self.record.read_text())
        except (OSError, ValueError):
            return None
        return record["pid"] if start_time(record["pid"]) == record["start"] else None

    def start(
        self,
        argv: Sequence[str | Path],
        *,
        namespace: Path | None = None,
        group: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the daemon unless it runs: in a network namespace, and in the cgroup with that file of processes."""
        if self.pid() is not None:
            return
        words = [str(word) for word in argv]
        if namespace is not None:
            words = ["nsenter", f"--net={namespace}", "--", *words]
        if group is not None:
            words = ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group), *words]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        self.record.write_text(json.dumps({"pid": child.pid, "start": start_time(child.pid)}))

    def stop(self, *, timeout: float = 10) -> None:
        """End the process, by force after `timeout` seconds, and forget it."""
        pid = self.pid()
        if pid is not None:
            _signal(pid, signal.SIGTERM)
            deadline = time.monotonic() + timeout
            while self.pid() is not None:
                if time.monotonic() > deadline:
                    _kill_group(pid)
                time.sleep(0.05)
            _reap(pid)
        self.record.unlink(missing_ok=True)

    def wait(self, ready: Callable[[], bool], *, timeout: float = 90) -> None:
        """Wait until `ready()`; raises LabError with the end of the log when the daemon ends or time is over."""
        deadline = time.monotonic() + timeout
        while not ready():
            if self.pid() is None or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-2000:] if self.log.is_file() else ""
                verb = "ended" if self.pid() is None else f"was not ready after {timeout:.0f} s"
                raise LabError(f"{self.name} {verb}; its log {self.log} ends with:\n{tail}")
            time.sleep(0.15)


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _kill_group(pid: int) -> None:
    """Kill a daemon and what it started in its own process group, which it leads."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _reap(pid: int) -> None:
    """Collect the exit status when the process was our child, so that no zombie stays."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
