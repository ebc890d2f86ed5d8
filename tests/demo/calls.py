# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls from a pod of the sample workload, through its sidecar."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.lab.lab import Lab

NAMESPACE = "xyz"
# Proxies take up new roots and hosts a moment after they were written.
PATIENCE_SECONDS = 90


def curl(lab: Lab, cluster: str, deployment: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run curl in a pod of a deployment; what came of it."""
    inside = [
        "exec",
        "-n",
        NAMESPACE,
        f"deployment/{deployment}",
        "-c",
        "app",
        "--",
        "curl",
        "-sS",
        "-m",
        "5",
        *arguments,
    ]
    return subprocess.run(lab.kubectl(cluster, inside), capture_output=True, text=True, check=False, timeout=60)


def call_until(lab: Lab, cluster: str, deployment: str, url: str) -> dict[str, Any]:
    """The JSON that a service answers, asked for until it does. Raises RuntimeError with the last reason."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        done = curl(lab, cluster, deployment, "--fail-with-body", url)
        if done.returncode == 0:
            answer: dict[str, Any] = json.loads(done.stdout)
            return answer
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"{deployment} in {cluster} can't call {url}: {done.stderr.strip()} {done.stdout.strip()}"
            )
        time.sleep(1)


def answers(lab: Lab, cluster: str, deployment: str, url: str, count: int) -> Counter[str]:
    """How many of so many calls, each with a connection of its own, which cluster answered; "none" for no answer."""
    each = f"curl -sS -m 5 --fail {url} || echo none"
    inside = ["exec", "-n", NAMESPACE, f"deployment/{deployment}", "-c", "app", "--"]
    loop = ["sh", "-c", f"for number in $(seq {count}); do {each}; done"]
    done = subprocess.run(
        lab.kubectl(cluster, [*inside, *loop]), capture_output=True, text=True, check=False, timeout=30 + 6 * count
    )
    if done.returncode != 0:
        raise RuntimeError(f"{deployment} in {cluster} can't run curl: {done.stderr.strip()}")
    return Counter("none" if line == "none" else json.loads(line)["cluster"] for line in done.stdout.splitlines())


def answers_until(
    lab: Lab, cluster: str, deployment: str, url: str, count: int, accepted: Callable[[Counter[str]], bool]
) -> Counter[str]:
    """The first counts that are accepted. Raises RuntimeError with the last ones when there are none in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = answers(lab, cluster, deployment, url, count)
        if accepted(found):
            return found
        if time.monotonic() > deadline:
            raise RuntimeError(f"{deployment} in {cluster} calls {url}, and these answer: {dict(found)}")
        time.sleep(1)
