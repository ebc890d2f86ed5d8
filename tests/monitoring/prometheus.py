# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Prometheus of a test's own: Debian's program, on loopback, with the rules that the role installs."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import urllib3
import yaml

from .files import RULES
from tests.lab.errors import LabError
from tests.lab.host import install_missing
from tests.lab.processes import Daemon

PACKAGES = ("prometheus",)
PATIENCE_SECONDS = 120
_TRIES = 5
_ADDRESS = "127.0.0.1"
# The PodMonitor sees to it that the job is called so.
_JOB = "metadata-exporter"


@dataclass(frozen=True)
class Target:
    """What is scraped, and what is said of it besides. C(tls): for https, files as they are called in tls_config."""

    address: str
    labels: Mapping[str, str] = field(default_factory=dict)
    path: str = "/metrics"
    tls: Mapping[str, str] | None = None

    def scrape_config(self, number: int) -> dict[str, Any]:
        secured = {"scheme": "https", "tls_config": dict(self.tls)} if self.tls else {}
        labels = {**self.labels, "job": _JOB, "__metrics_path__": self.path}
        static = [{"targets": [self.address], "labels": labels}]
        return {"job_name": f"{_JOB}-{number}", "static_configs": static, **secured}


def client_files(kubeconfig: Path, folder: Path) -> tuple[str, dict[str, str]]:
    """host:port of the API server of a kubeconfig of the lab's, and its credentials as files for tls_config."""
    document = yaml.safe_load(kubeconfig.read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    inline = {
        "ca_file": cluster["certificate-authority-data"],
        "cert_file": user["client-certificate-data"],
        "key_file": user["client-key-data"],
    }
    files = {}
    for name, data in inline.items():
        path = folder / f"{document['current-context']}-{name}"
        path.write_bytes(base64.b64decode(data))
        path.chmod(0o600)
        files[name] = str(path)
    return str(cluster["server"]).removeprefix("https://"), files


class Prometheus:
    """A context manager. C(interval): how often it scrapes, in seconds."""

    def __init__(self, folder: Path, targets: Sequence[Target], *, interval: int = 1) -> None:
        self._folder = folder
        self._daemon = Daemon("prometheus", folder, folder)
        self._pool = urllib3.PoolManager(retries=False, timeout=10)
        self._url = ""
        every = {"scrape_interval": f"{interval}s", "evaluation_interval": f"{interval}s"}
        configs = [target.scrape_config(number) for number, target in enumerate(targets)]
        self._config = {"global": every, "rule_files": [str(RULES)], "scrape_configs": configs}
        self._count = len(targets)

    def __enter__(self) -> Prometheus:
        install_missing(PACKAGES)
        path = self._folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(self._config))
        for attempt in range(1, _TRIES + 1):
            with socket.create_server((_ADDRESS, 0)) as free:
                address = f"{_ADDRESS}:{free.getsockname()[1]}"
            self._url = f"http://{address}"
            options = {
                "config.file": path,
                "storage.tsdb.path": self._folder / "data",
                "web.listen-address": address,
                "log.level": "warn",
            }
            self._daemon.start(["prometheus", *(f"--{name}={value}" for name, value in options.items())])
            try:
                self._daemon.wait(self._ready)
                return self
            except LabError:
                self._daemon.stop()
                # Somebody else may have taken the port between our look and its start.
                if attempt == _TRIES:
                    raise
        raise AssertionError("not reached")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._daemon.stop()

    def _ready(self) -> bool:
        try:
            return bool(self._pool.request("GET", f"{self._url}/-/ready").status == 200)
        except urllib3.exceptions.HTTPError:
            return False

    def ask(self, path: str, **fields: str) -> Any:
        """The data of an answer of its API; fails with what it says where it says no."""
        answer = self._pool.request("GET", f"{self._url}/api/v1/{path}", fields=fields)
        document = json.loads(answer.data)
        assert document["status"] == "success", document
        return document["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now, each with C(metric) and C(value)."""
        data = self.ask("query", query=expression)
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        found: list[dict[str, Any]] = data["result"]
        return found

    def values(self, expression: str) -> list[float]:
        """Their values."""
        return [float(series["value"][1]) for series in self.query(expression)]

    def until(self, expression: str, *wanted: float) -> None:
        """Wait until an expression gives these values, in any order; fails with those that it gives."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while sorted(found := self.values(expression)) != sorted(wanted):
            assert time.monotonic() < deadline, f"{expression} gives {found}, not {wanted}"
            time.sleep(0.3)

    def scraped(self) -> None:
        """Wait until every target was scraped; fails with what keeps the others from it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            active = self.ask("targets", state="active")["activeTargets"]
            if len(active) == self._count and all(target["health"] == "up" for target in active):
                return
            assert time.monotonic() < deadline, [target["lastError"] for target in active]
            time.sleep(0.3)

    def alerts(self) -> dict[str, str]:
        """Which alerts are pending or firing, by name."""
        return {alert["labels"]["alertname"]: alert["state"] for alert in self.ask("alerts")["alerts"]}

    def rules(self) -> list[dict[str, Any]]:
        """All rules that it has loaded, with C(health) and C(lastError)."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]
