#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module status_info: how one cluster of the alliance is, and what it has of its neighbours."""

from __future__ import annotations

DOCUMENTATION = r"""
module: status_info
short_description: See how a cluster of the alliance is, and what it has of its neighbours
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Looks at a cluster through its own API alone. No neighbour and no exporter has to be reachable.
  - In the cluster it looks at istiod, at what its proxies took of their configuration, at the pods and endpoints of the
    ingress gateway and the exporter, at what certificates, keys and tokens end, and compares what there is with what a
    run would write if no neighbour had anything new to say.
  - Of each neighbour it looks at what the cluster remembers, holds it against what the neighbour's own API says, and
    tells what is old, behind, or not proved.
  - What can't be looked at is not well but unknown.
options:
  state:
    description: The cluster's state, as RV(meshalliance.istio.cluster_info#module:state) with
      O(meshalliance.istio.cluster_info#module:gather_published).
    type: dict
    required: true
  neighbours:
    description: The neighbours, as P(meshalliance.istio.alliance_neighbours#filter) returns them.
    type: list
    elements: dict
    required: true
  namespace:
    description: Namespace of the alliance's objects.
    type: str
    default: istio-alliance
  failover:
    description: As the option of M(meshalliance.istio.service_entries).
    type: bool
    default: false
  applied_by_others:
    description: Whether others apply what runs write into files, such as GitOps controllers. Then an object is as it
      should be when anybody applied it so.
    type: bool
    default: false
  expiry_warning:
    description: How long before their end certificates are warned of. Seconds, or numbers with V(w), V(d), V(h), V(m)
      or V(s).
    type: str
    default: 30d
  fresh_for:
    description: For how long what was learnt of a neighbour counts as known whose own API nobody can look at.
    type: str
    default: 1d
  key_max_age:
    description: How old the key pair that signs requests may get, as the option
      O(meshalliance.istio.authn_keypair#module:max_age).
    type: str
    default: never
  tls_secret:
    description: Secret with the certificate of the metadata endpoint.
    type: str
    default: alliance-metadata-tls
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.neighbours.addresses
  - meshalliance.istio.neighbours.api_proxy
  - meshalliance.istio.staleness
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Look at the cluster
  meshalliance.istio.cluster_info:
    context: cluster-a
    gather_published: true
  register: read

- name: How is it, and what does it have of its neighbours?
  meshalliance.istio.status_info:
    context: cluster-a
    state: "{{ read.state }}"
    neighbours: "{{ members | meshalliance.istio.alliance_neighbours(inventory_hostname) }}"
  register: result

- name: Show its level
  ansible.builtin.debug:
    var: result.overview.level
"""

RETURN = r"""
overview:
  description:
    - The part of the alliance that this cluster can tell of, with C(schema), C(time), C(level), the cluster in
      C(clusters) and what it has of each neighbour in C(edges). Each has C(level) (C(ok), C(unknown), C(warning) or
      C(error)), C(checks) with what was looked at, and C(findings) with remedies.
  returned: success
  type: dict
"""

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.durations import seconds_from
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.api_clients import (
    API_PROXY_ARGUMENT_SPEC,
    ApiProxy,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.looked import Looked
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import (
    ADDRESS_ARGUMENT_SPEC,
    STALE_ARGUMENT_SPEC,
    address_rules,
    neighbours_from,
    require_names,
    stale_policy,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.status import look
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    ClusterModule,
    client_of,
    cluster_module,
    run,
)


def work(module: ClusterModule) -> dict[str, Any]:
    """Read."""
    params = module.params
    require_names(params["neighbours"], "alliance_neighbours")
    client = client_of(module)
    neighbours = neighbours_from(params["neighbours"])
    looked = Looked(
        attention=_seconds(params, "expiry_warning"),
        fresh=_seconds(params, "fresh_for"),
        policy=stale_policy(params),
        rules=address_rules(client, params, neighbours),
        namespace=params["namespace"],
        failover=params["failover"],
        applied_by_others=params["applied_by_others"],
        key_age=seconds_from(params["key_max_age"], "key_max_age"),
        tls_secret=params["tls_secret"],
        api_proxy=ApiProxy.from_option(params["api_proxy"]),
    )
    state = ClusterState.from_dict(params["state"])
    return {"changed": False, "overview": look(client, state, neighbours, looked).to_dict()}


def _seconds(params: dict[str, Any], option: str) -> float:
    seconds = seconds_from(params[option], option)
    # Without an end: certificates are never warned of before their end, and what was learnt stays known.
    never = 0.0 if option == "expiry_warning" else float("inf")
    return never if seconds is None else float(seconds)


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "state": {"type": "dict", "required": True},
                "neighbours": {"type": "list", "elements": "dict", "required": True},
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
                "failover": {"type": "bool", "default": False},
                "applied_by_others": {"type": "bool", "default": False},
                "expiry_warning": {"type": "str", "default": "30d"},
                "fresh_for": {"type": "str", "default": "1d"},
                "key_max_age": {"type": "str", "default": "never", "no_log": False},
                "tls_secret": {"type": "str", "default": names.METADATA_TLS_SECRET, "no_log": False},
                **API_PROXY_ARGUMENT_SPEC,
                **ADDRESS_ARGUMENT_SPEC,
                **STALE_ARGUMENT_SPEC,
            }
        ),
        work,
    )


if __name__ == "__main__":
    main()
