# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Would a server-side apply change an object? Answered from the live object alone, without a dry run.

The live object's C(managedFields) say which fields a manager applied before, and how the API server merges each list
(U(https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy); keys as in
structured-merge-diff's C(fieldpath/serialize-pe.go): C(f:) a field, C(k:) a list item by its keys, C(v:) a set's
value).
A manager loses a field when somebody else changes it, so an object needs no apply exactly when the fields that it
owns are
the fields that the manifest states, with equal values.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Object = dict[str, Any]

# Below these names the API server rewrites numbers to its canonical quantities ("0.1" to "100m").
QUANTITY_PARENTS = frozenset({"resources", "limits", "requests", "capacity", "hard", "sizeLimit"})
_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal("1e3"), "M": Decimal("1e6"), "G": Decimal("1e9"), "T": Decimal("1e12"), "P": Decimal("1e15"),
    "E": Decimal("1e18"), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip


def normalised(obj: Mapping[str, Any]) -> Object:
    """A manifest as the API server keeps it: no nulls, no status, a Secret's C(stringData) in C(data).

    Empty maps that the server never stores are left out too: it would be asked for them again in each run.
    """
    result: Object = {key: _without_nulls(value) for key, value in obj.items() if key != "status" and value is not None}
    if result.get("kind") == "Secret" and "stringData" in result:
        encoded = {k: base64.b64encode(str(v).encode()).decode() for k, v in result.pop("stringData").items()}
        result["data"] = {**result.get("data", {}), **encoded}
    for parent, names in ((result, ("data", "binaryData")), (result.get("metadata", {}), ("labels", "annotations"))):
        if parent is not result or result.get("kind") in ("ConfigMap", "Secret"):
            for name in names:
                if parent.get(name) == {}:
                    del parent[name]
    return result


def owned_fields(live: Mapping[str, Any], manager: str) -> Object | None:
    """The FieldsV1 tree that C(manager) applied to the main resource, or None when it applied nothing."""
    for entry in live["metadata"].get("managedFields") or []:
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            fields: Object = entry.get("fieldsV1") or {}
            return fields
    return None


def needs_apply(desired: Mapping[str, Any], live: Mapping[str, Any], manager: str) -> bool:
    """True when applying C(desired) (normalised) as C(manager) would change the live object or its ownership."""
    stated = _without_identity(desired)
    fields = owned_fields(live, manager)
    if fields is None:
        # A manifest that states nothing but a name leaves no trace: it asks for no more than being there.
        return bool(stated)
    return not _same(stated, live, fields, False)


def stated_by_somebody(desired: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Whether somebody applied C(desired) (normalised), for manifests that others apply.

    Labels and annotations of their own, as tools set them for what they keep, make no difference.
    """
    stated = _without_identity(desired)
    if not _covers(stated.pop("metadata", {}), live["metadata"], False):
        return False
    return not stated or any(
        _same(stated, live, {key: value for key, value in fields.items() if key != "f:metadata"}, False)
        for manager in {entry.get("manager") for entry in live["metadata"].get("managedFields") or []}
        if (fields := owned_fields(live, str(manager))) is not None
    )


def merged(desired: Mapping[str, Any], live: Mapping[str, Any], manager: str) -> Object:
    """What the live object will be after the apply, for showing; only the server's defaults can differ."""
    fields = owned_fields(live, manager) or {}
    result: Object = _merge(_without_identity(desired), live, fields)
    return {**result, "apiVersion": desired["apiVersion"], "kind": desired["kind"]}


def _without_identity(desired: Mapping[str, Any]) -> Object:
    """The manifest without what FieldsV1 never tracks: API version, kind, name, namespace."""
    rest = {key: value for key, value in desired.items() if key not in ("apiVersion", "kind")}
    rest["metadata"] = {k: v for k, v in rest.get("metadata", {}).items() if k not in ("name", "namespace")}
    if not rest["metadata"]:
        del rest["metadata"]
    return rest


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_without_nulls(item) for item in value]
    return value


def _same(desired: Any, live: Any, fields: Mapping[str, Any], quantity: bool) -> bool:
    children = [key for key in fields if key != "."]
    if desired in ({}, []) and live is None and not children:
        return True  # applied before, and not stored: the server leaves empty values of most built-in types out
    if isinstance(desired, dict):
        if not isinstance(live, dict):
            return False
        if not children:
            return _covers(desired, live, quantity)
        # No list and an empty list are one to the API server, and it need not remember who stated it.
        desired = {key: value for key, value in desired.items() if value != [] or f"f:{key}" in fields or live.get(key)}
        if {f"f:{key}" for key in desired} != set(children):
            return False
        return all(
            _same(value, live.get(key), fields[f"f:{key}"], quantity or key in QUANTITY_PARENTS)
            for key, value in desired.items()
        )
    if isinstance(desired, list) and children:
        if not isinstance(live, list):
            return False
        if children[0].startswith("v:"):
            return {json.dumps(item) for item in desired} == {json.dumps(json.loads(key[2:])) for key in children}
        pairs = _pair_items(desired, children)
        return pairs is not None and all(
            _same(item, _live_item(live, json.loads(key[2:])), fields[key], quantity) for item, key in pairs
        )
    return _covers(desired, live, quantity)


def _covers(desired: Any, live: Any, quantity: bool) -> bool:
    """Whether an atomic value is live; the server may have added defaults inside it, never list items."""
    if isinstance(desired, dict):
        return isinstance(live, dict) and all(
            key in live and _covers(value, live[key], quantity) for key, value in desired.items()
        )
    if isinstance(desired, list):
        return (
            isinstance(live, list)
            and len(desired) == len(live)
            and all(_covers(one, other, quantity) for one, other in zip(desired, live, strict=True))
        )
    if type(desired) is not type(live) and isinstance(desired, bool) != isinstance(live, bool):
        return False
    if desired == live:
        return True
    amount = _quantity(desired) if quantity else None
    return amount is not None and amount == _quantity(live)


def _pair_items(desired: list[Any], keys: list[str]) -> list[tuple[Object, str]] | None:
    """Match list items with their C(k:) entries one to one; None when they don't correspond."""
    free = {key: json.loads(key[2:]) for key in keys if key.startswith("k:")}
    pairs = []
    for item in desired:
        if not isinstance(item, dict):
            return None
        # A key that the manifest leaves out was filled in by the server (a port's protocol).
        found = next((key for key, want in free.items() if all(item.get(k, v) == v for k, v in want.items())), None)
        if found is None:
            return None
        del free[found]
        pairs.append((item, found))
    return None if free else pairs


def _live_item(live: list[Any], keys: Mapping[str, Any]) -> Any:
    for item in live:
        if isinstance(item, dict) and all(item.get(k) == v for k, v in keys.items()):
            return item
    return None


def _quantity(value: Any) -> Decimal | None:
    text = str(value)
    number = text.rstrip("numkKMGTPEi")
    try:
        return Decimal(number) * _SUFFIXES[text[len(number) :]]
    except (InvalidOperation, KeyError):
        return None


def _merge(desired: Any, live: Any, fields: Mapping[str, Any]) -> Any:
    if isinstance(desired, dict) and isinstance(live, dict):
        owned = {key[2:] for key in fields if key.startswith("f:")}
        result = {key: value for key, value in live.items() if key in desired or key not in owned}
        for key, value in desired.items():
            result[key] = _merge(value, live[key], fields.get(f"f:{key}", {})) if key in live else value
        return result
    if isinstance(desired, list) and isinstance(live, list):
        identity = _item_identity(desired + live)
        if identity:
            return _merge_items(desired, live, fields, identity)
    return desired


def _item_identity(items: list[Any]) -> str | None:
    """The key by which items of a list can be told apart for showing them, if they have one."""
    for key in ("name", "containerPort", "port", "type", "uid"):
        if items and all(isinstance(item, dict) and key in item for item in items):
            return key
    return None


def _merge_items(desired: list[Any], live: list[Any], fields: Mapping[str, Any], identity: str) -> list[Any]:
    owned = {json.loads(key[2:]).get(identity): key for key in fields if key.startswith("k:")}
    wanted = {item[identity]: item for item in desired}
    result = []
    for item in live:
        name = item[identity]
        if name in wanted:
            result.append(_merge(wanted.pop(name), item, fields.get(owned.get(name, ""), {})))
        elif name not in owned:
            result.append(item)
    return result + list(wanted.values())
