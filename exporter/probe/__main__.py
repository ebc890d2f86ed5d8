# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the probe: C(python3 -m ansible_collections.meshalliance.istio.exporter.probe)."""

from __future__ import annotations

import os
import sys

from ansible_collections.meshalliance.istio.exporter.probe.run import run
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe import Order


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """One order, one run. Exit status 2 for an order that can't be read."""
    try:
        # One line: the API server's protocol can't tell that there is no more to read.
        order = Order.parse(sys.stdin.readline())
    except (AllianceError, ValueError, TypeError, KeyError) as error:
        sys.stderr.write(f"the order can't be read: {error}\n")
        return 2
    run(order, _tell)
    return 0


if __name__ == "__main__":
    status = main()
    # Threads that still wait for somebody's answer keep nobody else waiting.
    os._exit(status)
