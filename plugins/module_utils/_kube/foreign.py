# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading objects of others that may be in the alliance's way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import foreign, names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind

Object = dict[str, Any]

# Neither ours nor the platform's.
_OF_OTHERS = f"{names.MANAGED_BY_LABEL}!={names.MANAGED_BY},heritage!=deckhouse"
_FORBIDDEN = 403


def read_foreign(
    client: Client, own_domain: str, root_namespace: str, gateway_labels: Mapping[str, str], findings: list[Finding]
) -> tuple[dict[str, Any], ...]:
    """The objects of others that bear on the alliance, as foreign.py tells them, sorted. One LIST for each kind.

    gateway_labels: those of the gateway's pods. A kind that must not be read is a finding: it is looked for in vain.
    """

    def of(
        kind: Kind, namespace: str | None = None, selector: str = "", *, metadata_only: bool = False
    ) -> list[Object]:
        labels = ",".join(text for text in (_OF_OTHERS, selector) if text)
        try:
            return client.list(kind, namespace, label_selector=labels, metadata_only=metadata_only).items
        except ApiError as error:
            if error.status != _FORBIDDEN:
                raise
            findings.append(_unread(kind))
            return []

    remote = of(kinds.SECRET, root_namespace, f"{names.REMOTE_SECRET_LABEL}=true", metadata_only=True)
    found: list[dict[str, Any]] = [
        *foreign.destination_rules(of(kinds.DESTINATION_RULE), own_domain),
        *foreign.service_entries(of(kinds.SERVICE_ENTRY)),
        *foreign.gateways(of(kinds.GATEWAY), gateway_labels),
        *foreign.authorization_policies(of(kinds.AUTHORIZATION_POLICY)),
        *foreign.remote_secrets(remote),
    ]
    return tuple(sorted(found, key=lambda entry: (entry["kind"], entry["namespace"], entry["name"])))


def gateway_labels(client: Client, namespace: str, app: str) -> dict[str, str]:
    """The labels that Gateways may select the gateway's pods by: the one that they always have, and what they carry."""
    labels = {"app": app}
    for pod in client.list(kinds.POD, namespace, label_selector=f"app={app}", metadata_only=True).items:
        labels.update(pod["metadata"].get("labels") or {})
    return labels


def _unread(kind: Kind) -> Finding:
    return Finding(
        "warning",
        "conflicts-not-read",
        f"it must not be listed by these credentials, so conflicts with objects of the kind {kind.kind} are not seen",
        "allow get and list of it",
        object=kind.kind,
    )
