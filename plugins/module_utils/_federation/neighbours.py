# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option C(neighbours) of the modules: what one cluster is told of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import PROVIDERS, resource_name
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    PROVIDER_EXTERNAL,
    PROVIDER_ISTIO,
)

EXCHANGE_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "neighbours": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "provider": {"type": "str", "choices": list(PROVIDERS), "default": PROVIDER_ISTIO},
            "trust_domain": {"type": "str"},
            "metadata_endpoint": {"type": "str"},
            "metadata_ca": {"type": "str"},
            "metadata_insecure": {"type": "bool", "default": False},
            "root_fingerprints": {"type": "list", "elements": "str", "default": []},
            "trust_on_first_use": {"type": "bool", "default": False},
            "locality": {"type": "str"},
            "hold": {"type": "str", "default": ""},
            "state": {"type": "dict"},
        },
    },
    "status_refresh": {"type": "int", "default": 300},
}


@dataclass(frozen=True)
class Neighbour:
    """A neighbour as the inventory and its own API know it.

    C(state) is None when its API can't be read, and always for an external one. C(trust_on_first_use): what it says of
    itself is believed when it was never proved before. C(hold) says why nothing new may be taken from it.
    """

    name: str
    provider: str = PROVIDER_ISTIO
    trust_domain: str | None = None
    endpoint: str | None = None
    ca: str | None = None
    insecure: bool = False
    root_fingerprints: tuple[str, ...] = ()
    trust_on_first_use: bool = False
    locality: str | None = None
    hold: str = ""
    state: ClusterState | None = None

    @property
    def resource_name(self) -> str:
        """The name of its IstioFederation resource."""
        return resource_name(self.name)

    @property
    def external(self) -> bool:
        """Whether there is no API of it that we could ever read."""
        return self.provider == PROVIDER_EXTERNAL

    def completed(self, resource: Mapping[str, Any] | None) -> Neighbour:
        """Filled up from the IstioFederation resource of an earlier run, for a neighbour that can't be read now."""
        if resource is None or self.state is not None:
            return self
        spec = resource["spec"]
        metadata = spec.get("metadata") or {}
        return replace(
            self,
            trust_domain=self.trust_domain or spec.get("trustDomain"),
            endpoint=self.endpoint or spec.get("metadataEndpoint"),
            ca=self.ca or metadata.get("clusterCA"),
        )


def neighbours_from(option: Sequence[Mapping[str, Any]]) -> list[Neighbour]:
    """The neighbours of a module option, by name. Raises AllianceError when one stands there twice."""
    neighbours = [
        Neighbour(
            name=item["name"],
            provider=item.get("provider") or PROVIDER_ISTIO,
            trust_domain=item.get("trust_domain") or None,
            endpoint=item.get("metadata_endpoint") or None,
            ca=item.get("metadata_ca") or None,
            insecure=bool(item.get("metadata_insecure")),
            root_fingerprints=tuple(item.get("root_fingerprints") or ()),
            trust_on_first_use=bool(item.get("trust_on_first_use")),
            locality=item.get("locality") or None,
            hold=item.get("hold") or "",
            state=ClusterState.from_dict(item["state"]) if item.get("state") else None,
        )
        for item in option
    ]
    names = [neighbour.resource_name for neighbour in neighbours]
    for name in sorted(names):
        if names.count(name) > 1:
            raise AllianceError(f"neighbour {name} is given twice", remedy="name each neighbour once")
    return sorted(neighbours, key=lambda neighbour: neighbour.name)
