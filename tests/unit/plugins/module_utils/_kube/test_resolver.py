# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a manifest to its resource, with as few questions as possible."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import SERVICE_ENTRY, Kind
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.resolver import Resolver

STARS = [
    {"name": "stars", "kind": "Star", "namespaced": True},
    {"name": "stars/status", "kind": "Star", "namespaced": True},
    {"name": "suns", "kind": "Sun", "namespaced": False},
]


class Server:
    """Serves sky.example/v1 and counts the questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.resolver = Resolver(self.find, self.preferred)

    def find(self, api_version: str) -> list[dict[str, Any]]:
        self.asked.append(api_version)
        return STARS if api_version == "sky.example/v1" else []

    def preferred(self, group: str) -> str | None:
        self.asked.append(group)
        return "sky.example/v1" if group == "sky.example" else None


def manifest(api_version: str, kind: str) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}}


def test_known_kinds_cost_no_question() -> None:
    server = Server()
    assert server.resolver.kind_of(manifest("networking.istio.io/v1", "ServiceEntry")) is SERVICE_ENTRY
    assert server.resolver.kind_of_group_kind("ServiceEntry.networking.istio.io") is SERVICE_ENTRY
    assert server.resolver.kind_of_group_kind("ConfigMap") == Kind("v1", "ConfigMap", "configmaps")
    assert server.asked == []


def test_others_are_asked_for_once_for_each_version() -> None:
    server = Server()
    for _again in range(2):
        assert server.resolver.kind_of(manifest("sky.example/v1", "Star")) == Kind("sky.example/v1", "Star", "stars")
    assert server.resolver.kind_of(manifest("sky.example/v1", "Sun")) == Kind("sky.example/v1", "Sun", "suns", False)
    assert server.asked == ["sky.example/v1"]


def test_a_kind_may_be_missing() -> None:
    server = Server()
    assert server.resolver.find(manifest("sky.example/v1", "Star")) is not None
    assert server.resolver.find(manifest("sky.example/v1", "Moon")) is None
    assert server.resolver.find(manifest("other.example/v1", "Star")) is None
    with pytest.raises(AllianceError, match="no apiVersion"):
        server.resolver.find({"kind": "Star"})


def test_definitions_of_the_set_are_taken_before_they_are_served() -> None:
    server = Server()
    names = {"kind": "Moon", "plural": "moons"}
    versions = [{"name": "v1"}, {"name": "v2"}]
    definition = {"spec": {"group": "sky.example", "names": names, "scope": "Cluster", "versions": versions}}
    server.resolver.learn([definition])
    for version in ("v1", "v2"):
        api_version = f"sky.example/{version}"
        assert server.resolver.kind_of(manifest(api_version, "Moon")) == Kind(api_version, "Moon", "moons", False)
    assert server.asked == []


def test_kinds_that_are_not_served() -> None:
    server = Server()
    with pytest.raises(AllianceError) as caught:
        server.resolver.kind_of(manifest("sky.example/v1", "Comet"))
    assert caught.value.message == "the cluster does not serve Comet in sky.example/v1"
    assert "CustomResourceDefinition" in str(caught.value.remedy)
    assert server.resolver.kind_of_group_kind("Comet.sky.example") is None
    assert server.resolver.kind_of_group_kind("Comet.nowhere.example") is None
    assert server.resolver.kind_of_group_kind("Star.sky.example") == Kind("sky.example/v1", "Star", "stars")


@pytest.mark.parametrize("obj", [{}, {"kind": "Star"}, {"apiVersion": "v1"}, {"apiVersion": 1, "kind": "Star"}])
def test_manifests_without_a_kind(obj: dict[str, Any]) -> None:
    with pytest.raises(AllianceError, match="no apiVersion or no kind"):
        Server().resolver.kind_of(obj)
