#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module metadata_certificate: what the metadata endpoint serves HTTPS with."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metadata_certificate
short_description: Keep the certificate of a cluster's metadata endpoint
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Keeps a small CA and a server certificate under it, with the addresses of the alliance's ingress gateway, and
    renews the certificate when they
    change or when it ends soon. Neighbours know the CA, so a renewal is nothing to them.
  - The certificate is in O(secret) with the keys C(tls.crt), C(tls.key) and C(ca.crt), as cert-manager writes them.
    The CA's key is in the Secret
    C(alliance-metadata-ca), which no pod mounts.
options:
  namespace:
    description: Namespace of the gateway and of the Secrets.
    type: str
    default: istio-alliance
  secret:
    description: Name of the Secret with the certificate.
    type: str
    default: alliance-metadata-tls
  names:
    description: More DNS names and IP addresses to put into the certificate.
    type: list
    elements: str
    default: []
  renew_before_days:
    description: The certificate is renewed when it ends within so many days.
    type: int
    default: 60
  state:
    description: Whether there is to be a certificate.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.lease
  - meshalliance.istio.attributes
"""

EXAMPLES = r"""
- name: Keep the endpoint's certificate, also for its public name
  meshalliance.istio.metadata_certificate:
    context: cluster-a
    names: [metadata.cluster-a.example.com]
"""

RETURN = r"""
reason:
  description: Why a new certificate was made; empty when the present one is good.
  returned: O(state=present)
  type: str
  sample: it ends within 60 days
names:
  description: The DNS names and IP addresses that the certificate is for.
  returned: O(state=present)
  type: list
  elements: str
objects:
  description: The objects that were written or deleted; in check mode those that would be.
  returned: success
  type: list
  elements: dict
counts:
  description: How many objects were created, updated, deleted and left as they were.
  returned: success
  type: dict
"""

import datetime
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.endpoint import endpoint_hosts
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import (
    Issued,
    ca_usable,
    make_ca,
    make_leaf,
    renewal_reason,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import read_secret, secret_manifest
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    ClusterModule,
    client_of,
    cluster_module,
    make_so,
    run,
)


def _hosts(client: Client, namespace: str, more: list[str]) -> list[str]:
    """Every name and address by which the endpoint may be reached."""
    service = client.get(kinds.SERVICE, names.INGRESSGATEWAY, namespace)
    found = endpoint_hosts(service, client.list(kinds.NODE).items)
    inside = f"{names.INGRESSGATEWAY}.{namespace}.svc"
    return sorted({*found, *more, inside})


def work(module: ClusterModule) -> dict[str, Any]:
    """Keep, make, renew or remove the certificate."""
    params = module.params
    namespace = params["namespace"]
    client = client_of(module)
    applyset = ApplySet("alliance-certificate", namespace)
    if params["state"] == "absent":
        return make_so(module, client, None, applyset)
    now = datetime.datetime.now(datetime.timezone.utc)
    hosts = _hosts(client, namespace, params["names"])
    kept = read_secret(client, namespace, names.METADATA_CA_SECRET)
    ca = Issued(kept.get("tls.crt", ""), kept.get("tls.key", ""))
    if not ca_usable(ca, now, params["renew_before_days"]):
        ca = make_ca("meshalliance.istio metadata endpoint", now)
    served = read_secret(client, namespace, params["secret"])
    leaf = Issued(served.get("tls.crt", ""), served.get("tls.key", ""))
    reason = (
        "there is none" if not served else renewal_reason(leaf, ca.certificate, hosts, now, params["renew_before_days"])
    )
    if reason:
        leaf = make_leaf(ca, hosts, now)
    tls = {"tls.crt": leaf.certificate, "tls.key": leaf.key, "ca.crt": ca.certificate}
    manifests = [
        secret_manifest(
            namespace, names.METADATA_CA_SECRET, {"tls.crt": ca.certificate, "tls.key": ca.key}, "kubernetes.io/tls"
        ),
        secret_manifest(namespace, params["secret"], tls, "kubernetes.io/tls"),
    ]
    return {**make_so(module, client, manifests, applyset), "reason": reason, "names": hosts}


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
                "secret": {"type": "str", "default": names.METADATA_TLS_SECRET, "no_log": False},
                "names": {"type": "list", "elements": "str", "default": []},
                "renew_before_days": {"type": "int", "default": 60},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
            lease_option="namespace",
        ),
        work,
    )


if __name__ == "__main__":
    main()
