# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lab keeps what, and how its things on the machine are named.

Names on the machine hold a short hash of the checkout's path, so labs of two checkouts never meet. What needs unix
sockets or mounts lies under /var/lib, since a socket's path may have 107 bytes only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
_VAR = Path("/var/lib/meshalliance-lab")


@dataclass(frozen=True)
class Layout:
    """The places of the lab that belongs to one checkout; a name tells a second lab of the same checkout apart."""

    checkout: Path = CHECKOUT
    name: str = ""

    @property
    def ident(self) -> str:
        """Six hexadecimal digits that tell this lab from others."""
        return hashlib.sha256(f"{self.checkout}{self.name}".encode()).hexdigest()[:6]

    @property
    def folder(self) -> Path:
        """What people and tests look at: kubeconfigs, inventory, logs, state."""
        return self.checkout / (f".lab-{self.name}" if self.name else ".lab")

    @property
    def var(self) -> Path:
        """Data of container runtimes and kubelets."""
        return _VAR / self.ident

    @property
    def bridges(self) -> str:
        """The common start of the names of the lab's bridges."""
        return f"mal{self.ident}-"

    @property
    def table(self) -> str:
        """The lab's nftables table in the machine's own network namespace."""
        return f"mal_{self.ident}"


@dataclass(frozen=True)
class ClusterLayout:
    """The places and names of one cluster; `index` is its number in the lab, 0 to 99.

    `domain` is the cluster domain, which is the trust domain too; without one it is `<name>.local`.
    """

    lab: Layout
    name: str
    index: int
    domain: str = ""

    def __post_init__(self) -> None:
        """Fill in the domain."""
        if not self.domain:
            object.__setattr__(self, "domain", f"{self.name}.local")

    @property
    def folder(self) -> Path:
        """Kubeconfigs, certificates, logs, process records and etcd's data."""
        return self.lab.folder / self.name

    @property
    def var(self) -> Path:
        """Data of the container runtime and the kubelet."""
        return self.lab.var / str(self.index)

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.folder / "pki"

    @property
    def unit(self) -> str:
        """The name of the cluster's network namespace and cgroup."""
        return f"mal-{self.lab.ident}-{self.name}"

    @property
    def bridge(self) -> str:
        """The bridge that links the node with the machine."""
        return f"{self.lab.bridges}{self.index}"

    @property
    def veth(self) -> str:
        """The bridge's end of the node's cable."""
        return f"mal{self.lab.ident}v{self.index}"

    @property
    def namespace(self) -> Path:
        """The file that stands for the node's network namespace."""
        return Path("/run/netns") / self.unit

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the user lab-admin."""
        return self.folder / "kubeconfig"

    @property
    def operator_kubeconfig(self) -> Path:
        """The kubeconfig of the user alliance-operator, as whom the inventory's plays run."""
        return self.folder / "operator.kubeconfig"

    @property
    def audit_log(self) -> Path:
        """The API server's audit log, one JSON object a line."""
        return self.folder / "audit.log"

    @property
    def containerd_socket(self) -> Path:
        """Where the container runtime listens."""
        return self.var / "run" / "containerd.sock"

    @property
    def node(self) -> str:
        """The name of the Node."""
        return f"{self.name}-node"
