# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parent object of an ApplySet: what a set contains is recorded before it is written, so nothing is ever lost.

Source: KEP-3659, "ApplySet: kubectl apply --prune redesign"
(U(https://github.com/kubernetes/enhancements/tree/master/keps/sig-cli/3659-kubectl-apply-prune)).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names

Object = dict[str, Any]

ID_LABEL = "applyset.kubernetes.io/id"
PART_OF_LABEL = "applyset.kubernetes.io/part-of"
TOOLING_ANNOTATION = "applyset.kubernetes.io/tooling"
GROUP_KINDS_ANNOTATION = "applyset.kubernetes.io/contains-group-kinds"
NAMESPACES_ANNOTATION = "applyset.kubernetes.io/additional-namespaces"
# The KEP asks for <tool>/<version>; another tool may refuse the set, the version says how it was written.
TOOLING = "meshalliance.istio/v1"


@dataclass(frozen=True)
class ApplySet:
    """An ApplySet whose parent is a ConfigMap: its name and namespace are its identity."""

    name: str
    namespace: str

    @property
    def id(self) -> str:
        """The set's ID, by the KEP's formula."""
        digest = hashlib.sha256(f"{self.name}.{self.namespace}.ConfigMap.".encode()).digest()
        return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"

    def parent(self, contents: Contents) -> Object:
        """The manifest of the parent."""
        annotations = {
            TOOLING_ANNOTATION: TOOLING,
            GROUP_KINDS_ANNOTATION: ",".join(sorted(contents.group_kinds)),
            NAMESPACES_ANNOTATION: ",".join(sorted(contents.namespaces - {self.namespace})),
        }
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {ID_LABEL: self.id, names.MANAGED_BY_LABEL: names.MANAGED_BY},
                "annotations": annotations,
            },
        }


@dataclass(frozen=True)
class Contents:
    """Which group kinds (C(Kind.group)) in which namespaces a set may hold objects of."""

    group_kinds: frozenset[str] = field(default_factory=frozenset)
    namespaces: frozenset[str] = field(default_factory=frozenset)

    def __or__(self, other: Contents) -> Contents:
        return Contents(self.group_kinds | other.group_kinds, self.namespaces | other.namespaces)


def recorded_contents(parent: Mapping[str, Any] | None, namespace: str) -> Contents:
    """What a live parent says its set holds; nothing for a set that does not exist yet."""
    if parent is None:
        return Contents()
    annotations = parent["metadata"].get("annotations") or {}
    group_kinds = _listed(annotations.get(GROUP_KINDS_ANNOTATION))
    return Contents(group_kinds, _listed(annotations.get(NAMESPACES_ANNOTATION)) | {namespace})


def set_of(obj: Mapping[str, Any]) -> str:
    """The ID of the ApplySet that a live object belongs to; empty when to none."""
    return (obj["metadata"].get("labels") or {}).get(PART_OF_LABEL) or ""


def _listed(text: str | None) -> frozenset[str]:
    return frozenset(part for part in (text or "").split(",") if part)
