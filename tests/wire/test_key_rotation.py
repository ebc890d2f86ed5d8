# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key pair is rotated while fetches go on, without a pause after which one could be tried again: none fails.

Ours, towards simulated platforms, which learn of keys late; and a neighbour's, towards our exporter.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_change import key_change_end
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import KeyPair, generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity, read_identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.services import fetch_federation
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import read_secret
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import MetadataClient, NeighbourError

from tests.integration.neighbour import Neighbour
from tests.integration.test_exporter import DOMAIN, OURS, until
from tests.wire.ours import ROOT_NAMESPACE, Ours, Peer

SECRET = "alliance-authn-keypair"


class Fetches:
    """Fetches from everybody, one after another, until it is stopped."""

    def __init__(self, who: Callable[[], Identity], servers: Mapping[str, tuple[MetadataClient, str]]) -> None:
        self.who, self.servers = who, servers
        self.done = 0
        self.failures: list[str] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stopped.is_set():
            for name, (client, domain) in self.servers.items():
                try:
                    fetch(client, domain, self.who())
                except AllianceError as error:
                    self.failures.append(f"{name}: {error}")
                self.done += 1

    @contextmanager
    def going_on(self) -> Iterator[Fetches]:
        """They go on meanwhile; none fails, and none is left."""
        self._thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            self._thread.join(30)
        assert self.failures == []

    def more(self) -> None:
        """Wait until everybody was asked a few times more, and see that nothing failed."""
        seen = self.done
        until(lambda: self.done >= seen + 3 * len(self.servers), 60, "fetches go on")
        assert self.failures == []


def fetch(client: MetadataClient, domain: str, identity: Identity) -> None:
    """One fetch as the module makes it, without a second chance."""
    fetch_federation(client, domain, client.public()[0], identity, pauses=())


def refused(client: MetadataClient, domain: str, identity: Identity) -> bool:
    """Whether a token of this identity is refused."""
    try:
        fetch(client, domain, identity)
    except NeighbourError as error:
        assert error.status == 401, error
        return True
    return False


def server(peer: Peer) -> tuple[MetadataClient, str]:
    return MetadataClient(peer.simulator.endpoint, ca=peer.simulator.ca.certificate), peer.domain


def test_our_key_is_rotated_towards_platforms(ours: Ours, exchanged: tuple[Peer, Peer]) -> None:
    """They ask for keys once a minute, and their exporters see them later still."""
    dkp, partner = exchanged
    client = ours.cluster.client

    def who() -> Identity:
        found = read_identity(client, OURS)
        assert found is not None
        return found

    old, before = who(), told_by(ours).authn_key_pub
    servers = {peer.name: server(peer) for peer in exchanged}
    with Fetches(who, servers).going_on() as fetches:
        fetches.more()
        done = ours.run("authn_keypair", namespace=OURS, regenerate="always", overlap="1h")
        assert done.result["action"] == "rotated"
        new = replace(who(), previous_key="")
        # Nobody knows the new key, and our exporter does not tell it yet.
        for name, place in servers.items():
            assert (refused(*place, new), refused(*place, old)) == (True, False), name
        fetches.more()
        ours.exporter.change_file.write_text(secret(ours, SECRET)["key-change.jwt"])
        ours.exporter.key_file.write_text(done.result["public_key"])
        until(lambda: told_by(ours).authn_key_pub == done.result["public_key"], 60, "our exporter tells the new key")
        # Who has only our exporter to go by learns from the key of before that it is ours.
        told = told_by(ours)
        known = {"subject": ours.cluster.uuid, "before": before, "after": told.authn_key_pub}
        assert key_change_end(told.key_change, **known, now=time.time())
        fetches.more()
        dkp.simulator.mounted.delay = 1.0
        try:
            for peer in exchanged:
                peer.simulator.step()
            fetches.more()
            for name, place in servers.items():
                until(lambda place=place: not refused(*place, new), 10, f"{name} knows the new key")  # type: ignore[misc]
        finally:
            dkp.simulator.mounted.delay = 0.0
        fetches.more()
        ended = {"meshalliance.istio/previous-key-until": rfc3339(time.time() - 1)}
        metadata = {"name": SECRET, "namespace": OURS, "annotations": ended}
        client.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata}, field_manager="time")
        fetches.more()
        assert ours.run("authn_keypair", namespace=OURS).result["action"] == "retired"
        assert set(secret(ours, SECRET)) == {"pub.pem", "priv.pem"}
        ours.exporter.change_file.unlink()
        fetches.more()
    assert {name: refused(*place, old) for name, place in servers.items()} == {dkp.name: True, partner.name: True}
    # And the two-path proof of both sides holds.
    assert ours.trust(*exchanged).findings == {}
    assert ours.entries(*exchanged).findings == {}


def told_by(ours: Ours) -> PublicMetadata:
    return MetadataClient(ours.front.endpoint, ca=ours.front.ca).public()[0]


def secret(ours: Ours, name: str) -> dict[str, str]:
    """The texts of one of our Secrets."""
    return read_secret(ours.cluster.client, OURS, name)


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    made = Neighbour("rotating")
    made.start()
    yield made
    made.stop()


def test_a_neighbours_key_is_rotated_towards_our_exporter(
    ours: Ours, exchanged: tuple[Peer, Peer], neighbour: Neighbour
) -> None:
    """Its exporter may tell the new key before or after its API does, and we may learn of it late."""
    old, new = neighbour.keys, generate_key_pair()
    identity = Identity(neighbour.uuid, old.private_pem)
    place = (MetadataClient(ours.front.endpoint, ca=ours.front.ca), DOMAIN)

    def trust(**state: Any) -> bool:
        """Whether something was written; there is nothing to complain of."""
        option = [*(peer.option() for peer in exchanged), neighbour.option(state=neighbour.state(**state))]
        done = ours.run("trust_anchors", neighbours=option, namespace=OURS, root_namespace=ROOT_NAMESPACE)
        assert done.findings == {}
        return bool(done.writes)

    def signed_by(pair: KeyPair) -> Identity:
        return Identity(neighbour.uuid, pair.private_pem)

    try:
        trust()
        until(lambda: not refused(*place, identity), 60, "it is let in")
        with Fetches(lambda: identity, {"ours": place}).going_on() as fetches:
            fetches.more()
            # It has a new pair; its API tells both, its exporter still the old one. One path alone is no proof.
            later = time.time() + 3600
            identity = Identity(neighbour.uuid, new.private_pem, old.private_pem, later, time.time())
            api = {"authn_key_pub": new.public_pem, "previous_authn_key_pub": old.public_pem}
            until_later = {**api, "previous_authn_key_until": rfc3339(later)}
            assert not trust(**until_later)
            assert refused(*place, signed_by(new))
            fetches.more()
            # Its exporter tells the new one, and no run has come by.
            neighbour.keys = new
            fetches.more()
            assert trust(**until_later)
            until(lambda: not refused(*place, signed_by(new)), 60, "the new key is known")
            assert not refused(*place, signed_by(old))
            assert not trust(**until_later)
            # A replica that is behind changes nothing.
            neighbour.keys = old
            entry = told_to_exporter(ours)[neighbour.uuid]
            trust(**until_later)
            assert told_to_exporter(ours)[neighbour.uuid] == entry
            neighbour.keys = new
            # The old one ends without a run.
            end = time.time() + 15
            trust(**api, previous_authn_key_until=rfc3339(end))
            assert told_to_exporter(ours)[neighbour.uuid]["previousAuthnKeyUntil"] == rfc3339(end)
            until(lambda: refused(*place, signed_by(old)), 60, "the old key has ended")
            assert time.time() >= int(end)
            fetches.more()
            assert trust(authn_key_pub=new.public_pem)
            assert not trust(authn_key_pub=new.public_pem)
            fetches.more()
        assert "previousAuthnKeyPub" not in told_to_exporter(ours)[neighbour.uuid]
        assert PublicMetadata.from_dict(told_to_exporter(ours)[neighbour.uuid]).authn_key_pub == new.public_pem
    finally:
        assert ours.trust(*exchanged).findings == {}


def told_to_exporter(ours: Ours) -> dict[str, Any]:
    """Whose keys our exporter was told."""
    told: dict[str, Any] = json.loads(secret(ours, "alliance-remote-public-metadata")["remote-public-metadata.json"])
    return told
