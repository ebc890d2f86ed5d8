# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions, called as ansible calls them, without a connection."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock
from xml.etree import ElementTree

import pytest

from ansible_collections.meshalliance.istio.plugins.action import (
    alliance_handover,
    alliance_preflight,
    alliance_report,
    departure_report,
    verify_report,
)
from ansible_collections.meshalliance.istio.plugins.module_utils import _files
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.plugin_utils import _steps

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
    for module in (alliance_handover, alliance_preflight, alliance_report, departure_report, verify_report):
        monkeypatch.setattr(module, "display", made)
    return made


def run(module: Any, arguments: dict[str, Any], variables: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
    """The action's result; touching its connection is an error."""
    task = MagicMock(args=arguments, async_val=0, check_mode=check)
    connection = MagicMock(_shell=MagicMock(tmpdir="/nowhere"))
    for forbidden in ("exec_command", "put_file", "fetch_file"):
        setattr(connection, forbidden, MagicMock(side_effect=AssertionError(forbidden)))
    action = module.ActionModule(task, connection, MagicMock(), MagicMock(), MagicMock(), MagicMock())
    return dict(action.run(task_vars=variables))


def member(name: str, **more: Any) -> dict[str, Any]:
    domain = more.pop("domain", f"{name}.local")
    state = ClusterState(
        name=name, uuid=f"uuid-{name}", trust_domain=domain, cluster_domain=domain, root_fingerprints=("AA:BB",)
    )
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
    assert warning.startswith("b: ")
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
    variables = {"groups": {"istio_federation": ["a", "b"]}, "hostvars": hostvars}
    result = run(alliance_report, {"group": "istio_federation"}, variables)
    assert result["changed"] is False
    assert result["table"][1].split() == ["a", "b", "b.x", "1", "root", "?", "3", "-"]
    assert result["table"][2].split() == ["b", "a", "a.local", "?", "?", "-", "not", "run"]
    assert "\n".join(result["table"]) in display.shown[0]


CONFLICT = {"severity": "warning", "code": "gateway-taken", "message": "it selects", "object": "Gateway x/y"}
CHANGED = {"objects": [{"action": "created", "api_version": "v1", "kind": "ConfigMap", "name": "x", "namespace": "n"}]}


def reported(folder: Path, *, check: bool = True, fail_on: str = "never", **results: Any) -> tuple[dict[str, Any], Any]:
    """The result for one cluster, and the plan in the file."""
    state = ClusterState(name="a", uuid="a", trust_domain="a.local").to_dict()
    variables = {"groups": {"istio_federation": ["a"]}, "hostvars": {"a": {"preflight_state": state, **results}}}
    arguments = {"group": "istio_federation", "plan_file": str(folder / "new" / "plan.json"), "fail_on": fail_on}
    result = run(alliance_report, arguments, variables, check=check)
    return result, json.loads((folder / "new" / "plan.json").read_text())


def test_the_plan_is_kept_in_a_file_whatever_the_mode(display: Display, tmp_path: Path) -> None:
    for check, mode in ((True, "check"), (False, "run")):
        result, plan = reported(tmp_path, check=check, ingressgateway_workload=CHANGED)
        assert (result["changed"], plan["mode"]) == (False, mode)
        assert plan["clusters"][0]["objects"] == CHANGED["objects"]
        assert result["summary"] == plan["summary"]
        assert "\n".join(result["plan"]) in display.shown[-1]
    _result, plan = reported(tmp_path, check=False, ingressgateway_workload={**CHANGED, "rendered_file": "x"})
    assert plan["mode"] == "render"


def test_the_same_plan_leaves_the_file_alone(display: Display, tmp_path: Path) -> None:
    reported(tmp_path, ingressgateway_workload=CHANGED)
    before = (tmp_path / "new" / "plan.json").stat()
    reported(tmp_path, ingressgateway_workload=CHANGED)
    assert (tmp_path / "new" / "plan.json").stat() == before
    assert len(display.shown) == 2


def test_a_job_is_told_by_failure_what_it_asked_for(display: Display, tmp_path: Path) -> None:
    conflicting = {"preflight_findings": {"findings": [CONFLICT]}, "root_exchange_result": {"objects": []}}
    result, plan = reported(tmp_path, fail_on="changes", ingressgateway_workload=CHANGED)
    assert (result["failed"], plan["summary"]["result"]) == (True, "changes")
    assert "changes in 1 clusters" in result["msg"]
    result, plan = reported(tmp_path, fail_on="conflicts", **conflicting)
    assert (result["failed"], plan["summary"]["result"]) == (True, "conflicts")
    assert plan["conflicts"][0]["cluster"] == "a"
    assert not reported(tmp_path, fail_on="never", **conflicting)[0].get("failed")
    assert not reported(tmp_path, fail_on="changes", root_exchange_result={"objects": []})[0].get("failed")
    assert display.shown


def test_a_plan_that_can_t_be_kept_is_told(display: Display, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("a file")
    variables = {"groups": {"istio_federation": []}, "hostvars": {}}
    result = run(
        alliance_report, {"group": "istio_federation", "plan_file": str(tmp_path / "new" / "plan.json")}, variables
    )
    assert result["failed"] is True
    assert "alliance_plan_file" in result["msg"]
    assert display.shown


def test_conflicts_fail_the_host_when_that_is_asked_for(display: Display) -> None:
    taken = {"kind": "Gateway", "namespace": "x", "name": "y", "ports": [15443]}
    members = [member("a"), member("b")]
    members[0]["state"]["foreign"] = [taken]
    result = run(alliance_preflight, {"members": members}, {"inventory_hostname": "a"})
    assert [(item["code"], item["severity"]) for item in result["findings"]] == [("gateway-taken", "warning")]
    assert not result.get("failed")
    result = run(alliance_preflight, {"members": members, "fail_on_conflicts": True}, {"inventory_hostname": "a"})
    assert result["failed"] is True
    assert "ERROR a: Gateway x/y" in display.shown[0]


def test_steps_of_another_provider_say_nothing(display: Display) -> None:
    """A role's task that was skipped is registered all the same."""
    skipped = {"skipped": True, "changed": False, "skip_reason": "Conditional result was False"}
    unpublished = {"severity": "error", "code": "x", "message": "no such Service", "object": "Service x/y"}
    broken = {"severity": "warning", "code": "platform-awaiting", "message": "no gateway", "cluster": "a"}
    state = {"preflight_state": ClusterState(name="a", uuid="a", trust_domain="a.local").to_dict()}
    hostvars: dict[str, dict[str, Any]] = {
        "a": {
            **state,
            "preflight_findings": {"findings": []},
            "istio_module_restarts": skipped,
            "istio_module_config_result": {"objects": [{}]},
            "istio_module_ready": {"findings": [broken], "awaiting": ["the gateway"]},
            "metadata_exporter_published": {"objects": [{}], "findings": [unpublished]},
            "root_exchange_result": {"trusted": {"p": ["1"]}, "findings": [], "objects": [{}]},
            "service_import_result": {"trusted": {}, "imported": {"p": 2}, "findings": []},
        },
        "b": {**state, "preflight_findings": {"findings": []}, "istio_module_restarts": skipped},
        "p": {
            "alliance_provider": "external",
            "alliance_trust_domain": "p.local",
            "root_exchange_result": skipped,
            "external_neighbour_result": {"changed": True, "manifests": "..."},
        },
    }
    result = run(
        alliance_report, {"group": "istio_federation"}, {"groups": {"istio_federation": [*"abp"]}, "hostvars": hostvars}
    )
    rows = {tuple(line.split()[:2]): line.split()[3:] for line in result["table"][1:7]}
    assert rows["a", "b"] == ["no", "0", "3", "-"]
    assert rows["a", "p"] == ["no", "2", "-"]
    assert rows["b", "a"] == ["?", "?", "-", "not", "run"]
    assert rows["p", "a"] == ["-", "-", "-", "external"]
    assert result["table"][7:] == ["", "WARNING a: no gateway", "ERROR a: Service x/y: no such Service"]


PARTNER = {
    "name": "partner",
    "provider": "external",
    "declared_domain": "partner.local",
    "endpoint": "https://istio.example.com/metadata/",
    "root_fingerprints": ["AB" * 32],
}


def handover(folder: Path | None, *, check: bool = False, **ours: Any) -> dict[str, Any]:
    members = [member("a", endpoint="https://a.example.com/metadata/", **ours), PARTNER]
    arguments = {"name": "partner", "members": members, "directory": str(folder) if folder else ""}
    return run(alliance_handover, arguments, {}, check=check)


def test_a_handover_is_written_and_shown_once(display: Display, tmp_path: Path) -> None:
    folder = tmp_path / "one" / "two"
    path = folder / "partner.yml"
    planned = handover(folder, check=True)
    assert not folder.exists()
    made = handover(folder)
    text = path.read_text()
    assert {key: value for key, value in made.items() if key in planned} == planned
    assert (made["changed"], made["path"], made["manifests"]) == (True, str(path), text)
    (diff,) = made["diff"]
    assert (diff["before"], diff["after"], diff["after_header"]) == ("", text, str(path))
    assert path.stat().st_mode & 0o777 == 0o644
    # Ready to paste: whole lines, as they are.
    assert [text in shown for shown in display.shown] == [True, True]
    assert f"(would be written to {path})" in display.shown[0]
    assert f"(also in {path})" in display.shown[1]
    again = handover(folder)
    assert (again["changed"], again["diff"]) == (False, [])
    assert display.shown[2:] == [alliance_handover._unchanged("partner", path)]
    assert [item.name for item in folder.iterdir()] == ["partner.yml"]


def test_a_relative_folder_begins_where_the_playbook_was_started(
    display: Display, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = handover(Path("alliance-external"))
    assert made["path"] == str(tmp_path / "alliance-external" / "partner.yml")
    assert Path(made["path"]).read_text() == made["manifests"]


def test_a_handover_that_changes_is_shown_again(display: Display, tmp_path: Path) -> None:
    before = handover(tmp_path)["manifests"]
    made = handover(tmp_path, domain="new.local")
    (diff,) = made["diff"]
    assert made["changed"] is True
    assert (diff["before"], diff["after"]) == (before, made["manifests"])
    assert made["manifests"] in display.shown[1]


def test_a_handover_without_a_file_is_shown_each_time(display: Display) -> None:
    results = [handover(None), handover(None, check=True)]
    for result, shown in zip(results, display.shown, strict=True):
        assert (result["changed"], result["path"]) == (False, "")
        assert result["manifests"] in shown


def test_a_folder_that_cannot_be_written(display: Display, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = handover(tmp_path / "file" / "folder")
    assert result["failed"] is True
    assert result["msg"].startswith(f"external neighbour partner: the file {tmp_path}/file/folder/partner.yml")
    assert "external_neighbour_directory" in result["msg"]
    assert display.shown == []


def test_a_write_that_fails_leaves_the_old_file(
    display: Display, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = handover(tmp_path)["manifests"]
    monkeypatch.setattr(_files.os, "replace", MagicMock(side_effect=OSError(28, "No space left on device")))
    assert "No space left on device" in handover(tmp_path, domain="new.local")["msg"]
    assert [item.read_text() for item in tmp_path.iterdir()] == [before]


def test_a_handover_for_nobody(display: Display, tmp_path: Path) -> None:
    result = run(alliance_handover, {"name": "a", "members": [member("a")], "directory": str(tmp_path)}, {})
    assert result["failed"] is True
    assert "a is not a member with alliance_provider: external" in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_the_names_that_the_roles_register_are_those_that_are_counted() -> None:
    """A renamed variable would silently be left out of the table."""
    text = "\n".join(path.read_text() for path in ROLES.glob("*/tasks/*.yml"))
    for name in (_steps.TRUST, *_steps.IMPORTS.values(), *_steps.OTHERS):
        assert f"register: {name}\n" in text, name


PLAN = {"leaving": "b", "departed": {"a": ["b"], "b": ["a"]}}


def departing(host: str, **steps: Any) -> dict[str, Any]:
    """Variables as the role unfederate leaves them; everything is proved."""
    done = {"proved": {"a": True, "b": True}, "looked_at": {"istiods": 1}, "findings": []}
    one = {"unfederate_away": "", "unfederate_proof": done, **steps}
    return {
        "inventory_hostname": host,
        "ansible_play_hosts": ["elsewhere", "a", "b"],
        "hostvars": {"a": one, "b": {"unfederate_away": "it is off"}},
    }


def test_a_departure_is_told_once_by_the_first_that_takes_part(display: Display) -> None:
    arguments = {"plan": PLAN, "members": [member("a"), member("b")]}
    for host in ("a", "b", "elsewhere"):
        result = run(departure_report, arguments, departing(host))
        assert not result.get("failed")
        assert result["unfinished"] == {}
        assert result["table"][1].endswith("nothing is left")
    (shown,) = display.shown
    assert "TO DO: take b out of istio_federation" in shown


def test_a_departure_fails_the_host_that_is_not_done(display: Display) -> None:
    arguments = {"plan": PLAN, "members": [member("a"), member("b")]}
    failed = {"unfederate_failures": ["cluster a: 403"], "unfederate_proof": {"skipped": True}}
    result = run(departure_report, arguments, departing("a", **failed))
    assert result["failed"] is True
    assert result["msg"].startswith("cluster a: it is not proved that nothing is left (failed)")
    assert "ERROR a: 403" in display.shown[0]
    assert not run(departure_report, arguments, departing("b", **failed)).get("failed")
    asked = run(departure_report, {**arguments, "state": "asked"}, departing("a", **failed))
    assert asked == {"changed": False, "unfinished": {"a": "failed"}}


def test_a_departure_reads_what_the_role_registers() -> None:
    """A step that is renamed in one place alone would no longer be counted."""
    tasks = [path.read_text() for path in (ROLES / "unfederate").rglob("tasks/*.yml")]
    registered = {line.split(":")[1].strip() for text in tasks for line in text.splitlines() if "register:" in line}
    others = {"unfederate_proof", "unfederate_refusal", "unfederate_leftovers", "unfederate_asked"}
    assert registered == {*departure_report.STEPS, *others} - {*departure_report.CALLED}
    roles = {name for text in tasks for name in re.findall(r"name: meshalliance\.istio\.(\w+)", text)}
    called = [path.read_text() for role in roles for path in (ROLES / role).rglob("tasks/*.yml")]
    for name in departure_report.CALLED:
        assert any(f"register: {name}" in text for text in called), name


def verified(**steps: Any) -> dict[str, Any]:
    """Variables as the role verify leaves them: a's edge is well unless it is said otherwise, b's is well."""
    one = {"verify_failures": [], "verify_probed": {"results": [probed("a", "b")]}, **steps}
    other = {"verify_failures": [], "verify_probed": {"results": [probed("b", "a")]}}
    return {"ansible_play_hosts": ["a", "b"], "ansible_play_hosts_all": ["a", "b"], "hostvars": {"a": one, "b": other}}


def probed(cluster: str, neighbour: str, **check: Any) -> dict[str, Any]:
    """A result of traffic_probe."""
    made = {"cluster": cluster, "neighbour": neighbour, "check": "service", "name": "bar:80", "ms": 3.0, **check}
    return {"checks": [made], "targets": {neighbour: ["bar:80"]}, "offered": {neighbour: 1}}


BROKEN_EDGE = {"layer": "tls", "reason": "it distrusts us", "remedy": "do it", "blamed": "b"}


def verify(host: str, *, check: bool = False, variables: dict[str, Any] | None = None, **files: Path) -> dict[str, Any]:
    arguments = {"members": [member("a"), member("b")], **{name: str(path) for name, path in files.items()}}
    return run(verify_report, arguments, {"inventory_hostname": host, **(variables or verified())}, check=check)


def test_an_alliance_that_is_well_is_shown_once(display: Display, tmp_path: Path) -> None:
    for host in ("a", "b"):
        result = verify(host, json_file=tmp_path / "reports" / "x.json")
        assert not result.get("failed")
        assert list(result["edges"].values()) == ["ok"]
    (shown,) = display.shown
    assert "ok, 1 checks, 3 ms" in shown
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["x.json"]


def test_a_red_edge_fails_its_cluster_and_is_in_every_file(display: Display, tmp_path: Path) -> None:
    variables = verified(verify_probed={"results": [probed("a", "b", **BROKEN_EDGE)]})
    files = {name: tmp_path / name for name in ("json_file", "junit_file", "page_file")}
    result = verify("a", variables=variables, **files)
    assert result["failed"] is True
    assert result["msg"] == "cluster a: not all is well with b; see the matrix"
    assert "ERROR a to b: tls, in b: it distrusts us (bar:80). Remedy: do it" in display.shown[0]
    document = json.loads(files["json_file"].read_text())
    assert document["level"] == "error"
    assert {item["cluster"]: item.get("layer") for item in document["results"]} == {"a": "tls", "b": None}
    failures = list(ElementTree.parse(files["junit_file"]).iter("failure"))
    assert [failure.get("type") for failure in failures] == ["tls"]
    assert "it distrusts us" in files["page_file"].read_text()
    assert not verify("b", variables=variables).get("failed")


@pytest.mark.parametrize(
    "steps",
    [
        {"verify_failures": ["cluster a: it is off"], "verify_probed": None},
        {"verify_probed": {"results": [{"failed": True, "msg": "403", "item": {"name": "b"}}]}},
        {"verify_probed": {"skipped": True}},
    ],
)
def test_what_could_not_be_verified_fails(display: Display, steps: dict[str, Any]) -> None:
    result = verify("a", variables=verified(**steps))
    assert result["failed"] is True
    assert result["edges"] == {"b": "unknown"}
    assert "not probed" in display.shown[0]


def test_a_plan_of_calls_writes_no_file(display: Display, tmp_path: Path) -> None:
    result = verify("a", check=True, json_file=tmp_path / "x.json")
    assert not result.get("failed")
    assert "WOULD CALL" in display.shown[0]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_fails(display: Display, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = verify("a", page_file=tmp_path / "file" / "x.html")
    assert result["failed"] is True
    assert "page_file" in result["msg"]
    assert display.shown


def test_the_report_reads_what_the_role_verify_registers() -> None:
    text = "\n".join(path.read_text() for path in (ROLES / "verify" / "tasks").glob("*.yml"))
    assert f"register: {verify_report.PROBED}\n" in text
    assert f"{verify_report.FAILURES}: " in text
