# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose tokens are accepted for what: the neighbours' public keys from the Secret that C(root_exchange) writes."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.accepted_keys import (
    MOST_BYTES,
    AcceptedKeys,
    keys_of,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    REMOTE_METADATA_KEY,
    REMOTE_METADATA_SECRET,
    SCOPE_FEDERATION,
    SCOPE_MULTICLUSTER,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json

SCOPES = (SCOPE_FEDERATION, SCOPE_MULTICLUSTER)
_OBJECT = f"Secret {REMOTE_METADATA_SECRET}"


# By scope, the map clusterUUID to the keys that count.
Keys = Mapping[str, Mapping[str, AcceptedKeys]]


def neighbour_keys(text: str | None, own_uuid: str) -> tuple[Keys, tuple[Finding, ...]]:
    """Each scope's keys from the map clusterUUID to public metadata, and what is wrong with it.

    An entry counts for the scopes in its C(scopes); without that field it is a federation's alone, as all entries were.
    No text means no neighbours. An entry that can't be used costs that neighbour only; a text that is no JSON object
    leaves nobody to be let in. The own UUID is never accepted: nobody else may speak for this cluster.
    """
    keys: dict[str, dict[str, AcceptedKeys]] = {scope: {} for scope in SCOPES}
    if text is None:
        return keys, ()
    try:
        entries = parse_json(text, max_bytes=MOST_BYTES, what=REMOTE_METADATA_KEY)
    except AllianceError as error:
        return keys, (_finding("remote-metadata", error.message),)
    if not isinstance(entries, dict):
        return keys, (_finding("remote-metadata", f"{REMOTE_METADATA_KEY} is not a JSON object"),)
    findings: list[Finding] = []
    for uuid, entry in sorted(entries.items()):
        problem = _problem(uuid, entry, own_uuid)
        if problem:
            findings.append(_finding("remote-metadata-entry", f"neighbour {uuid} can't be let in: {problem}"))
            continue
        accepted, flaw = keys_of(entry)
        if flaw:
            findings.append(_finding("remote-metadata-entry", f"neighbour {uuid} is let in by one key only: {flaw}"))
        for scope in entry.get("scopes", [SCOPE_FEDERATION]):
            if scope in SCOPES:
                keys[scope][uuid] = accepted
    return keys, tuple(findings)


def _problem(uuid: str, entry: object, own_uuid: str) -> str:
    if not isinstance(entry, dict):
        return "its entry is not an object"
    if entry.get("clusterUUID") != uuid:
        return "its clusterUUID differs from the key it is stored under"
    if not uuid or uuid == own_uuid:
        return "this is the UUID of this cluster itself" if uuid else "its clusterUUID is empty"
    scopes = entry.get("scopes", [])
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        return "its scopes are no list of texts"
    if not isinstance(entry.get("authnKeyPub"), str):
        return "it has no authnKeyPub"
    try:
        keys_of(entry)
    except AllianceError as error:
        return error.message
    return ""


def _finding(code: str, message: str) -> Finding:
    return Finding("error", code, message, remedy="run the playbook federate again", object=_OBJECT)
