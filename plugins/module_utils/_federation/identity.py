# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a cluster is when it asks its neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_rotation import stored_keys
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.cluster import read_uuid
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import SECRET
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import secret_texts


@dataclass(frozen=True)
class Identity:
    """The own clusterUUID and the private key that signs requests.

    While a key rotation is under way, C(previous_key) is the private key of before, C(previous_until) when it ends and
    C(rotated) since when there is a new one, all times in unix seconds.
    """

    uuid: str
    private_key: str = field(repr=False)
    previous_key: str = field(default="", repr=False)
    previous_until: float = 0.0
    rotated: float = 0.0

    def signing_keys(self, now: float) -> tuple[str, ...]:
        """The private keys to sign with at a time (unix seconds), one after another: a neighbour that has not learnt
        of the new one yet knows the one before."""
        return (self.private_key, self.previous_key) if self.overlaps(now) else (self.private_key,)

    def overlaps(self, now: float) -> bool:
        """Whether the key of before still counts."""
        return bool(self.previous_key) and now < self.previous_until

    def ends_soon(self, now: float) -> bool:
        """Whether more than half of the overlap is over: by then a neighbour should know the new key."""
        return self.overlaps(now) and now - self.rotated > self.previous_until - now

    @property
    def end(self) -> str:
        """When the key of before ends, as Kubernetes writes a time."""
        return rfc3339(self.previous_until)


def read_identity(client: Client, namespace: str) -> Identity | None:
    """A cluster's identity; None while it has no key pair."""
    secret = client.get(SECRET, names.AUTHN_KEYPAIR_SECRET, namespace)
    values = secret_texts(secret, client.cluster)
    key = values.get(names.AUTHN_PRIVATE_KEY)
    if not key:
        return None
    stored = stored_keys(values, ((secret or {}).get("metadata") or {}).get("annotations") or {})
    uuid = read_uuid(client)
    if stored.previous is None:
        return Identity(uuid, key)
    return Identity(uuid, key, stored.previous.pair.private_pem, stored.previous.until, stored.created or 0.0)
