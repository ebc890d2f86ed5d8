# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts and files that container runtime and kubelet leave behind."""

from __future__ import annotations

from pathlib import Path

from .commands import succeeds
from .layout import ClusterLayout


def unmount_below(folder: Path) -> None:
    """Unmount all that is mounted below `folder`, lazily, the innermost first."""
    inside = f"{folder}/"
    # The kernel writes a space in a path as \040; none of ours has one.
    targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for target in reversed([target for target in targets if target.startswith(inside)]):
        succeeds(["umount", "--lazy", target])


def remove_traces(cluster: ClusterLayout) -> None:
    """Delete the cluster's files in folders that kubelets and network plugins share, whose place is fixed."""
    containers = Path("/var/log/containers")
    if containers.is_dir():
        for link in containers.iterdir():
            if link.is_symlink() and str(link.readlink()).startswith(f"{cluster.var}/"):
                link.unlink(missing_ok=True)
    results = Path("/var/lib/cni/results")
    if results.is_dir():
        for result in results.glob(f"{cluster.unit}-*"):
            result.unlink(missing_ok=True)
