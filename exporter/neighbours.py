# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose tokens are accepted: the neighbours' public keys from the Secret that C(root_exchange) writes."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import load_public_key
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    REMOTE_METADATA_KEY,
    REMOTE_METADATA_SECRET,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json

_MOST_BYTES = 1024 * 1024  # as much as a Secret may hold
_OBJECT = f"Secret {REMOTE_METADATA_SECRET}"


def neighbour_keys(text: str | None, own_uuid: str) -> tuple[Mapping[str, str], tuple[Finding, ...]]:
    """The map clusterUUID to public key PEM from the map clusterUUID to public metadata, and what is wrong with it.

    No text means no neighbours. An entry that can't be used costs that neighbour only; a text that is no JSON object
    leaves nobody to be let in. The own UUID is never accepted: nobody else may speak for this cluster.
    """
    if text is None:
        return {}, ()
    try:
        entries = parse_json(text, max_bytes=_MOST_BYTES, what=REMOTE_METADATA_KEY)
    except AllianceError as error:
        return {}, (_finding("remote-metadata", error.message),)
    if not isinstance(entries, dict):
        return {}, (_finding("remote-metadata", f"{REMOTE_METADATA_KEY} is not a JSON object"),)
    keys: dict[str, str] = {}
    findings: list[Finding] = []
    for uuid, entry in sorted(entries.items()):
        problem = _problem(uuid, entry, own_uuid)
        if problem:
            findings.append(_finding("remote-metadata-entry", f"neighbour {uuid} can't be let in: {problem}"))
        else:
            keys[uuid] = entry["authnKeyPub"]
    return keys, tuple(findings)


def _problem(uuid: str, entry: object, own_uuid: str) -> str:
    if not isinstance(entry, dict):
        return "its entry is not an object"
    if entry.get("clusterUUID") != uuid:
        return "its clusterUUID differs from the key it is stored under"
    if not uuid or uuid == own_uuid:
        return "this is the UUID of this cluster itself" if uuid else "its clusterUUID is empty"
    key = entry.get("authnKeyPub")
    if not isinstance(key, str):
        return "it has no authnKeyPub"
    try:
        load_public_key(key)
    except AllianceError as error:
        return error.message
    return ""


def _finding(code: str, message: str) -> Finding:
    return Finding("error", code, message, remedy="run the playbook federate again", object=_OBJECT)
