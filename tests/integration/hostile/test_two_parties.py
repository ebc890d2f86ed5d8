# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a clusterUUID and a root belong to when two neighbours claim them, over several runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.hostile import pki
from tests.integration.hostile.simulator import PUBLIC, Actor, Reply, Simulator, as_json, fingerprint
from tests.integration.hostile.stage import Reader, Seen


def hang_up(connection: Any, _simulator: Simulator) -> None:
    """Nobody is there."""
    connection.close()


@dataclass
class Two:
    """Two neighbours, each of which can be away and can say something else of itself."""

    reader: Reader
    simulator: Simulator
    one: Actor
    two: Actor

    def exchange(self, *actors: Actor, **changes: Any) -> Seen:
        """A run with both, or with those that are given."""
        return self.reader.exchange(self.simulator, actors or (self.one, self.two), **changes)

    def says(self, actor: Actor, **changes: Any) -> None:
        """A neighbour says something else of itself from now on."""

        def reply() -> Reply:
            return as_json(actor.public(**changes))

        self.simulator.behaving = False
        actor.replies[PUBLIC] = reply

    def away(self, actor: Actor) -> None:
        """A neighbour does not answer any more."""
        self.simulator.behaving = False
        actor.transport = hang_up


def trusted(seen: Seen) -> dict[str, list[str]]:
    found: dict[str, list[str]] = seen.trust.result["trusted"]
    return found


def codes(seen: Seen) -> set[tuple[str, str]]:
    return {(item["neighbour"], item["code"]) for item in seen.trust.result["findings"] if item["severity"] == "error"}


@pytest.fixture
def two(reader: Reader) -> Iterator[Two]:
    simulator = Simulator()
    # Each has a port of its own, so that it can be away.
    actors = [Actor(name, transport=hang_up) for name in ("one", "two")]
    simulator.add(*actors)
    yield Two(reader, simulator, *actors)
    simulator.close()
    reader.forget()


def test_two_new_ones_with_one_uuid_are_both_refused(two: Two) -> None:
    two.says(two.two, clusterUUID=two.one.uuid)
    two.one.transport = two.two.transport = None
    seen = two.exchange()
    assert trusted(seen) == {}
    assert codes(seen) == {("one", "public-ClusterUUIDMismatch"), ("two", "public-ClusterUUIDMismatch")}
    assert two.one.audiences == two.two.audiences == []


@pytest.mark.parametrize("away", [True, False], ids=["while-its-owner-is-away", "while-its-owner-answers"])
def test_who_proved_a_uuid_first_keeps_it(two: Two, away: bool) -> None:
    two.exchange(two.one)
    two.says(two.two, clusterUUID=two.one.uuid)
    two.two.transport = None
    if away:
        two.away(two.one)
    else:
        two.one.transport = None
    seen = two.exchange()
    assert trusted(seen) == {"one": [fingerprint(two.one.root)]}
    assert ("two", "public-ClusterUUIDMismatch") in codes(seen)
    assert two.two.audiences == []
    assert seen.hosts(two.one) == {"bar"}


def test_a_changed_uuid_is_refused_until_its_administrator_says_so(two: Two) -> None:
    """The remedy that is told is one: with the resource gone, it is a new neighbour."""
    two.exchange(two.one)
    two.one.transport = None
    two.says(two.one, clusterUUID="made-anew")
    two.one.seen.clear()
    seen = two.exchange(two.one)
    (finding,) = [item for item in seen.trust.result["findings"] if item["severity"] == "error"]
    assert finding["code"] == "public-ClusterUUIDMismatch"
    assert two.one.uuid in finding["message"]
    assert "made-anew" in finding["message"]
    assert "delete the resource IstioFederation one" in finding["remedy"]
    assert two.one.audiences == []
    federation = two.reader.client.kind_of({"apiVersion": "deckhouse.io/v1alpha1", "kind": "IstioFederation"})
    assert two.reader.client.delete(federation, "one")
    seen = two.exchange(two.one)
    assert codes(seen) == set()
    assert set(two.one.audiences) == {"made-anew"}


def test_two_new_ones_with_one_root_are_both_refused(two: Two) -> None:
    two.says(two.two, rootCA=two.one.root)
    two.one.transport = two.two.transport = None
    seen = two.exchange()
    assert trusted(seen) == {}
    assert codes(seen) == {("one", "public-InvalidPublicMetadata"), ("two", "public-InvalidPublicMetadata")}


@pytest.mark.parametrize("away", [True, False], ids=["while-its-owner-is-away", "while-its-owner-answers"])
def test_who_proved_a_root_first_keeps_it(two: Two, away: bool) -> None:
    two.exchange(two.one)
    two.says(two.two, rootCA=two.two.root + two.one.root)
    two.two.transport = None
    if away:
        two.away(two.one)
    else:
        two.one.transport = None
    seen = two.exchange()
    assert trusted(seen) == {"one": [fingerprint(two.one.root)]}
    assert ("two", "public-InvalidPublicMetadata") in codes(seen)
    assert two.two.audiences == []


def test_who_claimed_a_root_before_its_owner_came_loses_it(two: Two) -> None:
    """Two is believed with the root of one, which joins later, and whose API speaks for it."""
    two.says(two.two, rootCA=two.one.root)
    two.one.transport = two.two.transport = None
    assert trusted(two.exchange(two.two)) == {"two": [fingerprint(two.one.root)]}
    two.one.vouched = "api"
    two.two.seen.clear()
    seen = two.exchange()
    assert trusted(seen) == {"one": [fingerprint(two.one.root)]}
    assert codes(seen) == {("two", "public-InvalidPublicMetadata")}
    assert two.two.audiences == []


def test_who_was_believed_with_the_reader_s_root_is_no_more(two: Two) -> None:
    """As when the cluster got its root later than its neighbour was believed with it."""
    stolen = pki.authority("stolen").certificate
    two.says(two.one, rootCA=stolen)
    two.one.transport = None
    assert trusted(two.exchange(two.one)) == {"one": [fingerprint(stolen)]}
    own = two.reader.authority
    two.reader.show_root(own.certificate + stolen)
    try:
        two.one.seen.clear()
        seen = two.exchange(two.one)
        assert trusted(seen) == {}
        (finding,) = [item for item in seen.trust.result["findings"] if item["severity"] == "error"]
        assert "this cluster's own" in finding["message"]
        assert two.one.audiences == []
        assert stolen not in seen.data("ConfigMap", "istio-federation")["mesh"].replace("\\n", "\n")
    finally:
        two.reader.show_root(own.certificate)


def test_a_member_s_two_paths_contradict_each_other(two: Two) -> None:
    """Its API and its exporter: the difference names both fingerprints, and costs that member alone."""
    two.one.vouched = two.two.vouched = "api"
    other = pki.authority("other").certificate
    two.says(two.one, rootCA=other)
    two.one.transport = two.two.transport = None
    seen = two.exchange()
    assert trusted(seen) == {"two": [fingerprint(two.two.root)]}
    (finding,) = [item for item in seen.trust.result["findings"] if item["severity"] == "error"]
    assert finding["neighbour"] == "one"
    assert fingerprint(other) in finding["message"]
    assert fingerprint(two.one.root) in finding["message"]
    assert (seen.hosts(two.one), seen.hosts(two.two)) == (set(), {"bar"})


def test_tls_verification_is_on_unless_it_is_switched_off_by_name(two: Two) -> None:
    two.one.transport = two.two.transport = None
    stranger = pki.authority("a CA that signed nothing").certificate
    seen = two.exchange(metadata_ca=stranger)
    assert trusted(seen) == {}
    assert codes(seen) == {("one", "public-FetchFailed"), ("two", "public-FetchFailed")}
    seen = two.exchange(metadata_ca=stranger, metadata_insecure=True)
    assert set(trusted(seen)) == {"one", "two"}
    for _run in range(2):
        # Also when nothing changes.
        warned = {item["neighbour"] for item in seen.trust.result["findings"] if item["code"] == "insecure-endpoint"}
        assert warned == {"one", "two"}
        seen = two.exchange(metadata_ca=stranger, metadata_insecure=True)
        assert (seen.trust.result["changed"], seen.imports.result["changed"]) == (False, False)
