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
      - V(always) makes a new one in each run.
    type: str
    choices: [never, unusable, always]
    default: never
extends_documentation_fragment:
  - meshalliance.istio.auth
  - meshalliance.istio.attributes
"""

EXAMPLES = r"""
- name: Make sure that the cluster can sign
  meshalliance.istio.authn_keypair:
    context: cluster-a
"""

RETURN = r"""
public_key:
  description: The public key, PEM with the label C(ED25519 PUBLIC KEY). In check mode empty for a key pair that does
    not exist yet.
  returned: O(state=present)
  type: str
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, KeyPairError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import (
    KeyPair,
    generate_key_pair,
    load_private_key,
    public_key_pem,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import read_secret, secret_manifest
from ansible_collections.meshalliance.istio.plugins.module_utils._module import (
    client_of,
    cluster_module,
    make_so,
    run,
)


def _usable(values: dict[str, str]) -> KeyPair | None:
    """The key pair of a Secret; None when it has none. Raises KeyPairError when the halves don't belong together."""
    private = values.get(names.AUTHN_PRIVATE_KEY)
    if not private:
        return None
    public = public_key_pem(load_private_key(private).public_key())
    if values.get(names.AUTHN_PUBLIC_KEY, "").strip() != public.strip():
        raise KeyPairError(f"its {names.AUTHN_PUBLIC_KEY} is not the public half of its {names.AUTHN_PRIVATE_KEY}")
    return KeyPair(private, public)


def _key_pair(values: dict[str, str], regenerate: str, place: str) -> tuple[KeyPair, bool]:
    """The key pair to have, and whether it is a new one."""
    try:
        present = _usable(values)
    except KeyPairError as error:
        if regenerate == "never":
            raise AllianceError(
                f"it can't be used: {error.message}",
                obj=place,
                remedy="repair it, or replace it with regenerate: unusable (neighbours follow in their next run)",
            ) from None
        present = None
    if present is None or regenerate == "always":
        return generate_key_pair(), True
    return present, False


def work(module: AnsibleModule) -> dict[str, Any]:
    """Keep, make or remove the key pair."""
    params = module.params
    namespace = params["namespace"]
    client = client_of(module)
    applyset = ApplySet("alliance-keypair", namespace)
    if params["state"] == "absent":
        return make_so(module, client, None, applyset)
    values = read_secret(client, namespace, names.AUTHN_KEYPAIR_SECRET)
    place = f"Secret {namespace}/{names.AUTHN_KEYPAIR_SECRET}"
    pair, new = _key_pair(values, params["regenerate"], place)
    manifest = secret_manifest(
        namespace,
        names.AUTHN_KEYPAIR_SECRET,
        {names.AUTHN_PUBLIC_KEY: pair.public_pem, names.AUTHN_PRIVATE_KEY: pair.private_pem},
    )
    result = make_so(module, client, [manifest], applyset)
    return {**result, "public_key": "" if new and module.check_mode else pair.public_pem}


def main() -> None:
    """Entry point."""
    run(
        cluster_module(
            {
                "namespace": {"type": "str", "default": names.DEFAULT_NAMESPACE},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "regenerate": {"type": "str", "choices": ["never", "unusable", "always"], "default": "never"},
            }
        ),
        work,
    )


if __name__ == "__main__":
    main()
