# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of one cluster of the alliance: a small summary that passes through Ansible variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import PROVIDER_ISTIO


@dataclass(frozen=True)
class ClusterState:
    """The state of a cluster as its own API tells it.

    C(roots) is PEM text, C(authn_key_pub) the exporter's public key (None before there is one),
    C(previous_authn_key_pub) the one of before while it still counts, until C(previous_authn_key_until); addresses are
    C({address, port}); C(gateways) is None when there is no ingress gateway or it has no address; C(published) has
    C(publicServices) as on the wire and is only filled when asked for. In check mode C(planned_services) (as on the
    wire) and C(planned_withdrawals) (hostnames) are what this run would publish and withdraw. C(uuid) is empty for a
    Deckhouse cluster that does not tell it through its API. C(cluster_id), C(network) and C(proxy_image) are those of
    the istiod that is used; C(api_host), C(host:port), is where neighbours of the same domain reach its API, and
    C(multicluster_gateways) where they reach its network, None while there is no such way; C(mesh_networks) names the
    networks in the primary mesh config; C(services) has the ports of all Services as service_ports.pack() makes it,
    only when asked for; C(public_ports) has those of the published ones by hostname, packed, and C(foreign) the objects
    of others that bear on the alliance, as foreign.py tells them. C(awaiting) names what the Deckhouse platform has not
    made yet, in words; C(module_config_version) is the schema version of its ModuleConfig istio.
    """

    name: str
    uuid: str
    provider: str = PROVIDER_ISTIO
    kubernetes_version: str = ""
    trust_domain: str = ""
    cluster_domain: str = ""
    root_namespace: str = ""
    namespace: str = ""
    revision: str = ""
    istio: tuple[dict[str, Any], ...] = ()
    roots: str = ""
    root_fingerprints: tuple[str, ...] = ()
    authn_key_pub: str | None = None
    previous_authn_key_pub: str | None = None
    previous_authn_key_until: str | None = None
    pod_cidrs: tuple[str, ...] = ()
    service_cidrs: tuple[str, ...] = ()
    gateways: tuple[dict[str, Any], ...] | None = None
    namespace_exists: bool = True
    gateway_exists: bool = False
    exporter_ready: bool = False
    metadata_endpoint: str | None = None
    metadata_ca: str | None = None
    public_services: int = 0
    published: tuple[dict[str, Any], ...] | None = None
    cluster_id: str = ""
    network: str = ""
    proxy_image: str = ""
    api_host: str | None = None
    multicluster_gateways: tuple[dict[str, Any], ...] | None = None
    mesh_networks: tuple[str, ...] = ()
    services: str = ""
    public_ports: str = ""
    foreign: tuple[dict[str, Any], ...] = ()
    outdated_workloads: tuple[str, ...] = ()
    planned_services: tuple[dict[str, Any], ...] = ()
    planned_withdrawals: tuple[str, ...] = ()
    awaiting: tuple[str, ...] = ()
    module_config_version: int | None = None
    findings: tuple[dict[str, str], ...] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dictionaries, for module results."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClusterState:
        """The state from a module result; unknown keys are ignored, so that newer results can be read."""
        known: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        return cls(**{key: value for key, value in known.items() if key in cls.__dataclass_fields__})
