# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shared mesh config: which foreign anchors the mesh trusts, and for which domains.

istiod merges the key `mesh` of this ConfigMap into its mesh config (istio.mesh.v1alpha1.MeshConfig). JSON is YAML.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import split_certificates
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, CertificateError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import SHARED_MESH_CONFIGMAP
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json

# etcd and the API server take about 1 MiB for an object.
_MAX_BYTES = 1024 * 1024


def shared_mesh_config(anchors: Mapping[str, Sequence[str]]) -> str:
    """The text for key `mesh`. anchors: trust domain to PEM certificates. The same text for the same content.

    istiod reads only the first block of an entry and doesn't start with a bad one, so each entry is one checked
    certificate. Raises CertificateError.
    """
    entries: list[dict[str, object]] = []
    for domain in sorted(anchors):
        pems = {certificate for pem in anchors[domain] for certificate in split_certificates(pem)}
        entries.extend({"pem": pem, "trustDomains": [domain]} for pem in sorted(pems))
    return json.dumps({"caCertificates": entries}, indent=2) + "\n"


def parse_shared_mesh_config(text: str) -> dict[str, tuple[str, ...]]:
    """What shared_mesh_config() was given, sorted. Raises AllianceError for a text that it didn't write."""
    anchors: dict[str, set[str]] = {}
    try:
        config = parse_json(text, max_bytes=_MAX_BYTES)
        entries = config.get("caCertificates", []) if isinstance(config, dict) else None
        if not isinstance(entries, list):
            raise CertificateError("caCertificates is not a list")
        for entry in entries:
            if not isinstance(entry, dict) or not isinstance(entry.get("pem"), str):
                raise CertificateError("an entry has no pem")
            for domain in entry.get("trustDomains") or []:
                anchors.setdefault(str(domain), set()).update(split_certificates(entry["pem"]))
    except AllianceError as error:
        raise AllianceError(
            f"the shared mesh config can't be read: {error.message}",
            obj=f"ConfigMap {SHARED_MESH_CONFIGMAP}",
            remedy="delete the ConfigMap and run again: it is written anew",
        ) from None
    return {domain: tuple(sorted(anchors[domain])) for domain in sorted(anchors)}
