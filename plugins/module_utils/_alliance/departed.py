# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a cluster that leaves: by what it can be found where nothing of it may be left.

Its resource knows most of it, and is removed; so it is remembered until it is proved that nothing is left.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import split_certificates
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    GatewayAddress,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    cached_multicluster,
    cached_private,
    cached_public,
    proved_public,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import resource_name
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import derived_cluster_id

Object = dict[str, Any]


@dataclass(frozen=True)
class Departed:
    """A cluster by its inventory name, and everything that was ever known of it, each once and sorted.

    C(keys): public keys of its exporter, C(roots): certificates, both PEM. C(gateways): where neighbours reach it.
    """

    name: str
    trust_domains: tuple[str, ...] = ()
    uuids: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    gateways: tuple[GatewayAddress, ...] = ()
    cluster_ids: tuple[str, ...] = ()

    @property
    def resource_name(self) -> str:
        """The name of the resource that stood for it."""
        return resource_name(self.name)

    @property
    def known(self) -> bool:
        """Whether anything but its name is known."""
        return any(getattr(self, item.name) for item in fields(self) if item.name != "name")

    def __or__(self, other: Departed) -> Departed:
        """Both together, under the name of the first."""
        both = {
            item.name: _sorted((*getattr(self, item.name), *getattr(other, item.name)))
            for item in fields(self)
            if item.name != "name"
        }
        return Departed(self.name, **both)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a module's result and for the memory."""
        values = {item.name: list(getattr(self, item.name)) for item in fields(self) if item.name != "name"}
        gateways = [{"address": gateway.address, "port": gateway.port} for gateway in self.gateways]
        return {"name": self.name, **values, "gateways": gateways}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Departed:
        """What to_dict() made; unknown keys are ignored. Raises AllianceError for anything else."""
        try:
            texts = {
                item.name: _sorted(str(value) for value in data.get(item.name) or () if value)
                for item in fields(cls)
                if item.name not in ("name", "gateways")
            }
            gateways = {GatewayAddress(str(item["address"]), int(item["port"])) for item in data.get("gateways") or ()}
            return cls(str(data["name"]), **texts, gateways=_sorted(gateways))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise AllianceError(
                "what is known of a cluster that leaves can't be read",
                remedy="give it as the module departure returned it",
            ) from None

    @classmethod
    def from_resource(cls, name: str, resource: Mapping[str, Any]) -> Departed:
        """By its IstioFederation or IstioMulticluster in a neighbour; also by a platform's, whose status is its own."""
        status = resource.get("status")
        domain = str((resource.get("spec") or {}).get("trustDomain") or "")
        found = cls(name, trust_domains=(domain,) if domain else ())
        for document in (cached_public(status), proved_public(resource)):
            if document is not None:
                found |= _from_document(name, document)
        offered, joined = cached_private(status), cached_multicluster(status)
        if offered is not None:
            found |= cls(name, gateways=offered.ingress_gateways or ())
        if joined is not None:
            derived = {derived_cluster_id(item, uuid) for item in found.trust_domains for uuid in found.uuids}
            ids = {joined.cluster_id} if joined.cluster_id else derived
            found |= cls(name, gateways=joined.ingress_gateways or (), cluster_ids=tuple(ids))
        return found

    @classmethod
    def from_state(cls, name: str, state: ClusterState) -> Departed:
        """By its own API."""
        addresses = [*(state.gateways or ()), *(state.multicluster_gateways or ())]
        keys = (state.authn_key_pub, state.previous_authn_key_pub)
        return cls(
            name,
            trust_domains=(state.trust_domain,) if state.trust_domain else (),
            uuids=(state.uuid,) if state.uuid else (),
            keys=_sorted(_key(key) for key in keys if key),
            roots=_roots(state.roots),
            gateways=_sorted(GatewayAddress(item["address"], item["port"]) for item in addresses),
            cluster_ids=(state.cluster_id,) if state.cluster_id else (),
        )


def render(known: Departed) -> str:
    """The text that remembers it; the same for the same content."""
    return json.dumps(known.to_dict(), indent=1, sort_keys=True)


def parse(text: str) -> Departed:
    """From such a text. Raises AllianceError."""
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    return Departed.from_dict(data if isinstance(data, dict) else {})


def _from_document(name: str, document: PublicMetadata) -> Departed:
    return Departed(
        name,
        trust_domains=(document.trust_domain,) if document.trust_domain else (),
        uuids=(document.cluster_uuid,),
        keys=(_key(document.authn_key_pub),),
        roots=_roots(document.root_ca),
    )


def _roots(pem: str) -> tuple[str, ...]:
    try:
        return _sorted(split_certificates(pem)) if pem.strip() else ()
    except AllianceError:
        return ()  # what can't be read was never trusted


def _key(pem: str) -> str:
    return pem.strip() + "\n"


def _sorted(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(set(values)))
