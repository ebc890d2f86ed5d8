# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is of the alliance in a cluster, held against what a run would write.

It is computed as the run does it, of what the cluster remembers of its neighbours: as if none of them had anything new
to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.accepted_keys import told_before
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.drift import drift
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.endpoint import base_url
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import PROVED_ANNOTATION
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Check
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import services, trust
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.api_clients import api_clients
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.looked import Looked
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import ADOPT_REFUSE, Applier
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet, set_of
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.presentation import reference
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.reading import read_roots
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import read_secret

Object = dict[str, Any]
Objects = Mapping[str, Object]

_NOT_COMPUTED = "what a run would write can't be computed"


def trust_and_imports(
    client: Client,
    state: ClusterState,
    neighbours: Sequence[Neighbour],
    resources: Objects,
    recalled: services.Learnt,
    looked: Looked,
) -> tuple[Check, tuple[Finding, ...]]:
    """Trust and imports, held against what a run would write if no neighbour had anything new to say."""
    namespace, root_namespace = looked.namespace, state.root_namespace
    try:
        roots = read_roots(client, root_namespace)
        told = told_before(read_secret(client, namespace, names.REMOTE_METADATA_SECRET).get(names.REMOTE_METADATA_KEY))
        trusted = trust.recall(neighbours, resources, own_roots=roots, told=told)
        objects = trusted.objects(namespace, root_namespace, roots)
        if looked.api_proxy is not None:
            objects.append(
                api_clients(
                    looked.api_proxy, trusted, own_uuid=state.uuid, namespace=namespace, root_namespace=root_namespace
                )
            )
        imports = recalled.imports(namespace, failover=looked.failover)
    except AllianceError as error:
        return drift([], 0, [f"{_NOT_COMPUTED}: {error}"])
    return _compared(client, {"alliance-trust": objects, "alliance-imports": list(imports.objects)}, looked)


def told_platform(
    client: Client, neighbours: Sequence[Neighbour], resources: Objects, looked: Looked
) -> tuple[Check, tuple[Finding, ...]]:
    """What a platform is told of neighbours, held against the inventory. Whom it is not told of the edges tell."""
    applyset = ApplySet("alliance-trust", looked.namespace)
    wanted = []
    for neighbour in neighbours:
        resource = resources.get(neighbour.resource_name)
        if resource is None or set_of(resource) != applyset.id:
            continue
        known = neighbour.completed(resource)
        if known.endpoint and known.trust_domain and not known.hold:
            annotations = resource["metadata"].get("annotations") or {}
            proved = annotations.get(PROVED_ANNOTATION)
            wanted.append(trust.neighbour_resource(known, base_url(known.endpoint), proved=proved))
        else:
            wanted.append(trust.carried_over(resource))
    return _compared(client, {"alliance-trust": wanted}, looked)


def _compared(
    client: Client, wanted: Mapping[str, Sequence[Object]], looked: Looked
) -> tuple[Check, tuple[Finding, ...]]:
    """The sets of objects, by name, held against what is there."""
    changed: list[dict[str, Any]] = []
    unchanged = 0
    failed: list[str] = []
    applier = Applier(client, by_anybody=looked.applied_by_others)
    for name, objects in wanted.items():
        try:
            plan = applier.plan(objects, ApplySet(name, looked.namespace), adopt=ADOPT_REFUSE)
        except AllianceError as error:
            failed.append(f"{_NOT_COMPUTED}: {error}")
            continue
        changed += [{"action": change.action, **reference(change.object)} for change in plan.changes]
        unchanged += len(plan.unchanged)
    return drift(changed, unchanged, failed)
