# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action alliance_status: see the module of the same name for its documentation."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.alliance_overview import (
    Compared,
    Told,
    assemble,
    recent,
    unreadable,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.durations import seconds_from
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import LEVELS, at_least
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Overview
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview_table import overview_lines
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page import page
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.report import without_cluster
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339
from ansible_collections.meshalliance.istio.plugins.module_utils._files import place, read_text, write_text

display = Display()

TITLE = "Status of the alliance"
NEVER = "never"
# What the role status registers, and what the roles do that it calls in check mode.
READ = "status_read"
LOOKED = "status_looked"
FAILURE = "status_objects_failure"
# What these steps return when they did what they should: a failure of theirs is no failure of the task.
RETURNED = {READ: "state", LOOKED: "overview"}
COMPARED = (
    "istio_module_namespace_result",
    "istio_module_definitions",
    "istio_module_proxies",
    "istio_module_istiod_result",
    "ingressgateway_address",
    "ingressgateway_certificate",
    "ingressgateway_workload",
    "metadata_exporter_keypair",
    "metadata_exporter_workload",
    "metadata_exporter_published",
    "api_proxy_workload",
)
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "members": {"type": "list", "elements": "dict", "required": True},
    "json_file": {"type": "str", "default": ""},
    "page_file": {"type": "str", "default": ""},
    "verified_file": {"type": "str", "default": ""},
    "verified_within": {"type": "str", "default": "10m"},
    "fail_on": {"type": "str", "choices": [NEVER, *LEVELS[1:]], "default": NEVER},
}


class ActionModule(ActionBase):
    """Joins what every host registered, prints it, and writes it to files of the controller."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The overview, as data and as lines; a failure when it is as bad as it was asked to fail on."""
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        hostvars = (task_vars or {})["hostvars"]
        members = [Member.from_dict(member) for member in arguments["members"]]
        told = {
            member.name: found
            for member in members
            if member.name in hostvars and (found := told_by(hostvars[member.name])) is not None
        }
        now = rfc3339(time.time())
        try:
            verified = self._verified(arguments["verified_file"], arguments["verified_within"], now)
            overview = assemble(TITLE, now, members, told, verified)
            self._write(arguments["json_file"], json.dumps(overview.to_dict(), indent=2, sort_keys=True) + "\n")
            self._write(arguments["page_file"], page(overview))
        except (AllianceError, OSError, UnicodeDecodeError) as error:
            return {"changed": False, "failed": True, "msg": _message(error)}
        lines = overview_lines(overview)
        display.display("\n" + "\n".join(lines) + "\n")
        result = {"changed": False, "level": overview.level, "table": lines, "overview": overview.to_dict()}
        fail_on = arguments["fail_on"]
        if fail_on != NEVER and at_least(overview.level, fail_on):
            return {**result, "failed": True, "msg": f"the alliance is at level {overview.level}; see the table"}
        return result

    def _verified(self, file: str, within: str, now: str) -> Overview | None:
        """What verify wrote, where that is not too long ago; None without it."""
        text = read_text(place(file)) if file else ""
        if not text:
            return None
        try:
            verified = Overview.from_dict(json.loads(text))
        except ValueError as error:
            raise AllianceError(
                f"it is no JSON: {error}", obj=f"file {file}", remedy="let verify.yml write it"
            ) from None
        seconds = seconds_from(within, "verified_within")
        return verified if recent(verified, now, float("inf") if seconds is None else seconds) else None

    def _write(self, file: str, text: str) -> None:
        """The status is no change: it is written in check mode as well, as nothing but it tells how things are."""
        if file:
            write_text(place(file), text)


def told_by(variables: Mapping[str, Any]) -> Told | None:
    """What one host registered; None when nobody looked at its cluster."""
    steps = {name: variables.get(name) for name in RETURNED}
    made = {name: step for name, step in steps.items() if isinstance(step, Mapping) and not step.get("skipped")}
    if not made:
        return None
    host = str(variables.get("inventory_hostname") or "")
    failures = tuple(_failure(step, host) for name, step in made.items() if not step.get(RETURNED[name]))
    compared = _compared(variables, host)
    looked = (made.get(LOOKED) or {}).get("overview")
    return Told(Overview.from_dict(looked) if looked else None, failures, compared)


def _failure(step: Mapping[str, Any], host: str) -> Finding:
    """Why a step did not come to its result; modules tell it in parts, everything else as one text."""
    error = step.get("error")
    if isinstance(error, Mapping) and error.get("message"):
        return unreadable(str(error["message"]), str(error.get("remedy") or ""), str(error.get("object") or ""))
    return unreadable(without_cluster(host, str(step.get("msg") or "it could not be looked at")))


def _compared(variables: Mapping[str, Any], host: str) -> Compared | None:
    steps = [variables[name] for name in COMPARED if isinstance(variables.get(name), Mapping)]
    done = [step for step in steps if not step.get("skipped")]
    failure = variables.get(FAILURE)
    if not done and not failure:
        return None
    changed = tuple(
        {str(key): str(value) for key, value in item.items()} for step in done for item in step.get("objects") or ()
    )
    unchanged = sum(int((step.get("counts") or {}).get("unchanged") or 0) for step in done)
    return Compared(changed, unchanged, (without_cluster(host, str(failure)),) if failure else ())


def _message(error: AllianceError | OSError | UnicodeDecodeError) -> str:
    if isinstance(error, AllianceError):
        return str(error)
    why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
    name = getattr(error, "filename", None)
    return (
        f"a file can't be read or written{f' ({name})' if name else ''}: {why}. Remedy: set status_json_file,"
        " status_page_file and status_verified_file to files of the machine that runs the playbook"
    )
