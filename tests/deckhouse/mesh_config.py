# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roots of peers in the mesh config of every revision; the rest of it stays as it is."""

from __future__ import annotations

from typing import Any

import yaml

from tests.deckhouse import facts, manifests
from tests.deckhouse.kube import Kube


def write(kube: Kube, certificates: list[dict[str, Any]]) -> None:
    """Write caCertificates where they differ: every write makes the whole mesh sign its certificates anew."""
    for configmap in kube.list("ConfigMap", facts.NAMESPACE):
        name, data = configmap["metadata"]["name"], configmap.get("data") or {}
        if name.partition("-")[0] != "istio" or "mesh" not in data:
            continue
        mesh = yaml.safe_load(data["mesh"]) or {}
        if (mesh.get("caCertificates") or []) != certificates:
            mesh["caCertificates"] = certificates
            text = yaml.safe_dump(mesh, sort_keys=False)
            labels = configmap["metadata"].get("labels") or {}
            kube.apply([manifests.obj("v1", "ConfigMap", name, labels=labels, data={"mesh": text})])
