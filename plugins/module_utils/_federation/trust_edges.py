# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roots a root exchange adds to and takes from what a cluster trusts, by neighbour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.edge_changes import (
    Believed,
    Edges,
    root_changes,
    told_roots,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    cached_public,
    proved_public,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.mesh_config import parse_shared_mesh_config
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform import PlatformTrust
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform_cache import fingerprints
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.trust import Trust
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import set_of

Object = Mapping[str, Any]


def trust_edges(
    trust: Trust,
    neighbours: Sequence[Neighbour],
    resources: Mapping[str, Object],
    live: Iterable[Object],
    desired: Iterable[Object],
) -> Edges:
    """The change of roots by neighbour. C(resources): those of all neighbours, also of such as leave, by name.

    C(live), C(desired): objects among which are the shared mesh configs.
    """
    called = {item.resource_name: item for item in neighbours}
    believed = []
    for name in sorted({*called, *resources}):
        neighbour, resource = called.get(name), resources.get(name) or {}
        documents = (cached_public(resource.get("status")), trust.trusted.get(name))
        roots = "".join(document.root_ca for document in documents if document is not None)
        if roots:
            before = (resource.get("spec") or {}).get("trustDomain") or (neighbour.trust_domain if neighbour else "")
            after = trust.domains.get(name, "")
            believed.append(Believed(neighbour.name if neighbour else name, roots, str(before or after), after))
    return root_changes(_anchors(live), _anchors(desired), believed)


def platform_edges(
    trust: PlatformTrust, neighbours: Sequence[Neighbour], resources: Mapping[str, Object], set_id: str
) -> Edges:
    """The same for a platform: the roots that were proved when it was told of a neighbour.

    C(set_id): of our ApplySet.
    """
    called = {item.resource_name: item.name for item in neighbours}
    ours = {name: resource for name, resource in resources.items() if set_of(resource) == set_id}
    edges: Edges = {}
    for name in sorted({*ours, *trust.resources}):
        before, after = ours.get(name) or {}, trust.resources.get(name) or {}
        domain = str(((after or before).get("spec") or {}).get("trustDomain") or "")
        edges |= told_roots(called.get(name, name), domain, _roots(proved_public(before)), _roots(proved_public(after)))
    return edges


def _roots(document: PublicMetadata | None) -> list[str]:
    return fingerprints(document) if document is not None else []


def _anchors(objects: Iterable[Object]) -> dict[str, tuple[str, ...]]:
    for obj in objects:
        if obj["kind"] == "ConfigMap" and obj["metadata"]["name"] == names.SHARED_MESH_CONFIGMAP:
            try:
                return parse_shared_mesh_config(str((obj.get("data") or {}).get(names.SHARED_MESH_KEY) or "{}"))
            except AllianceError:  # somebody wrote into it: nothing is known of what it trusted
                return {}
    return {}
