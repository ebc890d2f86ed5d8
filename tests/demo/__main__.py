# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.demo`: one run of federate.yml, then a call each way and what the callee saw of the caller."""

from __future__ import annotations

import sys

from .calls import call_until
from .playbook import run_playbook
from tests.lab.lab import Lab
from tests.lab.progress import say, step
from tests.lab.workload import published

DIRECTIONS = (("cluster-a", "cluster-b"), ("cluster-b", "cluster-a"))


def main() -> int:
    """Federate and call; the exit status."""
    lab = Lab()
    say("ansible-playbook -i .lab/inventory.yml playbooks/federate.yml")
    done = run_playbook("federate.yml", lab.layout.folder / "inventory.yml")
    if done.returncode != 0:
        return done.returncode
    for caller, callee in DIRECTIONS:
        url = f"http://{published(callee)}.xyz.svc.{callee}.local/"
        with step(f"{published(caller)} in {caller} calls {url}"):
            answer = call_until(lab, caller, published(caller), url)
        print(f"    answered by {answer['service']} in {answer['cluster']}; it saw the caller as")
        print(f"    {answer['client']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
