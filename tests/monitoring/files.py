# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that the role metadata_exporter installs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FILES = Path(__file__).parents[2] / "roles" / "metadata_exporter" / "files"
RULES = _FILES / "alliance.rules.yml"
DASHBOARD: dict[str, Any] = json.loads((_FILES / "alliance-dashboard.json").read_text())


def dashboard_queries(*, filled_in: bool = True, interval: str = "1m") -> dict[str, str]:
    """The dashboard's queries by the title of the panel (and a number where it has several).

    C(filled_in): as Grafana sends them, for all neighbours. C(interval): over which rates are taken.
    """
    found = {}
    for panel in DASHBOARD["panels"]:
        for number, target in enumerate(panel.get("targets", ())):
            query = target["expr"]
            if filled_in:
                query = query.replace("$neighbour", ".*").replace("$__rate_interval", interval)
            found[panel["title"] + (f" {number}" if number else "")] = query
    return found
