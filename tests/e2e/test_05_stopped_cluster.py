# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that is switched off is reported, and costs the others nothing."""

from __future__ import annotations

from typing import Any

from .alliance import NAMESPACE, A, Alliance, B
from tests.demo.calls import call_until


def _versions(alliance: Alliance) -> dict[str, Any]:
    """The resource versions of everything that cluster-a has of its neighbour."""
    found = alliance.get(A, "serviceentries,destinationrules,secrets", "-n", NAMESPACE)["items"]
    found.append(alliance.get(A, "configmap", "-n", "istio-system", "istio-federation"))
    return {f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"] for item in found}


def test_the_others_go_on(alliance: Alliance) -> None:
    before = _versions(alliance)
    alliance.lab.stop([B])
    try:
        run = alliance.run()
        assert run.status != 0
        assert run.recap["failures"] == {B: 1}
        assert run.recap["ok"][A] > run.recap["ok"].get(B, 0)
        assert f"ERROR {B}: its API could not be read in this run" in run.output
        assert f"ERROR {A} (neighbour {B})" in run.output
        assert _versions(alliance) == before
        resource = alliance.get(A, "istiofederation", B)
        conditions = {item["type"]: item for item in resource["status"]["conditions"]}
        assert conditions["PublicMetadataExchangeReady"]["status"] == "False"
        assert resource["status"]["metadataCache"]["private"]["publicServices"]
    finally:
        alliance.lab.start([B])


def test_the_next_run_completes(alliance: Alliance) -> None:
    alliance.converge()
    resource = alliance.get(A, "istiofederation", B)
    assert {item["status"] for item in resource["status"]["conditions"]} == {"True"}
    assert call_until(alliance.lab, A, "foo", f"http://bar.xyz.svc.{B}.local/")["cluster"] == B
    before = alliance.writes()
    assert alliance.run().status == 0
    assert alliance.writes() == before
