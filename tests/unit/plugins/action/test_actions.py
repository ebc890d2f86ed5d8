# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions, called as ansible calls them, without a connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.meshalliance.istio.plugins.action import alliance_preflight, alliance_report
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member

ROLES = Path(__file__).parents[4] / "roles"


class Display:
    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.shown: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def display(self, text: str, **_how: Any) -> None:
        self.shown.append(text)


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Display:
    made = Display()
    for module in (alliance_preflight, alliance_report):
        monkeypatch.setattr(module, "display", made)
    return made


def run(module: Any, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    """The action's result; touching its connection is an error."""
    task = MagicMock(args=arguments, async_val=0, check_mode=False)
    connection = MagicMock(_shell=MagicMock(tmpdir="/nowhere"))
    for forbidden in ("exec_command", "put_file", "fetch_file"):
        setattr(connection, forbidden, MagicMock(side_effect=AssertionError(forbidden)))
    action = module.ActionModule(task, connection, MagicMock(), MagicMock(), MagicMock(), MagicMock())
    return dict(action.run(task_vars=variables))


def member(name: str, **more: Any) -> dict[str, Any]:
    domain = more.pop("domain", f"{name}.local")
    state = ClusterState(name=name, uuid=f"uuid-{name}", trust_domain=domain, cluster_domain=domain)
    return Member(name, state=state, **more).to_dict()


def test_errors_fail_the_host_that_has_them_and_are_shown(display: Display) -> None:
    members = [member("a", domain="cluster.local", peers=("a",)), member("b", insecure=True)]
    result = run(alliance_preflight, {"members": members}, {"inventory_hostname": "a"})
    assert result["failed"] is True
    assert [finding["code"] for finding in result["findings"]] == ["domain-reserved", "lists-itself"]
    assert "2 findings keep a out of the alliance" in result["msg"]
    (shown,) = display.shown
    assert shown.count("ERROR a: ") == 2
    assert display.warnings == []


def test_warnings_do_not_fail(display: Display) -> None:
    members = [member("a", domain="cluster.local"), member("b", insecure=True)]
    result = run(alliance_preflight, {"members": members}, {"inventory_hostname": "b"})
    assert not result.get("failed")
    assert result["changed"] is False
    assert [finding["code"] for finding in result["findings"]] == ["insecure-endpoint"]
    (warning,) = display.warnings
    assert warning.startswith("WARNING b: ")
    assert display.shown == []


def test_the_report_counts_what_every_role_wrote(display: Display) -> None:
    """Not only root exchange and import: the gateway's objects are changes too."""
    hostvars: dict[str, dict[str, Any]] = {
        "a": {
            "preflight_state": ClusterState(name="a", uuid="a", trust_domain="a.local").to_dict(),
            "preflight_others": {
                "results": [{"item": "b", "state": {"name": "b", "uuid": "b", "trust_domain": "b.x"}}]
            },
            "ingressgateway_workload": {"objects": [{}, {}]},
            "root_exchange_result": {"trusted": {"b": ["1"]}, "findings": [], "objects": [{}]},
        },
        "b": {},
    }
    variables = {"groups": {"members": ["a", "b"]}, "hostvars": hostvars}
    result = run(alliance_report, {"group": "members"}, variables)
    assert result["changed"] is False
    assert result["table"][1].split() == ["a", "b", "b.x", "1", "root", "?", "3", "-"]
    assert result["table"][2].split() == ["b", "a", "a.local", "?", "?", "-", "not", "run"]
    assert "\n".join(result["table"]) in display.shown[0]


def test_the_names_that_the_roles_register_are_those_that_are_counted() -> None:
    """A renamed variable would silently be left out of the table."""
    text = "\n".join(path.read_text() for path in ROLES.glob("*/tasks/*.yml"))
    for name in (alliance_report.TRUST, alliance_report.IMPORTS, *alliance_report.OTHERS):
        assert f"register: {name}\n" in text, name
