# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An istiod on an API server that runs nothing: its pod is replaced when it is gone, and the new one reads its CA.

What matters of the real one: it reads the Secret with its CA when it starts, and hands out the roots in it by a
ConfigMap.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.integration.conftest import Admin

Object = dict[str, Any]

NAME = "istiod"
LABELS = {"app": "istiod"}
PAUSE_SECONDS = 0.1
# It has settled since.
LONG_AGO = "2026-01-01T00:00:00Z"


class SimulatedIstiod:
    """Its Deployment in a namespace, and a thread that does what controller, kubelet and istiod would."""

    def __init__(self, admin: Admin, namespace: str, *, multiroot: bool = True) -> None:
        self._admin = admin
        self._namespace = namespace
        self._env = [{"name": "ISTIO_MULTIROOT_MESH", "value": "true"}] if multiroot else []
        self._ended = threading.Event()
        self._number = 0
        self.starts: list[str] = []

    @contextmanager
    def running(self) -> Iterator[SimulatedIstiod]:
        """Run it for a while; its first pod is ready."""
        self._admin.apply(self._deployment(), self._object("ServiceAccount", "default"))
        self._start()
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join(timeout=30)

    def _run(self) -> None:
        while not self._ended.wait(PAUSE_SECONDS):
            if self._admin.get("Pod", self._namespace, f"{NAME}-{self._number}") is None:
                self._start()

    def _start(self) -> None:
        self._number += 1
        pod = self._object("Pod", f"{NAME}-{self._number}")
        pod["metadata"]["labels"] = LABELS
        self._admin.apply({**pod, "spec": {"containers": [{"name": "discovery", "image": "istiod"}]}})
        self._hand_out()
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": LONG_AGO}
        self._admin.apply({**pod, "status": {"phase": "Running", "conditions": [ready]}}, subresource="status")

    def _hand_out(self) -> None:
        found = self._admin.get("Secret", self._namespace, "cacerts") or self._admin.get(
            "Secret", self._namespace, "istio-ca-secret"
        )
        assert found is not None
        roots = decoded(found).get("root-cert.pem") or decoded(found)["ca-cert.pem"]
        self.starts.append(roots)
        self._admin.apply({**self._object("ConfigMap", "istio-ca-root-cert"), "data": {"root-cert.pem": roots}})

    def _deployment(self) -> Object:
        container = {"name": "discovery", "image": "example.com/pilot:1.31.0", "env": self._env}
        template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
        deployment = self._object("Deployment", NAME, "apps/v1")
        deployment["metadata"]["labels"] = LABELS
        return {**deployment, "spec": {"selector": {"matchLabels": LABELS}, "template": template}}

    def _object(self, kind: str, name: str, api_version: str = "v1") -> Object:
        return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": self._namespace}}


def decoded(secret: Object) -> dict[str, str]:
    """The texts of a Secret."""
    return {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
