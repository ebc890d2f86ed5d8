# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote secrets: whose token is good, whose is renewed, and which API has answered to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import Failure
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import load_private_key, public_key_pem
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import (
    RemoteCluster,
    cluster_ids,
    networks_config_map,
    renewal_due,
    secret_name,
    token_in,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.clusters import Known
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.parallel import each
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.signed import UNAUTHORIZED
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import Applier, Change, Plan
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import set_of
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import CONFIG_MAP, SECRET
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.remote_api import RemoteApiError, probe

Object = dict[str, Any]

# The shared mesh config has two owners, each of a key: trust_anchors of the roots, we of the networks.
NETWORKS_MANAGER = "meshalliance.istio-networks"


@dataclass
class Remote:
    """What istiod is to be told.

    By resource name, C(apis): whether its API answered, C(renewed): whose token was replaced.
    """

    clusters: list[RemoteCluster] = field(default_factory=list)
    apis: dict[str, Failure | bool] = field(default_factory=dict)
    renewed: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)


def read_remote_secrets(client: Client, root_namespace: str) -> dict[str, Object]:
    """The remote secrets of a cluster by name, also those of others."""
    listed = client.list(SECRET, root_namespace, label_selector=f"{names.REMOTE_SECRET_LABEL}=true").items
    return {item["metadata"]["name"]: item for item in listed}


def prepare(
    known: Sequence[Known],
    secrets: Mapping[str, Object],
    identity: Identity | None,
    set_id: str,
    *,
    lifetime: int,
    now: float,
    patience: float,
    planning: bool = False,
) -> Remote:
    """Give each cluster a good token, and see that its API answers to it.

    One that istiod was not told of before is left out until it does (asked for C(patience) seconds), so that no istiod
    starts with a cluster that it can't read. secrets: see read_remote_secrets(); those of the ApplySet C(set_id) are
    ours.
    """
    remote = Remote()
    ours = {name: item for name, item in secrets.items() if set_of(item) == set_id}
    taken = {cluster_id: name for name, item in secrets.items() if name not in ours for cluster_id in cluster_ids(item)}
    free: list[_Wanted] = []
    for item in known:
        if item.remote.cluster_id in taken:
            remote.findings.append(_taken(item, taken[item.remote.cluster_id]))
            continue
        secret = ours.get(secret_name(item.remote.name))
        before = token_in(secret)
        tokens = _tokens(item, before, identity, lifetime, now, planning=planning)
        if not tokens:
            remote.findings.append(_unsigned(item))
            continue
        free.append(_Wanted(item, before, tokens, new=secret is None))

    # A plan takes it that the API of a new cluster will answer; the real run sees.
    asked = [entry for entry in free if not (planning and entry.new)]
    answers = dict(
        zip([entry.name for entry in asked], each(lambda entry: entry.accepted(patience), asked), strict=True)
    )
    for entry in free:
        answer = answers.get(entry.name, entry.tokens[0])
        if not isinstance(answer, AllianceError):
            if entry.name in answers:
                remote.apis[entry.name] = True
        else:
            remote.apis[entry.name] = Failure.of(answer)
            remote.findings.append(_unreachable(entry.item, answer, new=entry.new))
            if entry.new:
                continue
            # With nobody to say which key it knows, a token that is good stays.
            answer = entry.before if entry.before in entry.tokens else entry.tokens[0]
        if entry.before and answer != entry.before:
            remote.renewed.add(entry.name)
        remote.clusters.append(replace(entry.item.remote, token=answer))
    return remote


@dataclass(frozen=True)
class _Wanted:
    """A cluster that istiod is to be told of, and the tokens for its API: while our key is rotated, one of each key."""

    item: Known
    before: str
    tokens: tuple[str, ...]
    new: bool

    @property
    def name(self) -> str:
        return self.item.remote.name

    def accepted(self, patience: float) -> str:
        """The first token that its API takes. Raises RemoteApiError."""
        for token in self.tokens[:-1]:
            try:
                probe(replace(self.item.remote, token=token).kubeconfig())
            except RemoteApiError as error:
                if error.status != UNAUTHORIZED:
                    raise
            else:
                return token
        probe(replace(self.item.remote, token=self.tokens[-1]).kubeconfig(), patience=patience if self.new else 0)
        return self.tokens[-1]


def plan_networks(
    client: Client, applier: Applier, root_namespace: str, clusters: Sequence[RemoteCluster], *, planning: bool = False
) -> Plan:
    """What to write of the shared mesh config; nothing when there is nothing to join and nothing was."""
    manifest = networks_config_map(root_namespace, clusters)
    if client.get(CONFIG_MAP, names.SHARED_MESH_CONFIGMAP, root_namespace) is None:
        if "data" not in manifest:
            return Plan()
        if planning:
            # The run will find it, made by trust_anchors.
            return Plan(writes=[Change({**manifest, "data": {}}, manifest)])
    return applier.plan([manifest])


def _tokens(
    item: Known, before: str, identity: Identity | None, lifetime: int, now: float, *, planning: bool
) -> tuple[str, ...]:
    """The tokens for a cluster, best first, the one from before while it is good; none when none may be signed."""
    if identity is None:
        token = "known-after-apply" if planning else before
        return (token,) if token else ()
    tokens = [_token(item, before, identity.uuid, key, lifetime, now) for key in identity.signing_keys(now)]
    return tuple(dict.fromkeys(token for token in tokens if token))


def _token(item: Known, before: str, own_uuid: str, private_key: str, lifetime: int, now: float) -> str:
    due = renewal_due(
        before,
        subject=own_uuid,
        audience=item.uuid,
        public_pem=public_key_pem(load_private_key(private_key).public_key()),
        lifetime=lifetime,
        now=now,
    )
    if not due or not item.renewable:
        return before
    return sign_token(
        private_key, subject=own_uuid, audience=item.uuid, scope=names.SCOPE_API, now=now, lifetime=lifetime
    )


def _taken(item: Known, name: str) -> Finding:
    return Finding(
        "error",
        "remote-secret-taken",
        f"a remote secret that is not ours tells istiod of the cluster ID {item.remote.cluster_id} already",
        "delete it: the alliance's own has a token that is renewed",
        neighbour=item.neighbour.name,
        object=f"Secret {name}",
    )


def _unsigned(item: Known) -> Finding:
    return Finding(
        "error",
        "api-TokenGenerationFailed",
        "there is no token for its API, and none may be signed while it is not proved who it is",
        "see the other problems of this neighbour",
        neighbour=item.neighbour.name,
    )


def _unreachable(item: Known, error: AllianceError, *, new: bool) -> Finding:
    kept = " (istiod is not told of it)" if new else " (what istiod knows of it stays)"
    return Finding(
        "error",
        f"api-{getattr(error, 'reason', '') or 'FetchFailed'}",
        f"{error.message}{kept}",
        error.remedy or "",
        neighbour=item.neighbour.name,
    )
