# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is istiod synced with the remote clusters, and does it still receive from them? Asked from every istiod.

That istiod says so is not enough: after an expired token it says so for ever. So what it holds is compared with what
the other cluster's API lists to the very token of the remote secret.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import (
    RemoteCluster,
    secret_name,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_proof import (
    Comparison,
    Endpoints,
    compare,
    describe,
    lasting,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.parallel import each
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.istiod import (
    FAILING_PATIENCE_SECONDS,
    Istiod,
    held_endpoints,
    istiod_pods,
    not_synced,
    remote_clusters,
    see_failing,
    selects_namespaces,
    unaware,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.remote_api import list_endpoints

PAUSE_SECONDS = 1.0
# istiod follows a change within moments; a difference that is there twice, so far apart, it does not follow.
COMPARE_PAUSE_SECONDS = 3.0
# Counters of failures are watched for so long where nothing was written: every run looks, and there will be a next one.
QUICK_LOOK_SECONDS = 3.0


@dataclass
class Seen:
    """By cluster ID: C(synced), whether each istiod is; C(services), whose endpoints it holds; and what is wrong."""

    synced: set[str] = field(default_factory=set)
    services: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)
    differing: dict[str, str] = field(default_factory=dict)
    unseen: AllianceError | None = None

    def findings(self, told: Mapping[str, RemoteCluster]) -> list[Finding]:
        """The problems, by the inventory names of the neighbours."""
        found = []
        if self.unseen is not None and told:
            found.append(
                Finding(
                    "warning",
                    "istiod-unseen",
                    f"what istiod knows of its remote clusters can't be told: {self.unseen.message}",
                    self.unseen.remedy or "see that the user of the inventory may use pods/portforward there",
                    object=self.unseen.obj or "",
                )
            )
        problems = (
            ("istiod-not-synced", self.waiting, "look at istiod's log for that cluster, and run again"),
            ("istiod-refused", self.failing, "look at istiod's log, and at that of the neighbour's api-proxy"),
            ("istiod-behind", self.differing, "look at istiod's log; restart istiod when it does not follow by itself"),
        )
        for name, cluster in told.items():
            for code, reasons, remedy in problems:
                if reason := reasons.get(cluster.cluster_id):
                    found.append(Finding("error", code, reason, remedy, neighbour=name))
        return found


@dataclass(frozen=True)
class Watcher:
    """The istiods of a cluster, of one revision where given, and how to wait for them."""

    client: Client
    root_namespace: str
    revision: str | None
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def look(self) -> list[Istiod] | AllianceError:
        """What they know now, or why that can't be told."""
        try:
            return remote_clusters(self.client, self.root_namespace, self.revision)
        except AllianceError as error:
            return error

    def see(
        self,
        clusters: Sequence[RemoteCluster],
        before: Sequence[Istiod] | AllianceError,
        *,
        written: int,
        patience: float,
    ) -> Seen:
        """See whether they read the clusters. Raises nothing: it is only looked.

        C(before): what they knew before C(written) remote secrets were changed. For C(patience) seconds it is waited
        for an istiod that has not followed; without a change it is only looked.
        """
        seen = Seen()
        if not clusters:
            return seen
        if isinstance(before, AllianceError):
            seen.unseen = before
            return seen
        try:
            seen.waiting = self._wait(clusters, before, written, self.clock() + (patience if written else 0))
            seen.synced = {cluster.cluster_id for cluster in clusters} - set(seen.waiting)
            self._compare(seen, [cluster for cluster in clusters if cluster.cluster_id in seen.synced])
            seen.failing = see_failing(
                self.client,
                self.root_namespace,
                self.revision,
                # What failed while a secret was replaced is over.
                before if not written else remote_clusters(self.client, self.root_namespace, self.revision),
                seen.synced,
                patience=FAILING_PATIENCE_SECONDS if written else QUICK_LOOK_SECONDS,
                pause=self.pause,
                clock=self.clock,
            )
        except AllianceError as error:
            seen.unseen = error
        return seen

    def _wait(
        self, clusters: Sequence[RemoteCluster], before: Sequence[Istiod], written: int, end: float
    ) -> dict[str, str]:
        """Why clusters are not synced, by ID."""
        secrets = {item.cluster_id: f"{self.root_namespace}/{secret_name(item.name)}" for item in clusters}
        while True:
            istiods = remote_clusters(self.client, self.root_namespace, self.revision)
            # Until an istiod has seen a new secret, what it says is of the old one.
            late = unaware(before, istiods, written)
            reasons = {one: late or not_synced(istiods, one, secret) for one, secret in secrets.items()}
            waiting = {cluster_id: reason for cluster_id, reason in reasons.items() if reason}
            if not waiting or self.clock() >= end:
                return waiting
            self.pause(PAUSE_SECONDS)

    def _compare(self, seen: Seen, clusters: Sequence[RemoteCluster]) -> None:
        """Compare what each istiod holds of clusters with what they have."""
        pods = istiod_pods(self.client, self.root_namespace, self.revision) if clusters else []
        selective = any(selects_namespaces(self.client, self.root_namespace, pod) for pod in pods)
        first = self._comparisons(pods, clusters, selective)
        for (cluster_id, _pod), comparison in first.items():
            seen.services[cluster_id] = comparison.services
        if not any(comparison.differences for comparison in first.values()):
            return
        self.pause(COMPARE_PAUSE_SECONDS)
        second = self._comparisons(pods, clusters, selective)
        for key, comparison in first.items():
            differences = lasting(comparison, second[key]) if key in second else ()
            if differences:
                cluster_id, pod = key
                seen.differing[cluster_id] = f"istiod {pod} does not follow it: {describe(differences)}"

    def _comparisons(
        self, pods: Sequence[str], clusters: Sequence[RemoteCluster], selective: bool
    ) -> dict[tuple[str, str], Comparison]:
        """By cluster ID and pod; a cluster whose API does not answer now is left out, which is told elsewhere."""
        answers = each(lambda cluster: list_endpoints(cluster.kubeconfig()), clusters)
        listed: dict[str, Endpoints] = {
            cluster.cluster_id: answer
            for cluster, answer in zip(clusters, answers, strict=True)
            if not isinstance(answer, AllianceError)
        }
        held = {pod: held_endpoints(self.client, self.root_namespace, pod, listed) for pod in pods}
        return {
            (cluster_id, pod): compare(endpoints, held[pod][cluster_id], selective=selective)
            for cluster_id, endpoints in listed.items()
            for pod in pods
        }
