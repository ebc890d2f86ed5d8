# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that is switched off is reported, and costs the others nothing."""

from __future__ import annotations

from typing import Any

import pytest
import urllib3

from .alliance import NAMESPACE, A, Alliance, B
from .test_02_publishing import until
from tests.demo.calls import call_until

# So many answers in a row, 0.3 s apart, from whichever replica.
STEADY = 20
# Also the first host of the inventory, for which steps that run once are chosen.
STOPPED = [pytest.param(B, A, id=B), pytest.param(A, B, id=A)]


def _versions(alliance: Alliance, cluster: str) -> dict[str, Any]:
    """The resource versions of everything that a cluster has of its neighbour."""
    found = alliance.get(cluster, "serviceentries,destinationrules,secrets", "-n", NAMESPACE)["items"]
    found.append(alliance.get(cluster, "configmap", "-n", "istio-system", "istio-federation"))
    return {f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"] for item in found}


def await_exporter(endpoint: str, started: str) -> None:
    """Wait until a cluster's exporter answers again: after a power cut its API tells for a while what was before."""
    pool = urllib3.PoolManager(cert_reqs="CERT_NONE")
    answers = 0

    def answers_steadily() -> bool:
        nonlocal answers
        try:
            answer = pool.request("GET", f"{endpoint}public/public.json", retries=False, timeout=3)
            answers = answers + 1 if answer.status == 200 else 0
        except urllib3.exceptions.HTTPError:
            answers = 0
        return answers >= STEADY

    until(answers_steadily, f"the exporter of {started} answers")


@pytest.mark.parametrize(("stopped", "running"), STOPPED)
def test_the_others_go_on(alliance: Alliance, stopped: str, running: str) -> None:
    alliance.converge()
    before = _versions(alliance, running)
    endpoint = alliance.get(running, "istiofederation", stopped)["spec"]["metadataEndpoint"]
    alliance.lab.stop([stopped])
    try:
        run = alliance.run()
        assert run.status != 0
        assert run.recap["failures"] == {stopped: 1}
        assert run.recap["ok"][running] > run.recap["ok"].get(stopped, 0)
        assert f"ERROR {stopped}: its API could not be read in this run" in run.output
        assert f"ERROR {running} (neighbour {stopped})" in run.output
        assert _versions(alliance, running) == before
        resource = alliance.get(running, "istiofederation", stopped)
        conditions = {item["type"]: item for item in resource["status"]["conditions"]}
        assert conditions["PublicMetadataExchangeReady"]["status"] == "False"
        assert resource["status"]["metadataCache"]["private"]["publicServices"]
    finally:
        alliance.lab.start([stopped])
        await_exporter(endpoint, stopped)


def test_the_next_run_completes(alliance: Alliance) -> None:
    alliance.converge()
    for cluster, neighbour in ((A, B), (B, A)):
        resource = alliance.get(cluster, "istiofederation", neighbour)
        assert {item["status"] for item in resource["status"]["conditions"]} == {"True"}
    assert call_until(alliance.lab, A, "foo", f"http://bar.xyz.svc.{B}.local/")["cluster"] == B
    assert call_until(alliance.lab, B, "bar", f"http://foo.xyz.svc.{A}.local/")["cluster"] == A
    before = alliance.writes()
    assert alliance.run().status == 0
    assert alliance.writes() == before
