# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the Services that are to be public, and setting or giving up their label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import PUBLIC_SERVICE_LABEL
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.publishing import (
    PUBLISH_MANAGER,
    Publication,
    Reference,
    Relabel,
    decide,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import Change
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client, describe
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.connection import POOL_SIZE
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import SERVICE

Object = dict[str, Any]

_LISTED_FROM = 8  # so many named Services of a namespace are read with one LIST instead of GETs
_GONE = 409  # the Service that we read is not there any more, or is another one by now


def plan_publication(client: Client, references: Iterable[Reference], cluster_domain: str = "") -> Publication:
    """Read the cluster and decide. Writes nothing. Raises AllianceError for a selector that can't be used."""
    wanted = tuple(references)
    labelled = client.list(SERVICE, label_selector=PUBLIC_SERVICE_LABEL).items
    named = _read_named(client, [item for item in wanted if item.name], labelled)
    found = {item: named[item] if item.name else _select(client, item) for item in wanted}
    return decide(found, labelled, cluster_domain)


def carry_out(client: Client, writes: Sequence[Relabel]) -> tuple[list[Relabel], list[Finding]]:
    """Write what was decided: what was written, and a finding for each Service that the API server refuses to change.

    Raises ApiError when the API server can't be reached; what was written until then stays, and the next run sees it.
    """
    with ThreadPoolExecutor(max(1, min(len(writes), POOL_SIZE))) as pool:
        refusals = list(pool.map(lambda relabel: _write(client, relabel), writes))
    done = [relabel for relabel, refusal in zip(writes, refusals, strict=True) if refusal is None]
    return done, [refusal for refusal in refusals if refusal is not None]


def changes_of(writes: Sequence[Relabel]) -> list[Change]:
    """The writes as results and diffs show them."""
    return [Change(relabel.before, relabel.after) for relabel in writes]


def _read_named(
    client: Client, references: Sequence[Reference], labelled: Iterable[Object]
) -> dict[Reference, list[Object]]:
    known = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in labelled}
    missing: dict[str, list[str]] = {}
    for item in references:
        if (item.namespace, item.name) not in known:
            missing.setdefault(item.namespace, []).append(item.name)
    for namespace, names in missing.items():
        if len(names) < _LISTED_FROM:
            services = [found for name in names if (found := client.get(SERVICE, name, namespace)) is not None]
        else:
            services = client.list(SERVICE, namespace).items
        known.update({(namespace, item["metadata"]["name"]): item for item in services})
    return {
        item: [known[(item.namespace, item.name)]] if (item.namespace, item.name) in known else []
        for item in references
    }


def _select(client: Client, reference: Reference) -> list[Object]:
    try:
        return client.list(SERVICE, reference.namespace or None, label_selector=reference.selector).items
    except ApiError as error:
        if error.status == 400:
            raise AllianceError(
                f"it can't be used: {error.message}",
                cluster=client.cluster,
                obj=str(reference),
                remedy="write it as kubectl's option --selector takes it",
            ) from error
        raise


def _write(client: Client, relabel: Relabel) -> Finding | None:
    """Apply the one label, or (without it) give it up; the UID keeps a Service that is gone from being made anew."""
    live = relabel.before["metadata"]
    metadata: Object = {"name": live["name"], "namespace": live["namespace"], "uid": live["uid"]}
    if relabel.value is not None:
        metadata["labels"] = {PUBLIC_SERVICE_LABEL: relabel.value}
    manifest = {"apiVersion": SERVICE.api_version, "kind": SERVICE.kind, "metadata": metadata}
    try:
        client.apply(manifest, field_manager=PUBLISH_MANAGER)
    except ApiError as error:
        if not error.status:
            raise
        gone = error.status == _GONE
        return Finding(
            "error",
            "label-not-written",
            "it was deleted in this moment" if gone else f"its label can't be changed: {error.message}",
            "run again" if gone else error.remedy or "see what refuses the change in the cluster",
            object=describe(relabel.before),
        )
    return None
