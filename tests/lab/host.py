# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine itself must have."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .cache import cache_root, locked
from .commands import run
from .errors import LabError
from .pins import HOST_PACKAGES
from .progress import step


def missing_packages(wanted: Iterable[str] = HOST_PACKAGES) -> list[str]:
    """The Debian packages, by default those of the pins, that aren't installed."""
    return [name for name in wanted if not _installed(name)]


def _installed(name: str) -> bool:
    done = subprocess.run(["dpkg-query", "-W", "-f=${Status}", name], capture_output=True, text=True, check=False)
    return done.stdout == "install ok installed"


def prepare() -> None:
    """Install the missing packages; raises LabError where that is impossible."""
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces and mounts, so it has to be run as root")
    install_missing(HOST_PACKAGES)


def install_missing(wanted: Iterable[str]) -> None:
    """Install Debian packages that aren't there, one process at a time; raises LabError where that is impossible."""
    if shutil.which("dpkg-query") is None:
        raise LabError("Debian packages are needed, so this takes a Debian-like machine")
    if not missing_packages(wanted):
        return
    # apt-get refuses to work while another one does, and services are everybody's.
    with locked(cache_root() / ".packages.lock"):
        if not (missing := missing_packages(wanted)):
            return
        with step(f"install {', '.join(missing)}"):
            install = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]
            run([*install, "update", "-qq"], timeout=300)
            with _no_services():
                run([*install, "install", "-y", "-qq", "--no-install-recommends", *missing], timeout=600)


@contextmanager
def _no_services(policy: Path = Path("/usr/sbin/policy-rc.d")) -> Iterator[None]:
    """While packages are installed none of them starts a service: tests run their own containerd and Prometheus.

    A machine that has a policy already keeps it.
    """
    ours = not policy.exists()
    if ours:
        # 101: the action is not allowed (the interface of invoke-rc.d).
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            policy.unlink(missing_ok=True)
