# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A neighbour whose cluster isn't ours: all that there is of it is a metadata endpoint and somebody who runs it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab import deckhouse
from tests.lab.processes import Daemon

NAME = "partner"
DOMAIN = "partner.example"
# A documentation address (RFC 5737): nobody answers there, and nobody calls it.
GATEWAY = {"address": "192.0.2.77", "port": 15443}


class Partner:
    """A simulated Deckhouse cluster without a cluster behind it, in a process of its own."""

    service = f"shop.partners.svc.{DOMAIN}"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._daemon = Daemon(NAME, folder / "processes", folder)

    @contextmanager
    def running(self) -> Iterator[Partner]:
        """Answering, until the end of the block."""
        service = {"hostname": self.service, "ports": [{"name": "http", "port": 80}]}
        self._write("site.json", {"gateways": [GATEWAY], "services": [service]})
        self._daemon.start(
            deckhouse.standalone_argv(DOMAIN, self._folder, interval=2), environment=deckhouse.environment()
        )
        try:
            self._daemon.wait((self._folder / "endpoint.json").exists)
            yield self
        finally:
            self._daemon.stop()

    @property
    def variables(self) -> dict[str, Any]:
        """What its administrator told us for our inventory."""
        told = self._read("endpoint.json")
        return {
            "alliance_provider": "external",
            "alliance_trust_domain": told["trust_domain"],
            "alliance_metadata_endpoint": told["metadata_endpoint"],
            "alliance_metadata_ca": told["metadata_ca"],
            "alliance_root_fingerprints": told["root_fingerprints"],
        }

    def enter(self, manifests: Path) -> None:
        """Do what its administrator does with the file that we handed over."""
        folder = self._folder / "federations"
        folder.mkdir(exist_ok=True)
        shutil.copyfile(manifests, folder / manifests.name)

    def refused(self) -> list[str]:
        """Why manifests that were entered are not accepted there."""
        refused: list[str] = self._read("status.json")["refused"]
        return refused

    def imported(self) -> set[str]:
        """The hosts that it made callable in its mesh."""
        objects = self._read("status.json")["objects"]
        return {host for item in objects if item["kind"] == "ServiceEntry" for host in item["spec"]["hosts"]}

    def conditions(self) -> dict[str, dict[str, str]]:
        """For every neighbour of its the status of its conditions."""
        return {
            item["metadata"]["name"]: {entry["type"]: entry["status"] for entry in item["status"]["conditions"]}
            for item in self._read("status.json")["federations"]
        }

    def _write(self, name: str, content: Any) -> None:
        (self._folder / name).write_text(json.dumps(content))

    def _read(self, name: str) -> Any:
        return json.loads((self._folder / name).read_text())
