# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects as people should see them in diffs and results: no server bookkeeping, no Secret's content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]

HIDDEN = "(hidden)"
HIDDEN_CHANGED = "(hidden, changed)"
SAME = "its content stays the same; only who owns which of its fields (managedFields) changes"
_BOOKKEEPING = ("managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink")
# A client-side apply repeats the whole object in one of them, a Secret's data too; controllers count in the other.
_BOOKKEEPING_ANNOTATIONS = frozenset(
    {"kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision"}
)


def reference(obj: Mapping[str, Any]) -> dict[str, str]:
    """API version, kind, namespace and name of an object."""
    metadata = obj["metadata"]
    result = {"api_version": obj["apiVersion"], "kind": obj["kind"], "name": metadata["name"]}
    return {**result, "namespace": metadata["namespace"]} if metadata.get("namespace") else result


def shown(obj: Mapping[str, Any] | None) -> Object:
    """An object for a diff, without what only the server writes. None (no object) is the empty dictionary."""
    if obj is None:
        return {}
    result = {key: value for key, value in obj.items() if key != "status"}
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _BOOKKEEPING}
    if metadata.get("annotations"):
        metadata["annotations"] = {
            key: value for key, value in metadata["annotations"].items() if key not in _BOOKKEEPING_ANNOTATIONS
        }
        if not metadata["annotations"]:
            del metadata["annotations"]
    result["metadata"] = metadata
    return result


def diff(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, Any]:
    """One entry of a module's C(diff) list; values of Secrets are replaced on both sides.

    Of an object that is written without a change of its content, ansible shows no lines: a sentence stands there.
    """
    obj = after or before or {}
    header = " ".join(
        str(value) for value in (obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]) if value
    )
    old, new = shown(before), shown(after)
    if obj["kind"] == "Secret":
        _hide(old, new)
    entry = {"before_header": header, "after_header": header, "before": old, "after": new}
    return {**entry, "prepared": f"{header}: {SAME}\n"} if old == new else entry


def _hide(old: Object, new: Object) -> None:
    for name in ("data", "stringData"):
        before, after = old.get(name) or {}, new.get(name) or {}
        if before:
            old[name] = dict.fromkeys(before, HIDDEN)
        if after:
            new[name] = {
                key: HIDDEN if key not in before or before[key] == value else HIDDEN_CHANGED
                for key, value in after.items()
            }
