#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module metadata_info: what a neighbour's metadata-exporter answers, checked."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metadata_info
short_description: Fetch and check a neighbour's metadata documents
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Fetches the public document of a metadata-exporter and checks it strictly.
  - With O(private=true) it also fetches the federation document, with a request that is signed by the key pair of the
    cluster that the options lead to.
    That cluster has to be known to the neighbour.
options:
  endpoint:
    description: URL of the metadata endpoint.
    type: str
    required: true
  endpoint_ca:
    description: CA certificates, PEM, that the endpoint is verified with in addition to the system's.
    type: str
  insecure:
    description: Whether to leave the endpoint's TLS certificate unverified.
    type: bool
    default: false
  trust_domain:
    description: The neighbour's trust domain. Services outside of it are refused. Needed for O(private=true).
    type: str
  root_fingerprints:
    description: SHA-256 pins. A root that is not among them is an error.
    type: list
    elements: str
    default: []
  private:
    description: Whether to fetch the federation document too.
    type: bool
    default: false
  namespace:
    description: Namespace of the alliance's objects in the own cluster, for O(private=true).
    type: str
    default: istio-alliance
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Who answers there?
  meshalliance.istio.metadata_info:
    endpoint: https://metadata.cluster-b.example.com/metadata/

- name: What does it publish to cluster-a?
  meshalliance.istio.metadata_info:
    context: cluster-a
    endpoint: https://metadata.cluster-b.example.com/metadata/
    trust_domain: cluster-b.local
    private: true
"""

RETURN = r"""
public:
  description: The public document, with C(clusterUUID), C(authnKeyPub), C(rootCA) and, where the neighbour tells it,
    C(trustDomain).
  returned: success
  type: dict
root_fingerprints:
  description: SHA-256 fingerprints of the roots.
  returned: success
  type: list
  elements: str
private:
  description: The federation document, with C(ingressGateways) and C(publicServices).
  returned: O(private=true)
  type: dict
findings:
  description: Entries of the federation document that were refused.
  returned: O(private=true)
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import read_identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proof import compare_pins
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.services import fetch_federation
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    ClusterModule,
    client_of,
    cluster_module,
    run,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import MetadataClient


def _private(module: ClusterModule, client: MetadataClient, public: PublicMetadata) -> dict[str, Any]:
    namespace = module.params["namespace"]
    identity = read_identity(client_of(module), namespace)
    if identity is None:
        raise AllianceError(
            "there is no key pair to sign with",
            obj=f"Secret {namespace}/{names.AUTHN_KEYPAIR_SECRET}",
            remedy="run the role metadata_exporter, or the module authn_keypair, for this cluster",
        )
    document, findings = fetch_federation(client, module.params["trust_domain"], public, identity)
    return {"private": document.to_dict(), "findings": [finding.to_dict() for finding in findings]}


def work(module: ClusterModule) -> dict[str, Any]:
    """Fetch and check."""
    params = module.params
    neighbour = Neighbour(
        name=params["endpoint"],
        trust_domain=params["trust_domain"],
        endpoint=params["endpoint"],
        ca=params["endpoint_ca"],
        insecure=params["insecure"],
        root_fingerprints=tuple(params["root_fingerprints"]),
    )
    client = MetadataClient(params["endpoint"], ca=neighbour.ca, insecure=neighbour.insecure)
    public, _server_time = client.public()
    compare_pins(public, neighbour)
    result = {
        "changed": False,
        "public": public.to_dict(),
        "root_fingerprints": [fingerprint(root) for root in split_certificates(public.root_ca)],
    }
    return {**result, **_private(module, client, public)} if params["private"] else result


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "endpoint": {"type": "str", "required": True},
                "endpoint_ca": {"type": "str"},
                "insecure": {"type": "bool", "default": False},
                "trust_domain": {"type": "str"},
                "root_fingerprints": {"type": "list", "elements": "str", "default": []},
                "private": {"type": "bool", "default": False},
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
            },
            required_if=[("private", True, ["trust_domain"])],
        ),
        work,
    )


if __name__ == "__main__":
    main()
