# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action departure_report: see the module of the same name for its documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departure import Departure
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departure_report import (
    Departing,
    HostDeparture,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member

display = Display()

# What the role unfederate registers, and the roles that it calls; a loop's result has those of its items in it.
CALLED = ("service_import_result", "remote_clusters_result", "root_exchange_result")
STEPS = (
    *CALLED,
    "unfederate_memory",
    "unfederate_imports",
    "unfederate_remote",
    "unfederate_trust",
    "unfederate_withdrawn",
    "unfederate_sets",
    "unfederate_objects",
    "unfederate_istiod_result",
    "unfederate_definitions",
    "unfederate_namespaces",
    "unfederate_forgotten",
)
# Findings of these are about the neighbours that stay.
REPORTED = CALLED


class ActionModule(ActionBase):
    """Reads what the run registered for every cluster that takes part."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Who is not done; where it is asked to, the table, and a failure of this host."""
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(
            argument_spec={
                "plan": {"type": "dict", "required": True},
                "members": {"type": "list", "elements": "dict", "required": True},
                "state": {"type": "str", "choices": ["asked", "told"], "default": "told"},
            }
        )
        variables = task_vars or {}
        departing = _departing(arguments["plan"], arguments["members"], variables["hostvars"], self._task.check_mode)
        host, unfinished = variables["inventory_hostname"], departing.unfinished()
        result: dict[str, Any] = {"changed": False, "unfinished": unfinished}
        if arguments["state"] == "asked":
            return result
        hosts = [name for name in variables["ansible_play_hosts"] if name in departing.departure.departed]
        table = departing.lines(_kept(departing))
        if host == (hosts or [host])[0]:
            display.display("\n" + "\n".join(table) + "\n")
        if host in unfinished:
            message = f"it is not proved that nothing is left ({unfinished[host]}); see the table"
            return {**result, "failed": True, "msg": f"cluster {host}: {message}"}
        return {**result, "table": table}


def _departing(
    plan: Mapping[str, Any], members: Iterable[Mapping[str, Any]], hostvars: Mapping[str, Any], planning: bool
) -> Departing:
    departure = Departure(
        str(plan["leaving"]), {str(name): tuple(map(str, gone)) for name, gone in plan["departed"].items()}
    )
    results = {
        name: result
        for name in departure.departed
        if name in hostvars and (result := _host_result(hostvars[name])) is not None
    }
    return Departing(departure, [Member.from_dict(member) for member in members], results, planning)


def _host_result(variables: Mapping[str, Any]) -> HostDeparture | None:
    if "unfederate_away" not in variables:
        return None
    done = {name: variables[name] for name in STEPS if _happened(variables.get(name))}
    proof, refusal, leftovers = (
        variables.get(name) if _happened(variables.get(name)) else None
        for name in ("unfederate_proof", "unfederate_refusal", "unfederate_leftovers")
    )
    return HostDeparture(
        away=str(variables["unfederate_away"]),
        failures=tuple(map(str, variables.get("unfederate_failures") or ())),
        proof=proof,
        refusal=refusal,
        leftovers=leftovers,
        kept=bool(variables.get("unfederate_kept")),
        changes=sum(_written(step) for step in done.values()),
        findings=tuple(finding for name in REPORTED for finding in (done.get(name) or {}).get("findings") or ()),
    )


def _happened(result: Any) -> bool:
    return isinstance(result, Mapping) and not result.get("skipped") and not result.get("failed")


def _written(result: Mapping[str, Any]) -> int:
    parts = result.get("results") or [result]
    return sum(len(part.get("objects") or ()) for part in parts)


def _kept(departing: Departing) -> dict[str, list[str]]:
    """The neighbours that each cluster keeps, by name."""
    return {
        member.name: sorted(
            item.name
            for item in member.neighbours(departing.members)
            if item.name not in departing.departure.departed.get(member.name, ())
        )
        for member in departing.members
    }
