#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module root_rotation: one cluster's way from its root to a new one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: root_rotation
short_description: Move a cluster's istiod from one root to another, stage by stage
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Brings the rotation of a cluster's root to a stage. Everything that is known of a rotation is kept in the cluster
    itself, so an interrupted one goes on where it was.
  - It makes the stage so and nothing more. That the next one may follow has to be proved before, which the role
    C(root_rotation) does with M(meshalliance.istio.proxy_trust_wait).
  - It changes the Secret C(cacerts) in Istio's root namespace and restarts istiod by deleting all its pods at once, for
    which it needs the right to delete pods there. A rotation is kept in the Secret C(alliance-root-rotation) there.
  - Private keys never leave the module's process and the cluster.
options:
  state:
    description:
      - V(rotated) goes forward to O(stage), V(rolled_back) back to it.
      - A stage that is reached, or left behind, is no change.
    type: str
    choices: [rotated, rolled_back]
    default: rotated
  stage:
    description:
      - V(prepared), there is a new CA, which nothing uses; going back, everything is as it was before.
      - V(trusting), the old CA signs, and the old and the new root are trusted.
      - V(signing), the new CA signs, and both roots are trusted.
      - V(withdrawn), the new CA signs, and its root alone is trusted. From here there is no way back.
      - V(done), the rotation is over, and the keys are deleted from its record. Only forward.
      - V(none), the record of a rotation that was rolled back is deleted, and the new CA with it. Only back. What stays
        of one that was not the first is that those before it are over, so the stage is V(done) then.
    type: str
    choices: [none, prepared, trusting, signing, withdrawn, done]
    required: true
  serial:
    description: The number of the rotation. A rotation that is over is not done again; a larger number begins the next.
    type: int
    default: 1
  renew:
    description: In stage V(signing), whether to have all certificates of workloads signed anew once more.
    type: bool
    default: false
  new_ca_secret:
    description:
      - A Secret of the cluster, as C(namespace/name), with the new CA. It has the keys of Istio's C(cacerts), namely
        C(ca-cert.pem), C(ca-key.pem), C(cert-chain.pem) and C(root-cert.pem).
      - Without it a self-signed CA is made as O(new_ca) says.
    type: str
  new_ca:
    description: How to make the new CA. The options are those of C(openssl_privatekey) and C(x509_certificate) in
      community.crypto.
    type: dict
    default: {}
    suboptions:
      type:
        description: Kind of the key.
        type: str
        choices: [RSA, ECC]
        default: RSA
      size:
        description: Bits of an RSA key, 2048 to 8192.
        type: int
        default: 4096
      curve:
        description: Curve of an ECC key.
        type: str
        choices: [secp256r1, secp384r1, secp521r1]
        default: secp384r1
      subject:
        description: Attributes of its name, such as C(commonName) and C(organizationName). By default the trust domain
          and the number of the rotation.
        type: dict
        default: {}
      not_after:
        description: The end of its validity, relative to now (C(+3650d)) or as C(YYYYMMDDHHMMSSZ).
        type: str
        default: +3650d
  root_namespace:
    description: Istio's root namespace.
    type: str
    default: istio-system
  revision:
    description: The revision of Istio.
    type: str
  wait_timeout:
    description: Seconds to wait for each restart of istiod.
    type: int
    default: 300
  kubelet_delay:
    description:
      - Seconds that kubelets may take to bring a changed ConfigMap into running pods. istiod's own certificate comes
        from the new root only so long after both roots are in the ConfigMap C(istio-ca-root-cert), by which sidecars
        verify istiod.
      - The kubelet looks once in 60 to 90 seconds where C(syncFrequency) was not changed.
    type: int
    default: 120
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.lease
  - meshalliance.istio.lease.namespace
  - meshalliance.istio.attributes
"""

EXAMPLES = r"""
- name: In which stage is the rotation?
  meshalliance.istio.root_rotation:
    context: cluster-b
    stage: prepared
  check_mode: true

- name: Let cluster-b hand out its old and its new root
  meshalliance.istio.root_rotation:
    context: cluster-b
    stage: trusting
"""

RETURN = r"""
stage:
  description: The stage that was reached. In check mode the one that the cluster is in.
  returned: success
  type: str
description:
  description: The same in words.
  returned: success
  type: str
serial:
  description: The number of the rotation that is under way or was the last; 0 when there was none.
  returned: success
  type: int
trust_domain:
  description: The cluster's trust domain.
  returned: success
  type: str
old_roots:
  description: The roots to be withdrawn, PEM.
  returned: success
  type: list
  elements: str
new_roots:
  description: The new root, PEM. Empty in check mode as long as it is not made.
  returned: success
  type: list
  elements: str
fingerprints:
  description: SHA-256 fingerprints of V(old) and V(new) roots.
  returned: success
  type: dict
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

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import rotation as stages
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.authority import CURVES, ECC, RSA, NewCa
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.rotation import (
    FIELD_MANAGER,
    Observed,
    Patience,
    Rotation,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    LEASE_NAMESPACE,
    ClusterModule,
    change_results,
    client_of,
    cluster_module,
    run,
)

ROLLED_BACK = "rolled_back"
BACK = (stages.NONE, stages.PREPARED, stages.TRUSTING)


def work(module: ClusterModule) -> dict[str, Any]:
    """Bring the rotation to its stage."""
    params = module.params
    back, target = params["state"] == ROLLED_BACK, params["stage"]
    if (target not in BACK) if back else target == stages.NONE:
        raise AllianceError(
            f"the state {params['state']} has no stage {target}",
            remedy=f"go back to one of {', '.join(BACK)}, or forward to one of {', '.join(stages.STAGES[1:])}",
        )
    rotation = Rotation(
        client_of(module),
        params["root_namespace"],
        params["revision"],
        planning=bool(module.check_mode),
        patience=Patience(params["wait_timeout"], params["kubelet_delay"]),
    )
    before = rotation.observe()
    if back:
        _go_back(rotation, before, target)
    else:
        _go_forward(rotation, before, params)
    after = before if module.check_mode else rotation.observe()
    changes = change_results(rotation.changes, 0, FIELD_MANAGER, with_diff=module._diff)
    # After the last step back there is no record any more that could tell the roots.
    forgotten = back and target == stages.NONE and before.stage != stages.DONE
    return {**changes, **_told(after, before if forgotten else after)}


def _go_forward(rotation: Rotation, before: Observed, params: dict[str, Any]) -> None:
    target = params["stage"]
    wanted = NewCa(**{key: value for key, value in params["new_ca"].items() if value is not None})
    observed = rotation.prepare(before, params["serial"], wanted, params["new_ca_secret"])
    if target == stages.DONE:
        rotation.finish(observed)
        return
    rotation.advance(observed, target)
    if target == stages.SIGNING and params["renew"]:
        rotation.renew(observed)


def _go_back(rotation: Rotation, before: Observed, target: str) -> None:
    observed = rotation.go_back(before, target)
    if target == stages.NONE:
        rotation.forget(observed)


def _told(observed: Observed, known: Observed) -> dict[str, Any]:
    record = known.record
    old = record.old_roots if record else ()
    new = record.new_roots if record else ()
    return {
        "stage": observed.stage,
        "description": stages.DESCRIPTIONS[observed.stage],
        "serial": record.serial if record else 0,
        "trust_domain": observed.istiod.trust_domain,
        "old_roots": list(old),
        "new_roots": list(new),
        "fingerprints": {
            "old": [fingerprint(root) for root in old],
            "new": [fingerprint(root) for root in new],
        },
    }


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "state": {"type": "str", "choices": ["rotated", ROLLED_BACK], "default": "rotated"},
                "stage": {"type": "str", "choices": list(stages.STAGES), "required": True},
                "serial": {"type": "int", "default": 1},
                "renew": {"type": "bool", "default": False},
                "new_ca_secret": {"type": "str", "no_log": False},
                "new_ca": {
                    "type": "dict",
                    "default": {},
                    "options": {
                        "type": {"type": "str", "choices": [RSA, ECC], "default": RSA},
                        "size": {"type": "int", "default": 4096},
                        "curve": {"type": "str", "choices": list(CURVES), "default": "secp384r1"},
                        "subject": {"type": "dict", "default": {}},
                        "not_after": {"type": "str", "default": "+3650d"},
                    },
                },
                "root_namespace": {"type": "str", "default": names.DEFAULT_ROOT_NAMESPACE},
                "revision": {"type": "str"},
                "wait_timeout": {"type": "int", "default": 300},
                "kubelet_delay": {"type": "int", "default": 120},
                **LEASE_NAMESPACE,
            },
            lease_option="lease_namespace",
        ),
        work,
    )


if __name__ == "__main__":
    main()
