# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a cluster's identity refused by those that it left? Asked with real requests that its own key signs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import RemoteCluster
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.parallel import each
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.remote_api import RemoteApiError, probe
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import MetadataClient, NeighbourError

# A second between attempts: an exporter follows a changed Secret through a watch, a platform's takes a minute.
PAUSE_SECONDS = 1.0
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
# What is asked for: the documents of both kinds, and the API through the api-proxy.
FEDERATION, MULTICLUSTER, API = "federation", "multicluster", "api"


@dataclass
class Answers:
    """What one neighbour answered. C(statuses): HTTP status by what was asked for, 200 where it let us in."""

    statuses: dict[str, int] = field(default_factory=dict)

    def note(self, what: str, status: int) -> None:
        """Note an answer; of several, one that is no refusal counts."""
        if what not in self.statuses or status not in _REFUSALS[what]:
            self.statuses[what] = status

    @property
    def accepted(self) -> list[str]:
        """What it still gave."""
        return sorted(what for what, status in self.statuses.items() if status not in _REFUSALS[what])

    @property
    def refused(self) -> bool:
        """Whether it was asked, and gave nothing."""
        return bool(self.statuses) and not self.accepted


# An exporter that has no such document at all says 404 to everybody. The API is refused by the proxy or not there.
_REFUSALS = {
    FEDERATION: frozenset({_UNAUTHORIZED}),
    MULTICLUSTER: frozenset({_UNAUTHORIZED, _NOT_FOUND}),
    API: frozenset({_UNAUTHORIZED, _FORBIDDEN}),
}


@dataclass(frozen=True)
class Asker:
    """Asks neighbours as the cluster C(identity) is. C(patience): seconds for those that may not have followed yet."""

    identity: Identity
    patience: float = 0.0
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def ask(self, neighbours: Sequence[Neighbour]) -> list[Answers | AllianceError]:
        """What each of them answers, in their order; an error for one that could not be asked."""
        return each(self._until_refused, neighbours)

    def _until_refused(self, neighbour: Neighbour) -> Answers:
        end = self.clock() + self.patience
        while True:
            answers = self._once(neighbour)
            if answers.refused or self.clock() >= end:
                return answers
            self.pause(PAUSE_SECONDS)

    def _once(self, neighbour: Neighbour) -> Answers:
        if not neighbour.endpoint:
            raise AllianceError("its metadata endpoint is not known", remedy="set alliance_metadata_endpoint")
        client = MetadataClient(neighbour.endpoint, ca=neighbour.ca, insecure=neighbour.insecure)
        # Only its own exporter can refuse for it, and a token is for nobody else.
        public = client.public()[0]
        expected = neighbour.state.uuid if neighbour.state else ""
        if expected and public.cluster_uuid != expected:
            raise AllianceError(
                f"at its metadata endpoint answers the clusterUUID {public.cluster_uuid}, and its API says {expected}",
                obj=neighbour.endpoint,
                remedy="see where its metadata endpoint leads to",
            )
        answers = Answers()
        # While its key pair is rotated, the one of before would be good as well.
        for key in self.identity.signing_keys(time.time()):
            self._as(key, client, public.cluster_uuid, neighbour, answers)
        return answers

    def _as(self, key: str, client: MetadataClient, audience: str, neighbour: Neighbour, answers: Answers) -> None:
        """Ask with one key."""

        def token(scope: str) -> str:
            return sign_token(key, subject=self.identity.uuid, audience=audience, scope=scope, now=time.time())

        domain = neighbour.trust_domain or "unknown.invalid"
        answers.note(FEDERATION, _status(lambda: client.federation(token(names.SCOPE_FEDERATION), domain)))
        answers.note(MULTICLUSTER, _status(lambda: client.multicluster(token(names.SCOPE_MULTICLUSTER))))
        api_host = neighbour.state.api_host if neighbour.state else None
        if api_host:
            name = neighbour.resource_name
            remote = RemoteCluster(
                name, name, api_host, "", ca=neighbour.ca, insecure=neighbour.insecure, token=token(names.SCOPE_API)
            )
            answers.note(API, _api_status(remote))


def finding_of(neighbour: Neighbour, result: Answers | AllianceError, *, patience: float) -> Finding | None:
    """What is to be told of it; None when it refused everything."""
    if isinstance(result, AllianceError):
        return Finding(
            "warning" if neighbour.external else "error",
            "refusal-unseen",
            f"whether it refuses the cluster that left can't be told: {result.message}",
            result.remedy or "run the play again",
            neighbour=neighbour.name,
            object=result.obj or "",
        )
    if result.refused:
        return None
    remedy = f"look at its metadata-exporter: it did not follow within {patience:g} s; run the play again"
    if neighbour.external:
        remedy = "its administrator has to remove this cluster there: nobody else can"
    return Finding(
        # What nobody here can change must not fail every run.
        "warning" if neighbour.external else "error",
        "identity-accepted",
        f"it still answers requests that the cluster that left signs: {', '.join(result.accepted)}",
        remedy,
        neighbour=neighbour.name,
    )


def _status(ask: Callable[[], object]) -> int:
    """The HTTP status of an answer. Raises NeighbourError when there was none."""
    try:
        ask()
    except NeighbourError as error:
        if error.status is None:
            raise
        return error.status
    return 200


def _api_status(remote: RemoteCluster) -> int:
    """Raises AllianceError when the API did not answer."""
    try:
        probe(remote.kubeconfig())
    except RemoteApiError as error:
        if error.status:
            return error.status
        raise
    return 200
