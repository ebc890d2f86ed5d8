#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module authn_keypair: the key pair that a cluster signs its requests to neighbours with."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authn_keypair
short_description: Keep the key pair that a cluster proves its identity with
version_added: 0.1.0
author:
  - The meshalliance.istio authors (@meshalliance)
description:
  - Makes an Ed25519 key pair in the Secret C(alliance-authn-keypair) (keys C(pub.pem) and C(priv.pem)) unless there
    is a usable one.
  - The private key never leaves the module's process and the cluster.
  - With O(max_age) the pair is rotated. The one before stays beside it for O(overlap), and neighbours that know only
    the old public key are asked with that. So no request fails, however late in this time they learn of the new one.
options:
  namespace:
    description: Namespace of the Secret.
    type: str
    default: istio-alliance
  state:
    description: Whether there is to be a key pair. Neighbours refuse the cluster's requests after it was removed.
    type: str
    choices: [present, absent]
    default: present
  regenerate:
    description:
      - V(never) makes a key pair only where there is none, and fails when there is one that can't be used.
      - V(unusable) also replaces one that can't be used.
      - V(always) makes a new one in each run, but not while the one before counts. With O(overlap=0) it does.
    type: str
    choices: [never, unusable, always]
    default: never
  max_age:
    description:
      - How old the key pair may get. The first run after that makes a new one.
      - Seconds, or numbers with V(w), V(d), V(h), V(m) or V(s), such as V(90d); or V(never).
    type: str
    default: never
  overlap:
    description:
      - For how long the key pair of before still counts, as O(max_age) is written. The first run after that removes it.
      - Neighbours have to learn of the new public key within that time. An exporter's pods see it after one or two
        minutes, neighbours of this kind in their next run, a Deckhouse platform about two minutes later.
      - With V(0) nothing is kept, which is for a private key that somebody else knows.
    type: str
    default: 1d
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.lease
  - meshalliance.istio.attributes
"""

EXAMPLES = r"""
- name: Make sure that the cluster can sign
  meshalliance.istio.authn_keypair:
    context: cluster-a

- name: Replace the key pair after a year
  meshalliance.istio.authn_keypair:
    context: cluster-a
    max_age: 365d
    overlap: 2d

- name: Replace it at once, because somebody else knows the private key
  meshalliance.istio.authn_keypair:
    context: cluster-a
    regenerate: always
    overlap: 0
"""

RETURN = r"""
public_key:
  description: The public key, PEM with the label C(ED25519 PUBLIC KEY). In check mode empty for a key pair that does
    not exist yet.
  returned: O(state=present)
  type: str
action:
  description: What was done, or in check mode would be. V(rotated) made a new pair beside the one before, V(retired)
    removed the one before.
  returned: O(state=present)
  type: str
  sample: kept
rotation_due:
  description: When the pair gets older than O(max_age); empty for never.
  returned: O(state=present)
  type: str
  sample: "2027-01-01T00:00:00Z"
previous_until:
  description: Until when the pair of before counts; empty when there is none.
  returned: O(state=present)
  type: str
findings:
  description: What is to be said of a rotation.
  returned: O(state=present)
  type: list
  elements: dict
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

import time
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.durations import seconds_from
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_rotation import (
    CREATED,
    KEPT,
    REPLACED,
    ROTATED,
    Policy,
    StoredKeys,
    due_at,
    next_keys,
    stored_keys,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339, unix_time
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.cluster import read_uuid
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import SECRET
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import secret_manifest, secret_texts
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    ClusterModule,
    client_of,
    cluster_module,
    located,
    make_so,
    run,
)


def work(module: ClusterModule) -> dict[str, Any]:
    """Keep, make, rotate or remove the key pair."""
    params = module.params
    namespace, now = params["namespace"], time.time()
    policy = Policy(
        params["regenerate"],
        seconds_from(params["max_age"], "max_age"),
        seconds_from(params["overlap"], "overlap") or 0,
    )
    client = client_of(module)
    applyset = ApplySet("alliance-keypair", namespace)
    if params["state"] == "absent":
        return make_so(module, client, None, applyset)
    secret = client.get(SECRET, names.AUTHN_KEYPAIR_SECRET, namespace) or {}
    metadata = secret.get("metadata") or {}
    stored = stored_keys(secret_texts(secret, client.cluster), metadata.get("annotations") or {})
    # A pair of an earlier release does not tell its age; it is not older than its Secret.
    age_from = unix_time(metadata.get("creationTimestamp"))
    try:
        keys, action = next_keys(stored, policy, uuid=read_uuid(client), age_from=age_from, now=now)
    except AllianceError as error:
        raise error.located(obj=f"Secret {namespace}/{names.AUTHN_KEYPAIR_SECRET}") from None
    manifest = secret_manifest(namespace, names.AUTHN_KEYPAIR_SECRET, keys.values(), annotations=keys.annotations())
    result = make_so(module, client, [manifest], applyset)
    new = action in (CREATED, REPLACED, ROTATED)
    due = due_at(keys, policy, age_from)
    told = _findings(stored, keys, action, policy, planning=bool(module.check_mode))
    return {
        **result,
        "public_key": "" if new and module.check_mode else keys.values()[names.AUTHN_PUBLIC_KEY],
        "action": action,
        "rotation_due": "" if due is None else rfc3339(due),
        "previous_until": rfc3339(keys.previous.until) if keys.previous else "",
        "findings": located(module, told),
    }


def _findings(stored: StoredKeys, keys: StoredKeys, action: str, policy: Policy, *, planning: bool) -> list[Finding]:
    """What people are told of a rotation."""
    if action == ROTATED:
        done = "is due to be replaced by a new one" if planning else "is replaced by a new one"
        before = "neighbours refuse this cluster until they have learnt of it"
        if keys.previous is not None:
            before = f"the one before counts until {rfc3339(keys.previous.until)}"
        return [Finding("warning", "authn-key-rotated", f"its key pair {done}; {before}")]
    if action == KEPT and policy.regenerate == "always" and stored.previous is not None:
        return [
            Finding(
                "warning",
                "authn-key-overlap",
                f"its key pair was replaced already, and the one before counts until {rfc3339(stored.previous.until)}:"
                " it is not replaced again",
                "wait until then; when the private key is known to somebody else, replace it at once with overlap: 0",
            )
        ]
    return []


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "regenerate": {"type": "str", "choices": ["never", "unusable", "always"], "default": "never"},
                "max_age": {"type": "str", "default": "never"},
                "overlap": {"type": "str", "default": "1d"},
            },
            lease_option="namespace",
        ),
        work,
    )


if __name__ == "__main__":
    main()
