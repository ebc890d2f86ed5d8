# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose an object in the alliance's namespace is: ours, somebody else's, or made by Kubernetes for one of either."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names

OURS, FOREIGN, DERIVED = "ours", "foreign", "derived"

# What Kubernetes and Istio put into every namespace by themselves.
_EVERYWHERE = frozenset(
    {
        ("ConfigMap", "kube-root-ca.crt"),
        ("ConfigMap", names.ROOT_CONFIGMAP),
        ("ConfigMap", "istio-ca-crl"),
        ("ServiceAccount", "default"),
    }
)
# What the mesh itself goes on needing: how its CA was rotated.
_OUTLIVES = frozenset({("Secret", names.ROOT_ROTATION_RECORD)})
# What only tells of other objects, and goes with them.
_TOLD = frozenset({"Event", "Endpoints", "PodMetrics"})


def whose(obj: Mapping[str, Any], part_of: str, sets: Container[str]) -> str:
    """C(ours), C(derived) when Kubernetes or Istio keeps it for another object, else C(foreign).

    part_of: the label that names an object's ApplySet. sets: the IDs of the alliance's own; users of the module
    applyset have others, whose objects carry our label too.
    """
    metadata = obj["metadata"]
    labels, known = metadata.get("labels") or {}, (obj["kind"], metadata["name"])
    if known in _OUTLIVES:
        return DERIVED
    if obj["kind"] == "Lease" and labels.get(names.MANAGED_BY_LABEL) == names.MANAGED_BY:
        return DERIVED  # it says who is at work, this run among them, and goes with its namespace
    if labels.get(names.MANAGED_BY_LABEL) == names.MANAGED_BY:
        return OURS if not labels.get(part_of) or labels[part_of] in sets else FOREIGN
    if obj["kind"] in _TOLD or metadata.get("ownerReferences") or known in _EVERYWHERE:
        return DERIVED
    return FOREIGN
