# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's kubectl, bound to one cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import builds
from .commands import run, succeeds


@dataclass(frozen=True)
class Kubectl:
    """kubectl with a kubeconfig."""

    kubeconfig: Path

    def argv(self, *arguments: str | Path) -> list[str]:
        """The command line for `arguments`."""
        return [str(builds.program("kubectl")), f"--kubeconfig={self.kubeconfig}", *map(str, arguments)]

    def __call__(self, *arguments: str | Path, stdin: str | None = None, timeout: float = 120) -> str:
        """Run it and return what it prints."""
        return run(self.argv(*arguments), stdin=stdin, timeout=timeout)

    def ready(self) -> bool:
        """Whether the API server says that it is ready."""
        return succeeds(self.argv("get", "--raw=/readyz", "--request-timeout=3s"), timeout=10)

    def apply(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Server-side apply the objects, in their order."""
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.apply_file("-", stdin=json.dumps(document))

    def apply_file(self, path: str | Path, stdin: str | None = None) -> None:
        """Server-side apply a file."""
        self("apply", "--server-side", "--force-conflicts", "--field-manager=lab", "-f", path, stdin=stdin)
