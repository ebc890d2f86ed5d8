# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab of its own for all end-to-end tests, new at the start and gone at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .alliance import CLUSTERS, MEMBERS, SELDOM, Alliance
from .looking import Looker
from tests.integration.forked import Forker
from tests.lab.lab import Lab
from tests.lab.layout import Layout

# Set it to keep the clusters for a look around; `python -m tests.lab --name e2e down` takes them away.
KEEP = "KEEP_E2E_LAB"


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Two clusters that nothing was done to."""
    lab = Lab(Layout(name="e2e"))
    if not os.environ.get(KEEP):
        lab.down()
    lab.up(CLUSTERS)
    yield lab
    if not os.environ.get(KEEP):
        lab.down()
        (lab.layout.folder / MEMBERS).unlink(missing_ok=True)


@pytest.fixture(scope="session")
def fresh(lab: Lab) -> Alliance:
    """The alliance before its first run; only the first test may use it."""
    return Alliance(lab, variables=dict.fromkeys(CLUSTERS, SELDOM))


@pytest.fixture(scope="session")
def alliance(fresh: Alliance) -> Alliance:
    """The alliance after a run."""
    fresh.converge()
    return fresh


@pytest.fixture(scope="session")
def looker(alliance: Alliance) -> Iterator[Looker]:
    """Looks at the alliance without a playbook."""
    with Forker() as forker:
        yield Looker(alliance, forker)
