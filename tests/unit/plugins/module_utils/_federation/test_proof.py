# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is believed, who not, and whether the message names both sides."""

from __future__ import annotations

import datetime
import time
from dataclasses import replace
from functools import cache

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_change import sign_key_change
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proof import (
    ProofError,
    clock_finding,
    contested,
    prove,
    public_from_state,
    rotation_finding,
    uuid_owners,
)

OWN = "uuid-own"


@cache
def root(name: str) -> str:
    return make_ca(name, datetime.datetime.now(datetime.timezone.utc)).certificate


@cache
def key(name: str) -> str:
    assert name
    return generate_key_pair().public_pem


def document(uuid: str = "uuid-b", root_name: str = "b", key_name: str = "b", domain: str | None = "b.local"):
    return PublicMetadata.create(uuid, key(key_name), root(root_name), domain)


def neighbour(**changes) -> Neighbour:
    state = ClusterState(name="b", uuid="uuid-b", trust_domain="b.local", roots=root("b"), authn_key_pub=key("b"))
    return replace(Neighbour("b", trust_domain="b.local", endpoint="https://b/", state=state), **changes)


def refused(told: PublicMetadata, who: Neighbour, remembered: PublicMetadata | None = None) -> ProofError:
    with pytest.raises(ProofError) as caught:
        prove(told, who, remembered, OWN)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("who", "remembered"),
    [
        (neighbour(), None),
        (neighbour(), document(root_name="old", key_name="old")),  # a rotation that its API confirms
        (neighbour(state=None), document()),
        (neighbour(state=None, root_fingerprints=(fingerprint(root("b")),)), None),
        (neighbour(state=None, root_fingerprints=(fingerprint(root("b")),)), document(root_name="old")),
    ],
)
def test_proved(who: Neighbour, remembered: PublicMetadata | None) -> None:
    assert prove(document(), who, remembered, OWN) == document()


def test_a_document_without_a_domain_is_the_expected_one_s() -> None:
    assert prove(document(domain=None), neighbour(), None, OWN).trust_domain is None


def test_the_cluster_itself() -> None:
    error = refused(document(uuid=OWN), neighbour())
    assert error.reason == "ConfigurationError"
    assert "lists itself" in error.message


def test_another_uuid_than_remembered() -> None:
    """Even when the API agrees with the new one."""
    error = refused(document(), neighbour(), document(uuid="uuid-old"))
    assert error.reason == "ClusterUUIDMismatch"
    assert "uuid-old" in error.message
    assert "uuid-b" in error.message
    assert "IstioFederation b" in str(error.remedy)


def test_another_uuid_than_its_api_s() -> None:
    error = refused(document(uuid="uuid-c"), neighbour())
    assert error.reason == "ClusterUUIDMismatch"
    assert "uuid-c" in error.message
    assert "uuid-b" in error.message


def test_another_domain() -> None:
    error = refused(document(domain="evil.local"), neighbour())
    assert "evil.local" in error.message
    assert "b.local" in error.message


@pytest.mark.parametrize("pinned", [(), ("other",)])
def test_another_root_than_its_api_s(pinned: tuple[str, ...]) -> None:
    pins = tuple(fingerprint(root(name)) for name in pinned)
    error = refused(document(root_name="other"), neighbour(root_fingerprints=pins))
    assert fingerprint(root("b")) in error.message
    assert fingerprint(root("other")) in error.message


def test_a_further_root_than_its_api_s() -> None:
    told = PublicMetadata.create("uuid-b", key("b"), root("b") + root("other"), "b.local")
    assert fingerprint(root("other")) in refused(told, neighbour()).message


def test_another_key_than_its_api_s() -> None:
    assert "another public key" in refused(document(key_name="other"), neighbour()).message


def test_a_key_that_its_api_still_names() -> None:
    """While it rotates, its exporter may tell either; a third one it may not, nor one that its API names no more."""
    state = neighbour().state
    assert state is not None
    rotating = neighbour(state=replace(state, authn_key_pub=key("new"), previous_authn_key_pub=key("b")))
    for name in ("b", "new"):
        assert prove(document(key_name=name), rotating, document(), OWN).authn_key_pub == key(name)
    assert "another public key" in refused(document(key_name="other"), rotating).message
    told = document(key_name="new")
    assert prove(replace(told, key_change="a.b.c"), rotating, document(), OWN) == told
    done = neighbour(state=replace(state, authn_key_pub=key("new")))
    assert "another public key" in refused(document(), done, document()).message


def test_a_root_that_is_not_pinned() -> None:
    who = neighbour(state=None, root_fingerprints=(fingerprint(root("pinned")),))
    error = refused(document(), who)
    assert fingerprint(root("pinned")) in error.message
    assert fingerprint(root("b")) in error.message


def test_never_proved_and_not_readable() -> None:
    assert "never proved" in refused(document(), neighbour(state=None)).message


@pytest.mark.parametrize("changed", [{"root_name": "new"}, {"key_name": "new"}])
def test_what_changed_while_its_api_cannot_be_read(changed: dict[str, str]) -> None:
    assert "its API can't be read" in refused(document(**changed), neighbour(state=None), document()).message


PINS = (fingerprint(root("b")),)


def external(name: str = "b", **changes) -> Neighbour:
    return neighbour(name=name, provider="external", state=None, **changes)


@pytest.mark.parametrize(
    ("who", "remembered"),
    [
        (external(root_fingerprints=PINS), None),
        (external(root_fingerprints=PINS), document(root_name="old")),  # a rotation that its administrator told
        (external(trust_on_first_use=True), None),
        (external(), document()),
    ],
)
def test_an_external_neighbour_is_proved(who: Neighbour, remembered: PublicMetadata | None) -> None:
    assert prove(document(domain=None), who, remembered, OWN) == document(domain=None)


@pytest.mark.parametrize(
    ("told", "who", "remembered", "message"),
    [
        (document(), external(), None, "no pins"),
        (document(root_name="new"), external(), document(), "now publishes the root"),
        (document(root_name="new"), external(trust_on_first_use=True), document(), "now publishes the root"),
        (document(root_name="new"), external(root_fingerprints=PINS), document(), "pinned are"),
        (document(key_name="new"), external(root_fingerprints=PINS), document(), "another public key"),
        (document(key_name="new"), external(trust_on_first_use=True), document(), "another public key"),
    ],
)
def test_for_an_external_neighbour_its_administrator_is_asked(
    told: PublicMetadata, who: Neighbour, remembered: PublicMetadata | None, message: str
) -> None:
    """Nobody is told to make an API reachable that we have no access to."""
    error = refused(told, who, remembered)
    assert message in error.message
    assert "administrator" in str(error.remedy)
    assert "API" not in str(error)


def test_another_uuid_of_an_external_neighbour() -> None:
    error = refused(document(uuid="uuid-new"), external(root_fingerprints=PINS), document())
    assert error.reason == "ClusterUUIDMismatch"


def untold(**changes) -> Neighbour:
    """A Deckhouse cluster, whose API does not tell its clusterUUID."""
    state = neighbour().state
    assert state is not None
    return neighbour(provider="deckhouse", state=replace(state, uuid="", **changes))


def test_root_and_key_speak_for_a_cluster_whose_api_tells_no_uuid() -> None:
    assert prove(document(uuid="whatever"), untold(), None, OWN) == document(uuid="whatever")
    assert "its API has" in refused(document(root_name="other"), untold()).message
    assert "another public key" in refused(document(key_name="other"), untold()).message
    assert refused(document(), untold(), document(uuid="old")).reason == "ClusterUUIDMismatch"


def test_a_root_that_its_api_does_not_have_yet() -> None:
    error = refused(document(), untold(roots=""))
    assert "its API has none yet" in error.message
    assert fingerprint(root("b")) in error.message


def test_a_plan_for_clusters_whose_apis_tell_no_uuid() -> None:
    state = untold().state
    assert state is not None
    planned = {name: public_from_state(replace(state, name=name)) for name in ("b", "Cluster_C", "é" * 200)}
    assert all(planned.values())
    assert contested({name: told for name, told in planned.items() if told}, {}) == {}


@pytest.mark.parametrize("offset", [0, 30, -30, None])
def test_a_clock_that_is_right_or_not_told(offset: float | None) -> None:
    assert clock_finding(None if offset is None else 1000.0 + offset, 1000.0) is None


@pytest.mark.parametrize(("offset", "text"), [(31, "31 s ahead of"), (-45.4, "45 s behind")])
def test_a_clock_that_is_wrong(offset: float, text: str) -> None:
    finding = clock_finding(1000.0 + offset, 1000.0)
    assert finding is not None
    assert (finding.severity, finding.code) == ("warning", "clock-skew")
    assert text in finding.message
    assert finding.remedy


def test_neither_of_two_with_one_uuid() -> None:
    errors = contested({"b": document(), "c": document(), "d": document(uuid="uuid-d")}, {})
    assert set(errors) == {"b", "c"}
    assert "that of c" in errors["b"].message
    assert "that of b" in errors["c"].message
    assert {error.reason for error in errors.values()} == {"ClusterUUIDMismatch"}


def test_who_proved_a_uuid_first_keeps_it() -> None:
    documents = {"b": document(), "c": document()}
    owners = uuid_owners([external("c"), external("b")], {"b": document()})
    assert set(contested(documents, owners)) == {"c"}
    # Also while the owner itself does not answer.
    assert set(contested({"c": document()}, owners)) == {"c"}


def test_a_uuid_is_that_of_the_member_whose_api_tells_it() -> None:
    """Also when somebody else proved it before, and whatever their names are."""
    for other in ("a", "c"):
        owners = uuid_owners([external(other), neighbour()], {other: document()})
        assert owners == {"uuid-b": {"b"}}
        assert set(contested({"b": document(), other: document()}, owners)) == {other}
        assert set(contested({other: document()}, owners)) == {other}


def test_an_api_that_leads_to_another_cluster_takes_nothing_away() -> None:
    """The kubeconfig of a is that of b's cluster, whose own can't be read."""
    wrong, unread = neighbour(name="a"), neighbour(state=None)
    assert uuid_owners([wrong, unread], {"a": document(uuid="uuid-a"), "b": document()})["uuid-b"] == {"b"}
    # A cluster that was made anew: nobody else can take its new one.
    assert uuid_owners([wrong], {"a": document(uuid="uuid-a")}) == {"uuid-a": {"a"}, "uuid-b": {"a"}}


def test_a_uuid_that_two_apis_tell() -> None:
    """Who proved it before keeps it; where nobody did, neither is believed, nor is a third."""
    twins = [neighbour(name="a"), neighbour()]
    assert uuid_owners(twins, {"b": document()}) == {"uuid-b": {"b"}}
    errors = contested({"b": document(), "c": document()}, uuid_owners(twins, {}))
    assert errors["b"].message.endswith("is that of a")
    assert errors["c"].message.endswith("is that of a, b")


def test_a_key_that_its_api_does_not_have_is_not_believed() -> None:
    state = neighbour().state
    assert state is not None
    error = refused(document(), neighbour(state=replace(state, authn_key_pub=None)))
    assert "has no key pair" in error.message


def test_a_new_key_is_not_believed_for_the_sake_of_pins() -> None:
    who = neighbour(state=None, root_fingerprints=(fingerprint(root("b")),))
    error = refused(document(key_name="other"), who, document())
    assert "another public key" in error.message


def test_a_plan_from_the_api() -> None:
    state = neighbour().state
    assert state is not None
    assert public_from_state(state) == document()
    assert public_from_state(replace(state, authn_key_pub=None)) is None
    assert public_from_state(replace(state, authn_key_pub=None), key("new")) == document(key_name="new")
    assert public_from_state(replace(state, roots="")) is None


def both(*names: str) -> PublicMetadata:
    """A document with several roots, as during a rotation."""
    return PublicMetadata.create("uuid-b", key("b"), "".join(root(name) for name in names), "b.local")


def pinned(*names: str) -> Neighbour:
    return neighbour(
        state=None, provider="external", root_fingerprints=tuple(fingerprint(root(name)) for name in names)
    )


FIRST_USE = neighbour(state=None, provider="external", trust_on_first_use=True)


def test_a_rotation_is_followed_when_api_and_exporter_tell_both_roots() -> None:
    state = ClusterState(
        name="b", uuid="uuid-b", trust_domain="b.local", roots=root("new") + root("b"), authn_key_pub=key("b")
    )
    for remembered in (document(), both("b", "new"), document(root_name="new"), None):
        assert prove(both("b", "new"), neighbour(state=state), remembered, OWN) == both("b", "new")
        assert rotation_finding(both("b", "new"), both("b", "new"), remembered, neighbour(state=state)) is None
    refused(document(), neighbour(state=state), document())


@pytest.mark.parametrize("remembered", [None, document(), both("b", "new")])
def test_with_pins_a_root_without_one_waits_and_the_others_stay(remembered: PublicMetadata | None) -> None:
    believed = prove(both("b", "new"), pinned("b"), remembered, OWN)
    assert believed == document()
    found = rotation_finding(both("b", "new"), believed, remembered, pinned("b"))
    assert found is not None and found.code == "root-not-pinned"
    assert fingerprint(root("new")) in found.message and fingerprint(root("b")) not in found.message


def test_with_pins_for_both_a_rotation_is_followed_and_nothing_is_to_be_said() -> None:
    for remembered in (document(), both("b", "new")):
        assert prove(both("b", "new"), pinned("b", "new"), remembered, OWN) == both("b", "new")
        assert rotation_finding(both("b", "new"), both("b", "new"), remembered, pinned("b", "new")) is None
    assert prove(document(root_name="new"), pinned("b", "new"), both("b", "new"), OWN) == document(root_name="new")
    assert "pinned are" in str(refused(document(root_name="new"), pinned("b"), both("b", "new")))


def test_trusted_on_first_use_a_root_is_followed_beside_one_that_was_trusted() -> None:
    """A wholly different one is refused, and so is a new key."""
    assert prove(both("b", "new"), FIRST_USE, document(), OWN) == both("b", "new")
    found = rotation_finding(both("b", "new"), both("b", "new"), document(), FIRST_USE)
    assert found is not None and found.code == "root-followed"
    assert fingerprint(root("new")) in found.message and fingerprint(root("b")) not in found.message
    assert prove(document(root_name="new"), FIRST_USE, both("b", "new"), OWN) == document(root_name="new")
    assert rotation_finding(both("b"), both("b"), both("b", "new"), FIRST_USE) is None
    refused(document(root_name="new"), FIRST_USE, document())
    refused(both("new", "newer"), FIRST_USE, document())
    other_key = PublicMetadata.create("uuid-b", key("other"), root("b") + root("new"), "b.local")
    assert "another public key" in str(refused(other_key, FIRST_USE, document()))


def test_a_member_whose_api_is_silent_adds_no_root() -> None:
    """Whoever answers at its endpoint can copy a certificate: its API has to tell the new one too."""
    refused(both("b", "new"), neighbour(state=None), document())


@pytest.mark.parametrize(
    "who", [external(root_fingerprints=PINS), external(trust_on_first_use=True), neighbour(state=None)]
)
def test_a_new_key_that_the_known_one_vouches_for(who: Neighbour) -> None:
    """Where no API says it. A replica that still tells the key of before is believed until the end of the overlap."""
    old, new = generate_key_pair(), generate_key_pair()

    def change(end: float) -> str:
        now = time.time()
        return sign_key_change(
            old.private_pem, subject="uuid-b", new_public_pem=new.public_pem, now=now, until=now + end
        )

    before = replace(document(), authn_key_pub=old.public_pem)
    after = replace(document(), authn_key_pub=new.public_pem, key_change=change(3600))
    assert prove(after, who, before, OWN) == after
    assert prove(before, who, after, OWN) == before
    over = replace(after, key_change=change(-1))
    assert "another public key" in refused(over, who, before).message
    assert "another public key" in refused(before, who, over).message
    assert "another public key" in refused(replace(after, key_change=None), who, before).message
    third = replace(after, authn_key_pub=generate_key_pair().public_pem)
    assert "another public key" in refused(third, who, before).message
    assert "another public key" in refused(third, who, after).message
