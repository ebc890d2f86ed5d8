# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing and cutting blocks of addresses."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from tests.lab.errors import LabError
from tests.lab.subnets import Subnets, free_block


def test_the_parts_of_a_block_do_not_overlap() -> None:
    subnets = Subnets(IPv4Network("10.96.32.0/19"))
    parts = [subnets.nodes, subnets.pods, subnets.services]
    assert all(part.subnet_of(subnets.block) for part in parts)
    assert not any(one.overlaps(other) for one in parts for other in parts if one is not other)
    assert subnets.node in subnets.nodes
    assert subnets.dns_service in subnets.services


def test_a_block_is_free_of_everything_taken() -> None:
    taken = [IPv4Network("10.96.0.0/19"), IPv4Network("10.96.40.7/32"), IPv4Network("192.0.2.0/24")]
    assert free_block(taken) == IPv4Network("10.96.64.0/19")


def test_a_full_pool_is_an_error() -> None:
    with pytest.raises(LabError):
        free_block([IPv4Network("10.0.0.0/8")])
