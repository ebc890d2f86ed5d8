# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IstioFederation manifests that an administrator pasted, checked as an API server of the platform would."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.deckhouse import crds, facts

Object = dict[str, Any]

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_SPEC = crds.istio_federation()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
_TYPES: dict[str, Any] = {"string": str, "boolean": bool, "object": Mapping}


def read(path: Path) -> tuple[list[Object], list[str]]:
    """The manifests of a file, or of a folder's YAML files, and why others were refused."""
    files = sorted([*path.glob("*.yml"), *path.glob("*.yaml")]) if path.is_dir() else [path]
    accepted: dict[str, Object] = {}
    refused = []
    for file in files:
        try:
            found = [item for item in yaml.safe_load_all(file.read_text()) if item is not None]
        except (OSError, yaml.YAMLError) as error:
            refused.append(f"{file.name}: {error}")
            continue
        for item in found:
            problem = _problem(item)
            if problem:
                refused.append(f"{file.name}: {problem}")
            else:
                accepted[item["metadata"]["name"]] = item
    return [accepted[name] for name in sorted(accepted)], refused


def _problem(item: Any) -> str | None:
    if not isinstance(item, Mapping) or item.get("apiVersion") != facts.API_VERSION:
        return f"not of {facts.API_VERSION}"
    if item.get("kind") != "IstioFederation":
        return f"no IstioFederation but {item.get('kind')}"
    if not _NAME.fullmatch(str((item.get("metadata") or {}).get("name") or "")):
        return "metadata.name is missing or no object name"
    if set(item) - {"apiVersion", "kind", "metadata", "spec"}:
        return "it has fields that nobody may set"
    return _mismatch(item.get("spec"), _SPEC, "spec")


def _mismatch(value: Any, schema: Mapping[str, Any], path: str) -> str | None:
    """What of a value a schema refuses; unknown fields are an error, as they are for kubectl."""
    if not isinstance(value, _TYPES[schema["type"]]):
        return f"{path} is no {schema['type']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return f"{path} does not match {schema['pattern']}"
    if schema["type"] != "object":
        return None
    for name in schema.get("required", []):
        if name not in value:
            return f"{path}.{name} is missing"
    for name, part in value.items():
        if name not in schema["properties"]:
            return f"{path}.{name} is not known"
        problem = _mismatch(part, schema["properties"][name], f"{path}.{name}")
        if problem:
            return problem
    return None
