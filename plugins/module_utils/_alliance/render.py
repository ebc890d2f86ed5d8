# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests as files for GitOps: the same text for the same objects, and nothing secret.

A cluster's folder has one file for each set of objects and a kustomization.yaml that names them in the order in which
they can be applied.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import resource_name
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    ALLIANCE_SETS,
    REMOTE_METADATA_SECRET,
)

with contextlib.suppress(ImportError):  # told by libraries.missing_libraries()
    import yaml

Object = Mapping[str, Any]

KUSTOMIZATION = "kustomization.yaml"
SUFFIX = ".yaml"
HEADER = "# Written by meshalliance.istio (alliance_render_dir): a change made here is lost with the next run.\n"
# What a plan writes where only a real run can know; a file with it would send traffic nowhere.
_UNKNOWN = "known-after-apply"
# Of all Secrets that the alliance keeps, the one that holds what everybody may know.
_PUBLIC_SECRETS = frozenset({REMOTE_METADATA_SECRET})
# Texts that no YAML parser takes for anything else: that of Kubernetes follows YAML 1.1, where y, on and 1_0 are none.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@-]*(?::[A-Za-z0-9_./@-]+)*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})


def secret_left_out(obj: Object) -> bool:
    """Whether an object must not become a file: a Secret, but for the one whose content is public."""
    return obj["kind"] == "Secret" and obj["metadata"]["name"] not in _PUBLIC_SECRETS


def file_name(set_name: str, objects: Sequence[Object]) -> str:
    """The name of the file for a set, or for objects of no set."""
    if set_name:
        return f"{resource_name(set_name)}{SUFFIX}"
    first = objects[0]
    return f"{first['kind'].lower()}-{resource_name(first['metadata']['name'])}{SUFFIX}"


def folder_name(cluster: str) -> str:
    """The name of a cluster's folder."""
    return resource_name(cluster)


def manifests_text(objects: Iterable[Object]) -> str:
    """Objects as a stream of YAML documents, in their order."""
    return HEADER + "".join(f"---\n{_dump(obj)}" for obj in objects)


def kustomization_text(files: Iterable[str]) -> str:
    """The kustomization.yaml of a folder with these files."""
    ordered = sorted(set(files) - {KUSTOMIZATION}, key=_order)
    content = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": ordered}
    return HEADER + _dump(content)


def not_known_yet(value: Any) -> bool:
    """Whether something in an object is known only after another part of the alliance is there."""
    if isinstance(value, Mapping):
        return any(not_known_yet(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(not_known_yet(item) for item in value)
    return isinstance(value, str) and _UNKNOWN in value


def _order(file: str) -> tuple[int, str]:
    """Namespaces first; the sets in the opposite order of their removal; what belongs to no set at the end."""
    if file.startswith("namespace-"):
        return 0, file
    name = file.removesuffix(SUFFIX)
    return (len(ALLIANCE_SETS) - ALLIANCE_SETS.index(name) if name in ALLIANCE_SETS else len(ALLIANCE_SETS) + 1), file


def _dump(value: Any) -> str:
    class Dumper(yaml.SafeDumper):
        """Texts that can be read as they are, and never as numbers or switches; no references."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        plain = _PLAIN.fullmatch(value) is not None and value.lower() not in _WORDS
        # A block has no way to write other line ends and control characters.
        lines = "\n" in value and value.replace("\n", "").isprintable()
        style = "|" if lines else None if plain else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return str(
        yaml.dump(value, Dumper=Dumper, default_flow_style=False, sort_keys=True, width=2**31, allow_unicode=True)
    )
