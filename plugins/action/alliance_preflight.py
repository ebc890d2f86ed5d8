# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action alliance_preflight: see the module of the same name for its documentation."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.checks import preflight
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conflicts import CONFLICTS
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.obstacles import obstacles
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.report import finding_lines

display = Display()


class ActionModule(ActionBase):
    """Checks all members, speaks for the one host that it runs for."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """All findings of this host, errors as a failure."""
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(
            argument_spec={
                "members": {"type": "list", "elements": "dict", "required": True},
                "fail_on_conflicts": {"type": "bool", "default": False},
            }
        )
        host = (task_vars or {})["inventory_hostname"]
        members = [Member.from_dict(member) for member in arguments["members"]]
        own = next((member for member in members if member.name == host), None)
        conflicts = obstacles(own, members) if own else []
        findings = [item.to_dict() for item in (*preflight(members), *conflicts) if item.cluster == host]
        if arguments["fail_on_conflicts"]:
            findings = [{**item, "severity": "error"} if item["code"] in CONFLICTS else item for item in findings]
        errors = [finding for finding in findings if finding["severity"] == "error"]
        for line in finding_lines(finding for finding in findings if finding["severity"] != "error"):
            display.warning(line.removeprefix("WARNING "))
        result = {"changed": False, "findings": findings}
        if errors:
            display.display("\n".join(finding_lines(errors)), color="red")
            message = f"{len(errors)} findings keep {host} out of the alliance; they are listed above and in findings"
            return {**result, "failed": True, "msg": message}
        return result
