# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is believed, who not, and whether the message names both sides."""

from __future__ import annotations

import datetime
from dataclasses import replace
from functools import cache

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proof import (
    ProofError,
    contested,
    prove,
    public_from_state,
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


def test_neither_of_two_with_one_uuid() -> None:
    errors = contested({"b": document(), "c": document(), "d": document(uuid="uuid-d")}, {})
    assert set(errors) == {"b", "c"}
    assert "that of c" in errors["b"].message
    assert "that of b" in errors["c"].message
    assert {error.reason for error in errors.values()} == {"ClusterUUIDMismatch"}


def test_who_proved_a_uuid_first_keeps_it() -> None:
    documents = {"b": document(), "c": document()}
    assert set(contested(documents, {"uuid-b": "b"})) == {"c"}
    # Also while the owner itself does not answer.
    assert set(contested({"c": document()}, {"uuid-b": "b"})) == {"c"}


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
