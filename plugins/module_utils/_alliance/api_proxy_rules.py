# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a neighbour may do at the API server: the RBAC of the api-proxy, and the paths that it lets through.

istiod lists and watches whole clusters; it reads no single object. So neither do the rules allow it, nor do the paths
have any part that the caller may choose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import EMPTY_NAMESPACE_SUFFIX

Rule = dict[str, Any]

MESH_CONFIGMAP = "istio"
SECRETS_PATH = "/api/v1/secrets"
# The probe of neighbours, and the version that clients ask for; every authenticated user may read them.
PROBE_PATHS = ("/api", "/version")

_FOLLOW = ["list", "watch"]
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


def cluster_rules() -> list[Rule]:
    """Rules of the ClusterRole: what istiod follows in a remote cluster, and how it checks callers of that cluster."""
    return [
        {"apiGroups": [""], "resources": ["namespaces", "nodes", "pods", "services"], "verbs": _FOLLOW},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": _FOLLOW},
        {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": _FOLLOW},
        {"apiGroups": ["networking.istio.io"], "resources": ["workloadentries"], "verbs": _FOLLOW},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ]


def config_map_rules(revision: str = "default") -> list[Rule]:
    """Rules of the Role in Istio's root namespace: the mesh config, by name, also of a revision."""
    known = {MESH_CONFIGMAP} | ({f"{MESH_CONFIGMAP}-{revision}"} if revision not in ("", "default") else set())
    return [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": sorted(known), "verbs": _FOLLOW}]


def empty_namespace_rules() -> list[Rule]:
    """Rules of the Role in the namespace that is kept empty of Secrets."""
    return [{"apiGroups": [""], "resources": ["secrets"], "verbs": _FOLLOW}]


def empty_namespace(namespace: str) -> str:
    """Where a wish for all Secrets is answered; C(namespace) is the alliance's."""
    return f"{namespace}{EMPTY_NAMESPACE_SUFFIX}"


def readable_paths(root_namespace: str, extra_rules: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """What may be read by GET, as Envoy's matchers of a path (StringMatcher); they see it without its query.

    C(extra_rules) are RBAC rules beside ours. Raises AllianceError for one that can't be told as paths.
    """
    paths = [*PROBE_PATHS, SECRETS_PATH, f"/api/v1/namespaces/{root_namespace}/configmaps"]
    return [{"exact": path} for path in paths] + _collections([*cluster_rules(), *extra_rules], _FOLLOW)


def review_paths() -> list[dict[str, Any]]:
    """What may be asked by POST, in the same form."""
    return _collections(cluster_rules(), ["create"])


def _collections(rules: Iterable[Mapping[str, Any]], verbs: Sequence[str]) -> list[dict[str, Any]]:
    """The cluster-wide collections that rules allow one of the verbs for, in any version of the API."""
    found = []
    for rule in rules:
        if not set(verbs) & set(rule.get("verbs") or ()):
            continue
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                found.append(_collection(group, _checked(resource)))
    return found


def _collection(group: str, resource: str) -> dict[str, Any]:
    if not group:
        return {"exact": f"/api/v1/{resource}"}
    # One expression for each: Envoy refuses those that compile to more than 100 steps.
    return {"safe_regex": {"regex": f"/apis/{re.escape(_checked(group))}/v[0-9][0-9a-z]*/{resource}"}}


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or name == "secrets":
        raise AllianceError(
            f"the api-proxy can't let neighbours read {name!r}",
            remedy="name API groups and resources one by one in api_proxy_extra_rules, no subresources and no Secrets",
        )
    return name
