#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module cluster_info: one cluster, as the alliance needs to know it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: Read what an alliance needs to know of a cluster
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Reads a cluster's identity, trust domain, root certificates, Istio settings, ingress gateway and published
    services through its API.
  - What would keep the cluster from being a member is not an error but a list of findings, so that all of it can be
    shown at once.
  - Of a cluster of the Deckhouse Kubernetes Platform (O(provider=deckhouse)) it reads what the platform's own module
    istio has made in the namespace C(d8-istio), and tells in RV(state.awaiting) what it has not made yet.
options:
  provider:
    description: Who makes the mesh, C(istio) for upstream Istio or C(deckhouse) for the platform's module istio.
    type: str
    choices: [istio, deckhouse]
    default: istio
  metadata_endpoint:
    description: URL of the metadata endpoint of a Deckhouse cluster, where its Ingresses and its ModuleConfig C(global)
      don't tell it. Used with O(provider=deckhouse) only.
    type: str
  namespace:
    description: Namespace of the alliance's objects. With O(provider=deckhouse) it is not looked at.
    type: str
    default: istio-alliance
  root_namespace:
    description: Istio's root namespace, where istiod runs. With O(provider=deckhouse) it is C(d8-istio).
    type: str
    default: istio-system
  revision:
    description: The revision of Istio to use where several run. Used with O(provider=istio) only.
    type: str
  tls_secret:
    description: Name of the Secret with the certificate of the metadata endpoint, of which C(ca.crt) is read. Used with
      O(provider=istio) only.
    type: str
    default: alliance-metadata-tls
  gather_published:
    description: Whether to return the published services one by one. On large clusters that is much data.
    type: bool
    default: false
  gather_services:
    description: Whether to return the ports of all Services of the cluster, packed. In a multicluster, Services of one
      name in several clusters are compared by them.
    type: bool
    default: false
  gather_foreign:
    description: Whether to look for objects of others that may be in the alliance's way (RV(state.foreign)). They are
      DestinationRules, ServiceEntries, Gateways, AuthorizationPolicies and, by their metadata alone, remote secrets.
    type: bool
    default: false
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Read a cluster
  meshalliance.istio.cluster_info:
    kubeconfig: ~/.kube/config
    context: cluster-a
  register: result

- name: Read a cluster of the Deckhouse Kubernetes Platform
  meshalliance.istio.cluster_info:
    kubeconfig: ~/.kube/config
    context: cluster-c
    provider: deckhouse

- name: Show its trust domain and what would not work
  ansible.builtin.debug:
    msg: "{{ result.state.trust_domain }}: {{ result.state.findings }}"
"""

RETURN = r"""
state:
  description: The cluster.
  returned: success
  type: dict
  contains:
    name:
      description: The name given in O(cluster).
      type: str
    uuid:
      description: Its clusterUUID on the wire. The UID of the namespace kube-system, or with O(provider=deckhouse) what
        the platform calls the cluster; empty when the platform does not tell it.
      type: str
    provider:
      description: Who makes its mesh, as O(provider).
      type: str
    kubernetes_version:
      description: Version of the API server.
      type: str
    trust_domain:
      description: Trust domain of its mesh.
      type: str
    cluster_domain:
      description: Domain of its Services.
      type: str
    root_namespace:
      description: Istio's root namespace.
      type: str
    namespace:
      description: Namespace of the alliance's objects.
      type: str
    revision:
      description: The revision of Istio that the alliance uses.
      type: str
    istio:
      description: Every istiod with its version and settings.
      type: list
      elements: dict
    roots:
      description: Its root certificates, PEM.
      type: str
    root_fingerprints:
      description: SHA-256 fingerprints of the roots.
      type: list
      elements: str
    authn_key_pub:
      description: Public key of its exporter, PEM; null before there is one.
      type: str
    previous_authn_key_pub:
      description: The one of before while it still counts, see M(meshalliance.istio.authn_keypair); null for none.
      type: str
    previous_authn_key_until:
      description: Until when that one counts.
      type: str
    pod_cidrs:
      description: Pod subnets of its nodes.
      type: list
      elements: str
    service_cidrs:
      description: Service subnets, where the API server tells them (Kubernetes 1.33).
      type: list
      elements: str
    gateways:
      description: Addresses and ports of its ingress gateway; null when it has none.
      type: list
      elements: dict
    namespace_exists:
      description: Whether the namespace of the alliance's objects exists.
      type: bool
    gateway_exists:
      description: Whether the Service of the ingress gateway exists.
      type: bool
    exporter_ready:
      description: Whether its metadata-exporter is ready.
      type: bool
    metadata_endpoint:
      description: URL of its metadata endpoint. Null when it is not known.
      type: str
    metadata_ca:
      description: CA certificate of that endpoint, PEM.
      type: str
    public_services:
      description: Number of published services.
      type: int
    published:
      description: The published services as on the wire; null unless asked for with O(gather_published).
      type: list
      elements: dict
    cluster_id:
      description: What its istiod calls it (C(CLUSTER_ID)), C(Kubernetes) when it was not given a name.
      type: str
    network:
      description: Name of the network that its pods are in, empty when none is set.
      type: str
    proxy_image:
      description: Image of the sidecars that its istiod injects; empty when it can't be told.
      type: str
    api_host:
      description: Host and port at which clusters of the same domain reach its API; null when there is no such way.
      type: str
    multicluster_gateways:
      description: Addresses and ports of its ingress gateway for clusters of the same domain; null when it has none.
      type: list
      elements: dict
    mesh_networks:
      description: Names of the networks that the primary mesh config has in C(meshNetworks).
      type: list
      elements: str
    services:
      description: The ports of all its Services, packed; empty unless asked for with O(gather_services).
      type: str
    public_ports:
      description: The ports of the published Services by hostname, packed; empty when nothing is published.
      type: str
    foreign:
      description: Objects of others that bear on the alliance, in short; empty unless asked for with O(gather_foreign).
      type: list
      elements: dict
    outdated_workloads:
      description: Workloads whose sidecars were started before the alliance's ProxyConfig and need one restart.
      type: list
      elements: str
    planned_services:
      description: Services that a run in check mode would publish, as on the wire. Always empty here; the roles add
        them.
      type: list
      elements: dict
    planned_withdrawals:
      description: Hostnames of Services that a run in check mode would withdraw. Always empty here; the roles add them.
      type: list
      elements: str
    awaiting:
      description: What the Deckhouse platform has not made yet, in words. Empty when it is ready.
      type: list
      elements: str
    module_config_version:
      description: Schema version of the ModuleConfig C(istio) of a Deckhouse cluster; null where there is none.
      type: int
    findings:
      description: What would not work, with severity, code, message, object and remedy.
      type: list
      elements: dict
"""

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.cluster import Place, read_cluster
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.deckhouse import read_deckhouse_cluster
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    ClusterModule,
    client_of,
    cluster_module,
    run,
)


def work(module: ClusterModule) -> dict[str, Any]:
    """Read the cluster."""
    params = module.params
    name = params["cluster"] or ""
    gather = {f"with_{what}": params[f"gather_{what}"] for what in ("published", "services", "foreign")}
    if params["provider"] == names.PROVIDER_DECKHOUSE:
        state = read_deckhouse_cluster(client_of(module), name, endpoint=params["metadata_endpoint"] or None, **gather)
        return {"changed": False, "state": state.to_dict()}
    place = Place(params["namespace"], params["root_namespace"], params["revision"], params["tls_secret"])
    state = read_cluster(client_of(module), name, place, **gather)
    return {"changed": False, "state": state.to_dict()}


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "provider": {
                    "type": "str",
                    "choices": [names.PROVIDER_ISTIO, names.PROVIDER_DECKHOUSE],
                    "default": names.PROVIDER_ISTIO,
                },
                "metadata_endpoint": {"type": "str"},
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
                "root_namespace": {"type": "str", "default": names.DEFAULT_ROOT_NAMESPACE},
                "revision": {"type": "str"},
                "tls_secret": {"type": "str", "default": names.METADATA_TLS_SECRET, "no_log": False},
                "gather_published": {"type": "bool", "default": False},
                "gather_services": {"type": "bool", "default": False},
                "gather_foreign": {"type": "bool", "default": False},
            }
        ),
        work,
    )


if __name__ == "__main__":
    main()
