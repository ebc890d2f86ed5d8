# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs of the playbook at once, as two AWX jobs would: the end is right each time, and no import flaps.

ALLIANCE_TWO_RUNS is how many times (2, 20 in `make long`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

from .alliance import NAMESPACE, A, Alliance, B
from .test_02_publishing import HOST, until
from tests.demo.calls import call_until

ROUNDS = int(os.environ.get("ALLIANCE_TWO_RUNS", "2"))
IMPORTS = ("serviceentries", "destinationrules")


def imports_written(alliance: Alliance, base: int) -> Counter[tuple[str, str, str]]:
    """How often each import of cluster-a was written since so many requests: verb, resource, name."""
    references = [(event["verb"], event["objectRef"]) for event in alliance.audit(A)[base:]]
    return Counter((verb, ref["resource"], ref["name"]) for verb, ref in references if ref["resource"] in IMPORTS)


def test_both_end_well_and_each_import_is_written_once(alliance: Alliance, figures: Callable[[str], None]) -> None:
    """In each round a service of cluster-b is published or withdrawn, so that both runs find something to write."""
    waited = 0
    for number in range(ROUNDS):
        published = number % 2 == 0
        alliance.publish(B, "foo", public=published)
        until(lambda published=published: is_open(alliance) is published, "the exporter has seen the label")  # type: ignore[misc]
        base = len(alliance.audit(A))
        with alliance.started() as one, alliance.started() as other:
            assert (one.wait(), other.wait()) == (0, 0)
        written = imports_written(alliance, base)
        assert {(resource, name) for _verb, resource, name in written} == {(resource, HOST) for resource in IMPORTS}
        assert {verb for verb, _resource, _name in written} == {"patch" if published else "delete"}
        assert set(written.values()) == {1}, written
        found = {item["metadata"]["name"] for item in alliance.get(A, "serviceentries", "-A")["items"]}
        assert (HOST in found) is published
        assert f"bar.xyz.svc.{B}.local" in found
        waited += sum(event["objectRef"]["resource"] == "leases" for event in alliance.audit(A)[base:])
    figures(f"{ROUNDS} times two runs at once; the Lease of {A} was written {waited} times")
    alliance.publish(B, "foo", public=False)
    alliance.converge()
    before = alliance.writes()
    assert alliance.converge().status == 0
    assert alliance.writes() == before
    assert call_until(alliance.lab, A, "foo", f"http://bar.xyz.svc.{B}.local/")["cluster"] == B


def is_open(alliance: Alliance) -> bool:
    """Whether cluster-b's gateway lists the service: from then on its document does, too."""
    gateway = alliance.get(B, "gateways.networking.istio.io", "-n", NAMESPACE, "alliance-published")
    return HOST in gateway["spec"]["servers"][0]["hosts"]
