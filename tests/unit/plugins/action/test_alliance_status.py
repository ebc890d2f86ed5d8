# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.meshalliance.istio.plugins.action import alliance_status
from ansible_collections.meshalliance.istio.plugins.action.alliance_status import told_by
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    Check,
    ClusterView,
    EdgeView,
    Overview,
    Probe,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339

WELL = Check("api", "ok", "well")


def member(name: str) -> dict[str, Any]:
    domain = f"{name}.local"
    state = ClusterState(name=name, uuid=f"uuid-{name}", trust_domain=domain, cluster_domain=domain, roots="x")
    return Member(name, state=state).to_dict()


def variables(name: str, neighbour: str, check: Check = WELL) -> dict[str, Any]:
    """What a host of the run has registered."""
    part = Overview(
        "x",
        "2026-01-01T00:00:00Z",
        (ClusterView(name, "istio", checks=(WELL,)),),
        (EdgeView(name, neighbour, checks=(check,)),),
    )
    return {
        "inventory_hostname": name,
        "status_read": {"state": {"name": name}},
        "status_looked": {"overview": part.to_dict()},
    }


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(alliance_status, "display", MagicMock(display=lines.append))
    return lines


def run(hostvars: dict[str, Any], *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    task = MagicMock(args={"members": [member("a"), member("b")], **arguments}, async_val=0, check_mode=check)
    action = alliance_status.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    return dict(action.run(task_vars={"hostvars": hostvars}))


BOTH = {"a": variables("a", "b"), "b": variables("b", "a")}


@pytest.mark.parametrize("check", [False, True])
def test_the_table_the_json_and_the_page(check: bool, shown: list[str], tmp_path: Path) -> None:
    files = {"json_file": str(tmp_path / "new" / "status.json"), "page_file": str(tmp_path / "status.html")}
    result = run(BOTH, check=check, **files)
    assert (result["changed"], result["level"], result.get("failed")) == (False, "ok", None)
    assert "Status of the alliance: OK" in shown[0]
    written = json.loads((tmp_path / "new" / "status.json").read_text())
    assert written == result["overview"]
    assert (tmp_path / "status.html").read_text().startswith("<!DOCTYPE html>")
    assert {path.name for path in tmp_path.rglob("*")} == {"new", "status.json", "status.html"}


@pytest.mark.parametrize(
    "level, fail_on, fails",
    [
        ("ok", "unknown", False),
        ("unknown", "unknown", True),
        ("unknown", "warning", False),
        ("warning", "warning", True),
        ("warning", "error", False),
        ("error", "error", True),
        ("error", "never", False),
    ],
)
def test_it_fails_only_on_request(level: str, fail_on: str, fails: bool, shown: list[str]) -> None:
    hostvars = {**BOTH, "b": variables("b", "a", Check("traffic", level, "x"))}
    result = run(hostvars, fail_on=fail_on)
    assert (bool(result.get("failed")), result["level"]) == (fails, level)
    assert len(shown) == 1


def test_a_host_that_did_not_come_so_far_is_not_known(shown: list[str]) -> None:
    assert run({"a": BOTH["a"], "b": {"inventory_hostname": "b"}})["level"] == "unknown"
    skipped = {"inventory_hostname": "b", "status_read": {"skipped": True}, "status_looked": {"skipped": True}}
    assert run({"a": BOTH["a"], "b": skipped})["level"] == "unknown"


def test_a_cluster_that_could_not_be_read_is_told_with_the_reason(shown: list[str]) -> None:
    failed = {
        "inventory_hostname": "b",
        "status_read": {"msg": "cluster b: connection refused", "failed": False},
        "status_looked": {"skipped": True},
    }
    result = run({"a": BOTH["a"], "b": failed})
    assert result["level"] == "error"
    assert "ERROR b: connection refused" in shown[0]


def test_a_look_that_failed_after_reading_is_told(shown: list[str]) -> None:
    failed = {**BOTH["b"], "status_looked": {"msg": "cluster b: forbidden"}}
    told = told_by(failed)
    assert told is not None
    assert (told.part, [finding.message for finding in told.failures]) == (None, ["forbidden"])


def test_a_module_s_error_is_told_in_its_parts() -> None:
    error = {"message": "it can't be reached", "remedy": "start it", "object": "", "cluster": "b", "neighbour": None}
    told = told_by(
        {"inventory_hostname": "b", "status_read": {"msg": "cluster b: it can't be reached", "error": error}}
    )
    assert told is not None
    assert [(item.message, item.remedy) for item in told.failures] == [("it can't be reached", "start it")]


def test_what_roles_would_write_is_taken_from_all_their_steps() -> None:
    changed = {"objects": [{"action": "updated", "kind": "Service", "namespace": "x", "name": "y"}]}
    steps = {
        "ingressgateway_address": {**changed, "counts": {"unchanged": 1}},
        "metadata_exporter_workload": {"objects": [], "counts": {"unchanged": 9}},
        "api_proxy_workload": {"skipped": True},
        "status_objects_failure": "cluster b: no image is set",
    }
    told = told_by({**BOTH["b"], **steps})
    assert told is not None and told.compared is not None
    assert (len(told.compared.changed), told.compared.unchanged) == (1, 10)
    assert told.compared.failures == ("no image is set",)
    told = told_by(BOTH["b"])
    assert told is not None
    assert told.compared is None


def verification(at: float, level: str) -> str:
    edges = tuple(EdgeView(one, other, probes=(Probe("x:80", level),)) for one, other in (("a", "b"), ("b", "a")))
    return json.dumps(Overview("Verify", rfc3339(at), (), edges).to_dict())


def test_a_verification_of_lately_counts(shown: list[str], tmp_path: Path) -> None:
    untried = Check("traffic", "unknown", "nobody tried")
    hostvars = {"a": variables("a", "b", untried), "b": variables("b", "a", untried)}
    file = tmp_path / "verify.json"
    assert run(hostvars, verified_file=str(file))["level"] == "unknown"
    for at, level, expected in ((60, "ok", "ok"), (60, "error", "error"), (7200, "ok", "unknown")):
        file.write_text(verification(time.time() - at, level))
        assert run(hostvars, verified_file=str(file))["level"] == expected


def test_files_that_can_t_be_used_fail_with_a_remedy(shown: list[str], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken.json").write_text("{")
    for arguments in ({"page_file": str(tmp_path / "folder")}, {"verified_file": str(tmp_path / "broken.json")}):
        result = run(BOTH, **arguments)
        assert result["failed"]
        assert "Remedy: " in result["msg"]
    assert shown == []
