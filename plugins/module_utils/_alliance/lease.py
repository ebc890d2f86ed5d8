# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who of several writes: a Lease (coordination.k8s.io/v1). Decisions only.

U(https://kubernetes.io/docs/concepts/architecture/leases/). Used by the exporter's replicas and by runs of modules. The
clocks of those who want it are never compared: each measures by its own for how long the Lease has not changed. Two
holders for a moment would do no harm where both write the same; the Lease keeps those whose knowledge is slightly apart
from undoing each other's write.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import MANAGED_BY, MANAGED_BY_LABEL

LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0
# A holder that can't renew stops to write well before another one may begin.
LEADER_SECONDS = 7.0


@dataclass(frozen=True)
class Record:
    """The Lease as last seen. C(seen_at): own monotonic clock, seconds, when this content was first seen."""

    holder: str
    renewed: str
    transitions: int
    duration: float
    resource_version: str
    seen_at: float


@dataclass(frozen=True)
class Step:
    """C(wait): seconds until the next look, if nothing changes before."""

    action: Literal["wait", "renew", "acquire"]
    wait: float = 0.0


def record_of(lease: Mapping[str, Any], before: Record | None, now: float) -> Record:
    """The record of a Lease object; one whose holder and renewal are as before keeps its age."""
    spec = lease.get("spec") or {}
    holder = str(spec.get("holderIdentity") or "")
    renewed = str(spec.get("renewTime") or "")
    same = before is not None and (before.holder, before.renewed) == (holder, renewed)
    return Record(
        holder=holder,
        renewed=renewed,
        transitions=int(spec.get("leaseTransitions") or 0),
        duration=float(spec.get("leaseDurationSeconds") or LEASE_SECONDS),
        resource_version=str(lease.get("metadata", {}).get("resourceVersion", "")),
        seen_at=before.seen_at if before is not None and same else now,
    )


def next_step(record: Record | None, identity: str, now: float) -> Step:
    """What C(identity) does about the Lease now."""
    if record is None or not record.holder:
        return Step("acquire")
    age = now - record.seen_at
    if record.holder == identity:
        return Step("renew") if age >= RENEW_SECONDS else Step("wait", RENEW_SECONDS - age)
    return Step("acquire") if age >= record.duration else Step("wait", record.duration - age)


def is_leader(record: Record | None, identity: str, now: float) -> bool:
    """Whether C(identity) may write now."""
    return record is not None and record.holder == identity and now - record.seen_at < LEADER_SECONDS


def lease_object(namespace: str, name: str, identity: str, record: Record | None, wall_clock: float) -> dict[str, Any]:
    """The Lease to write for taking or keeping it. C(wall_clock): unix seconds.

    With a known resourceVersion the API server refuses it when somebody else was faster.
    """
    kept = record is not None and record.holder == identity
    transitions = 0 if record is None else record.transitions + (0 if kept else 1)
    spec = {
        "holderIdentity": identity,
        "leaseDurationSeconds": int(LEASE_SECONDS),
        "leaseTransitions": transitions,
        "renewTime": _micro_time(wall_clock),
    }
    return _lease(namespace, name, spec, record)


def release_object(namespace: str, name: str, record: Record, wall_clock: float) -> dict[str, Any]:
    """The Lease to write for giving it back: without a holder, so that the next one takes it at once."""
    spec = {"leaseDurationSeconds": 1, "leaseTransitions": record.transitions, "renewTime": _micro_time(wall_clock)}
    return _lease(namespace, name, spec, record)


def _lease(namespace: str, name: str, spec: dict[str, Any], record: Record | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "labels": {MANAGED_BY_LABEL: MANAGED_BY},
    }
    if record is not None and record.resource_version:
        metadata["resourceVersion"] = record.resource_version
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def _micro_time(wall_clock: float) -> str:
    moment = datetime.datetime.fromtimestamp(wall_clock, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
