# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a platform is told of, and what is read from its status: with fake neighbours, from resources in memory."""

from __future__ import annotations

import datetime
import time
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    PROVED_ANNOTATION,
    federation_resource,
    proved_public,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.usable_roots import (
    MAX_ROOT_BYTES,
    MAX_ROOTS,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import trust
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform import (
    PlatformTrust,
    exchange_for_platform,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform_view import platform_view
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import NeighbourError

Object = dict[str, Any]

SET_ID, OWN_UUID = "applyset-ours-v1", "uuid-own"
PART_OF = "applyset.kubernetes.io/part-of"


class Member:
    """A neighbour: what its API has, and what the fake client answers for it."""

    def __init__(self, name: str) -> None:
        self.name, self.domain, self.uuid = name, f"{name}.local", f"uuid-{name}"
        self.root = make_ca(name, datetime.datetime.now(datetime.timezone.utc)).certificate
        self.key = generate_key_pair().public_pem
        self.answer: Any = self.document()
        self.clock = 0.0

    @property
    def endpoint(self) -> str:
        return f"https://{self.name}/metadata/"

    def document(self, **changes: str) -> PublicMetadata:
        known = {"cluster_uuid": self.uuid, "authn_key_pub": self.key, "root_ca": self.root}
        return PublicMetadata.create(**{**known, **changes})

    def neighbour(self, **changes: Any) -> Neighbour:
        state = ClusterState(
            name=self.name, uuid=self.uuid, trust_domain=self.domain, roots=self.root, authn_key_pub=self.key
        )
        known = Neighbour(self.name, trust_domain=self.domain, endpoint=self.endpoint, ca="ca", state=state)
        return replace(known, **changes)

    def resource(
        self,
        cached: PublicMetadata | None = None,
        proved: PublicMetadata | None = None,
        *,
        ours: bool = True,
        **changes: Any,
    ) -> Object:
        """Its IstioFederation, with what the platform has fetched and what was proved."""
        memory = proved.render().decode() if proved else None
        spec = {"trust_domain": self.domain, "endpoint": self.endpoint, "ca": "ca", "proved": memory, **changes}
        made = federation_resource(self.name, **spec)
        if ours:
            made["metadata"]["labels"][PART_OF] = SET_ID
        return {**made, "status": {"metadataCache": {"public": cached.to_dict()}} if cached else {}}


@pytest.fixture
def b() -> Member:
    return Member("b")


@pytest.fixture
def c() -> Member:
    return Member("c")


@pytest.fixture(autouse=True)
def _answers(monkeypatch: pytest.MonkeyPatch, b: Member, c: Member) -> None:
    by_endpoint = {member.endpoint: member for member in (b, c)}

    class Client:
        def __init__(self, endpoint: str, **_how: Any) -> None:
            self.member = by_endpoint.get(endpoint, b)

        def public(self) -> tuple[PublicMetadata, float]:
            if isinstance(self.member.answer, Exception):
                raise self.member.answer
            return self.member.answer, time.time() + self.member.clock

    monkeypatch.setattr(trust, "MetadataClient", Client)


def down() -> NeighbourError:
    return NeighbourError("connection refused", reason="FetchFailed", obj="public.json")


def exchange(*neighbours: Neighbour, live: list[Object] | None = None, **options: Any) -> PlatformTrust:
    federations = {item["metadata"]["name"]: item for item in live or []}
    return exchange_for_platform(neighbours, federations, options.pop("own", OWN_UUID), SET_ID, **options)


def codes(trusted: Any) -> list[tuple[str, str]]:
    return [(finding.neighbour, finding.code) for finding in trusted.findings]


def spec(told: PlatformTrust, member: Member) -> Object:
    made: Object = told.resources[member.name]["spec"]
    return made


def test_the_platform_is_told_of_who_was_proved(b: Member, c: Member) -> None:
    told = exchange(c.neighbour(), b.neighbour())
    assert [item["metadata"]["name"] for item in told.objects()] == ["b", "c"]
    assert spec(told, b) == {
        "trustDomain": "b.local",
        "metadataEndpoint": "https://b/metadata/",
        "metadata": {"clusterCA": "ca"},
    }
    assert all("status" not in item for item in told.objects())
    assert told.trusted == {"b": [fingerprint(b.root)], "c": [fingerprint(c.root)]}
    assert told.findings == []


def test_an_endpoint_ends_with_a_slash(b: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform puts the documents' paths right behind it."""
    monkeypatch.setattr(
        trust, "MetadataClient", lambda *_a, **_k: type("C", (), {"public": lambda _s: (b.answer, None)})()
    )
    told = exchange(b.neighbour(endpoint="https://b/metadata"))
    assert spec(told, b)["metadataEndpoint"] == "https://b/metadata/"


@pytest.mark.parametrize("answer", ["down", "other-root", "own-uuid"])
def test_the_platform_is_not_told_of_who_was_not_proved(answer: str, b: Member, c: Member) -> None:
    """It would believe whoever answers first. The others go on."""
    answers = {
        "down": down(),
        "other-root": b.document(root_ca=c.root),
        "own-uuid": b.document(cluster_uuid=OWN_UUID),
    }
    b.answer = answers[answer]
    told = exchange(b.neighbour(), c.neighbour())
    assert set(told.resources) == set(told.trusted) == {"c"}
    ((name, code),) = codes(told)
    assert name == "b"
    assert code.startswith("public-")


def test_what_the_platform_was_told_stays_while_its_neighbour_is_away(b: Member) -> None:
    """Exactly as it is: an endpoint that was not proved is not written."""
    b.answer = down()
    live = b.resource(b.document())
    who = b.neighbour(endpoint="https://b/metadata/", ca="another ca", trust_domain="new.local")
    told = exchange(who, live=[live])
    assert spec(told, b) == live["spec"]
    assert told.trusted == {"b": [fingerprint(b.root)]}
    assert codes(told) == [("b", "public-FetchFailed")]
    assert "what was known of it stays" in told.findings[0].message


def test_a_neighbour_that_is_held_stays_as_it_is(b: Member, c: Member) -> None:
    b.answer = c.answer = AssertionError("asked")
    told = exchange(b.neighbour(hold="why"), c.neighbour(hold="why"), live=[b.resource()])
    assert set(told.resources) == {"b"}
    assert codes(told) == [("b", "public-ConfigurationError"), ("c", "public-ConfigurationError")]


def test_who_is_no_neighbour_any_more_is_left_out(b: Member, c: Member) -> None:
    told = exchange(c.neighbour(), live=[b.resource(b.document())])
    assert set(told.resources) == {"c"}


def test_a_neighbour_moves_when_it_is_proved_there(b: Member) -> None:
    live = b.resource(b.document(), endpoint="https://old/metadata/", trust_domain="old.local", ca="old")
    told = exchange(b.neighbour(), live=[live])
    assert spec(told, b)["metadataEndpoint"] == "https://b/metadata/"
    assert spec(told, b)["trustDomain"] == "b.local"
    assert told.findings == []


def test_who_cannot_be_read_now_is_known_from_its_resource(b: Member) -> None:
    """Its API is away: what was proved and its exporter still says is no news. The platform's cache is no proof."""
    live = b.resource(proved=b.document())
    told = exchange(Neighbour("b"), live=[live])
    assert told.findings == []
    assert spec(told, b) == b.resource()["spec"]
    b.answer = b.document(root_ca=Member("x").root)
    for held in (live, b.resource(b.answer, b.document()), b.resource(b.answer)):
        told = exchange(Neighbour("b"), live=[held])
        assert codes(told)[0] == ("b", "public-InvalidPublicMetadata")
        assert told.resources["b"]["metadata"].get("annotations") == held["metadata"].get("annotations")
    assert spec(told, b) == b.resource()["spec"]


VOUCHED = ("api", "pins", "first-use")


def vouched(how: str, member: Member) -> Neighbour:
    """A neighbour with an API that follows its exporter, with a pin, or believed at first sight."""
    if how == "api":
        told = member.answer
        state = ClusterState(
            name=member.name,
            uuid=told.cluster_uuid,
            trust_domain=member.domain,
            roots=told.root_ca,
            authn_key_pub=told.authn_key_pub,
        )
        return member.neighbour(state=state)
    pins = (fingerprint(member.answer.root_ca),) if how == "pins" else ()
    return member.neighbour(state=None, provider="external", root_fingerprints=pins, trust_on_first_use=not pins)


@pytest.mark.parametrize("how", VOUCHED)
def test_what_was_proved_is_remembered(how: str, b: Member) -> None:
    """In an annotation, which stays while the neighbour is away; a second run makes the same of it."""
    told = exchange(vouched(how, b))
    annotations = {PROVED_ANNOTATION: b.document().render().decode()}
    assert told.resources["b"]["metadata"]["annotations"] == annotations
    live = b.resource(b.document(), proved_public(told.resources["b"]))
    assert exchange(vouched(how, b), live=[live]).resources == told.resources
    who, b.answer = vouched(how, b), down()
    assert exchange(who, live=[live]).resources["b"]["metadata"]["annotations"] == annotations
    assert exchange(replace(who, hold="why"), live=[live]).resources["b"]["metadata"]["annotations"] == annotations


@pytest.mark.parametrize(
    ("how", "part", "code"),
    [
        ("api", "cluster_uuid", "public-ClusterUUIDMismatch"),
        ("pins", "cluster_uuid", "public-ClusterUUIDMismatch"),
        ("first-use", "cluster_uuid", "public-ClusterUUIDMismatch"),
        ("pins", "authn_key_pub", "public-InvalidPublicMetadata"),
        ("first-use", "authn_key_pub", "public-InvalidPublicMetadata"),
        ("first-use", "root_ca", "public-InvalidPublicMetadata"),
        # Its API, its administrator's new pin: these are rotations.
        ("api", "authn_key_pub", ""),
        ("api", "root_ca", ""),
        ("pins", "root_ca", ""),
    ],
)
@pytest.mark.parametrize("followed", [False, True])
def test_who_answers_otherwise_than_before(
    how: str, part: str, code: str, followed: bool, b: Member, c: Member
) -> None:
    """Whether or not the platform has taken it already."""
    other = {"cluster_uuid": "uuid-else", "authn_key_pub": c.key, "root_ca": c.root}
    b.answer = b.document(**{part: other[part]})
    told = exchange(vouched(how, b), live=[b.resource(b.answer if followed else b.document(), b.document())])
    memory = proved_public(told.resources["b"])
    assert memory == (b.document() if code else b.answer)
    # The API of a cluster that was made anew tells so, whatever the platform has taken by then.
    differs = (followed or (how, part) == ("api", "cluster_uuid")) if code else not followed
    assert codes(told) == [*([("b", code)] if code else []), *([("b", "platform-differs")] if differs else [])]
    assert memory is not None
    assert told.trusted == {"b": [fingerprint(memory.root_ca)]}


def test_a_memory_that_cannot_be_read_is_none(b: Member) -> None:
    live = b.resource(proved=b.document())
    live["metadata"]["annotations"][PROVED_ANNOTATION] = "{"
    assert codes(exchange(vouched("first-use", b), live=[live])) == []
    b.answer = down()
    assert codes(exchange(b.neighbour(), live=[live])) == [("b", "public-FetchFailed")]


def test_what_is_too_long_to_be_remembered_is_refused(b: Member, c: Member) -> None:
    """The API server would refuse the resource, and with it the run: annotations may have 256 KiB together."""
    more = [Member(f"more-{number}").root for number in range(MAX_ROOTS)]
    b.answer = b.document(root_ca=b.root + "".join(more[1:]))
    assert exchange(vouched("first-use", b)).findings == []
    b.answer = b.document(root_ca=b.root + "".join(more))
    told = exchange(vouched("first-use", b), c.neighbour())
    assert codes(told) == [("b", "public-InvalidPublicMetadata")]
    assert set(told.resources) == {"c"}
    assert MAX_ROOTS * MAX_ROOT_BYTES * 3 // 2 < 192 * 1024


@pytest.mark.parametrize("part", ["cluster_uuid", "authn_key_pub", "root_ca"])
@pytest.mark.parametrize("why", ["down", "imposter", "held", "taken"])
@pytest.mark.parametrize("known", ["memory", "api", "pins"])
def test_what_the_platform_holds_of_who_is_not_proved_now(
    known: str, why: str, part: str, b: Member, c: Member
) -> None:
    """Compared with what is known otherwise, so that it is told for as long as it lasts."""
    false = b.document(**{part: {"cluster_uuid": "uuid-else", "authn_key_pub": c.key, "root_ca": c.root}[part]})
    who = {
        "memory": b.neighbour(state=None),
        "api": b.neighbour(),
        "pins": b.neighbour(state=None, root_fingerprints=(fingerprint(b.root),)),
    }[known]
    proved = b.document() if known == "memory" else None
    b.answer = {"down": down(), "imposter": b.document(cluster_uuid=OWN_UUID)}.get(why, b.answer)
    theirs = b.resource(ours=False, trust_domain="b.local")
    theirs["metadata"]["name"] = "theirs"
    live = [b.resource(false, proved), *([theirs] if why == "taken" else [])]
    told = exchange(replace(who, hold="why" if why == "held" else ""), live=live)
    found = [finding for finding in told.findings if finding.code == "platform-differs"]
    # Pins tell roots alone.
    assert len(found) == (0 if known == "pins" and part != "root_ca" else 1)
    assert told.trusted.get("b", [fingerprint(b.root)]) == [fingerprint(b.root)]
    assert all(finding.severity == "error" and finding.neighbour == "b" for finding in found)
    if found and part == "root_ca":
        assert fingerprint(b.root) in found[0].message
        assert fingerprint(c.root) in found[0].message
    right = exchange(replace(who, hold="why"), live=[b.resource(b.document(), proved)])
    assert "platform-differs" not in {finding.code for finding in right.findings}
    assert right.trusted == {"b": [fingerprint(b.root)]}


def test_what_nothing_vouches_for_is_not_listed_as_trusted(b: Member) -> None:
    b.answer = down()
    told = exchange(b.neighbour(state=None), live=[b.resource(b.document())])
    assert (told.trusted, set(told.resources)) == ({}, {"b"})


@pytest.mark.parametrize(
    ("endpoint", "refused"),
    [
        ("https://[2001:db8::1]/metadata/", True),
        ("https://[2001:db8::1]:8443/metadata/", True),
        ("https://[2001:db8::1", True),
        ("https://b/[x]/", False),
        ("https://192.0.2.1/metadata/", False),
    ],
)
def test_an_endpoint_that_the_definition_may_not_take(endpoint: str, refused: bool, b: Member, c: Member) -> None:
    """One such resource that the API server refuses must not cost the others anything."""
    b.answer = down()
    told = exchange(b.neighbour(endpoint=endpoint), c.neighbour(), live=[b.resource(proved=b.document())])
    assert codes(told)[0][1] == ("endpoint-ipv6" if refused else "public-FetchFailed")
    assert len(told.findings) == 1
    assert ("alliance_metadata_endpoint" in told.findings[0].remedy) is refused
    assert set(told.resources) == {"b", "c"}
    assert spec(told, b)["metadataEndpoint"] == b.endpoint


@pytest.mark.parametrize(
    ("name", "changes", "common"),
    [
        ("b", {"trust_domain": "x.local", "endpoint": "https://x/metadata/"}, "the name"),
        ("theirs", {"endpoint": "https://x/metadata/"}, "the trust domain b.local"),
        ("theirs", {"trust_domain": "x.local", "endpoint": "https://B/metadata"}, "the metadata endpoint"),
    ],
)
@pytest.mark.parametrize("owner", [None, "applyset-theirs-v1"])
def test_somebody_elses_resource_is_not_taken(
    owner: str | None, name: str, changes: Object, common: str, b: Member, c: Member
) -> None:
    theirs = b.resource(ours=False, **changes)
    theirs["metadata"]["name"] = name
    if owner:
        theirs["metadata"]["labels"][PART_OF] = owner
    told = exchange(b.neighbour(), c.neighbour(), live=[theirs])
    assert set(told.resources) == {"c"}
    (finding,) = told.findings
    assert (finding.code, finding.neighbour, finding.object) == ("federation-taken", "b", f"IstioFederation {name}")
    assert common in finding.message
    assert f"kubectl label istiofederation {name} {PART_OF}={SET_ID}" in finding.remedy


def test_somebody_elses_resource_does_not_take_ours_away(b: Member) -> None:
    theirs = b.resource(ours=False)
    theirs["metadata"]["name"] = "theirs"
    told = exchange(b.neighbour(), live=[theirs, b.resource()])
    assert set(told.resources) == {"b"}
    assert codes(told) == [("b", "federation-taken")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cluster_uuid": "uuid-else"}, "the clusterUUID uuid-else, proved is uuid-b"),
        ({"root_ca": "x"}, "the root"),
        ({"authn_key_pub": "x"}, "another public key"),
        ({}, ""),
    ],
)
@pytest.mark.parametrize("vouched", ["api", "pins"])
def test_what_the_platform_holds_is_compared_with_what_was_proved(
    vouched: str, changes: dict[str, str], said: str, b: Member
) -> None:
    other = Member("x")
    held = {"root_ca": other.root, "authn_key_pub": other.key, **{k: v for k, v in changes.items() if v != "x"}}
    cached = b.document(**{key: held[key] for key in changes})
    who = b.neighbour() if vouched == "api" else b.neighbour(state=None, root_fingerprints=(fingerprint(b.root),))
    told = exchange(who, live=[b.resource(cached)])
    assert told.trusted == {"b": [fingerprint(b.root)]}
    assert codes(told) == ([("b", "platform-differs")] if said else [])
    assert all(said in finding.message for finding in told.findings)
    if "root_ca" in changes:
        message = told.findings[0].message
        assert fingerprint(b.root) in message
        assert fingerprint(other.root) in message


def test_a_platform_may_hold_the_key_of_before_while_it_is_rotated(b: Member) -> None:
    """It asks again each minute. What its own API does not name any more it may not hold."""
    state = b.neighbour().state
    assert state is not None
    old, new = b.document(), b.document(authn_key_pub=generate_key_pair().public_pem)
    away = NeighbourError("away", reason="FetchFailed", obj="public.json")
    rotating = replace(state, authn_key_pub=new.authn_key_pub, previous_authn_key_pub=old.authn_key_pub)
    retired = replace(rotating, previous_authn_key_pub=None)
    for answer, known, held, expected in (
        (new, rotating, old, []),
        (old, rotating, new, []),
        (away, rotating, old, []),
        (away, rotating, b.document(authn_key_pub=generate_key_pair().public_pem), ["platform-differs"]),
        (new, retired, old, ["platform-differs"]),
        (away, retired, old, ["platform-differs"]),
    ):
        b.answer = answer
        found = [code for _name, code in codes(exchange(b.neighbour(state=known), live=[b.resource(held, old)]))]
        assert [code for code in found if code == "platform-differs"] == expected


def test_nobody_takes_the_uuid_of_another(b: Member, c: Member) -> None:
    """The platform has no such check: a pinned neighbour that claims it would take over the other's key.

    It is that of the member whose API tells it, from the first contact on, and whether or not that one answers.
    """
    c.answer = c.document(cluster_uuid=b.uuid)
    pinned = c.neighbour(state=None, root_fingerprints=(fingerprint(c.root),))
    for live in ([], [b.resource(b.document(), b.document())]):
        both = exchange(b.neighbour(), pinned, live=live)
        assert set(both.resources) == {"b"}
        assert codes(both) == [("c", "public-ClusterUUIDMismatch")]
    b.answer = down()
    for live in ([], [b.resource(proved=b.document())]):
        away = exchange(b.neighbour(), pinned, live=live)
        assert set(away.resources) == ({"b"} if live else set())
        assert codes(away) == [("b", "public-FetchFailed"), ("c", "public-ClusterUUIDMismatch")]
    unread = exchange(b.neighbour(state=None), pinned, live=[b.resource(proved=b.document())])
    assert codes(unread) == [("b", "public-FetchFailed"), ("c", "public-ClusterUUIDMismatch")]


def test_the_platform_is_not_told_of_who_publishes_another_cluster_s_root(b: Member, c: Member) -> None:
    own = Member("own").root
    unpinned = b.neighbour(state=None, provider="external", trust_on_first_use=True)
    for root, whose in ((own, "this cluster's own"), (c.root, "neighbour c's")):
        b.answer = b.document(root_ca=b.root + root)
        told = exchange(unpinned, c.neighbour(), own_roots=[own])
        assert set(told.resources) == {"c"}
        (finding,) = told.findings
        assert (finding.neighbour, finding.code) == ("b", "public-InvalidPublicMetadata")
        assert whose in finding.message


def test_the_cache_of_a_platform_makes_nobody_an_owner(b: Member, c: Member) -> None:
    """Whatever the names are: what somebody answered the platform at one endpoint keeps no other one out."""
    for liar, other in ((b, c), (c, b)):
        who = other.neighbour(state=None, root_fingerprints=(fingerprint(other.root),))
        held = liar.resource(liar.document(cluster_uuid=other.uuid), liar.document())
        liar.answer = down()
        told = exchange(liar.neighbour(state=None), who, live=[held])
        assert proved_public(told.resources[other.name]) == other.document()
        assert [code for code in codes(told) if code[0] == other.name] == []
        liar.answer = liar.document()


def test_who_answers_the_platform_falsely_owns_nothing(b: Member, c: Member) -> None:
    """Somebody answered it at b's endpoint with c's clusterUUID: that must not keep c out."""
    told = exchange(b.neighbour(), c.neighbour(), live=[b.resource(b.document(cluster_uuid=c.uuid))])
    assert set(told.resources) == {"b", "c"}
    assert codes(told) == [("b", "platform-differs")]


@pytest.mark.parametrize("planning", [True, False])
def test_only_a_plan_believes_the_api_alone(planning: bool, b: Member) -> None:
    told = exchange(b.neighbour(endpoint=None), planning=planning)
    assert bool(told.resources) is planning
    assert bool(told.findings) is not planning
    if planning:
        assert spec(told, b)["metadataEndpoint"] == "https://known-after-apply.invalid/metadata/"


def test_a_plan_does_not_replace_what_is_there(b: Member) -> None:
    b.answer = down()
    live = b.resource(b.document(), endpoint="https://b/metadata/")
    told = exchange(b.neighbour(), live=[live], planning=True)
    assert spec(told, b) == live["spec"]
    assert codes(told) == [("b", "public-FetchFailed")]


def test_a_cluster_that_does_not_tell_its_uuid_skips_that_comparison(b: Member) -> None:
    assert exchange(b.neighbour(), own="").findings == []


@pytest.mark.parametrize(("clock", "found"), [(0.0, []), (90.0, [("b", "clock-skew")]), (-90.0, [("b", "clock-skew")])])
def test_a_neighbours_clock_is_told(clock: float, found: list[tuple[str, str]], b: Member) -> None:
    b.clock = clock
    told = exchange(b.neighbour())
    assert codes(told) == found
    assert all(finding.severity == "warning" for finding in told.findings)
    plain = trust.exchange([b.neighbour()], {}, OWN_UUID)
    assert codes(plain) == found


def condition(type_: str, status: str, reason: str, message: str = "") -> Object:
    return {"type": type_, "status": status, "reason": reason, "message": message}


def seen(member: Member, *conditions: Object, public: bool = True, services: int | None = 1, **more: Any) -> Object:
    cache: Object = {"public": member.document().to_dict()} if public else {}
    if services is not None:
        hosts = [{"hostname": f"s{number}.xyz.svc.{member.domain}"} for number in range(services)]
        cache["private"] = {"ingressGateways": [{"address": "192.0.2.1", "port": 15443}], "publicServices": hosts}
    return {**member.resource(**more), "status": {"metadataCache": cache, "conditions": list(conditions)}}


def view(*neighbours: Neighbour, live: list[Object], planning: bool = False) -> Any:
    return platform_view(neighbours, {item["metadata"]["name"]: item for item in live}, planning=planning)


def test_what_the_platform_learnt(b: Member, c: Member) -> None:
    live = [
        seen(b, condition("PublicMetadataExchangeReady", "True", "Succeeded"), services=3),
        seen(c, condition("SomethingElse", "False", "Whatever", "none of ours"), services=0),
    ]
    found = view(b.neighbour(), c.neighbour(), live=live)
    assert found.trusted == {"b": [fingerprint(b.root)], "c": [fingerprint(c.root)]}
    assert found.imported == {"b": 3, "c": 0}
    assert (found.awaiting, found.findings) == ([], [])


@pytest.mark.parametrize("planning", [True, False])
def test_a_neighbour_that_the_platform_was_not_told_of(planning: bool, b: Member, c: Member) -> None:
    found = view(b.neighbour(), c.neighbour(), live=[seen(c)], planning=planning)
    (finding,) = found.findings
    assert (finding.code, finding.object) == ("federation-missing", "IstioFederation b")
    assert finding.severity == ("warning" if planning else "error")
    assert (found.awaiting, found.imported) == ([], {"c": 1})


def test_somebody_elses_resource_tells_the_truth_too(b: Member) -> None:
    theirs = seen(b, ours=False)
    theirs["metadata"]["name"] = "theirs"
    found = view(b.neighbour(), live=[theirs])
    assert (found.imported, found.findings) == ({"b": 1}, [])


@pytest.mark.parametrize(
    ("type_", "reason", "code"),
    [
        ("PublicMetadataExchangeReady", "FetchFailed", "public-FetchFailed"),
        ("PublicMetadataExchangeReady", "Something", "public-Something"),
        ("PrivateMetadataExchangeReady", "NonOKResponse", "private-NonOKResponse"),
        ("DataplaneConnectionReady", "ProbeFailed", "dataplane-ProbeFailed"),
    ],
)
def test_a_condition_that_says_no(type_: str, reason: str, code: str, b: Member) -> None:
    found = view(b.neighbour(), live=[seen(b, condition(type_, "False", reason, "the reason {why}"))])
    (finding,) = found.findings
    assert (finding.severity, finding.code, finding.message) == ("error", code, "the reason {why}")
    assert finding.remedy
    assert "{" not in finding.remedy
    assert found.awaiting == []


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [condition("PublicMetadataExchangeReady", "False", "AwaitingPublic", "not yet")],
        [condition("PrivateMetadataExchangeReady", "Unknown", "", "")],
    ],
)
def test_what_the_platform_has_still_to_learn(conditions: list[Object], b: Member) -> None:
    found = view(b.neighbour(), live=[seen(b, *conditions, public=False, services=None)])
    (finding,) = found.findings
    assert (finding.severity, finding.code) == ("warning", "platform-awaiting")
    assert (found.awaiting, found.trusted, found.imported) == (["b"], {}, {"b": 0})


@pytest.mark.parametrize(("provider", "awaiting"), [("istio", ["b"]), ("external", [])])
def test_only_who_learns_of_us_in_the_same_run_is_awaited(provider: str, awaiting: list[str], b: Member) -> None:
    """An external neighbour refuses us until its administrator acts."""
    refused = condition("PrivateMetadataExchangeReady", "False", "NonOKResponse", "it answered 401")
    found = view(b.neighbour(provider=provider), live=[seen(b, refused, services=None)])
    assert [finding.code for finding in found.findings] == ["private-NonOKResponse"]
    assert found.awaiting == awaiting


@pytest.mark.parametrize(
    "status",
    [
        None,
        {"metadataCache": None, "conditions": None},
        {"metadataCache": {"public": {"clusterUUID": ""}, "private": {}}, "conditions": ["x"]},
        {"metadataCache": {"public": [], "private": []}},
    ],
)
def test_a_status_of_another_shape_is_not_known_yet(status: Object | None, b: Member) -> None:
    found = view(b.neighbour(), live=[{**b.resource(), "status": status}])
    assert (found.trusted, found.imported) == ({}, {"b": 0})
    assert [finding.code for finding in found.findings] == ["platform-awaiting"]


@pytest.mark.parametrize("gateways", [{}, {"ingressGateways": None}, {"ingressGateways": []}])
def test_a_neighbour_whose_services_the_platform_takes_away(gateways: Object, b: Member) -> None:
    live = seen(b)
    private = live["status"]["metadataCache"]["private"]
    live["status"]["metadataCache"]["private"] = {"publicServices": private["publicServices"], **gateways}
    found = view(b.neighbour(), live=[live])
    assert [(item.severity, item.code) for item in found.findings] == [("error", "neighbour-without-gateway")]
    assert found.awaiting == []


def hosts(*hostnames: Any) -> Object:
    return {
        "ingressGateways": [{"address": "192.0.2.1", "port": 15443}],
        "publicServices": [{"hostname": name} for name in hostnames],
    }


def test_services_outside_of_a_neighbours_domain(b: Member, c: Member) -> None:
    """The platform imports them: at most five are named, whatever they are, and all are counted."""
    live = [seen(b), seen(c)]
    cache = live[0]["status"]["metadataCache"]
    theirs = [f"s{number}.xyz.svc.c.local" for number in range(8)]
    cache["private"] = hosts("a.xyz.svc.b.local", *theirs, "evilb.local", None)
    (finding,) = view(b.neighbour(), c.neighbour(), live=live).findings
    assert (finding.severity, finding.code, finding.neighbour) == ("error", "service-foreign", "b")
    assert finding.object == "IstioFederation b"
    assert "9 services" in finding.message
    assert finding.message.count(".local'") == 5
    assert finding.message.endswith("and 4 more")
    cache["private"] = hosts("x\n\x1b[31m" + "y" * 5000)
    (finding,) = view(b.neighbour(), c.neighbour(), live=live).findings
    assert finding.message.isascii()
    assert finding.message.isprintable()
    assert len(finding.message) < 300
    cache["private"] = {**hosts(), "publicServices": ["x", None, 3, {"hostname": "A.xyz.svc.B.local."}]}
    assert view(b.neighbour(), c.neighbour(), live=live).findings == []


def test_what_the_platform_took_since_the_proof(b: Member, c: Member) -> None:
    """At first contact too: somebody else answered it after the neighbour had been proved."""
    cached = seen(b)["status"]
    right = {**b.resource(proved=b.document()), "status": cached}
    assert view(b.neighbour(), live=[right]).findings == []
    wrong = {**b.resource(proved=b.document(root_ca=c.root)), "status": cached}
    (finding,) = view(b.neighbour(), live=[wrong]).findings
    assert (finding.severity, finding.code, finding.neighbour) == ("error", "platform-differs", "b")
    assert fingerprint(b.root) in finding.message
    assert b.endpoint in finding.remedy
