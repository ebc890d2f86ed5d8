# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a cluster is when it asks its neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.cluster import read_uuid
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import read_secret


@dataclass(frozen=True)
class Identity:
    """The own clusterUUID and the private key that signs requests."""

    uuid: str
    private_key: str = field(repr=False)


def read_identity(client: Client, namespace: str) -> Identity | None:
    """A cluster's identity; None while it has no key pair."""
    key = read_secret(client, namespace, names.AUTHN_KEYPAIR_SECRET).get(names.AUTHN_PRIVATE_KEY)
    return Identity(read_uuid(client), key) if key else None
