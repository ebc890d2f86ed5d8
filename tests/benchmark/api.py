# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare client of one API server: HTTP requests over kept-alive connections, from several threads.

It is the floor that the contestants are compared with, and it prepares and checks what they do.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import config as kubernetes_config
from kubernetes.client import Configuration

from tests.benchmark.objects import API_VERSION, KINDS, Object

# As many connections as the module under test opens.
THREADS = 16
FIELD_MANAGER = "benchmark"
DELETE_SECONDS = 60.0


class ApiError(Exception):
    """An answer that the benchmark didn't expect."""


class Api:
    """One API server, reached with what a kubeconfig holds."""

    def __init__(self, kubeconfig: Path) -> None:
        configuration = Configuration()
        kubernetes_config.load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)
        self._base = configuration.host.rstrip("/")
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        for setting in configuration.auth_settings().values():
            if setting["value"]:
                self._headers[setting["key"]] = setting["value"]
        self._pool = urllib3.PoolManager(
            maxsize=THREADS,
            block=True,
            retries=False,
            ca_certs=configuration.ssl_ca_cert,
            cert_file=configuration.cert_file,
            key_file=configuration.key_file,
        )

    def call(
        self, method: str, path: str, body: Any = None, *, content_type: str = "", ok: tuple[int, ...] = ()
    ) -> Any:
        """One request; the answer's JSON. Raises ApiError for a status that is neither 2xx nor in ok."""
        headers = {**self._headers, "Content-Type": content_type} if content_type else self._headers
        data = None if body is None else json.dumps(body).encode()
        answer = self._pool.request(method, self._base + path, body=data, headers=headers)
        if answer.status >= 300 and answer.status not in ok:
            raise ApiError(f"{method} {path}: {answer.status} {answer.data[:300]!r}")
        return json.loads(answer.data)

    def apply(self, item: Object) -> None:
        """Write one object by server-side apply."""
        path = f"{collection(item)}/{item['metadata']['name']}?fieldManager={FIELD_MANAGER}&force=true"
        self.call("PATCH", path, item, content_type="application/apply-patch+yaml")

    def apply_all(self, objects: list[Object]) -> None:
        """Write all objects, in parallel."""
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self.apply, objects))

    def create_all(self, objects: list[Object]) -> None:
        """Make objects that aren't there, in parallel."""
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda item: self.call("POST", collection(item), item), objects))

    def read_all(self, namespace: str) -> dict[str, list[Object]]:
        """One LIST for each kind."""
        prefix = f"/apis/{API_VERSION}/namespaces/{namespace}"
        return {kind: self.call("GET", f"{prefix}/{plural}")["items"] for kind, plural in KINDS.items()}

    def ensure_namespace(self, name: str) -> None:
        """Make the namespace unless it is there."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.call("POST", "/api/v1/namespaces", body, ok=(409,))

    def clear(self, namespace: str) -> None:
        """Delete what a contestant made, and wait until it is gone."""
        prefix = f"/apis/{API_VERSION}/namespaces/{namespace}"
        for plural in KINDS.values():
            self.call("DELETE", f"{prefix}/{plural}")
        selector = "labelSelector=applyset.kubernetes.io/id"
        self.call("DELETE", f"/api/v1/namespaces/{namespace}/configmaps?{selector}")
        deadline = time.monotonic() + DELETE_SECONDS
        while any(self.read_all(namespace).values()):
            if time.monotonic() > deadline:
                raise ApiError(f"namespace {namespace} doesn't become empty")
            time.sleep(0.1)


def collection(item: Object) -> str:
    """The path of the collection that an object belongs to."""
    version = item["apiVersion"]
    root = "/api/v1" if version == "v1" else f"/apis/{version}"
    plural = KINDS.get(item["kind"], item["kind"].lower() + "s")
    return f"{root}/namespaces/{item['metadata']['namespace']}/{plural}"
