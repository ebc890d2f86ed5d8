# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our exporter, as a consumer of the platform meets it: what it must find there, and what it keeps when we fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deckhouse import facts, keys, pem
from tests.deckhouse.cluster import DeckhouseCluster
from tests.deckhouse.probe import Probe
from tests.integration.test_exporter import DOMAIN, OURS, host, manifest, until
from tests.wire.ours import GATEWAY_IP, Ours, Peer, clock

Object = dict[str, Any]

NAME = "cluster-a"


@pytest.fixture
def platform(ours: Ours, exchanged: tuple[Peer, Peer]) -> Iterator[DeckhouseCluster]:
    """The simulated cluster, which has imported from us. What a test breaks is whole again after it."""
    simulator = exchanged[0].simulator
    assert isinstance(simulator, DeckhouseCluster)
    until(lambda: reason(step(simulator), "Private") == "Succeeded", 60, "it has learnt from us")
    yield simulator
    simulator.exporter.now = time.time
    simulator.probe = None
    ours.front.upstream = ours.exporter.port
    simulator.kube.apply([ours.federation()])
    simulator.consume()


def step(simulator: DeckhouseCluster) -> DeckhouseCluster:
    simulator.consume()
    return simulator


def status(simulator: DeckhouseCluster, name: str = NAME) -> Object:
    found = simulator.kube.get("IstioFederation", name)
    assert found is not None
    return dict(found.get("status") or {})


def reason(simulator: DeckhouseCluster, which: str) -> str | None:
    """The reason of a condition: Public, Private, or the data plane's."""
    names = {"Public": "PublicMetadataExchangeReady", "Private": "PrivateMetadataExchangeReady"}
    found = {item["type"]: item for item in status(simulator)["conditions"]}
    return (found.get(names.get(which, which)) or {}).get("reason")


def imported(simulator: DeckhouseCluster) -> dict[str, Object]:
    found = simulator.kube.list("ServiceEntry", facts.NAMESPACE)
    assert len(found) == len(simulator.kube.list("DestinationRule", facts.NAMESPACE))
    return {item["spec"]["hosts"][0]: item["spec"] for item in found}


def test_it_learns_who_we_are(ours: Ours, platform: DeckhouseCluster) -> None:
    cache = status(platform)["metadataCache"]
    assert (reason(platform, "Public"), reason(platform, "Private")) == ("Succeeded", "Succeeded")
    assert cache["public"]["clusterUUID"] == ours.cluster.uuid
    remote = platform.peers()[ours.cluster.uuid]
    assert remote == cache["public"]
    # Its API proxy refuses a key with a single byte behind the PEM block, or with another label.
    block = pem.first_block(remote["authnKeyPub"])
    assert block is not None
    assert (block.label, block.rest) == (keys.PUBLIC_LABEL, "")
    assert keys.public_key(remote["authnKeyPub"]) is not None


def test_it_trusts_our_root(ours: Ours, platform: DeckhouseCluster) -> None:
    mesh = yaml.safe_load(platform.kube.text("ConfigMap", "istio-v1x25", "mesh"))
    assert mesh["trustDomain"] == "cluster-c.local"
    assert mesh["caCertificates"] == [{"pem": ours.cluster.root, "trustDomains": [DOMAIN]}]


def test_it_can_call_what_we_publish(platform: DeckhouseCluster) -> None:
    spec = imported(platform)[host("foo")]
    assert spec["resolution"] == "STATIC"
    assert spec["ports"] == [{"name": "http", "number": 80, "protocol": "HTTP"}]
    assert spec["endpoints"] == [{"address": GATEWAY_IP, "ports": {"http": 15443}}]


def test_it_follows_what_we_publish(ours: Ours, platform: DeckhouseCluster) -> None:
    """Also down to nothing: publicServices is an empty list then, never null."""
    ours.cluster.label("bar", on=True)
    until(lambda: set(imported(step(platform))) == {host("foo"), host("bar")}, 60, "bar is imported")
    for name in ("foo", "bar"):
        ours.cluster.label(name, on=False)
    try:
        until(lambda: imported(step(platform)) == {}, 60, "nothing is imported")
        assert reason(platform, "Private") == "Succeeded"
    finally:
        ours.cluster.label("foo", on=True)
    until(lambda: set(imported(step(platform))) == {host("foo")}, 60, "foo is imported again")


def test_a_gateway_without_address_evicts_nothing(ours: Ours, platform: DeckhouseCluster) -> None:
    """An empty list would make it drop all that is ours: we say null, and it keeps what it has."""
    before = imported(platform)
    ours.cluster.set_address(None)
    try:
        until(lambda: reason(step(platform), "Private") == "InvalidPrivateMetadata", 60, "we tell no gateway")
        assert before
        assert imported(platform) == before
    finally:
        ours.cluster.set_address(GATEWAY_IP)
    until(lambda: reason(step(platform), "Private") == "Succeeded", 60, "we tell it again")


def test_it_keeps_what_it_has_while_we_are_away(ours: Ours, platform: DeckhouseCluster) -> None:
    before, cache = imported(platform), status(platform)["metadataCache"]
    ours.front.upstream = 1  # nothing listens there
    step(platform)
    assert reason(platform, "Public") == "NonOKResponse"
    assert (imported(platform), status(platform)["metadataCache"]) == (before, cache)


def test_whom_we_do_not_know_is_refused(ours: Ours, platform: DeckhouseCluster, partner: Peer) -> None:
    before = imported(platform)
    ours.trust(partner)
    until(lambda: reason(step(platform), "Private") == "NonOKResponse", 60, "it is not let in any more")
    (condition,) = [item for item in status(platform)["conditions"] if item["reason"] == "NonOKResponse"]
    assert "401 Authentication error: token refused" in condition["message"]
    assert imported(platform) == before


@pytest.mark.parametrize(("offset", "expected"), [(-25, "Succeeded"), (25, "Succeeded"), (-90, "NonOKResponse")])
def test_its_clock(offset: int, expected: str, platform: DeckhouseCluster) -> None:
    """A little off is no trouble; tokens that were expired when they were made are refused."""
    platform.exporter.now = clock(offset)
    assert reason(step(platform), "Private") == expected


def test_our_certificate_needs_our_ca(ours: Ours, platform: DeckhouseCluster) -> None:
    without = ours.federation()
    del without["spec"]["metadata"]
    platform.kube.delete("IstioFederation", NAME)
    platform.kube.apply([without])
    assert reason(step(platform), "Public") == "FetchFailed"
    assert reason(platform, "Private") == "AwaitingPublic"


def test_a_cluster_that_lists_itself_is_left_out(platform: DeckhouseCluster) -> None:
    spec = {"trustDomain": platform.setup.domain, "metadataEndpoint": platform.endpoint}
    platform.kube.apply([manifest("deckhouse.io/v1alpha1", "IstioFederation", "self", spec=spec)])
    try:
        seen = len(platform.exporter.requests)
        step(platform)
        assert status(platform, "self") == {}
        assert len(platform.exporter.requests) == seen
    finally:
        platform.kube.delete("IstioFederation", "self")


def test_its_probe_of_the_data_plane_is_answered(ours: Ours, platform: DeckhouseCluster) -> None:
    """By both names. A neighbour without that service makes newer versions raise an alert."""
    platform.probe = Probe(platform.uuid(), lambda _host: ("127.0.0.1", ours.exporter.port))
    assert reason(step(platform), "DataplaneConnectionReady") == "ProbeFailed"
    names = [f"{OURS}/{facts.HEALTHCHECK}", f"{OURS}/{facts.HEALTHCHECK}-{ours.cluster.uuid}"]
    for name in names:
        spec = {"ports": [{"name": "http", "port": facts.HEALTHCHECK_PORT, "targetPort": 8080}]}
        ours.cluster.apply(manifest("v1", "Service", name.partition("/")[2], OURS, spec=spec))
    ours.run("published_services", services=names)
    hosts = {f"{name.partition('/')[2]}.{OURS}.svc.{DOMAIN}" for name in names}
    try:
        until(lambda: hosts < set(imported(step(platform))), 60, "both names are imported")
        assert reason(platform, "DataplaneConnectionReady") == "Succeeded"
    finally:
        ours.run("published_services", services=[])
