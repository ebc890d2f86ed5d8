# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all modules share: authentication options, the guard for libraries, and one place where errors end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.libraries import missing_libraries
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import (
    ADOPT_REFUSE,
    Applier,
    ApplyError,
    Change,
    Plan,
    planned_changes,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.auth import AUTH_ARGUMENT_SPEC, secrets_in
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.presentation import reference

KUBERNETES_LIBRARIES = ("kubernetes", "yaml", "urllib3")
ALL_LIBRARIES = (*KUBERNETES_LIBRARIES, "cryptography", "jwt")
CLUSTER_NAME = {"cluster": {"type": "str"}}


def cluster_module(
    argument_spec: dict[str, Any], *, libraries: tuple[str, ...] = ALL_LIBRARIES, **settings: Any
) -> AnsibleModule:
    """An AnsibleModule with check mode and the options for reaching a cluster; fails when a library is missing."""
    specification = {**AUTH_ARGUMENT_SPEC, **CLUSTER_NAME, **argument_spec}
    module = AnsibleModule(argument_spec=specification, supports_check_mode=True, **settings)
    # no_log for the whole option would also hide the names in it, and with them the cluster's name in every result.
    module.no_log_values.update(secrets_in(module.params["kubeconfig"]))
    missing = missing_libraries(*libraries)
    if missing:
        names = ", ".join(library.package for library in missing)
        module.fail_json(msg=missing_required_lib(names), exception=missing[0].error)
    return module


def run(module: AnsibleModule, work: Callable[[AnsibleModule], dict[str, Any]]) -> None:
    """Do a module's work and leave with its result, or with an error that says where and what to do."""
    try:
        result = work(module)
    except AllianceError as error:
        located = error.located(cluster=module.params.get("cluster"))
        outcome = error.outcome if isinstance(error, ApplyError) else None
        module.fail_json(
            msg=str(located),
            changed=bool(outcome and outcome.changed),
            error={
                "cluster": located.cluster,
                "neighbour": located.neighbour,
                "object": located.obj,
                "message": located.message,
                "remedy": located.remedy,
            },
        )
    module.exit_json(**result)


def client_of(module: AnsibleModule) -> Client:
    """The client for a module's authentication options."""
    return Client.from_options(module.params, module.params.get("cluster"))


def make_so(
    module: AnsibleModule,
    client: Client,
    manifests: list[dict[str, Any]] | None,
    applyset: ApplySet,
    adopt: str = ADOPT_REFUSE,
    *,
    prune_always: bool = False,
) -> dict[str, Any]:
    """Make a set of objects be so (None: be gone), or in check mode tell what that would write; the module's result."""
    applier = Applier(client)
    plan = applier.plan_removal(applyset) if manifests is None else applier.plan(manifests, applyset, adopt=adopt)
    return carry_out(module, applier, plan, applyset, prune_always=prune_always)


def carry_out(
    module: AnsibleModule,
    applier: Applier,
    plan: Plan,
    applyset: ApplySet | None,
    *,
    wait: float = 0,
    prune_always: bool = False,
) -> dict[str, Any]:
    """Carry a plan out, or in check mode tell what that would write; the module's result."""
    if module.check_mode:
        changes, unchanged = planned_changes(plan, applyset), len(plan.unchanged)
    else:
        outcome = applier.execute(plan, applyset, wait=wait, prune_always=prune_always)
        for warning in outcome.warnings:
            module.warn(warning)
        changes, unchanged = outcome.changes, outcome.unchanged
    return change_results(changes, unchanged, applier.manager, with_diff=module._diff)


def change_results(changes: list[Change], unchanged: int, manager: str, *, with_diff: bool) -> dict[str, Any]:
    """The part of a result that tells what was, or in check mode would be, written.

    The diff is made only when it is asked for: with many objects it is most of the result.
    """
    return {
        "changed": bool(changes),
        "counts": {
            **{
                action: sum(change.action == action for change in changes)
                for action in ("created", "updated", "deleted")
            },
            "unchanged": unchanged,
        },
        "objects": [{"action": change.action, **reference(change.object)} for change in changes],
        "diff": [change.diff(manager) for change in changes] if with_diff else [],
    }
