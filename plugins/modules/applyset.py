#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module applyset: a set of Kubernetes objects, exactly so."""

from __future__ import annotations

DOCUMENTATION = r"""
module: applyset
short_description: Make a set of Kubernetes objects be exactly so
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Applies any number of objects in one call. Each kind is read with one LIST, only what differs is written by
    server-side apply over
    parallel connections, and members of the set that are no longer wanted are deleted.
  - Whether an object differs is decided from the fields that this field manager owns, so a second run sends no write
    at all.
  - Sets follow Kubernetes' ApplySet convention (KEP-3659) with a ConfigMap as parent, so C(kubectl) shows and
    respects them. An interrupted run is
    completed by the next one.
options:
  definitions:
    description: The objects. Every object needs a name, and a namespace where its kind has one.
    type: list
    elements: dict
    default: []
  applyset:
    description:
      - The set that the objects are. Without it objects are only applied; nothing is labelled and nothing is pruned.
    type: dict
    suboptions:
      name:
        description: Name of the parent ConfigMap.
        type: str
        required: true
      namespace:
        description: Namespace of the parent ConfigMap. It has to exist, or to be among O(definitions).
        type: str
        required: true
  state:
    description:
      - V(present) makes the set be as O(definitions) say.
      - V(absent) deletes the whole O(applyset), or without one just the objects that O(definitions) name.
    type: str
    choices: [present, absent]
    default: present
  adopt:
    description:
      - What to do with an object that exists and is not of O(applyset). V(always) makes it a member, V(refuse) makes
        it an error, V(skip) leaves it
        as it is. One that belongs to another set is never taken.
    type: str
    choices: [always, refuse, skip]
    default: always
  field_manager:
    description: The name of the field manager for server-side apply.
    type: str
    default: meshalliance.istio
  when_served:
    description:
      - Kinds, each as C(Kind.group), whose objects are only wanted where the cluster knows them. Elsewhere they are
        left out, with a warning. Any other kind that the cluster does not know is an error.
    type: list
    elements: str
    default: []
  wait:
    description: Whether to wait until Deployments, DaemonSets, StatefulSets, definitions and load balancers of the
      set are ready.
    type: bool
    default: false
  wait_timeout:
    description: How many seconds to wait.
    type: int
    default: 300
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.lease
  - meshalliance.istio.lease.namespace
  - meshalliance.istio.render
  - meshalliance.istio.attributes
"""

EXAMPLES = r"""
- name: Keep a team's ServiceEntries as its file has them
  meshalliance.istio.applyset:
    kubeconfig: ~/.kube/config
    context: cluster-a
    applyset:
      name: team-blue
      namespace: blue
    definitions: "{{ lookup('ansible.builtin.file', 'entries.yml') | from_yaml_all | list }}"

- name: Remove all of them
  meshalliance.istio.applyset:
    context: cluster-a
    applyset:
      name: team-blue
      namespace: blue
    state: absent
"""

RETURN = r"""
objects:
  description: The objects that were written or deleted, in order; in check mode those that would be.
  returned: success
  type: list
  elements: dict
  sample:
    - action: created
      api_version: networking.istio.io/v1
      kind: ServiceEntry
      name: bar
      namespace: blue
not_served:
  description: The kinds of O(when_served) that there are O(definitions) of and that the cluster does not know.
  returned: success
  type: list
  elements: str
  sample: [PodMonitor.monitoring.coreos.com]
rendered_file:
  description: The file with the manifests; empty when there is nothing to write into it.
  returned: when O(render_dir) is set
  type: str
counts:
  description: How many objects were created, updated, deleted and left as they were.
  returned: success
  type: dict
  sample: {created: 1, updated: 0, deleted: 0, unchanged: 12}
"""

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import (
    FIELD_MANAGER,
    Change,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    KUBERNETES_LIBRARIES,
    LEASE_NAMESPACE,
    RENDER_ARGUMENT_SPEC,
    ClusterModule,
    applier_of,
    carry_out,
    client_of,
    cluster_module,
    run,
)

# Shorter values would blot out parts of every output.
SHORTEST_HIDDEN = 6


def _hide_secrets(module: ClusterModule) -> None:
    """Keep the values of Secrets among the definitions out of every output; the option as a whole is no secret."""
    for definition in module.params["definitions"]:
        if definition.get("kind") == "Secret":
            values = [*(definition.get("data") or {}).values(), *(definition.get("stringData") or {}).values()]
            module.no_log_values.update(str(value) for value in values if len(str(value)) >= SHORTEST_HIDDEN)


def _served(module: ClusterModule, client: Client) -> tuple[list[dict[str, Any]], list[str]]:
    """The definitions, without those that are only wanted where their kind is known; and which kinds were left out."""
    optional = frozenset(module.params["when_served"])
    if optional:
        # What the same call defines is known to the cluster when its turn comes.
        definitions = [item for item in module.params["definitions"] if item.get("kind") == "CustomResourceDefinition"]
        client.learn(definitions)
    wanted: list[dict[str, Any]] = []
    unknown: set[str] = set()
    for definition in module.params["definitions"]:
        group_kind = f"{definition.get('kind')}.{str(definition.get('apiVersion')).rpartition('/')[0]}"
        if group_kind in optional and not client.serves(definition):
            unknown.add(group_kind)
        else:
            wanted.append(definition)
    if unknown:
        kinds = ", ".join(sorted(unknown))
        where = f"cluster {client.cluster}" if client.cluster else "the cluster"
        module.warn(
            f"{where}: {kinds} is asked for and not known there, so it is left out. Remedy: install what defines it and"
            " run again, or ask for it no more"
        )
    return wanted, sorted(unknown)


def work(module: ClusterModule) -> dict[str, Any]:
    """Plan, and carry the plan out unless in check mode."""
    params = module.params
    _hide_secrets(module)
    client = client_of(module)
    definitions, not_served = _served(module, client)
    applier = applier_of(module, client, params["field_manager"])
    applyset = ApplySet(**params["applyset"]) if params["applyset"] else None
    if params["state"] == "present":
        plan = applier.plan(definitions, applyset, adopt=params["adopt"])
    elif applyset is not None:
        plan = applier.plan_removal(applyset)
    else:
        plan = applier.plan(definitions)
        live = plan.unchanged + [change.before for change in plan.writes if change.before]
        plan.writes, plan.unchanged = [], []
        plan.deletes = [Change(obj, None) for obj in live]
    result = carry_out(module, applier, plan, applyset, wait=params["wait_timeout"] if params["wait"] else 0)
    # The definitions may be thousands and hold Secrets: the result doesn't send them back.
    told = {name: value for name, value in params.items() if name != "definitions"}
    if params["field_manager"] != FIELD_MANAGER:
        # Whoever applies the files does so as one field manager, and these fields belong to somebody else's objects.
        result.pop("rendered_set", None)
    return {**result, "not_served": not_served, "invocation": {"module_args": told}}


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "definitions": {"type": "list", "elements": "dict", "default": []},
                "applyset": {
                    "type": "dict",
                    "options": {
                        "name": {"type": "str", "required": True},
                        "namespace": {"type": "str", "required": True},
                    },
                },
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "adopt": {"type": "str", "choices": ["always", "refuse", "skip"], "default": "always"},
                "field_manager": {"type": "str", "default": FIELD_MANAGER},
                "when_served": {"type": "list", "elements": "str", "default": []},
                "wait": {"type": "bool", "default": False},
                "wait_timeout": {"type": "int", "default": 300},
                **LEASE_NAMESPACE,
                **RENDER_ARGUMENT_SPEC,
            },
            libraries=KUBERNETES_LIBRARIES,
            lease_option="lease_namespace",
        ),
        work,
    )


if __name__ == "__main__":
    main()
