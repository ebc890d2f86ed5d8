# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a neighbour all the time, each over a TLS connection of its own, and how many of them failed."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from types import TracebackType
from typing import Any

from .alliance import Alliance
from tests.demo.calls import NAMESPACE

STOP = "/tmp/enough"
PAUSE = "0.15"
OK = "200"
PATIENCE_SECONDS = 60


class Load:
    """Calls a URL from a deployment's pod for as long as the context lasts.

    What the pod's sidecar opens is closed after one request, so each needs a handshake with what is trusted then.
    """

    def __init__(self, alliance: Alliance, cluster: str, deployment: str, host: str) -> None:
        self.alliance = alliance
        self.cluster = cluster
        self.deployment = deployment
        self.host = host
        self.counts: Counter[str] = Counter()
        self._lines: list[str] = []

    def __enter__(self) -> Load:
        self.alliance.apply(self.cluster, self._rule())
        self._shell(f"rm -f {STOP}")
        # What came instead of an answer is told with the time, and with what the sidecar says of it.
        told = f"$(curl -sS -m 5 -w ' {{%{{http_code}}}}' http://{self.host}/ 2>&1 | tr '\\n' ' ')"
        judged = f'case "$told" in *"{{{OK}}}"*) echo {OK};; *) echo "$(date +%T) $told";; esac'
        loop = f'while [ ! -e {STOP} ]; do told="{told}"; {judged}; sleep {PAUSE}; done'
        command = self.alliance.lab.kubectl(self.cluster, [*self._inside(), "sh", "-c", loop])
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shell(f"touch {STOP}")
        output, _errors = self._process.communicate(timeout=PATIENCE_SECONDS)
        self.counts = Counter(line.strip() for line in output.splitlines())
        name, version = self._rule()["metadata"]["name"], "destinationrules.networking.istio.io"
        self.alliance.kubectl(self.cluster, "delete", "-n", NAMESPACE, version, name)

    @property
    def failed(self) -> dict[str, int]:
        """What came instead of an answer, and how often."""
        return {line: count for line, count in self.counts.items() if line != OK}

    @property
    def answered(self) -> int:
        """How many requests were answered."""
        return self.counts[OK]

    def connections(self) -> int:
        """How many connections the pod's sidecar has opened to the host so far."""
        stats = self._shell("curl -sS http://localhost:15000/clusters")
        prefix = f"outbound|80||{self.host}::"
        return sum(
            int(line.rsplit("::", 1)[1]) for line in stats.splitlines() if prefix in line and "::cx_total::" in line
        )

    def settle(self) -> None:
        """Wait until the rule that makes each request open a connection is in force."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        before = self.connections()
        while self.connections() < before + 5:
            assert time.monotonic() < deadline, f"no fresh connections to {self.host}"
            time.sleep(0.5)

    def _rule(self) -> dict[str, Any]:
        policy = {"tls": {"mode": "ISTIO_MUTUAL"}, "connectionPool": {"http": {"maxRequestsPerConnection": 1}}}
        return {
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": {"name": f"fresh-{self.deployment}", "namespace": NAMESPACE},
            "spec": {"host": self.host, "exportTo": ["."], "trafficPolicy": policy},
        }

    def _inside(self) -> list[str]:
        return ["exec", "-n", NAMESPACE, f"deployment/{self.deployment}", "-c", "app", "--"]

    def _shell(self, script: str) -> str:
        return self.alliance.kubectl(self.cluster, *self._inside(), "sh", "-c", script)
