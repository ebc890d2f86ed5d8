# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For what and how a cluster is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import AddressRules
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.staleness import StalePolicy
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.api_clients import ApiProxy


@dataclass(frozen=True)
class Looked:
    """For what and how a cluster is looked at; times in seconds.

    C(attention): before their end, certificates need it. C(fresh): for so long what was learnt of a neighbour counts
    whose API nobody can look at. C(key_age): how old the key pair may get. C(api_proxy): of a member of a multicluster.
    C(namespace): of the alliance's objects, also on a platform. C(applied_by_others): an object is as it should be when
    anybody applied it so.
    """

    attention: float
    fresh: float
    policy: StalePolicy
    rules: AddressRules
    failover: bool = False
    applied_by_others: bool = False
    key_age: float | None = None
    tls_secret: str = names.METADATA_TLS_SECRET
    namespace: str = names.DEFAULT_NAMESPACE
    api_proxy: ApiProxy | None = None
