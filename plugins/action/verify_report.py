# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action verify_report: see the module of the same name for its documentation."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.junit import junit_xml
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Overview
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page import page
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import ProbeResult
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_overview import overview_of
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_report import (
    Edge,
    HostVerification,
    Verification,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339

display = Display()

# What the role verify keeps for each host.
FAILURES, PROBED = "verify_failures", "verify_probed"
FILES = ("json_file", "junit_file", "page_file")


class ActionModule(ActionBase):
    """Reads what the run registered for every cluster; the first host of the play shows and writes it."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The matrix, the files, and a failure of this host when one of its edges is red."""
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(
            argument_spec={
                "members": {"type": "list", "elements": "dict", "required": True},
                **{name: {"type": "path", "default": ""} for name in FILES},
            }
        )
        variables = task_vars or {}
        host, hosts = variables["inventory_hostname"], variables["ansible_play_hosts_all"]
        members = [Member.from_dict(member) for member in arguments["members"]]
        found = {
            member.name: result
            for member in members
            if member.name in hosts and (result := _host_result(variables["hostvars"][member.name])) is not None
        }
        shown = frozenset(str(name) for name in hosts)
        verification = Verification(members, found, shown, planning=bool(self._task.check_mode))
        result: dict[str, Any] = {
            "changed": False,
            "matrix": verification.lines(),
            "edges": {
                neighbour: verification.level((host, neighbour)) for neighbour in _neighbours(verification, host)
            },
        }
        running = variables.get("ansible_play_hosts") or hosts
        if host == next((name for name in running if name in shown), host):
            display.display("\n" + "\n".join(result["matrix"]) + "\n")
            if not verification.planning and (failure := _written(verification, arguments)):
                return {**result, "failed": True, "msg": failure}
        red = verification.red(host)
        if verification.failed(host) and not _external(members, host):
            return {**result, "failed": True, "msg": f"cluster {host}: it could not be verified; see the matrix"}
        if red and not verification.planning:
            message = f"cluster {host}: not all is well with {', '.join(red)}; see the matrix"
            return {**result, "failed": True, "msg": message}
        return result


def _written(verification: Verification, arguments: Mapping[str, Any]) -> str:
    """Write the files that are asked for; why that failed, empty when it did not."""
    now = rfc3339(time.time())
    overview = overview_of(verification, now)
    checks = {edge: verification.checks(edge) for edge in verification.edges()}
    for name, content in (
        ("json_file", lambda: _json(overview, checks)),
        ("junit_file", lambda: junit_xml(checks, now)),
        ("page_file", lambda: page(overview).encode()),
    ):
        path = arguments[name]
        if not path:
            continue
        try:
            _replace(Path(path), content())
        except OSError as error:
            return f"the file {path} can't be written ({error}); set {name} to another place"
    return ""


def _json(overview: Overview, checks: Mapping[Edge, Sequence[ProbeResult]]) -> bytes:
    """The model that status has too, and beside it every single check."""
    results = [check.to_dict() for edge in sorted(checks) for check in checks[edge]]
    return f"{json.dumps({**overview.to_dict(), 'results': results}, indent=2, ensure_ascii=False)}\n".encode()


def _neighbours(verification: Verification, host: str) -> list[str]:
    return [edge[1] for edge in verification.edges() if edge[0] == host]


def _external(members: list[Member], host: str) -> bool:
    return any(member.external for member in members if member.name == host)


def _host_result(variables: Mapping[str, Any]) -> HostVerification | None:
    if FAILURES not in variables:
        return None
    probed = variables.get(PROBED) or {}
    runs = [run for run in probed.get("results") or () if not run.get("skipped")]
    done = [run for run in runs if not run.get("failed")]
    failures = [str(failure) for failure in variables[FAILURES]]
    lost = [f"{(run.get('item') or {}).get('name', '?')}: {run.get('msg')}" for run in runs if run.get("failed")]
    if lost:
        failures = [f"not all neighbours could be called: {'; '.join(lost)}"]
    return HostVerification(
        results=tuple(ProbeResult.from_dict(check) for run in done for check in run["checks"]),
        failures=tuple(failures),
        targets={str(name): list(names) for run in done for name, names in run["targets"].items()},
        offered={str(name): int(count) for run in done for name, count in run["offered"].items()},
    )


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all: somebody may read the one before meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    os.replace(beside, path)
