# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One control plane for all tests of modules; each file works in namespaces of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    federation_crd,
    multicluster_crd,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import Applier
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client

from tests.integration.ansible_module import Cycle, ModuleRunner
from tests.integration.neighbour import Neighbour
from tests.lab.controlplane import ControlPlane

Object = dict[str, Any]


class Admin:
    """The cluster as somebody else than the collection sees and changes it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def apply(self, *objects: Object, manager: str = "somebody", subresource: str | None = None) -> None:
        """Server-side apply objects."""
        for obj in objects:
            self.client.apply(obj, field_manager=manager, subresource=subresource)

    def namespace(self, *names: str) -> None:
        """Make namespaces."""
        self.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names))

    def get(self, kind: str, namespace: str | None, name: str, api_version: str = "v1") -> Object | None:
        """One object or None."""
        return self.client.get(self.client.kind_of({"apiVersion": api_version, "kind": kind}), name, namespace)

    def data(self, kind: str, namespace: str, name: str) -> dict[str, str]:
        """The data of a ConfigMap or, still encoded, of a Secret that has to exist."""
        found = self.get(kind, namespace, name)
        assert found is not None, f"{kind} {namespace}/{name} does not exist"
        return dict(found.get("data") or {})

    def delete(self, kind: str, namespace: str | None, name: str, api_version: str = "v1") -> None:
        """Delete an object that has to exist."""
        assert self.client.delete(self.client.kind_of({"apiVersion": api_version, "kind": kind}), name, namespace)

    def names(self, kind: str, namespace: str, api_version: str = "v1") -> set[str]:
        """The names of the objects of a kind in a namespace."""
        found = self.client.list(self.client.kind_of({"apiVersion": api_version, "kind": kind}), namespace)
        return {item["metadata"]["name"] for item in found.items}


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    with ControlPlane("modules") as plane:
        yield plane


@pytest.fixture(scope="session")
def admin(control_plane: ControlPlane) -> Iterator[Admin]:
    client = Client.from_options({"kubeconfig": str(control_plane.kubeconfig)}, "control-plane")
    applier = Applier(client, manager="somebody")
    applier.execute(applier.plan([federation_crd(), multicluster_crd()]))
    yield Admin(client)
    client.close()


@pytest.fixture(scope="session")
def run(control_plane: ControlPlane, admin: Admin) -> ModuleRunner:
    return ModuleRunner(control_plane)


@pytest.fixture(scope="module")
def expect() -> Cycle:
    return Cycle()


@pytest.fixture(scope="module")
def make_neighbour() -> Iterator[Callable[..., Neighbour]]:
    """Makes neighbours by name; they are ended with the module's tests."""
    made: list[Neighbour] = []

    def make(name: str, domain: str = "") -> Neighbour:
        made.append(Neighbour(name, domain))
        made[-1].start()
        return made[-1]

    yield make
    for neighbour in made:
        neighbour.stop()
