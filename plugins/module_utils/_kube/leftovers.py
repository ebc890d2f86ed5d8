# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is of the alliance in a cluster, whatever its kind: everything that the API server serves is listed.

Only metadata is read, so no Secret's data. Kinds that the user may not list are told, not passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.leftovers import FOREIGN, OURS, whose
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import PART_OF_LABEL, ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.connection import POOL_SIZE
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind

Object = dict[str, Any]

_SELECTOR = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"


@dataclass
class Leftovers:
    """C(ours): objects with our label, anywhere; C(foreign): those of others in our namespaces.

    C(kinds): how many kinds were listed. C(unread): those that could not be, with the reason.
    """

    ours: list[Object] = field(default_factory=list)
    foreign: list[Object] = field(default_factory=list)
    kinds: int = 0
    unread: dict[str, str] = field(default_factory=dict)


def find_leftovers(client: Client, namespace: str, namespaces: list[str]) -> Leftovers:
    """List all kinds of a cluster for our label, and all objects in C(namespaces). Raises ApiError.

    namespace: where the parents of the alliance's sets are.
    """
    found = Leftovers()
    sets = {ApplySet(name, namespace).id for name in names.ALLIANCE_SETS}
    served = list(served_kinds(client, found.unread))

    def read(kind: Kind) -> tuple[list[Object], list[Object]] | ApiError:
        try:
            ours = client.list(kind, label_selector=_SELECTOR, metadata_only=True).items
            inside = [
                item
                for namespace in (namespaces if kind.namespaced else [])
                for item in client.list(kind, namespace, metadata_only=True).items
            ]
        except ApiError as error:
            return error
        return ours, inside

    with ThreadPoolExecutor(POOL_SIZE) as pool:
        answers = list(pool.map(read, served))
    for kind, answer in zip(served, answers, strict=True):
        if isinstance(answer, ApiError):
            if answer.status == 405:
                continue
            found.unread[kind.group_kind] = answer.message
            continue
        found.kinds += 1
        ours, inside = answer
        found.ours += [item for item in ours if whose(item, PART_OF_LABEL, sets) == OURS]
        found.foreign += [item for item in inside if whose(item, PART_OF_LABEL, sets) == FOREIGN]
    return found


def served_kinds(client: Client, unread: dict[str, str]) -> Iterator[Kind]:
    """All kinds that can be listed, each in its group's preferred version.

    A version whose server does not answer now, as an aggregated API's may, is put into C(unread) with the reason.
    """
    groups = client.request("GET", "/apis").body.get("groups") or []
    versions = ["v1", *(str(group["preferredVersion"]["groupVersion"]) for group in groups)]
    for version in versions:
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        try:
            resources = client.request("GET", path).body.get("resources") or []
        except ApiError as error:
            if error.status not in (404, 503):
                raise
            if error.status == 503:
                unread[version] = error.message
            continue
        for resource in resources:
            if "/" not in resource["name"] and "list" in (resource.get("verbs") or []):
                yield Kind(version, str(resource["kind"]), str(resource["name"]), bool(resource["namespaced"]))
