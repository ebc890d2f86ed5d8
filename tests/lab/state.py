# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab remembers in `.lab/state.json`: its clusters, their subnets, and which steps are done."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .flavours import ISTIO


@dataclass
class ClusterState:
    """One cluster: its number, its block of addresses (CIDR), and the hash of what each finished step was made from.

    `flavour` says how Istio is installed; `port` is the loopback port of the platform's metadata endpoint, if any;
    `domain` is the cluster domain when it isn't `<name>.local`.
    """

    index: int
    block: str
    done: dict[str, str] = field(default_factory=dict)
    flavour: str = ISTIO.name
    port: int = 0
    domain: str = ""


class State:
    """The lab's memory; every change is written at once, atomically."""

    def __init__(self, path: Path) -> None:
        """Read the file at `path`, or begin empty."""
        self._path = path
        self._lock = threading.Lock()
        self.clusters: dict[str, ClusterState] = {}
        self.forwarding_was_off = False
        if path.is_file():
            document = json.loads(path.read_text())
            self.clusters = {name: ClusterState(**entry) for name, entry in document["clusters"].items()}
            self.forwarding_was_off = document["forwarding_was_off"]

    def save(self) -> None:
        """Write the file."""
        with self._lock:
            clusters = {name: asdict(entry) for name, entry in self.clusters.items()}
            document = {"clusters": clusters, "forwarding_was_off": self.forwarding_was_off}
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
            temporary.replace(self._path)

    def is_done(self, cluster: str, step: str, digest: str) -> bool:
        """Whether a step was finished with these very ingredients."""
        return self.clusters[cluster].done.get(step) == digest

    def mark(self, cluster: str, step: str, digest: str) -> None:
        """Remember that a step is finished."""
        self.clusters[cluster].done[step] = digest
        self.save()
