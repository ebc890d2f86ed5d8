# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all modules share: authentication options, the guard for libraries, the Lease of those that write, and one place
where errors end.
"""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.libraries import missing_libraries
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import (
    ADOPT_REFUSE,
    FIELD_MANAGER,
    Applier,
    ApplyError,
    Change,
    Plan,
    planned_changes,
    planned_manifests,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.auth import AUTH_ARGUMENT_SPEC, secrets_in
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.presentation import reference
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.write_lease import SupersededError, WriteLease

KUBERNETES_LIBRARIES = ("kubernetes", "yaml", "urllib3")
ALL_LIBRARIES = (*KUBERNETES_LIBRARIES, "cryptography", "jwt")
CLUSTER_NAME = {"cluster": {"type": "str"}}

# How often work is begun when other runs write in between.
_ATTEMPTS = 3
LEASE_ARGUMENT_SPEC = {"lease_wait": {"type": "int", "default": 300}}
# Of modules whose manifests can become files of the controller instead of being applied.
RENDER_ARGUMENT_SPEC = {"render_dir": {"type": "str", "default": ""}}
# For modules that have no option for the alliance's namespace anyway.
LEASE_NAMESPACE = {"lease_namespace": {"type": "str"}}


class ClusterModule(AnsibleModule):
    """A module that works on a cluster. C(lease_option): the option that names the namespace of the Lease that it holds
    while it writes; none for one that only reads.
    """

    lease_option: str | None = None
    write_lease: WriteLease | None = None


def cluster_module(
    argument_spec: dict[str, Any],
    *,
    libraries: tuple[str, ...] = ALL_LIBRARIES,
    lease_option: str | None = None,
    **settings: Any,
) -> ClusterModule:
    """A module with check mode and the options for reaching a cluster; fails when a library is missing."""
    more = LEASE_ARGUMENT_SPEC if lease_option else {}
    specification = {**AUTH_ARGUMENT_SPEC, **CLUSTER_NAME, **more, **argument_spec}
    module = ClusterModule(argument_spec=specification, supports_check_mode=True, **settings)
    module.lease_option = lease_option
    # no_log for the whole option would also hide the names in it, and with them the cluster's name in every result.
    module.no_log_values.update(secrets_in(module.params["kubeconfig"]))
    missing = missing_libraries(*libraries)
    if missing:
        names = ", ".join(library.package for library in missing)
        module.fail_json(msg=missing_required_lib(names), exception=missing[0].error)
    return module


def run(module: ClusterModule, work: Callable[[ClusterModule], dict[str, Any]]) -> None:
    """Do a module's work and leave with its result, or with an error that says where and what to do."""
    try:
        result = _holding_lease(module, work)
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


def _holding_lease(module: ClusterModule, work: Callable[[ClusterModule], dict[str, Any]]) -> dict[str, Any]:
    """Do the work; anew when another run has written since it was begun. The Lease is given back at the end."""
    try:
        for _attempt in range(_ATTEMPTS):
            try:
                return work(module)
            except SupersededError:
                if module.write_lease is not None:
                    module.write_lease.begin_anew()
        raise AllianceError(
            f"other runs wrote to this cluster while this one read it, {_ATTEMPTS} times",
            remedy="start this run again when no other is under way",
        )
    finally:
        if module.write_lease is not None:
            module.write_lease.release()


def client_of(module: ClusterModule) -> Client:
    """The client for a module's authentication options. Its first write takes the Lease, if the module has one."""
    client = Client.from_options(module.params, module.params.get("cluster"))
    namespace = module.params[module.lease_option] if module.lease_option else None
    if namespace and not module.check_mode:
        if module.write_lease is None:
            module.write_lease = WriteLease(client, namespace, _identity(module), wait=module.params["lease_wait"])
            module.write_lease.look()
        client.before_write = module.write_lease.hold
    return client


def _identity(module: ClusterModule) -> str:
    """Who holds the Lease, for people: the module, the machine, the process; and what makes it unique."""
    return f"{module._name.rpartition('.')[2]} on {platform.node()}, process {os.getpid()} ({secrets.token_hex(4)})"


def located(module: ClusterModule, findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Findings for a module's result, with the cluster's name."""
    return [finding.located(cluster=module.params["cluster"] or "").to_dict() for finding in findings]


def make_so(
    module: ClusterModule,
    client: Client,
    manifests: list[dict[str, Any]] | None,
    applyset: ApplySet,
    adopt: str = ADOPT_REFUSE,
    *,
    prune_always: bool = False,
) -> dict[str, Any]:
    """Make a set of objects be so (None: be gone), or in check mode tell what that would write; the module's result."""
    applier = applier_of(module, client)
    plan = applier.plan_removal(applyset) if manifests is None else applier.plan(manifests, applyset, adopt=adopt)
    return carry_out(module, applier, plan, applyset, prune_always=prune_always)


def carry_out(
    module: ClusterModule,
    applier: Applier,
    plan: Plan,
    applyset: ApplySet | None,
    *,
    wait: float = 0,
    prune_always: bool = False,
) -> dict[str, Any]:
    """Carry a plan out, or in check mode tell what that would write; the module's result.

    What is to be rendered is told too, for the action that makes a file of it (plugin_utils/_rendering.py).
    """
    if module.check_mode or renders(module):
        changes, unchanged = planned_changes(plan, applyset), len(plan.unchanged)
    else:
        outcome = applier.execute(plan, applyset, wait=wait, prune_always=prune_always)
        for warning in outcome.warnings:
            module.warn(warning)
        changes, unchanged = outcome.changes, outcome.unchanged
    result = change_results(changes, unchanged, applier.manager, with_diff=module._diff)
    if renders(module):
        name = applyset.name if applyset is not None else ""
        result["rendered_set"] = {"set": name, "objects": planned_manifests(plan, applyset)}
    return result


def renders(module: ClusterModule) -> bool:
    """Whether manifests are asked for as files: nothing that can be one is written to the cluster."""
    return bool(module.params.get("render_dir"))


def applier_of(module: ClusterModule, client: Client, manager: str = FIELD_MANAGER) -> Applier:
    """What a module applies with. Files are applied by others, who own the fields then."""
    return Applier(client, manager=manager, by_anybody=renders(module))


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


def joined_results(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two results of writing as one."""
    return {
        "changed": one["changed"] or other["changed"],
        "counts": {key: one["counts"][key] + other["counts"][key] for key in one["counts"]},
        "objects": [*one["objects"], *other["objects"]],
        "diff": [*one["diff"], *other["diff"]],
    }
