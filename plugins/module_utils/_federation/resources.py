# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IstioFederation and IstioMulticluster resources of a cluster: the memory of what was proved, and the truth that
users see."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    Failure,
    cached_public,
    federation_status,
    heartbeat_due,
    rfc3339,
    same_except_timestamps,
    without_timestamps,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import MulticlusterMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.staleness import Staleness
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import (
    ADOPT_REFUSE,
    FIELD_MANAGER,
    Applier,
    ApplyError,
    Change,
    Outcome,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import ISTIO_FEDERATION, ISTIO_MULTICLUSTER
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.presentation import reference

Object = dict[str, Any]

KINDS = (ISTIO_FEDERATION, ISTIO_MULTICLUSTER)
_NAMES = frozenset(kind.kind for kind in KINDS)

ADMISSION_PAUSE_SECONDS = 3.0
# How an API server says which rule of the platform's refused an object.
_REFUSED_BY_POLICY = re.compile(r"\b(?:403|422)\b[^;]*ValidatingAdmissionPolicy", re.IGNORECASE)


def read_resources(client: Client) -> dict[str, Object]:
    """The IstioFederation and IstioMulticluster resources by name; none where the kinds are not defined yet.

    Of two of one name, as there are when a neighbour has got another domain, the one that remembers a proof counts.
    """
    found: dict[str, Object] = {}
    for kind in KINDS:
        for item in client.list(kind).items:
            name = item["metadata"]["name"]
            if name not in found or cached_public(item.get("status")) is not None:
                found[name] = item
    return found


def write_when_admitted(
    applier: Applier,
    objects: Sequence[Object],
    applyset: ApplySet,
    *,
    timeout: float,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Make the set be so on a platform, which takes these resources only a while after their mode was switched on.

    timeout: seconds for which objects that its admission refuses are tried again. Raises ApplyError.
    """
    end = clock() + timeout
    written: list[Change] = []
    while True:
        try:
            outcome = applier.execute(applier.plan(objects, applyset, adopt=ADOPT_REFUSE), applyset)
        except ApplyError as error:
            written += error.outcome.changes
            refused, left = bool(_REFUSED_BY_POLICY.search(error.message)), end - clock()
            if refused and left > 0:
                pause(min(ADMISSION_PAUSE_SECONDS, left))
                continue
            error.outcome.changes = written
            if refused:
                error.remedy = (
                    f"the platform still refused it after {timeout:g} s: see that federation is on in ModuleConfig"
                    " istio (spec.settings.federation.enabled, for clusters of one domain"
                    " spec.settings.multicluster.enabled) and that the module is ready, then run again; where the"
                    " platform needs longer, set platform_timeout"
                )
            raise
        # What an earlier attempt wrote is as it should be now.
        outcome.unchanged -= sum(change.object["kind"] in _NAMES for change in written)
        outcome.changes = [*written, *outcome.changes]
        return outcome


class StatusWriter:
    """Collects status changes, so that they can be shown in check mode and written otherwise."""

    def __init__(self, client: Client, *, now: float, refresh_seconds: float) -> None:
        self._client = client
        self._now = rfc3339(now)
        self._refresh = refresh_seconds
        self._writes: list[Object] = []
        self.changes: list[Change] = []

    def update(
        self,
        resource: Mapping[str, Any],
        *,
        public: PublicMetadata | Failure | None = None,
        private: FederationMetadata | MulticlusterMetadata | Failure | None = None,
        remote_api: Failure | bool | None = None,
        stale: Staleness | None = None,
        no_gateways: bool = False,
    ) -> None:
        """Note the outcome of a fetch, as federation_status() takes it.

        Only renewed timestamps are written when they are due, and are no change.
        """
        previous = resource.get("status") or {}
        status = federation_status(
            previous,
            now_iso=self._now,
            public=public,
            private=private,
            remote_api=remote_api,
            stale=stale,
            no_gateways=no_gateways,
        )
        if status == previous:
            return
        real = not same_except_timestamps(status, previous)
        if not real and not heartbeat_due(previous, self._now, self._refresh, _renewed(status, previous)):
            return
        self._writes.append(_with_status(resource, status))
        if real:
            self.changes.append(Change(_with_status(resource, previous), _with_status(resource, status)))

    def write(self, neighbours: Iterable[Neighbour] = ()) -> list[Finding]:
        """Write what was noted. A status that the API server doesn't take is a finding, and stops no other's.

        C(neighbours): for whom the resources stand; findings have their names.
        """
        findings = []
        called = {neighbour.resource_name: neighbour.name for neighbour in neighbours}
        for target in self._writes:
            try:
                self._client.apply(target, field_manager=FIELD_MANAGER, subresource="status")
            except ApiError as error:
                if not _concerns_this_one(error):
                    raise
                name = target["metadata"]["name"]
                self.changes = [change for change in self.changes if change.object["metadata"]["name"] != name]
                findings.append(
                    Finding(
                        "error",
                        "status-refused",
                        f"what was learnt of it can't be remembered: {error.message}",
                        "look at what the neighbour publishes, and at the definition of the resource",
                        neighbour=called.get(name, name),
                        object=f"{target['kind']} {name}",
                    )
                )
        return findings


def with_statuses(result: Mapping[str, Any], statuses: StatusWriter) -> dict[str, Any]:
    """A module's result with the changed statuses in C(changed), C(statuses) and C(diff).

    An object's own diff leaves them out; theirs leaves out when something was fetched.
    """
    entries = []
    for change in statuses.changes:
        header = f"{change.object['kind']} {change.object['metadata']['name']} status"
        before, after = (without_timestamps((obj or {}).get("status")) for obj in (change.before, change.desired))
        entries.append({"before_header": header, "after_header": header, "before": before, "after": after})
    return {
        **result,
        "statuses": [reference(change.object) for change in statuses.changes],
        "changed": bool(result["changed"] or statuses.changes),
        "diff": [*result["diff"], *entries],
    }


def _concerns_this_one(error: ApiError) -> bool:
    """Whether an API server refuses this very object: its content, its size, or because it is gone."""
    return error.status in (400, 404, 413, 422) or (error.status == 500 and "too large" in error.message)


def _renewed(status: Mapping[str, Any], previous: Mapping[str, Any]) -> list[str]:
    """The timestamps in which two statuses differ."""
    old = previous.get("metadataCache") or {}
    return [name for name, value in status["metadataCache"].items() if value != old.get(name)]


def _with_status(resource: Mapping[str, Any], status: Mapping[str, Any]) -> Object:
    identity = {"apiVersion": resource["apiVersion"], "kind": resource["kind"]}
    return {**identity, "metadata": {"name": resource["metadata"]["name"]}, "status": dict(status)}
