# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cycle that every module that writes is put through: create, change and delete, each in check mode twice and
for real twice, in this order.

    @cycle
    def test_cycle(step: Step, module: ...) -> None:
        result = run(..., check=step.check)
        assert result["changed"] is step.changed

For a module that never deletes, the last four steps show that it makes anew what somebody else has deleted.
tests/gates/test_module_coverage.py fails for a module whose tests don't have all twelve steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

ACTIONS = ("create", "change", "delete")
MODES = ("check", "real")
REPEATS = ("first", "second")


@dataclass(frozen=True)
class Step:
    """One step: what is asked for, how, and whether for the first or the second time."""

    action: str
    mode: str
    repeat: str

    @property
    def id(self) -> str:
        """The step's name in pytest's reports, such as create-check-first."""
        return f"{self.action}-{self.mode}-{self.repeat}"

    @property
    def check(self) -> bool:
        """Whether the step runs in check mode."""
        return self.mode == "check"

    @property
    def changed(self) -> bool:
        """What the module must report: only what has really been done already is no change."""
        return self.check or self.repeat == "first"

    @property
    def writes(self) -> bool:
        """Whether the API server may and must see mutating requests."""
        return self.changed and not self.check


CYCLE = tuple(Step(action, mode, repeat) for action in ACTIONS for mode in MODES for repeat in REPEATS)

cycle = pytest.mark.parametrize("step", CYCLE, ids=[step.id for step in CYCLE])
