# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A peer without a cluster of its own: its documents come from a file, its IstioFederations from pasted manifests."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deckhouse import applied, certificates, consumer, documents, facts, keys, mesh
from tests.deckhouse.consumer import Own
from tests.deckhouse.exporter import Exporter
from tests.deckhouse.folder import Folder

Object = dict[str, Any]

STATUS = "status.json"


@dataclass(frozen=True)
class StandaloneSetup:
    """site: a JSON file {gateways: [{address, port}], services: [{hostname, ports}]}, read anew for every answer.

    federations: a YAML file, or a folder of them, with the IstioFederation manifests that its administrator applied.
    """

    domain: str
    folder: Path
    site: Path
    federations: Path
    listen: tuple[str, int] = ("127.0.0.1", 0)


class Standalone:
    """start() makes it answer; each step() is one cycle of the consumer. It writes `status.json` into its folder."""

    def __init__(self, setup: StandaloneSetup) -> None:
        self.setup = setup
        self.exporter = Exporter(self)
        self._folder = Folder(setup.folder)
        self.ca, _leaf, self._chain = self._folder.ingress(setup.domain, [setup.listen[0], "localhost"])
        self.root = self._folder.issued("mesh-root.json", lambda: certificates.mesh_root(setup.domain))
        self._identity = self._folder.read("identity.json") or self._new_identity()
        self._federations: list[Object] = (self._folder.read(STATUS) or {}).get("federations", [])
        self._lock = threading.Lock()

    def _new_identity(self) -> dict[str, str]:
        pair = keys.generate()
        identity = {"uuid": str(uuid.uuid4()), "public": pair.public_pem, "private": pair.private_pem}
        self._folder.write("identity.json", identity)
        return identity

    @property
    def endpoint(self) -> str:
        """The exporter's base URL."""
        return f"https://{self.setup.listen[0]}:{self.exporter.port}{facts.BASE_PATH}"

    def start(self) -> None:
        """Let the exporter listen."""
        self.exporter.start(self.setup.listen, self._chain)
        self.step()
        self._folder.tell(
            endpoint=self.endpoint,
            ca=self.ca.certificate,
            domain=self.setup.domain,
            uuid=self.uuid(),
            root=self.root.certificate,
        )

    def stop(self) -> None:
        """End what start() began."""
        self.exporter.stop()

    def step(self) -> None:
        """Read the manifests anew and ask every peer."""
        own = Own(self.setup.domain, self.uuid(), self._identity["private"], self.exporter.now)
        with self._lock:
            manifests, refused = applied.read(self.setup.federations) if self.setup.federations.exists() else ([], [])
            known = {item["metadata"]["name"]: item.get("status") for item in self._federations}
            federations = []
            for manifest in manifests:
                item = {**manifest, "status": known.get(manifest["metadata"]["name"]) or {}}
                status = consumer.exchange(item, own)
                if status is not None:
                    federations.append({**item, "status": status})
            self._federations = federations
            objects = mesh.service_entries(federations, {})
            self._folder.write(STATUS, {"federations": federations, "refused": refused, "objects": objects})

    # What the exporter reads with.

    def available(self) -> bool:
        """It is, as long as it listens."""
        return True

    def on(self, mode: str) -> bool:
        """Only federation is on."""
        return mode == "federation"

    def uuid(self) -> str:
        """The clusterUUID."""
        return self._identity["uuid"]

    def peers(self) -> Mapping[str, Any]:
        """The peers' public metadata by clusterUUID."""
        return mesh.remote_metadata(self._federations)

    def document(self, path: str) -> Object:
        """A document as the files are now."""
        if path == facts.PUBLIC_PATH:
            return documents.public(self.uuid(), self._identity["public"], self.root.certificate)
        if path == facts.SPIFFE_PATH:
            return documents.spiffe(self.root.certificate)
        site = Folder(self.setup.site.parent).read(self.setup.site.name) or {}
        return documents.federation(site.get("gateways"), site.get("services", []))
