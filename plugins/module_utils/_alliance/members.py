# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The members of an alliance: what the inventory says of each cluster, joined with what the cluster says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.endpoint import base_url
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    FEDERATION_HOSTS,
    MODE_FEDERATION,
    MODE_MULTICLUSTER,
    MODE_UNKNOWN,
    MULTICLUSTER_HOSTS,
    PROVIDER_DECKHOUSE,
    PROVIDER_EXTERNAL,
    PROVIDER_ISTIO,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.texts import one_line

PROVIDERS = (PROVIDER_ISTIO, PROVIDER_DECKHOUSE, PROVIDER_EXTERNAL)

_MODES = {FEDERATION_HOSTS: MODE_FEDERATION, MULTICLUSTER_HOSTS: MODE_MULTICLUSTER}

# The inventory's variables, by the field of Member that they fill.
VARIABLES = {
    "provider": "alliance_provider",
    "declared_domain": "alliance_trust_domain",
    "endpoint": "alliance_metadata_endpoint",
    "ca": "alliance_metadata_ca",
    "insecure": "alliance_metadata_insecure",
    "root_fingerprints": "alliance_root_fingerprints",
    "trust_on_first_use": "alliance_trust_on_first_use",
    "peers": "alliance_peers",
    "locality": "alliance_locality",
    "ignored_findings": "alliance_ignored_findings",
    "gateway": "alliance_gateway",
    "public_services": "alliance_public_services",
    "flat_network": "alliance_flat_network",
    "allowed_gateway_addresses": "alliance_allowed_gateway_addresses",
    "confirm_no_gateways": "alliance_confirm_no_gateways",
}
_FLAGS = frozenset({"insecure", "trust_on_first_use", "flat_network"})
_LISTS = frozenset(
    {
        "root_fingerprints",
        "peers",
        "ignored_findings",
        "public_services",
        "allowed_gateway_addresses",
        "confirm_no_gateways",
    }
)
# Kept as they were written, to be checked before anything is made of them.
_RAW = frozenset({"gateway", "public_services"})
_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})


@dataclass(frozen=True)
class Member:
    """One host of the inventory.

    C(modes): by its groups, how it may be joined with others. C(flat_network): multicluster neighbours reach its pods
    without a gateway. C(confirm_no_gateways): the neighbours of which it is believed that they have none. C(state) is
    None for a cluster that could not be read in this run, and always for an external one, whose API we have no access
    to. C(unusable) has the variables that could not be resolved, each with the reason.
    """

    name: str
    provider: str = PROVIDER_ISTIO
    modes: tuple[str, ...] = (MODE_FEDERATION,)
    declared_domain: str | None = None
    endpoint: str | None = None
    ca: str | None = None
    insecure: bool = False
    root_fingerprints: tuple[str, ...] = ()
    trust_on_first_use: bool = False
    peers: tuple[str, ...] | None = None
    locality: str | None = None
    ignored_findings: tuple[str, ...] = field(default_factory=tuple)
    gateway: Any = None
    public_services: Any = None
    flat_network: bool = False
    allowed_gateway_addresses: tuple[str, ...] = ()
    confirm_no_gateways: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()
    state: ClusterState | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, to be kept in an Ansible variable."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return {**plain, "state": self.state.to_dict() if self.state else None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Member:
        """The member from such a variable."""
        values = {str(key): _plain(value, keep_lists=key in _RAW) for key, value in data.items()}
        state = data.get("state")
        return cls(**{**values, "state": ClusterState.from_dict(_plain(state, keep_lists=True)) if state else None})

    @property
    def domain(self) -> str:
        """The trust domain: the declared one, else what the cluster says; empty when neither is known."""
        return self.declared_domain or (self.state.trust_domain if self.state else "")

    @property
    def external(self) -> bool:
        """Whether it is somebody else's: known by its metadata endpoint alone, never written to."""
        return self.provider == PROVIDER_EXTERNAL

    @property
    def known_endpoint(self) -> str | None:
        """Where its exporter is, as neighbours see it: as declared, else as found in the cluster."""
        endpoint = self.endpoint or (self.state.metadata_endpoint if self.state else None)
        return base_url(endpoint) if endpoint else None

    @property
    def known_ca(self) -> str | None:
        """The CA of that endpoint, PEM: as declared, else as found in the cluster."""
        return self.ca or (self.state.metadata_ca if self.state else None)

    @property
    def resource_name(self) -> str:
        """The name of the IstioFederation resource that stands for this member in its neighbours."""
        return resource_name(self.name)

    def mode_with(self, other: Member) -> str | None:
        """How this cluster and another are joined: C(multicluster) with one domain, C(federation) with two.

        None when they share no group; also for two clusters in both groups, one of whose domains is not known now.
        """
        shared = set(self.modes) & set(other.modes)
        if len(shared) < 2:
            return next(iter(shared), None)
        if not self.domain or not other.domain:
            return None
        return MODE_MULTICLUSTER if self.domain == other.domain else MODE_FEDERATION

    def neighbours(self, members: Iterable[Member], mode: str | None = None) -> list[Member]:
        """The members that this one is joined with, in one mode or in any: its peers, or everybody. Never itself.

        Two external members are no neighbours here: what they are to each other is not ours to configure or to know.
        """
        return [
            member
            for member in members
            if member.name != self.name
            and set(self.modes) & set(member.modes)
            and (mode is None or self.mode_with(member) == mode)
            and not (self.external and member.external)
            and (self.peers is None or member.name in self.peers)
            and member.lists(self.name)
        ]

    def lists(self, name: str) -> bool:
        """Whether this member has a cluster among its peers: an edge exists when both sides want it."""
        return self.peers is None or name in self.peers

    def as_neighbour(self, own: Member, hold: str = "") -> dict[str, Any]:
        """What the modules of the cluster C(own) need to know of this one (their option C(neighbours)).

        With C(hold), the reason why, they keep what they have of it and take nothing new.
        """
        state, mode = self.state, own.mode_with(self)
        if mode is None:
            hold = hold or "it is in both groups, and whether its trust domain is the same is not known now"
        # All clusters of a multicluster have one domain. Where the mode is not known, that of an earlier run counts.
        domain = self.domain or (own.domain if mode != MODE_FEDERATION else "")
        return {
            "name": self.name,
            "mode": mode or MODE_UNKNOWN,
            # One that is not known is held; it must not make the modules refuse the others.
            "provider": self.provider if self.provider in PROVIDERS else PROVIDER_ISTIO,
            "trust_domain": domain or None,
            "metadata_endpoint": self.known_endpoint,
            "metadata_ca": self.known_ca,
            "metadata_insecure": self.insecure,
            "root_fingerprints": list(self.root_fingerprints),
            # Who has an API that speaks for it is never believed at first sight.
            "trust_on_first_use": self.trust_on_first_use and self.external,
            "locality": self.locality,
            "flat_network": self.flat_network,
            "confirm_no_gateways": self.name in own.confirm_no_gateways,
            "hold": hold,
            "state": state.to_dict() if state else None,
        }


def resource_name(name: str) -> str:
    """An inventory name as a Kubernetes name (RFC 1123: lower case, no underscores)."""
    return re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip("-.") or "member"


def members_from(
    hostvars: Mapping[str, Mapping[str, Any]], hosts: Iterable[str], states: Mapping[str, Any] | None = None
) -> list[Member]:
    """The members by the variables of their hosts.

    A host's state is its fact C(preflight_state), or the one in C(states) (by host name) for hosts outside of the play.
    """
    states = states or {}
    return [
        _member(name, hostvars[name], states.get(name) or hostvars[name].get("preflight_state"))
        for name in sorted(set(hosts))
    ]


def _member(name: str, variables: Mapping[str, Any], state: Any) -> Member:
    values: dict[str, Any] = {}
    unusable: list[str] = []
    for attribute, variable in VARIABLES.items():
        try:
            value = _plain(variables.get(variable), keep_lists=attribute in _RAW)
            if value is None or value == "":
                continue
            if _has_template(value):
                # Older releases of ansible-core leave what is undefined as it stands.
                raise ValueError("a variable that it refers to is not defined")
            values[attribute] = _typed(attribute, value)
        except Exception as error:
            # A template or lookup of one host's inventory, which fails as it likes, some when the value is touched.
            unusable.append(f"{variable}: {_reason(error)}")
    if values.get("provider") == PROVIDER_EXTERNAL:
        state = None
    groups = variables.get("group_names") or ()
    modes = tuple(mode for group, mode in _MODES.items() if group in groups)
    return Member(
        name=str(name),
        modes=modes or (MODE_FEDERATION,),
        state=ClusterState.from_dict(_plain(state, keep_lists=True)) if state else None,
        unusable=tuple(unusable),
        **values,
    )


def _reason(error: Exception) -> str:
    """An error of a template on one line, without what ansible-core says of its own inside."""
    text = str(error).strip().removeprefix("A captured exception marker was tripped: ") or type(error).__name__
    return one_line(text)[:300]


def _has_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_template(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_template(item) for item in value)
    # Newer releases have an object for what is undefined, which raises the reason when it is made a text.
    text = str(value)
    return "{{" in text or "{%" in text


def _typed(attribute: str, value: Any) -> Any:
    """A value of an INI inventory or of the command line is a text: C(false) must not be true, a name not letters."""
    if attribute in _FLAGS and isinstance(value, str):
        return value.strip().lower() in _TRUE
    if attribute in _LISTS and isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _plain(value: Any, *, keep_lists: bool = False) -> Any:
    """Ansible's tagged values as plain ones (lists as tuples, as Member is hashable)."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, keep_lists=keep_lists) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_plain(item, keep_lists=keep_lists) for item in value]
        return items if keep_lists else tuple(items)
    return value
