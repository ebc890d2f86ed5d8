# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which resource a manifest belongs to: known kinds first, then CRDs of its set, then one look at its API version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import KNOWN, Kind


class Resolver:
    """Finds Kinds.

    C(find_resources) returns the C(APIResource) list of an API version (empty when it is not served),
    C(preferred_version) the preferred API version of a group (None when there is no such group).
    """

    def __init__(
        self,
        find_resources: Callable[[str], list[dict[str, Any]]],
        preferred_version: Callable[[str], str | None],
    ) -> None:
        self._find_resources = find_resources
        self._preferred_version = preferred_version
        self._kinds = dict(KNOWN)
        self._asked: set[str] = set()

    def learn(self, definitions: list[dict[str, Any]]) -> None:
        """Take the kinds that CustomResourceDefinitions define."""
        for definition in definitions:
            spec = definition["spec"]
            names = spec["names"]
            for version in spec["versions"]:
                api_version = f"{spec['group']}/{version['name']}"
                kind = Kind(api_version, names["kind"], names["plural"], spec["scope"] == "Namespaced")
                self._kinds[(api_version, names["kind"])] = kind

    def kind_of(self, obj: Mapping[str, Any]) -> Kind:
        """The Kind of a manifest. Raises AllianceError when the cluster does not know it."""
        kind = self.find(obj)
        if kind is None:
            raise AllianceError(
                f"the cluster does not serve {obj['kind']} in {obj['apiVersion']}",
                remedy="install its CustomResourceDefinition first, or correct apiVersion and kind",
            )
        return kind

    def find(self, obj: Mapping[str, Any]) -> Kind | None:
        """The Kind of a manifest, None when the cluster does not know it.

        Raises AllianceError for a manifest without apiVersion or kind.
        """
        api_version, name = obj.get("apiVersion"), obj.get("kind")
        if not isinstance(api_version, str) or not isinstance(name, str):
            raise AllianceError("a manifest has no apiVersion or no kind", remedy="give both for every object")
        return self._find(api_version, name)

    def kind_of_group_kind(self, group_kind: str) -> Kind | None:
        """The Kind of C(Kind.group) in any known or else in the preferred version; None when it is not served."""
        for kind in self._kinds.values():
            if kind.group_kind == group_kind:
                return kind
        name, _dot, group = group_kind.partition(".")
        api_version = self._preferred_version(group) if group else "v1"
        return self._find(api_version, name) if api_version else None

    def _find(self, api_version: str, name: str) -> Kind | None:
        if (api_version, name) not in self._kinds and api_version not in self._asked:
            self._asked.add(api_version)
            for resource in self._find_resources(api_version):
                if "/" not in resource["name"]:
                    kind = Kind(api_version, resource["kind"], resource["name"], resource["namespaced"])
                    self._kinds.setdefault((api_version, resource["kind"]), kind)
        return self._kinds.get((api_version, name))
