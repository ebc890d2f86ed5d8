# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that the exporter may do at the API server, and nothing else. The role renders its RBAC from this.

Reads by name are list and watch with a field selector, which the API server allows under C(resourceNames).
The private key of the cluster is in none of these objects: the pod mounts the public half alone.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    ADVERTISE_CONFIGMAP,
    EXPORTER,
    FEDERATION_GROUP,
    PUBLISHED_GATEWAY,
    REMOTE_METADATA_SECRET,
    ROOT_CONFIGMAP,
)

Rule = dict[str, Any]

_FOLLOW = ["list", "watch"]


def cluster_rules() -> list[Rule]:
    """Rules of the ClusterRole."""
    return [
        {"apiGroups": [""], "resources": ["services"], "verbs": _FOLLOW},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": _FOLLOW},
        {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]},
        {"apiGroups": [FEDERATION_GROUP], "resources": ["istiofederations", "istiomulticlusters"], "verbs": _FOLLOW},
    ]


def namespace_rules() -> list[Rule]:
    """Rules of the Role in the exporter's namespace; the gateway's Service there is covered by the ClusterRole."""
    return [
        {"apiGroups": [""], "resources": ["pods"], "verbs": _FOLLOW},
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": sorted([ADVERTISE_CONFIGMAP, ROOT_CONFIGMAP]),
            "verbs": _FOLLOW,
        },
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [REMOTE_METADATA_SECRET], "verbs": _FOLLOW},
        {
            "apiGroups": ["networking.istio.io"],
            "resources": ["gateways"],
            "resourceNames": [PUBLISHED_GATEWAY],
            "verbs": [*_FOLLOW, "create", "patch", "delete"],
        },
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [EXPORTER],
            "verbs": [*_FOLLOW, "create", "patch"],
        },
    ]
