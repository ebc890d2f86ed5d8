# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.demo.multicluster`: one run of multicluster.yml, then which cluster answers calls of `bar`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable

from .calls import answers_until
from .locality import preferring_near, without_pods
from .playbook import run_playbook
from tests.lab.lab import Lab
from tests.lab.progress import say, step

CLUSTERS = ("cluster-d", "cluster-e")
CALLS = 40
URL = "http://bar.xyz.svc.mesh.local/"


def _exactly(*names: str) -> Callable[[Counter[str]], bool]:
    return lambda found: set(found) == set(names)


def _shown(lab: Lab, cluster: str, *expected: str) -> None:
    with step(f"foo in {cluster} calls {URL} {CALLS} times"):
        found = answers_until(lab, cluster, "foo", URL, CALLS, _exactly(*expected))
    print("    answered by " + ", ".join(f"{name}: {found[name]}" for name in CLUSTERS))


def main() -> int:
    """Join and call; the exit status."""
    lab = Lab()
    say("ansible-playbook -i .lab/inventory.yml playbooks/multicluster.yml")
    done = run_playbook("multicluster.yml", lab.layout.folder / "inventory.yml")
    if done.returncode != 0:
        return done.returncode
    say("one service, pods in both clusters")
    for cluster in CLUSTERS:
        _shown(lab, cluster, *CLUSTERS)
    for near, far in zip(CLUSTERS, reversed(CLUSTERS), strict=True):
        say(f"bar has no pods in {near}")
        with without_pods(lab, near, "bar"):
            _shown(lab, near, far)
    say("a DestinationRule prefers what is near (outlierDetection, localityLbSetting)")
    with preferring_near(lab, CLUSTERS, URL.split("/")[2]):
        for near in CLUSTERS:
            _shown(lab, near, near)
        say(f"and bar has no pods in {CLUSTERS[0]}")
        with without_pods(lab, CLUSTERS[0], "bar"):
            _shown(lab, CLUSTERS[0], CLUSTERS[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
