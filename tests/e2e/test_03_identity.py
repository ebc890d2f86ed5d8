# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A neighbour's CA speaks for its own trust domain only: as client and as server, in both directions."""

from __future__ import annotations

from pathlib import Path

import pytest

from .alliance import A, Alliance, B
from .certificates import signed_by
from .test_02_publishing import until
from .tls import call_gateway, node_address, serving
from tests.demo.calls import call_until, curl

EDGES = [pytest.param(A, "foo", B, id="cluster-b-at-cluster-a"), pytest.param(B, "bar", A, id="cluster-a-at-cluster-b")]
STRANGER = "cluster-c"


@pytest.mark.parametrize(("home", "service", "signer"), EDGES)
def test_client_with_the_signers_own_domain_is_accepted(
    alliance: Alliance, tmp_path: Path, home: str, service: str, signer: str
) -> None:
    files = signed_by(alliance, signer, f"spiffe://{signer}.local/ns/xyz/sa/anybody", tmp_path)
    assert call_gateway(alliance, home, f"{service}.xyz.svc.{home}.local", files) == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("forged", ["home", STRANGER])
@pytest.mark.parametrize(("home", "service", "signer"), EDGES)
def test_client_with_another_domain_is_refused(
    alliance: Alliance, tmp_path: Path, home: str, service: str, signer: str, forged: str
) -> None:
    domain = home if forged == "home" else forged
    files = signed_by(alliance, signer, f"spiffe://{domain}.local/ns/xyz/sa/{service}", tmp_path)
    assert call_gateway(alliance, home, f"{service}.xyz.svc.{home}.local", files).startswith("refused")


def _played(alliance: Alliance, home: str, signer: str, name: str, port: int) -> str:
    """A host of the signer's domain that the server under test plays."""
    host = f"{name}.xyz.svc.{signer}.local"
    gateway = str(node_address(alliance, home)).rsplit(".", 1)[0] + ".1"
    metadata = {"name": name, "namespace": "xyz"}
    entry = {
        "hosts": [host],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "ports": [{"name": "http", "number": 80, "protocol": "HTTP"}],
        "endpoints": [{"address": gateway, "ports": {"http": port}}],
    }
    rule = {"host": host, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}
    version = "networking.istio.io/v1"
    alliance.apply(
        home,
        {"apiVersion": version, "kind": "ServiceEntry", "metadata": metadata, "spec": entry},
        {"apiVersion": version, "kind": "DestinationRule", "metadata": metadata, "spec": rule},
    )
    return host


@pytest.mark.parametrize(("home", "service", "signer"), EDGES)
def test_server_must_be_of_the_signers_domain(
    alliance: Alliance, tmp_path: Path, home: str, service: str, signer: str
) -> None:
    bridge = str(node_address(alliance, home)).rsplit(".", 1)[0] + ".1"
    honest, forged = tmp_path / "honest", tmp_path / "forged"
    for folder in (honest, forged):
        folder.mkdir()
    good = signed_by(alliance, signer, f"spiffe://{signer}.local/ns/xyz/sa/played", honest)
    bad = signed_by(alliance, signer, f"spiffe://{home}.local/ns/xyz/sa/played", forged)
    try:
        with serving(bridge, good) as good_port, serving(bridge, bad) as bad_port:
            honest_host = _played(alliance, home, signer, "honest", good_port)
            forged_host = _played(alliance, home, signer, "forged", bad_port)
            until(
                lambda: curl(alliance.lab, home, service, f"http://{honest_host}/").stdout == "played", "the honest one"
            )
            answer = curl(alliance.lab, home, service, "-w", "%{http_code}", f"http://{forged_host}/").stdout
            assert "played" not in answer
            assert "CERTIFICATE_VERIFY_FAILED" in answer
            assert answer.endswith("503")
    finally:
        for name in ("honest", "forged"):
            alliance.kubectl(
                home, "delete", "-n", "xyz", f"serviceentry/{name}", f"destinationrule/{name}", check=False
            )


def test_the_alliance_still_works(alliance: Alliance) -> None:
    assert call_until(alliance.lab, A, "foo", f"http://bar.xyz.svc.{B}.local/")["cluster"] == B
