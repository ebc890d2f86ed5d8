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


def remove_sockets(cluster: ClusterLayout) -> None:
    """Delete the sockets of the containers' shims, which have all ended; the runtime would forget them."""
    for address in (cluster.var / "run" / "state").glob("io.containerd.runtime.v2.task/*/*/address"):
        Path(address.read_text().strip().removeprefix("unix://")).unlink(missing_ok=True)


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
