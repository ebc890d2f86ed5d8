# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of neighbours that are being removed: a ConfigMap, from before the first removal until all is proved.

A run that is killed in between leaves it, so that the next one knows what to look for although the resource is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departed import Departed, parse, render
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.resources import read_resources
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import CONFIG_MAP

Object = dict[str, Any]


@dataclass
class Memory:
    """What is known of neighbours. C(departed): of those that were asked for; C(remembered): by resource name, what the
    ConfigMap is to hold."""

    departed: list[Departed] = field(default_factory=list)
    remembered: dict[str, Departed] = field(default_factory=dict)

    def objects(self, namespace: str) -> list[Object] | None:
        """The ConfigMap; None when there is nothing to remember."""
        if not self.remembered:
            return None
        metadata = {"name": names.DEPARTURES_CONFIGMAP, "namespace": namespace}
        data = {name: render(self.remembered[name]) for name in sorted(self.remembered)}
        return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}]


def recall(client: Client, namespace: str) -> dict[str, Departed]:
    """What is remembered, by resource name. Raises AllianceError when it can't be read."""
    found = client.get(CONFIG_MAP, names.DEPARTURES_CONFIGMAP, namespace) or {}
    try:
        return {name: parse(text) for name, text in (found.get("data") or {}).items()}
    except AllianceError as error:
        raise AllianceError(
            error.message,
            obj=f"ConfigMap {namespace}/{names.DEPARTURES_CONFIGMAP}",
            remedy="delete the ConfigMap and run again: what the cluster still knows is found once more",
        ) from None


def remember(client: Client, namespace: str, neighbours: Sequence[Mapping[str, Any]]) -> Memory:
    """What is known of neighbours by their resource, their own API, the inventory and an earlier run.

    One of which this cluster has neither a resource of ours nor a memory is not remembered: nothing of it is removed.
    """
    resources = read_resources(client)
    memory = Memory(remembered=recall(client, namespace))
    for item in neighbours:
        domain, state = item.get("trust_domain"), item.get("state")
        known = Departed(str(item["name"]), trust_domains=(str(domain),) if domain else ())
        name = known.resource_name
        resource, before = resources.get(name), memory.remembered.get(name)
        for more in (
            before,
            Departed.from_resource(known.name, resource) if resource else None,
            Departed.from_state(known.name, ClusterState.from_dict(state)) if state else None,
        ):
            known = known | more if more is not None else known
        memory.departed.append(known)
        if before is not None or (resource is not None and _is_ours(resource)):
            memory.remembered[name] = known
    return memory


def forget(client: Client, namespace: str, neighbours: Sequence[Mapping[str, Any]]) -> Memory:
    """The memory without these neighbours."""
    gone = {Departed(str(item["name"])).resource_name for item in neighbours}
    kept = {name: known for name, known in recall(client, namespace).items() if name not in gone}
    return Memory(remembered=kept)


def _is_ours(resource: Mapping[str, Any]) -> bool:
    labels = resource["metadata"].get("labels") or {}
    return bool(labels.get(names.MANAGED_BY_LABEL) == names.MANAGED_BY)
