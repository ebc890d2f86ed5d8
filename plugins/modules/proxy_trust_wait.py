#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module proxy_trust_wait: whom the proxies of a cluster really trust."""

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_trust_wait
short_description: Wait until every proxy of a cluster trusts certain roots
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Asks the Envoy of every sidecar, gateway and waypoint what it holds, again and again, until all of them trust the
    roots that they should, trust none that they should not, and show a certificate of the right CA.
  - What was written to istiod, and what istiod sent, is not looked at. Only what a proxy holds counts.
  - Pods whose proxy does not run are not waited for. They get everything from istiod when they start.
  - Needs the permission to list pods and to C(get) and C(create) C(pods/portforward) in all namespaces with proxies.
  - In check mode it asks once and fails for nothing.
options:
  trusted:
    description: Roots, PEM, that every proxy has to trust.
    type: list
    elements: str
    default: []
  withdrawn:
    description: Roots, PEM, that no proxy may trust, in any form.
    type: list
    elements: str
    default: []
  signed_by:
    description: Roots, PEM. The certificate that a proxy shows has to lead to one of them, by signatures. Not looked at
      when empty.
    type: list
    elements: str
    default: []
  constrained_to:
    description:
      - The trust domain to which O(trusted) have to be bound. Then exactly the constrained anchors are looked for that
        M(meshalliance.istio.trust_anchors) makes of them.
      - Without it, any anchor with a root's name and key counts.
    type: str
  timeout:
    description: Seconds to wait.
    type: int
    default: 180
  required:
    description: Whether it is an error when the time is over and something is not proved.
    type: bool
    default: true
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.attributes.info
"""

EXAMPLES = r"""
- name: Do all proxies of cluster-a trust both roots of cluster-b, for its own domain only?
  meshalliance.istio.proxy_trust_wait:
    context: cluster-a
    trusted: ["{{ old_root }}", "{{ new_root }}"]
    constrained_to: cluster-b.local

- name: Do all workloads of cluster-b have a certificate of the new CA?
  meshalliance.istio.proxy_trust_wait:
    context: cluster-b
    signed_by: ["{{ new_root }}"]
"""

RETURN = r"""
proved:
  description: Whether all proxies are as they should be.
  returned: success
  type: bool
proxies:
  description: How many proxies were asked and are as they should be.
  returned: success
  type: int
without_mutual_tls:
  description: How many of these hold neither roots nor a certificate, because they end no mutual TLS.
  returned: success
  type: int
reasons:
  description: What is not as it should be, by pod (C(namespace/name)).
  returned: success
  type: dict
  sample: {xyz/bar-0: "it still trusts AB:CD:EF"}
not_running:
  description: Pods whose proxy does not run.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import anchors_for
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import split_certificates
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.proxy_trust import Expected
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proxy_proof import Proof, prove_proxies
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    ClusterModule,
    client_of,
    cluster_module,
    run,
)

SHOWN = 10


def _expected(params: dict[str, Any]) -> Expected:
    trusted, withdrawn, signed_by = (
        tuple(root for text in params[name] for root in split_certificates(text))
        for name in ("trusted", "withdrawn", "signed_by")
    )
    domain = params["constrained_to"]
    if not domain:
        return Expected(has_keys_of=trusted, lacks_keys_of=withdrawn, chains_to=signed_by)
    anchors = anchors_for("".join(trusted), domain) if trusted else ()
    return Expected(holds=anchors, lacks_keys_of=withdrawn, chains_to=signed_by)


def _failure(proof: Proof, timeout: int) -> AllianceError:
    shown = "; ".join(f"Pod {name}: {reason}" for name, reason in sorted(proof.reasons.items())[:SHOWN])
    more = f"; and {len(proof.reasons) - SHOWN} more" if len(proof.reasons) > SHOWN else ""
    return AllianceError(
        f"{len(proof.reasons)} of {len(proof.reasons) + proof.proved} proxies are not as they should be after"
        f" {timeout} s: {shown}{more}",
        remedy="see in the log of their container istio-proxy whether they reach istiod; a pod that was started before"
        " the cluster was federated has to be restarted once; then run again",
    )


def work(module: ClusterModule) -> dict[str, Any]:
    """Ask until all is proved."""
    params = module.params
    timeout = 0 if module.check_mode else params["timeout"]
    proof = prove_proxies(client_of(module), _expected(params), timeout)
    if proof.reasons and params["required"] and not module.check_mode:
        raise _failure(proof, timeout)
    return {
        "changed": False,
        "proved": not proof.reasons,
        "proxies": proof.proved,
        "without_mutual_tls": proof.idle,
        "reasons": dict(sorted(proof.reasons.items())),
        "not_running": sorted([*proof.waiting, *proof.ending]),
    }


def main() -> None:
    """Entry point."""
    roots = {"type": "list", "elements": "str", "default": []}
    run(
        cluster_module(
            {
                "trusted": roots,
                "withdrawn": roots,
                "signed_by": roots,
                "constrained_to": {"type": "str"},
                "timeout": {"type": "int", "default": 180},
                "required": {"type": "bool", "default": True},
            }
        ),
        work,
    )


if __name__ == "__main__":
    main()
