# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action deckhouse_wait: see the module of the same name for its documentation."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.report import finding_lines
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.auth import AUTH_ARGUMENT_SPEC

display = Display()

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "metadata_endpoint": {"type": "str"},
    "metadata_ca": {"type": "str"},
    "metadata_insecure": {"type": "bool", "default": False},
    "gather_published": {"type": "bool", "default": False},
    "interval": {"type": "int", "default": 5},
    "timeout": {"type": "int", "default": 600},
    "required": {"type": "bool", "default": True},
}
# The way to the cluster is handed on as it was given: the modules check it, where they run.
_ACCESS = {
    name: {"type": "raw", "no_log": settings.get("no_log", False), "aliases": settings.get("aliases", [])}
    for name, settings in {**AUTH_ARGUMENT_SPEC, "cluster": {}}.items()
}
_ACCESS_NAMES = frozenset({*_ACCESS, *(alias for settings in _ACCESS.values() for alias in settings["aliases"])})
# Findings that no waiting helps against.
_HOPELESS = frozenset({"deckhouse-missing"})
_REMEDY = (
    f"kubectl get module {names.DKP_MODULE}; kubectl get moduleconfig {names.DKP_MODULE}; kubectl -n"
    f" {names.DKP_NAMESPACE} get pods,services,ingresses. Federation is part of the editions EE and CSE Pro"
)
# All is there, but it does not answer as it has to from where the modules run.
_ENDPOINT_REMEDY = (
    "set alliance_metadata_endpoint to the https URL that neighbours reach its exporter by, and alliance_metadata_ca to"
    f" the CA of that certificate unless it is a public one; kubectl -n {names.DKP_NAMESPACE} get ingresses"
)
_BAD_CERTIFICATE = "its certificate is not accepted"
# While an Ingress is being made, its controller may show a certificate of its own for a moment; nothing else heals.
_CERTIFICATE_SECONDS = 60


class ActionModule(ActionBase):
    """Looks again and again, through the modules that read a cluster and its metadata endpoint."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The cluster's state as soon as nothing is missing, or when the time is over."""
        super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(argument_spec={**_ACCESS, **ARGUMENT_SPEC})
        access = {name: value for name, value in self._task.args.items() if name in _ACCESS_NAMES}
        cluster = str(access.get("cluster") or (task_vars or {}).get("inventory_hostname") or "the cluster")
        begin, waited = time.monotonic(), options["timeout"]
        accepted = begin
        last: dict[str, Any] = {}
        shown: list[str] = []
        while True:
            looked = self._look(access, options, task_vars)
            if looked.get("failed") and not last:
                return looked
            # An API server that is away for a moment is one more thing to wait for.
            away = {"awaiting": [str(looked.get("msg"))], "unanswered": False}
            last = {**last, **away} if looked.get("failed") else looked
            missing = last["awaiting"]
            if not missing or self._task.check_mode or _hopeless(last["state"]):
                break
            if missing != shown:
                display.display(f"{cluster}: the platform is still to make: {'; '.join(missing)}")
                shown = missing
            now = time.monotonic()
            if not (last["unanswered"] and _BAD_CERTIFICATE in missing[0]):
                accepted = now
            if now - begin >= options["timeout"]:
                break
            if now - accepted >= _CERTIFICATE_SECONDS:
                waited = int(now - begin)
                break
            time.sleep(max(options["interval"], 0))
        return self._end(last, cluster, options["required"], waited)

    def _end(self, last: dict[str, Any], cluster: str, required: bool, waited: int) -> dict[str, Any]:
        awaiting = last["awaiting"]
        result = {"changed": False, "state": last["state"], "awaiting": awaiting, "findings": []}
        hopeless = _hopeless(last["state"])
        if hopeless:
            return {**result, "failed": True, "msg": "\n".join(finding_lines(hopeless))}
        if not awaiting or (self._task.check_mode and required):
            return result
        missing = "; ".join(awaiting)
        remedy = _ENDPOINT_REMEDY if last["unanswered"] else f"look at: {_REMEDY}"
        if not required:
            finding = Finding("warning", "platform-awaiting", f"the platform has not made: {missing}", remedy, cluster)
            return {**result, "findings": [finding.to_dict()]}
        message = f"cluster {cluster}: after {waited} s the platform has not made: {missing}. Remedy: {remedy}"
        return {**result, "failed": True, "msg": message}

    def _look(
        self, access: Mapping[str, Any], options: Mapping[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        """What is there and what is missing now, or a module's failure."""
        given = {"metadata_endpoint": options["metadata_endpoint"]} if options["metadata_endpoint"] else {}
        read = self._module(
            "cluster_info",
            {
                **access,
                **given,
                "provider": names.PROVIDER_DECKHOUSE,
                "gather_published": options["gather_published"],
            },
            task_vars,
        )
        if "state" not in read:
            return {"failed": True, "changed": False, "msg": read.get("msg") or read.get("module_stderr") or str(read)}
        state = read["state"]
        if state["awaiting"]:
            return {"state": state, "awaiting": list(state["awaiting"]), "unanswered": False}
        missing = self._unanswered(state, access, options, task_vars)
        # What is kept of the cluster tells that it is not ready to be shown to others.
        return {"state": {**state, "awaiting": missing}, "awaiting": missing, "unanswered": bool(missing)}

    def _unanswered(
        self,
        state: Mapping[str, Any],
        access: Mapping[str, Any],
        options: Mapping[str, Any],
        task_vars: dict[str, Any] | None,
    ) -> list[str]:
        """Why the metadata endpoint does not answer with all that it has to; empty when it does."""
        endpoint = state["metadata_endpoint"]
        if not endpoint:
            return ["a metadata endpoint that can be found (or set alliance_metadata_endpoint)"]
        answer = self._module(
            "metadata_info",
            {
                **access,
                "endpoint": endpoint,
                "endpoint_ca": options["metadata_ca"] or state["metadata_ca"],
                "insecure": options["metadata_insecure"],
            },
            task_vars,
        )
        if answer.get("public"):
            return []
        why = answer.get("msg") or answer.get("module_stderr") or "it did not answer"
        # The module's remedy is for a neighbour; ours is told at the end.
        return [f"a complete public document at {endpoint} ({str(why).partition('. Remedy: ')[0]})"]

    def _module(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        # Nothing that is read here is a result of the task but what the caller takes from it.
        return dict(
            self._execute_module(
                module_name=f"meshalliance.istio.{name}", module_args=arguments, task_vars=task_vars or {}
            )
        )


def _hopeless(state: Mapping[str, Any]) -> list[dict[str, str]]:
    return [finding for finding in state["findings"] if finding["code"] in _HOPELESS]
