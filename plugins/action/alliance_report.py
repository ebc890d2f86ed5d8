# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action alliance_report: see the module of the same name for its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.meshalliance.istio.plugins.filter.alliance import alliance_hosts
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import members_from
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    PROVIDER_DECKHOUSE,
    PROVIDER_EXTERNAL,
    PROVIDER_ISTIO,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.plan import (
    CHECK,
    FAIL_NEVER,
    FAIL_ON,
    RENDER,
    RUN,
    ClusterRun,
    alliance_plan,
    fails,
    rendered,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.plan_report import plan_lines
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.report import HostResult, alliance_table
from ansible_collections.meshalliance.istio.plugins.module_utils._files import place, write_text
from ansible_collections.meshalliance.istio.plugins.plugin_utils._steps import (
    FINDINGS,
    IMPORTS,
    MODES,
    TRUST,
    done_steps,
    failures_of,
)

display = Display()

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "group": {"type": "str", "required": True, "choices": list(MODES)},
    "plan_file": {"type": "str", "default": ""},
    "fail_on": {"type": "str", "choices": list(FAIL_ON), "default": FAIL_NEVER},
}
# Their findings belong to the table's problems; those of the pre-flight were shown when they were found.
REPORTED = ("istio_module_ready", "metadata_exporter_keypair", "metadata_exporter_published")


class ActionModule(ActionBase):
    """Reads what the run registered for every member, prints it once, and keeps the plan that it makes."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The table and the plan."""
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        variables, mode = task_vars or {}, MODES[arguments["group"]]
        shown = variables["groups"].get(arguments["group"], [])
        hosts = alliance_hosts(variables["groups"], shown)
        hostvars = variables["hostvars"]
        others = next(
            (hostvars[host]["preflight_others"] for host in hosts if "preflight_others" in hostvars[host]), {}
        )
        states = {item["item"]: item["state"] for item in others.get("results") or [] if item.get("state")}
        members = members_from(hostvars, hosts, states)
        results = {host: result for host in shown if (result := _host_result(hostvars[host], mode)) is not None}
        table = alliance_table(members, results, shown=shown, mode=mode)
        runs = {host: _cluster_run(hostvars[host], mode) for host in shown}
        rendered_files = any(run.rendered for run in runs.values())
        plan = alliance_plan(members, runs, mode=CHECK if self._task.check_mode else RENDER if rendered_files else RUN)
        lines = plan_lines(plan)
        display.display("\n" + "\n".join([*table, "", *lines]) + "\n")
        result = {"changed": False, "table": table, "plan": lines, "summary": plan["summary"]}
        try:
            _keep(plan, arguments["plan_file"])
        except OSError as error:
            message = f"the file {error.filename} can't be written: {error.strerror}"
            remedy = "set alliance_plan_file to a file of the machine that runs the playbook"
            return {**result, "failed": True, "msg": f"{message}. Remedy: {remedy}"}
        why = fails(plan, arguments["fail_on"])
        return {**result, "failed": True, "msg": why} if why else result


def _keep(plan: Mapping[str, Any], file: str) -> None:
    """Write the plan where it is asked for. A report of what was seen, so in check mode too; the same text is left."""
    if not file:
        return
    path, text = place(file), rendered(plan)
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)


def _cluster_run(variables: Mapping[str, Any], mode: str) -> ClusterRun:
    done = done_steps(variables, mode)
    trust, imports = done.get(TRUST) or {}, done.get(IMPORTS[mode]) or {}
    provider = variables.get("alliance_provider") or PROVIDER_ISTIO
    return ClusterRun(
        objects=tuple(item for step in done.values() for item in step.get("objects") or []),
        statuses=tuple(item for step in done.values() for item in step.get("statuses") or []),
        changed=any(bool(step.get("changed")) for step in done.values()),
        rendered=any("rendered_file" in step for step in done.values()),
        trust_edges=trust.get("edges") or {},
        import_edges=imports.get("edges") or {},
        platform=provider == PROVIDER_DECKHOUSE,
        failures=failures_of(done),
        findings=tuple(item for step in done.values() for item in step.get("findings") or []),
        reached=provider == PROVIDER_EXTERNAL or bool(set(done) - {FINDINGS}),
    )


def _host_result(variables: Mapping[str, Any], mode: str) -> HostResult | None:
    imports, done = IMPORTS[mode], done_steps(variables, mode)
    failures = failures_of(done)
    if not failures and not set(done) - {FINDINGS}:
        return None
    findings = tuple(finding for name in REPORTED for finding in (done.get(name) or {}).get("findings") or [])
    changes = sum(_written(step) for step in done.values())
    return HostResult(done.get(TRUST), done.get(imports), changes, failures, findings)


def _written(result: Mapping[str, Any] | None) -> int:
    return len((result or {}).get("objects") or [])
