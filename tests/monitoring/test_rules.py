# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alerts that the role installs, with Prometheus' own tool for rules."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from .cases import CASES, MINUTES, Case
from .exported import exported_names, names_in
from .files import DASHBOARD, RULES, dashboard_queries
from tests.lab.host import install_missing

PACKAGES = ("prometheus",)
_FILLED = re.compile(r"\{\{ \$(?:labels\.(\w+)|(value)[^}]*) \}\}")


@pytest.fixture(scope="module", autouse=True)
def _promtool() -> None:
    install_missing(PACKAGES)


def alerts() -> dict[str, dict[str, Any]]:
    """All of them by name."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def promtool(*arguments: str) -> str:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def filled(text: str, labels: Mapping[str, str], value: str) -> str:
    """An annotation as Prometheus writes it for an alert."""
    return _FILLED.sub(lambda match: value if match[2] else labels.get(match[1], ""), text)


def as_promtool_reads_it(case: Case) -> dict[str, Any]:
    """A test of promtool's, of a case."""
    rule = alerts()[case.alert]
    fires = []
    if case.labels is not None:
        # Prometheus leaves out labels without a value.
        labels = {name: text for name, text in case.labels.items() if text}
        texts = {name: filled(text, labels, case.value) for name, text in rule["annotations"].items()}
        fires = [{"exp_labels": {**labels, **rule["labels"]}, "exp_annotations": texts}]
    return {
        "name": str(case),
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "alert_rule_test": [{"alertname": case.alert, "eval_time": f"{MINUTES}m", "exp_alerts": fires}],
    }


def test_the_rules_are_rules() -> None:
    assert f"{len(alerts())} rules found" in promtool("check", "rules", "--lint-fatal", str(RULES))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_alerts_fire_when_they_have_to_and_else_do_not(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "case.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": [as_promtool_reads_it(case)]}))
    promtool("test", "rules", str(path))


def test_every_alert_is_shown_to_fire_and_not_to_fire() -> None:
    for fires in (True, False):
        shown = {case.alert for case in CASES if (case.labels is not None) == fires}
        assert sorted(shown) == sorted(alerts()), f"fires: {fires}"


def test_what_rules_and_dashboard_ask_for_is_exported() -> None:
    """A name that nobody exports would make an alert that never fires."""
    known = exported_names()
    for expression in [*(rule["expr"] for rule in alerts().values()), *dashboard_queries().values()]:
        names = names_in(expression)
        assert names, expression
        assert names <= known, expression


def test_the_dashboard_is_one_that_grafana_lays_out() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _y in cells) < 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", " ".join(dashboard_queries(filled_in=False).values())))
    assert used - {"__rate_interval"} <= variables


def test_alerts_and_figures_are_documented() -> None:
    text = (RULES.parents[3] / "docs" / "monitoring.md").read_text()
    for alert in alerts():
        assert f"`{alert}`" in text, alert
    for name in exported_names():
        if "neighbour" in name or name.startswith("d8_"):
            assert name.removeprefix("meshalliance_exporter_") in text, name
