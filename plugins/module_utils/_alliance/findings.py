# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings: problems that are reported and don't stop the work on everything else.

C(unknown) is for what could not be looked at: it is no problem that is known, and no reason to call anything well.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One problem. code: a stable word for programs. object: for example "Service xyz/bar"."""

    severity: Literal["error", "warning", "unknown"]
    code: str
    message: str
    remedy: str = ""
    cluster: str = ""
    neighbour: str = ""
    object: str = ""

    def to_dict(self) -> dict[str, str]:
        """All fields as plain strings, for module results."""
        return asdict(self)

    def located(self, *, cluster: str = "", neighbour: str = "", place: str = "") -> Finding:
        """A copy in which the places not known so far are filled in. place: the object."""
        return replace(
            self,
            cluster=self.cluster or cluster,
            neighbour=self.neighbour or neighbour,
            object=self.object or place,
        )
