# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process as it is started: what it says when it can't start, and how it ends while nothing is reachable."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "ansible_collections.meshalliance.istio.exporter"]
NEEDED = ["--namespace", "istio-alliance", "--cluster-domain", "cluster-a.local", "--listen-address", "127.0.0.1"]


def environment() -> dict[str, str]:
    """Without anything that looks like a pod; imports as in this process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KUBERNETES_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def run(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        [*COMMAND, *NEEDED, *arguments], capture_output=True, text=True, timeout=30, env=environment(), check=False
    )
    assert done.stderr == ""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("arguments", [[], ["--kubeconfig", "/nonexistent"]], ids=["not in a pod", "no kubeconfig"])
def test_it_says_why_it_cannot_start(arguments: list[str]) -> None:
    code, lines = run(*arguments)
    assert code == 1
    assert [(line["level"], line["message"]) for line in lines] == [("error", "can't start")]


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """A kubeconfig of an API server that isn't there."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    return tmp_path / "kubeconfig"


def test_a_taken_port_is_said(nowhere: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, lines = run("--kubeconfig", str(nowhere), "--port", str(taken.getsockname()[1]))
    assert code == 1
    assert "Address already in use" in lines[-1]["error"]


def test_without_an_api_server_it_lives_is_not_ready_and_ends_when_asked(nowhere: Path) -> None:
    arguments = ["--kubeconfig", str(nowhere), "--port", "0", "--metrics-port", "0", "--drain-seconds", "0"]
    with subprocess.Popen(
        [*COMMAND, *NEEDED, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        try:
            lines = (json.loads(line) for line in process.stdout)
            port = next(line for line in lines if line["message"] == "started")["port"]
            assert answer(port, "/healthz/live") == (200, "ok\n")
            missing = next(line for line in lines if line["message"] == "readiness")["missing"]
            assert {"cluster uuid", "public key", "root certificate", "informer services"} < set(missing)
            status, text = answer(port, "/healthz/ready")
            assert status == 503
            assert "cluster uuid" in text
            assert answer(port, "/metadata/private/federation.json")[0] == 503
            process.send_signal(signal.SIGTERM)
            assert [line["message"] for line in lines][-1] == "stopped"
            assert process.wait(10) == 0
        finally:
            process.kill()


def answer(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
