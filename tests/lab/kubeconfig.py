# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfig files with everything inside."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml

from .files import write_if_changed
from .pki import Pki


def write_kubeconfig(path: Path, *, cluster: str, server: str, pki: Pki, identity: str, user: str) -> None:
    """Write a kubeconfig for `user`, whose certificate is called `identity` in the PKI."""

    def inline(source: Path) -> str:
        return base64.b64encode(source.read_bytes()).decode()

    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster,
                "cluster": {"server": server, "certificate-authority-data": inline(pki.certificate("ca"))},
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": inline(pki.certificate(identity)),
                    "client-key-data": inline(pki.key(identity)),
                },
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    }
    write_if_changed(path, yaml.safe_dump(document, sort_keys=False), mode=0o600)
