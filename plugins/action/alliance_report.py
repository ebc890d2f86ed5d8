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
    FEDERATION_HOSTS,
    MODE_FEDERATION,
    MODE_MULTICLUSTER,
    MULTICLUSTER_HOSTS,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.report import HostResult, alliance_table

display = Display()

# The results that the roles of the playbooks register.
TRUST = "root_exchange_result"
IMPORTS = {MODE_FEDERATION: "service_import_result", MODE_MULTICLUSTER: "remote_clusters_result"}
MODES = {FEDERATION_HOSTS: MODE_FEDERATION, MULTICLUSTER_HOSTS: MODE_MULTICLUSTER}
FINDINGS = "preflight_findings"
OTHERS = (
    "istio_module_namespace_result",
    "istio_module_definitions",
    "istio_module_proxies",
    "istio_module_istiod_result",
    "istio_module_restarts",
    "istio_module_config_result",
    "istio_module_ready",
    "ingressgateway_address",
    "ingressgateway_certificate",
    "ingressgateway_workload",
    "metadata_exporter_keypair",
    "metadata_exporter_workload",
    "metadata_exporter_published",
    "api_proxy_workload",
    "external_neighbour_result",
)
# Their findings belong to the table's problems; those of the pre-flight were shown when they were found.
REPORTED = ("istio_module_ready", "metadata_exporter_keypair", "metadata_exporter_published")


class ActionModule(ActionBase):
    """Reads what the run registered for every member, and prints it once."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The table."""
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(
            argument_spec={"group": {"type": "str", "required": True, "choices": list(MODES)}}
        )
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
        display.display("\n" + "\n".join(table) + "\n")
        return {"changed": False, "table": table}


def _host_result(variables: Mapping[str, Any], mode: str) -> HostResult | None:
    imports = IMPORTS[mode]
    # A step of another provider was skipped: it says nothing.
    done = {
        name: variables[name]
        for name in (TRUST, imports, FINDINGS, *OTHERS)
        if variables.get(name) is not None and not variables[name].get("skipped")
    }
    failures = tuple(str(step.get("msg", "a step failed")) for step in done.values() if step.get("failed"))
    if not failures and not set(done) - {FINDINGS}:
        return None
    findings = tuple(finding for name in REPORTED for finding in (done.get(name) or {}).get("findings") or [])
    changes = sum(_written(step) for step in done.values())
    return HostResult(done.get(TRUST), done.get(imports), changes, failures, findings)


def _written(result: Mapping[str, Any] | None) -> int:
    return len((result or {}).get("objects") or [])
