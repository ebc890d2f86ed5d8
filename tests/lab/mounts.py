# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts and files that container runtime and kubelet leave behind."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from .commands import succeeds
from .layout import ClusterLayout

_MINUTE = 60


def unmount_below(folder: Path) -> None:
    """Unmount all that is mounted below `folder`, lazily, the innermost first."""
    inside = f"{folder}/"
    # The kernel writes a space in a path as \040; none of ours has one.
    targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for target in reversed([target for target in targets if target.startswith(inside)]):
        succeeds(["umount", "--lazy", target])


def remove_traces(cluster: ClusterLayout) -> None:
    """Delete the cluster's files in folders that all container runtimes share; call it before its data is deleted."""
    for link in _entries(Path("/var/log/containers")):
        if link.is_symlink() and str(link.readlink()).startswith(f"{cluster.var}/"):
            link.unlink(missing_ok=True)
    results = Path("/var/lib/cni/results")
    for result in _entries(results):
        if result.name.startswith(f"{cluster.unit}-") and result.name.endswith("-eth0"):
            sandbox = result.name.removeprefix(f"{cluster.unit}-").removesuffix("-eth0")
            (results / f"cni-loopback-{sandbox}-lo").unlink(missing_ok=True)
            result.unlink(missing_ok=True)


def remove_dead_sockets() -> None:
    """Delete the sockets that shims left in the folder that is built into them.

    Their names don't tell whose they were. One that has been there for a minute and that nobody listens on is dead,
    and of no use to anybody.
    """
    for path in _entries(Path("/run/containerd/s")):
        try:
            if not path.is_socket() or time.time() - path.stat().st_mtime < _MINUTE:
                continue
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1)
                probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError:
            continue


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
