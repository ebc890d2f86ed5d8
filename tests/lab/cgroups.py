# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cgroup of our own for each cluster: kubelet puts pods below it, and whatever is in it is the cluster's."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """The roots of all mounted hierarchies: one for each controller in version 1, the only one in version 2."""
    if (_ROOT / "cgroup.controllers").is_file():
        return [_ROOT]
    return [path for path in sorted(_ROOT.iterdir()) if path.is_dir() and not path.is_symlink()]


def create(name: str) -> Path:
    """Make the group `name` with a part for our own daemons, and return the latter's file of processes."""
    for root in hierarchies():
        for group in (root / name, root / name / "daemons"):
            group.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                # A new group of version 1 has no processors and takes no process until it is given some.
                if (group / setting).is_file() and not (group / setting).read_text().strip():
                    (group / setting).write_text((group.parent / setting).read_text())
    pids = _ROOT / "pids" if (_ROOT / "pids").is_dir() else _ROOT
    return pids / name / "daemons" / "cgroup.procs"


def members(name: str) -> set[int]:
    """The ids of all processes in the group and below it."""
    found: set[int] = set()
    for root in hierarchies():
        for folder, _folders, _files in os.walk(root / name):
            try:
                found.update(int(line) for line in (Path(folder) / "cgroup.procs").read_text().split())
            except OSError:
                continue
    return found


def kill(name: str, *, timeout: float = 20) -> None:
    """End every process in the group and wait until none is left (at most `timeout` seconds)."""
    deadline = time.monotonic() + timeout
    while (pids := members(name)) and time.monotonic() < deadline:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.1)


def remove(name: str) -> None:
    """Take the group and all below it away."""
    for root in hierarchies():
        for folder, _folders, _files in os.walk(root / name, topdown=False):
            for _attempt in range(20):
                try:
                    os.rmdir(folder)
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.1)  # the kernel still counts a process that has just ended
                else:
                    break
