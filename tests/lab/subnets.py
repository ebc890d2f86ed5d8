# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses a cluster uses: one free block of 8192 is cut into nodes, pods and services."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from .errors import LabError

_POOL = IPv4Network("10.96.0.0/11")
_BLOCK_PREFIX = 19


@dataclass(frozen=True)
class Subnets:
    """The parts of one block."""

    block: IPv4Network

    @property
    def nodes(self) -> IPv4Network:
        """The first 256 addresses: the bridge and the node."""
        return next(self.block.subnets(new_prefix=24))

    @property
    def pods(self) -> IPv4Network:
        """The second quarter."""
        return list(self.block.subnets(new_prefix=21))[1]

    @property
    def services(self) -> IPv4Network:
        """The second half."""
        return list(self.block.subnets(new_prefix=20))[1]

    @property
    def gateway(self) -> IPv4Address:
        """The bridge's address."""
        return self.nodes[1]

    @property
    def node(self) -> IPv4Address:
        """The node's address."""
        return self.nodes[2]

    @property
    def kubernetes_service(self) -> IPv4Address:
        """The service `kubernetes` in the namespace `default`."""
        return self.services[1]

    @property
    def dns_service(self) -> IPv4Address:
        """The cluster's name server."""
        return self.services[10]


def free_block(taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first block that overlaps none of `taken`."""
    used = list(taken)
    for block in _POOL.subnets(new_prefix=_BLOCK_PREFIX):
        if not any(block.overlaps(network) for network in used):
            return block
    raise LabError(f"no free block of addresses is left in {_POOL}")
