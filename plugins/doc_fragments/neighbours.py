# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that exchange something with neighbours."""

from __future__ import annotations


class ModuleDocFragment:
    """The documentation of _federation.neighbours.EXCHANGE_ARGUMENT_SPEC."""

    DOCUMENTATION = r"""
options:
  neighbours:
    description: The neighbours, as P(meshalliance.istio.alliance_neighbours#filter) returns them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The neighbour's inventory name.
        type: str
        required: true
      mode:
        description:
          - How it is joined. V(federation) is for a cluster with a domain of its own, V(multicluster) for one of the
            same domain. With V(unknown), what it was before counts.
        type: str
        choices: [federation, multicluster, unknown]
        default: federation
      provider:
        description:
          - What kind of cluster it is. V(external) is one whose API nobody here can read; its roots have to match its
            pins.
        type: str
        choices: [istio, deckhouse, external]
        default: istio
      trust_domain:
        description: Its trust domain.
        type: str
      metadata_endpoint:
        description: URL of its metadata endpoint.
        type: str
      metadata_ca:
        description: CA certificates, PEM, that the endpoint is verified with in addition to the system's.
        type: str
      metadata_insecure:
        description: Whether to leave the endpoint's TLS certificate unverified.
        type: bool
        default: false
      root_fingerprints:
        description: SHA-256 pins of its roots.
        type: list
        elements: str
        default: []
      trust_on_first_use:
        description: Whether what it says of itself is believed when it was never proved before. What it says later has
          to be the same.
        type: bool
        default: false
      locality:
        description: Where it is, as C(region/zone/subzone).
        type: str
      flat_network:
        description: Whether its pods are reached without its gateway, in a multicluster.
        type: bool
        default: false
      confirm_no_gateways:
        description: Whether it is confirmed that it has no ingress gateway when it says so. Otherwise such an answer is
          taken for a mistake, and what was known of it stays.
        type: bool
        default: false
      hold:
        description: Why nothing new may be taken from it; empty when it may.
        type: str
        default: ""
      state:
        description: What its own API says, as RV(meshalliance.istio.cluster_info#module:state); not set when it can't
          be read.
        type: dict
  status_refresh:
    description: Seconds after which the timestamps of a status are renewed although nothing changed, which is not a
      change.
    type: int
    default: 300
"""

    # Of modules that read where a neighbour's gateways are: the documentation of ADDRESS_ARGUMENT_SPEC.
    ADDRESSES = r"""
options:
  cluster_domain:
    description: DNS domain of the cluster's Services. Names below it can't lead to a neighbour's gateway.
    type: str
  allowed_gateway_addresses:
    description:
      - IP addresses, networks and DNS names that neighbours may name as their gateways' although they are loopback,
        link-local, multicast, unspecified or reserved, or belong to this cluster itself.
    type: list
    elements: str
    default: []
"""

    # Of modules that know whom the api-proxy lets in: the documentation of API_PROXY_ARGUMENT_SPEC.
    API_PROXY = r"""
options:
  api_proxy:
    description: The cluster's api-proxy, through which clusters of the same domain read its API. Not set when there is
      none. For a cluster of upstream Istio only.
    type: dict
    suboptions:
      cluster_domain:
        description: DNS domain of the cluster's Services.
        type: str
        required: true
      limits:
        description: What one neighbour may ask of one pod of the api-proxy.
        type: dict
        suboptions:
          requests_per_second:
            description: Requests in a second, in the long run.
            type: int
          burst:
            description: Requests at once, after a pause.
            type: int
          concurrent_requests:
            description: Requests that are under way at the same time. Each watch is one for as long as it lasts.
            type: int
          stream_seconds:
            description: Seconds after which a watch has to be opened anew.
            type: int
      extra_rules:
        description: RBAC rules for what neighbours may read besides, as the api-proxy's ClusterRole has them.
        type: list
        elements: dict
        default: []
"""
