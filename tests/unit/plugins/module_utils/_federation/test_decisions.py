# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root exchange and service import with fake neighbours: what is decided when they answer, fail, or are not there."""

from __future__ import annotations

import base64
import datetime
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.accepted_keys import AcceptedKeys
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import anchors_for
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conditions import PRIVATE_READY
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, TokenError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    Failure,
    federation_resource,
    federation_status,
    multicluster_resource,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.mesh_config import parse_shared_mesh_config
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.staleness import StalePolicy
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import verify_token
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import services, signed, trust
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import (
    Neighbour,
    neighbours_from,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.resources import StatusWriter
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import NeighbourError

OWN_UUID = "uuid-own"
IDENTITY = {"apiVersion": "deckhouse.io/v1alpha1", "kind": "IstioFederation"}
PAIR, OLD_PAIR = generate_key_pair(), generate_key_pair()
KEYS = "remote-public-metadata.json"
THEN, NOW = "2026-01-01T00:00:00Z", 1767229200.0
PORT = {"name": "http", "port": 80, "protocol": "HTTP"}


def offer(*names: str, gateways: list[str] | None = ("203.0.113.10",), domain: str = "b.local") -> FederationMetadata:
    listed = None if gateways is None else [{"address": address, "port": 15443} for address in gateways]
    hosts = [{"hostname": f"{name}.xyz.svc.{domain}", "ports": [PORT]} for name in names]
    return FederationMetadata.from_dict({"ingressGateways": listed, "publicServices": hosts})


class Member:
    """A neighbour's identity, its documents, and what the fake client answers for it."""

    def __init__(self, name: str) -> None:
        self.name, self.domain, self.uuid = name, f"{name}.local", f"uuid-{name}"
        now = datetime.datetime.now(datetime.timezone.utc)
        self.root = make_ca(name, now).certificate
        self.key = generate_key_pair().public_pem
        self.public: Any = PublicMetadata.create(self.uuid, self.key, self.root, self.domain)
        self.private: list[Any] = [offer("bar", domain=self.domain)]
        self.tokens: list[str] = []

    @property
    def endpoint(self) -> str:
        return f"https://{self.name}/metadata/"

    def neighbour(self, **changes: Any) -> Neighbour:
        state = ClusterState(
            name=self.name, uuid=self.uuid, trust_domain=self.domain, roots=self.root, authn_key_pub=self.key
        )
        known = Neighbour(self.name, trust_domain=self.domain, endpoint=self.endpoint, state=state)
        return replace(known, **changes)

    def resource(self, private: FederationMetadata | None = None) -> dict[str, Any]:
        """Its IstioFederation after an earlier run."""
        public = PublicMetadata.create(self.uuid, self.key, self.root, self.domain)
        status = federation_status(None, now_iso=THEN, public=public, private=private)
        return {**federation_resource(self.name, trust_domain=self.domain, endpoint=self.endpoint), "status": status}


@pytest.fixture
def members(monkeypatch: pytest.MonkeyPatch) -> dict[str, Member]:
    """b and c, answering through a fake client."""
    made = {name: Member(name) for name in ("b", "c")}
    by_endpoint = {member.endpoint: member for member in made.values()}

    class Client:
        def __init__(self, endpoint: str, **_how: Any) -> None:
            self.member = by_endpoint[endpoint]

        def public(self) -> tuple[PublicMetadata, None]:
            if isinstance(self.member.public, Exception):
                raise self.member.public
            return self.member.public, None

        def federation(self, token: str, _domain: str, _rules: Any) -> tuple[FederationMetadata, tuple[()], None]:
            self.member.tokens.append(token)
            answer = self.member.private.pop(0) if len(self.member.private) > 1 else self.member.private[0]
            if isinstance(answer, Exception):
                raise answer
            return answer, (), None

    monkeypatch.setattr(trust, "MetadataClient", Client)
    monkeypatch.setattr(signed, "MetadataClient", Client)
    return made


def down() -> NeighbourError:
    return NeighbourError("connection refused", reason="FetchFailed", obj="public.json")


def status_error(code: int) -> NeighbourError:
    return NeighbourError(f"it answered {code}", reason="NonOKResponse", obj="federation.json", status=code)


def anchors_of(result: trust.Trust) -> dict[str, list[str]]:
    mesh = result.objects("ours", "istio")[0]
    return {domain: list(pems) for domain, pems in parse_shared_mesh_config(mesh["data"]["mesh"]).items()}


def joined(member: Member, **changes: Any) -> Neighbour:
    """A member as a cluster of the domain mesh.local."""
    known = member.neighbour(mode="multicluster", trust_domain="mesh.local", **changes)
    member.public = replace(member.public, trust_domain="mesh.local")
    return known


def test_a_cluster_of_the_same_domain(members: dict[str, Member]) -> None:
    """Its root is trusted in the common domain, its key opens another document, and the api-proxy."""
    b, c = members.values()
    result = trust.exchange([joined(b), c.neighbour()], {}, OWN_UUID)
    assert result.findings == []
    assert anchors_of(result) == {
        "mesh.local": list(anchors_for(b.root, "mesh.local")),
        "c.local": list(anchors_for(c.root, "c.local")),
    }
    _mesh, secret, *resources = result.objects("ours", "istio")
    known = json.loads(base64.b64decode(secret["data"]["remote-public-metadata.json"]))
    assert {uuid: entry["scopes"] for uuid, entry in known.items()} == {
        b.uuid: ["private-multicluster"],
        c.uuid: ["private-federation"],
    }
    assert [(item["kind"], item["metadata"]["name"]) for item in resources] == [
        ("IstioMulticluster", "b"),
        ("IstioFederation", "c"),
    ]
    assert [(item.name, item.cluster_uuid, item.authn_key_pub) for item in result.api_clients()] == [
        ("b", b.uuid, b.key)
    ]


def test_a_root_that_both_clusters_have_needs_no_anchor(members: dict[str, Member]) -> None:
    b, c = members.values()
    result = trust.exchange([joined(b), c.neighbour()], {}, OWN_UUID)
    mesh = result.objects("ours", "istio", [b.root, c.root])[0]
    # In another domain it does: the domain has to be accepted.
    assert set(parse_shared_mesh_config(mesh["data"]["mesh"])) == {"c.local"}


def test_a_cluster_of_the_same_domain_that_is_away_stays(members: dict[str, Member]) -> None:
    """Its resource doesn't tell its domain, which is the own one."""
    b = members["b"]
    known = joined(b, state=None)
    status = federation_status(None, now_iso=THEN, public=b.public)
    resource = {**multicluster_resource("b", endpoint=b.endpoint, flat_network=True), "status": status}
    b.public = down()
    for neighbour in (known, replace(known, mode=None, endpoint=None), replace(known, hold="why")):
        result = trust.exchange([neighbour], {"b": resource}, OWN_UUID)
        assert set(anchors_of(result)) == {"mesh.local"}
        assert result.resources["b"]["kind"] == "IstioMulticluster"
        assert [item.name for item in result.api_clients()] == ["b"]
    assert result.resources["b"]["spec"] == resource["spec"]


def test_who_is_held_for_not_knowing_how_it_is_joined(members: dict[str, Member]) -> None:
    """It was federated before: so it stays, with the domain that it had."""
    neighbour = replace(members["b"].neighbour(), mode=None, trust_domain="own.local", state=None, hold="why")
    result = trust.exchange([neighbour], {"b": members["b"].resource()}, OWN_UUID)
    assert set(anchors_of(result)) == {"b.local"}
    assert result.resources["b"]["kind"] == "IstioFederation"
    assert trust.exchange([neighbour], {}, OWN_UUID).resources == {}


def test_the_objects_of_an_exchange(members: dict[str, Member]) -> None:
    result = trust.exchange([member.neighbour() for member in members.values()], {}, OWN_UUID)
    mesh, secret, *resources = result.objects("ours", "istio")
    assert (mesh["metadata"]["namespace"], secret["metadata"]["namespace"]) == ("istio", "ours")
    assert anchors_of(result) == {m.domain: list(anchors_for(m.root, m.domain)) for m in members.values()}
    known = json.loads(base64.b64decode(secret["data"]["remote-public-metadata.json"]))
    scopes = {"scopes": ["private-federation"]}
    assert known == {
        m.uuid: {"clusterUUID": m.uuid, "authnKeyPub": m.key, "rootCA": m.root, **scopes} for m in members.values()
    }
    assert [item["metadata"]["name"] for item in resources] == ["b", "c"]
    assert result.findings == []
    # The same answers give the same bytes.
    again = trust.exchange([member.neighbour() for member in reversed(members.values())], {}, OWN_UUID)
    assert again.objects("ours", "istio") == result.objects("ours", "istio")


def test_who_fails_keeps_what_was_proved_and_the_others_go_on(members: dict[str, Member]) -> None:
    members["b"].public = down()
    federations = {"b": members["b"].resource()}
    result = trust.exchange([Neighbour("b"), members["c"].neighbour()], federations, OWN_UUID)
    assert set(anchors_of(result)) == {"b.local", "c.local"}
    assert set(result.resources) == {"b", "c"}
    (finding,) = result.findings
    assert (finding.neighbour, finding.code) == ("b", "public-FetchFailed")
    assert finding.message == "connection refused (what was known of it stays)"
    assert isinstance(result.outcomes["b"], Failure)


def test_who_fails_the_first_time_is_not_trusted(members: dict[str, Member]) -> None:
    members["b"].public = down()
    result = trust.exchange([members["b"].neighbour()], {}, OWN_UUID)
    assert anchors_of(result) == {}
    assert result.findings[0].message == "connection refused"


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_a_uuid_is_that_of_the_member_whose_api_tells_it(known: bool, away: bool, members: dict[str, Member]) -> None:
    """Also when it is away, and when somebody else was believed before it joined."""
    b, c = members["b"], members["c"]
    c.uuid = b.uuid
    c.public = PublicMetadata.create(b.uuid, c.key, c.root, c.domain)
    b.public = down() if away else b.public
    pinned = c.neighbour(state=None, root_fingerprints=(fingerprint(c.root),))
    result = trust.exchange([b.neighbour(), pinned], {"c": c.resource()} if known else {}, OWN_UUID)
    # What was believed stays within its own domain, but its key does not speak for b.
    assert set(result.trusted) == {*([] if away else ["b"]), *(["c"] if known else [])}
    keys = json.loads(base64.b64decode(result.objects("ours", "istio")[1]["data"]["remote-public-metadata.json"]))
    assert {uuid: entry["authnKeyPub"] for uuid, entry in keys.items()} == ({} if away else {b.uuid: b.key})
    codes = {(finding.neighbour, finding.code) for finding in result.findings}
    assert codes == {("c", "public-ClusterUUIDMismatch"), *({("b", "public-FetchFailed")} if away else set())}


@pytest.mark.parametrize("answers", [True, False])
def test_an_endpoint_that_is_not_verified_is_warned_of_in_every_run(answers: bool, members: dict[str, Member]) -> None:
    if not answers:
        members["b"].public = down()
    who = [members["b"].neighbour(insecure=True), members["c"].neighbour()]
    for federations in ({}, {"b": members["b"].resource()}):
        result = trust.exchange(who, federations, OWN_UUID)
        (warning,) = [finding for finding in result.findings if finding.severity == "warning"]
        assert (warning.neighbour, warning.code) == ("b", "insecure-endpoint")


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("victim", ["own", "c"])
def test_a_borrowed_root_is_trusted_for_nobody(known: bool, victim: str, members: dict[str, Member]) -> None:
    """b publishes this cluster's root or c's besides its own; where that was believed before, it is no more."""
    b, c = members["b"], members["c"]
    own = make_ca("own", datetime.datetime.now(datetime.timezone.utc)).certificate
    b.root += own if victim == "own" else c.root
    b.public = PublicMetadata.create(b.uuid, b.key, b.root, b.domain)
    who = [b.neighbour(state=None, provider="external", trust_on_first_use=True), c.neighbour()]
    federations = {"b": b.resource()} if known else {}
    result = trust.exchange(who, federations, OWN_UUID, own_roots=[own])
    assert anchors_of(result) == {"c.local": list(anchors_for(c.root, "c.local"))}
    assert set(result.trusted) == {"c"}
    (finding,) = result.findings
    assert (finding.neighbour, finding.code) == ("b", "public-InvalidPublicMetadata")
    assert ("this cluster's own" if victim == "own" else "neighbour c's") in finding.message
    assert "what was known of it stays" not in finding.message
    assert isinstance(result.outcomes["b"], Failure)
    # Nor does it get a token.
    learnt = learn(members, who=who, own_roots=[own])
    assert (b.tokens, len(c.tokens)) == ([], 1)
    assert [item.neighbour for item in learnt.findings] == ["b"]


def test_a_changed_domain_is_not_mixed_with_old_roots(members: dict[str, Member]) -> None:
    """What was proved for one domain is never trusted for another, also not in the run after the next."""
    members["b"].public = down()
    who = members["b"].neighbour(trust_domain="new.local", state=None)
    federations = {"b": members["b"].resource()}
    for _run in range(2):
        result = trust.exchange([who], federations, OWN_UUID)
        assert set(anchors_of(result)) == {"b.local"}
        federations = {"b": {**federations["b"], **result.resources["b"]}}
    member = members["b"]
    member.public = PublicMetadata.create(member.uuid, member.key, member.root, "new.local")
    result = trust.exchange([who], federations, OWN_UUID)
    assert set(anchors_of(result)) == {"new.local"}
    assert result.resources["b"]["spec"]["trustDomain"] == "new.local"


@pytest.mark.parametrize("planning", [True, False])
def test_only_a_plan_believes_the_api_alone(planning: bool, members: dict[str, Member]) -> None:
    who = members["b"].neighbour(endpoint=None)
    result = trust.exchange([who], {}, OWN_UUID, planning=planning)
    assert (set(anchors_of(result)) == {"b.local"}) is planning
    assert bool(result.findings) is not planning


def test_a_held_neighbour_is_not_asked(members: dict[str, Member]) -> None:
    members["b"].public = AssertionError("asked")
    result = trust.exchange([members["b"].neighbour(hold="why")], {"b": members["b"].resource()}, OWN_UUID)
    assert "why" in result.findings[0].message
    assert set(anchors_of(result)) == {"b.local"}
    assert set(result.resources) == {"b"}


def learn(members: dict[str, Member], **options: Any) -> services.Learnt:
    federations = options.pop("federations", {name: member.resource() for name, member in members.items()})
    who = options.pop("who", [member.neighbour() for member in members.values()])
    identity = options.pop("identity", Identity(OWN_UUID, PAIR.private_pem))
    return services.learn(who, federations, identity, **options)


def test_tokens_are_for_the_proved_neighbour(members: dict[str, Member]) -> None:
    learnt = learn(members)
    assert learnt.findings == []
    assert {source.name: source.trust_domain for source in learnt.sources} == {"b": "b.local", "c": "c.local"}
    for member in members.values():
        (token,) = member.tokens
        subject = verify_token(
            token,
            audience=member.uuid,
            scope="private-federation",
            public_keys={OWN_UUID: PAIR.public_pem},
            now=time.time(),
        )
        assert subject == OWN_UUID


def test_no_token_for_a_uuid_that_is_another_members(members: dict[str, Member]) -> None:
    """c was believed with the UUID that b's API tells: who gets a token for it could use it at b."""
    rightful, other = members["b"], members["c"]
    other.uuid = rightful.uuid
    other.public = PublicMetadata.create(other.uuid, other.key, other.root, other.domain)
    pinned = other.neighbour(state=None, provider="external", root_fingerprints=(fingerprint(other.root),))
    learnt = learn(members, who=[rightful.neighbour(), pinned])
    assert (len(rightful.tokens), other.tokens) == (1, [])
    (finding,) = learnt.findings
    assert (finding.neighbour, finding.code) == ("c", "private-ClusterUUIDMismatch")


def test_a_401_is_asked_again_with_pauses_and_others_are_not(members: dict[str, Member]) -> None:
    member = members["b"]
    proved = PublicMetadata.create(member.uuid, member.key, member.root)
    identity = Identity(OWN_UUID, PAIR.private_pem)
    client = signed.MetadataClient(member.endpoint)
    pauses: list[float] = []
    member.private = [status_error(401), status_error(401), offer("bar")]
    found, _findings = services.fetch_federation(client, "b.local", proved, identity, pauses.append)
    assert found == offer("bar")
    assert pauses == list(signed.UNAUTHORIZED_PAUSES_SECONDS[:2])
    pauses.clear()
    member.private = [status_error(401)]
    with pytest.raises(NeighbourError):
        services.fetch_federation(client, "b.local", proved, identity, pauses.append)
    assert pauses == list(signed.UNAUTHORIZED_PAUSES_SECONDS)
    pauses.clear()
    member.private = [status_error(500)]
    with pytest.raises(NeighbourError):
        services.fetch_federation(client, "b.local", proved, identity, pauses.append)
    assert pauses == []


def rotating(*, end: float) -> Identity:
    """Ours while its key pair is rotated, C(end) seconds before the key of before ends and 60 after the change."""
    now = time.time()
    return Identity(OWN_UUID, PAIR.private_pem, OLD_PAIR.private_pem, now + end, now - 60)


def signed_by(member: Member) -> list[str]:
    """Which of our keys signed each token that it got."""
    names = []
    for token in member.tokens:
        for name, pair in (("new", PAIR), ("old", OLD_PAIR)):
            keys = {OWN_UUID: pair.public_pem}
            try:
                verify_token(token, audience=member.uuid, scope="private-federation", public_keys=keys, now=time.time())
                names.append(name)
            except TokenError:
                continue
    return names


def test_who_does_not_know_our_new_key_is_asked_with_the_one_before(members: dict[str, Member]) -> None:
    b, c = members.values()
    b.private = [status_error(401), offer("bar", domain="b.local")]
    learnt = learn(members, identity=rotating(end=3600))
    assert learnt.findings == []
    assert (signed_by(b), signed_by(c)) == (["new", "old"], ["new"])


def test_who_still_does_not_know_it_late_in_the_overlap_is_told_of(members: dict[str, Member]) -> None:
    members["b"].private = [status_error(401), offer("bar", domain="b.local")]
    (finding,) = learn(members, identity=rotating(end=59)).findings
    assert (finding.neighbour, finding.severity, finding.code) == ("b", "warning", "authn-key-not-known")
    assert "ends at" in finding.message


def test_a_key_of_before_that_has_ended_signs_nothing(members: dict[str, Member], pauses: list[float]) -> None:
    members["b"].private = [status_error(401)]
    learn(members, identity=rotating(end=-1))
    assert set(signed_by(members["b"])) == {"new"}
    assert pauses == list(signed.UNAUTHORIZED_PAUSES_SECONDS)


def test_with_two_keys_a_lasting_refusal_costs_as_many_pauses(members: dict[str, Member], pauses: list[float]) -> None:
    members["b"].private = [status_error(401)]
    learn(members, identity=rotating(end=3600))
    assert signed_by(members["b"]) == ["new", "old", "new"] * 4
    assert pauses == list(signed.UNAUTHORIZED_PAUSES_SECONDS)
    members["b"].private, members["b"].tokens = [status_error(500)], []
    learn(members, identity=rotating(end=3600))
    assert signed_by(members["b"]) == ["new"]


@pytest.mark.parametrize("multicluster", [False, True])
def test_both_keys_of_a_neighbour_that_rotates_are_let_in(multicluster: bool, members: dict[str, Member]) -> None:
    """But the one before only when the exporter was told of it earlier, and only until its end."""
    b, old = members["b"], generate_key_pair().public_pem
    who = joined(b) if multicluster else b.neighbour()
    assert who.state is not None
    until = rfc3339(time.time() + 3600)
    who = replace(who, state=replace(who.state, previous_authn_key_pub=old, previous_authn_key_until=until))
    for told, previous in (({}, None), ({b.uuid: AcceptedKeys(old)}, old), ({b.uuid: AcceptedKeys(b.key)}, None)):
        result = trust.exchange([who], {}, OWN_UUID, told=told)
        (entry,) = json.loads(base64.b64decode(result.objects("ours", "istio")[1]["data"][KEYS])).values()
        assert (entry["authnKeyPub"], entry.get("previousAuthnKeyPub")) == (b.key, previous)
        assert entry.get("previousAuthnKeyUntil") == (until if previous else None)
        assert [item.previous_key_pub for item in result.api_clients()] == ([previous] if multicluster else [])


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that are made, without making them."""
    made: list[float] = []

    def fetch(*arguments: Any, **options: Any) -> Any:
        return fetched(*arguments, **options, pause=made.append)

    fetched = services.fetch_federation
    monkeypatch.setattr(services, "fetch_federation", fetch)
    return made


def test_a_new_deckhouse_neighbour_has_a_minute_to_learn_our_key(
    members: dict[str, Member], pauses: list[float]
) -> None:
    """It asks for keys once a minute; one that has answered before has had ours, and is not waited for."""
    member = members["b"]
    member.private = [status_error(401), status_error(401), offer("bar")]
    who = [member.neighbour(provider="deckhouse")]
    learnt = learn(members, who=who)
    assert learnt.outcomes["b"] == offer("bar")
    assert sum(signed.PLATFORM_PAUSES_SECONDS) > 60
    assert pauses == list(signed.PLATFORM_PAUSES_SECONDS[:2])
    for provider, known, planning in (
        ("deckhouse", offer("old"), False),
        ("deckhouse", None, True),
        ("istio", None, False),
        ("external", None, False),
    ):
        pauses.clear()
        member.private = [status_error(401)]
        federations = {"b": member.resource(known)}
        learn(members, who=[member.neighbour(provider=provider)], federations=federations, planning=planning)
        assert pauses == list(signed.UNAUTHORIZED_PAUSES_SECONDS), provider


def test_a_deckhouse_neighbour_that_refused_a_run_before_is_not_waited_for_again(
    members: dict[str, Member], pauses: list[float]
) -> None:
    member = members["b"]
    resource = member.resource(None)
    resource["status"]["conditions"] = [{"type": PRIVATE_READY, "status": "False", "reason": "NonOKResponse"}]
    member.private = [status_error(401)]
    learn(members, who=[member.neighbour(provider="deckhouse")], federations={"b": resource})
    assert pauses == list(signed.UNAUTHORIZED_PAUSES_SECONDS)


@pytest.mark.parametrize(
    ("answer", "told"),
    [(status_error(401), True), (status_error(403), False), (down(), False)],
)
def test_an_external_neighbour_that_does_not_know_us(
    answer: NeighbourError, told: bool, members: dict[str, Member], pauses: list[float]
) -> None:
    """Its administrator has to do something, and there is something to hand over."""
    member = members["b"]
    member.private = [answer]
    learnt = learn(members, who=[member.neighbour(provider="external", state=None)])
    (finding,) = learnt.findings
    assert finding.severity == "error"
    assert ("external_neighbour" in finding.remedy) is told


@pytest.mark.parametrize(("provider", "severity"), [("external", "warning"), ("istio", "error")])
def test_a_plan_cannot_know_what_a_new_external_neighbour_publishes(
    provider: str, severity: str, members: dict[str, Member]
) -> None:
    who = [members["b"].neighbour(provider=provider, state=None)]
    learnt = learn(members, who=who, federations={}, planning=True)
    (finding,) = learnt.findings
    assert (finding.code, finding.severity) == ("private-AwaitingPublic", severity)
    (finding,) = learn(members, who=who, federations={}).findings
    assert finding.severity == "error"


def away_since(member: Member, began: float) -> dict[str, Any]:
    """Its resource after it has not answered since then."""
    resource = member.resource(offer("bar", domain=member.domain))
    status = federation_status(resource["status"], now_iso=rfc3339(began), private=Failure("FetchFailed", "no answer"))
    return {**resource, "status": status}


@pytest.mark.parametrize(
    ("after", "imported", "code"),
    [(None, {"b", "c"}, "neighbour-stale"), (7200, {"b", "c"}, "neighbour-stale"), (3600, {"c"}, "neighbour-evicted")],
)
@pytest.mark.parametrize("failing", ["public", "private", "gateways"])
def test_who_does_not_answer_for_too_long_is_imported_no_more(
    failing: str, after: int | None, imported: set[str], code: str, members: dict[str, Member]
) -> None:
    """Its root stays trusted, and the others' services are what they were."""
    b, c = members.values()
    if failing == "public":
        b.public = down()
    else:
        b.private = [down() if failing == "private" else offer("bar", gateways=[])]
    federations = {"b": away_since(b, time.time() - 3601), "c": c.resource()}
    learnt = learn(members, federations=federations, policy=StalePolicy(after, 600))
    assert {source.name for source in learnt.sources} == imported
    first, second = learnt.findings
    assert (first.neighbour, second.neighbour, second.code) == ("b", "b", code)
    assert ("stays" in first.message) is ("b" in imported)
    assert learnt.stale["b"].evicted is ("b" not in imported)
    assert set(learnt.stale) == {"b"}
    assert set(trust.exchange([b.neighbour(), c.neighbour()], federations, OWN_UUID).trusted) == {"b", "c"}


def test_who_fails_for_the_first_time_or_was_never_known_is_not_stale(members: dict[str, Member]) -> None:
    b, c = members.values()
    b.private, c.private = [down()], [down()]
    federations = {"b": b.resource(offer("bar", domain="b.local")), "c": c.resource()}
    learnt = learn(members, federations=federations, policy=StalePolicy(60, 60))
    assert [source.name for source in learnt.sources] == ["b"]
    assert {finding.code for finding in learnt.findings} == {"private-FetchFailed"}
    # The status will have the very time from which it is counted.
    assert {name: stale.since for name, stale in learnt.stale.items()} == {"b": rfc3339(learnt.at)}


@pytest.mark.parametrize("gateways", [[], None])
def test_an_answer_without_gateways_counts_when_it_is_confirmed(
    gateways: list[str] | None, members: dict[str, Member]
) -> None:
    """That there are none; that they are not known is no answer."""
    b = members["b"]
    b.private = [offer(gateways=gateways)]
    who = [b.neighbour(confirm_no_gateways=True), members["c"].neighbour()]
    federations = {"b": b.resource(offer("bar", domain="b.local")), "c": members["c"].resource()}
    learnt = learn(members, who=who, federations=federations)
    known = gateways is not None
    assert {source.name for source in learnt.sources} == ({"c"} if known else {"b", "c"})
    (finding,) = learnt.findings
    assert finding.code == ("no-gateway-confirmed" if known else "neighbour-without-gateway")
    assert learnt.without_gateways == ({"b"} if known else set())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"federations": {}}, "AwaitingPublic"),
        ({"identity": None}, "TokenGenerationFailed"),
    ],
)
def test_nothing_is_sent_before_both_identities_are_known(
    options: dict[str, Any], reason: str, members: dict[str, Member]
) -> None:
    learnt = learn(members, **options)
    assert {finding.code for finding in learnt.findings} == {f"private-{reason}"}
    assert [member.tokens for member in members.values()] == [[], []]
    assert learnt.sources == []


@pytest.mark.parametrize("part", ["cluster_uuid", "authn_key_pub", "root_ca", "trust_domain"])
def test_nothing_is_sent_to_who_is_not_proved_now(part: str, members: dict[str, Member]) -> None:
    resource = members["b"].resource(offer("known"))
    told, other = members["b"].public, members["c"].public
    assert isinstance(told, PublicMetadata)
    assert isinstance(other, PublicMetadata)
    members["b"].public = replace(told, **{part: getattr(other, part) or "other.local"})
    learnt = learn(members, federations={"b": resource, "c": members["c"].resource()})
    assert members["b"].tokens == []
    assert len(members["c"].tokens) == 1
    # What was known stays.
    assert {source.name: source.metadata for source in learnt.sources}["b"] == offer("known")


@pytest.mark.parametrize("planning", [True, False])
@pytest.mark.parametrize("vouched", ["api", "first-use"])
def test_nothing_is_sent_to_who_has_a_root_that_was_not_proved_yet(
    vouched: str, planning: bool, members: dict[str, Member]
) -> None:
    """Whoever could believe it: whose a root is, is seen by the exchange of roots. Its plan comes after no real one."""
    b = members["b"]
    resource = b.resource(offer("known"))
    b.root += make_ca("more", datetime.datetime.now(datetime.timezone.utc)).certificate
    b.public = PublicMetadata.create(b.uuid, b.key, b.root, b.domain)
    api = vouched == "api"
    who = b.neighbour() if api else b.neighbour(state=None, provider="external", trust_on_first_use=True)
    learnt = learn(members, who=[who], federations={"b": resource}, planning=planning)
    assert bool(b.tokens) is (api and planning)
    if not (api and planning):
        (finding,) = learnt.findings
        assert finding.code == "private-AwaitingPublic"
        assert "not proved yet" in finding.message
        assert learnt.sources[0].metadata == offer("known")


@pytest.mark.parametrize("gateways", [None, []])
def test_no_gateway_is_no_eviction(gateways: list[str] | None, members: dict[str, Member]) -> None:
    """A document without gateways is believed in nothing."""
    members["b"].private = [offer("new", gateways=gateways)]
    federations = {"b": members["b"].resource(offer("old")), "c": members["c"].resource()}
    learnt = learn(members, federations=federations)
    assert {source.name: source.metadata for source in learnt.sources}["b"] == offer("old")
    (finding,) = learnt.findings
    assert finding.code == "neighbour-without-gateway"
    first = learn(members)
    assert [source.name for source in first.sources] == ["c"]


def test_who_fails_stays_as_it_was(members: dict[str, Member]) -> None:
    members["b"].private = [down()]
    federations = {"b": members["b"].resource(offer("old")), "c": members["c"].resource()}
    learnt = learn(members, federations=federations, who=[Neighbour("b"), members["c"].neighbour()])
    assert {source.name: source.metadata for source in learnt.sources}["b"] == offer("old")
    assert learnt.outcomes["b"] == Failure("FetchFailed", "connection refused")


@pytest.mark.parametrize("planning", [True, False])
def test_only_a_plan_takes_services_from_the_api(planning: bool, members: dict[str, Member]) -> None:
    state = replace(members["b"].neighbour().state, published=({"hostname": "bar.xyz.svc.b.local", "ports": [PORT]},))
    who = [members["b"].neighbour(state=state)]
    learnt = learn(members, who=who, federations={}, identity=None, planning=planning)
    assert bool(learnt.sources) is planning
    assert bool(learnt.findings) is not planning
    if planning:
        (gateway,) = learnt.sources[0].metadata.ingress_gateways
        assert gateway.address.endswith(".invalid")


class FakeClient:
    def __init__(self) -> None:
        self.applied: list[tuple[dict[str, Any], str | None]] = []

    def apply(self, obj: dict[str, Any], *, field_manager: str, subresource: str | None = None) -> None:
        assert field_manager == "meshalliance.istio"
        self.applied.append((obj, subresource))


def written(previous: dict[str, Any], refresh: float, **outcome: Any) -> tuple[int, int]:
    """How many writes and how many changes an outcome makes."""
    client = FakeClient()
    writer = StatusWriter(client, now=NOW, refresh_seconds=refresh)  # type: ignore[arg-type]
    writer.update({"metadata": {"name": "b"}, "status": previous, **IDENTITY}, **outcome)
    writer.write()
    assert {subresource for _obj, subresource in client.applied} <= {"status"}
    return len(client.applied), len(writer.changes)


def test_a_heartbeat_is_a_write_but_no_change(members: dict[str, Member]) -> None:
    public = members["b"].public
    known = members["b"].resource()["status"]
    assert written(known, 10**9, public=public) == (0, 0)
    assert written(known, 300, public=public) == (1, 0)
    assert written({}, 10**9, public=public) == (1, 1)
    assert written(known, 10**9, public=Failure("FetchFailed", "x")) == (1, 1)


def test_a_document_that_was_never_fetched_makes_no_heartbeat(members: dict[str, Member]) -> None:
    """Only what this step fetches is renewed: that the other document is missing or old is not its matter."""
    public, private = members["b"].public, offer("bar")
    missing = members["b"].resource()["status"]
    assert "privateLastFetchTimestamp" not in missing["metadataCache"]
    assert written(missing, 10**9, public=public) == (0, 0)
    both = members["b"].resource(private)["status"]
    both["metadataCache"]["publicLastFetchTimestamp"] = "2001-01-01T00:00:00Z"
    assert written(both, 10**7, private=private) == (0, 0)
    assert written(both, 10**7, public=public) == (1, 0)


@pytest.mark.parametrize("status", [400, 413, 422, 404, 500])
def test_a_status_that_is_refused_stops_no_other(members: dict[str, Member], status: int) -> None:
    class Refusing(FakeClient):
        def apply(self, obj: dict[str, Any], **how: Any) -> None:
            if obj["metadata"]["name"] == "b":
                raise ApiError("etcdserver: request is too large", status=status)
            super().apply(obj, **how)

    client = Refusing()
    writer = StatusWriter(client, now=NOW, refresh_seconds=300)  # type: ignore[arg-type]
    for name, member in members.items():
        writer.update({"metadata": {"name": name}, "status": {}, **IDENTITY}, public=member.public)
    (finding,) = writer.write([Neighbour("B"), Neighbour("c")])
    assert (finding.neighbour, finding.code, finding.severity) == ("B", "status-refused", "error")
    assert "too large" in finding.message
    # What was not written is no change.
    assert [change.object["metadata"]["name"] for change in writer.changes] == ["c"]
    assert [obj["metadata"]["name"] for obj, _subresource in client.applied] == ["c"]


@pytest.mark.parametrize("status", [0, 401, 403, 409, 429, 503])
def test_what_concerns_all_statuses_ends_the_run(members: dict[str, Member], status: int) -> None:
    class Refusing(FakeClient):
        def apply(self, obj: dict[str, Any], **how: Any) -> None:
            raise ApiError(f"{status}", status=status)

    writer = StatusWriter(Refusing(), now=NOW, refresh_seconds=300)  # type: ignore[arg-type]
    writer.update({"metadata": {"name": "b"}, "status": {}, **IDENTITY}, public=members["b"].public)
    with pytest.raises(ApiError):
        writer.write()


def test_a_root_that_istiod_could_not_read_is_not_trusted(members: dict[str, Member]) -> None:
    """It would take the whole shared mesh config with it. Where another one is known, that stays."""
    b = members["b"]
    known = {"b": b.resource()}
    now = datetime.datetime.now(datetime.timezone.utc)
    b.root = make_ca("b", now - datetime.timedelta(days=5000)).certificate
    b.public = PublicMetadata.create(b.uuid, b.key, b.root, b.domain)
    for federations in ({}, known):
        result = trust.exchange([b.neighbour(), members["c"].neighbour()], federations, OWN_UUID)
        assert set(anchors_of(result)) == ({"b.local", "c.local"} if federations else {"c.local"})
        (finding,) = result.findings
        assert (finding.neighbour, finding.code) == ("b", "public-InvalidPublicMetadata")
        assert "has expired" in finding.message


def test_neighbours_of_the_option() -> None:
    option = [{"name": "Cluster_C"}, {"name": "b", "trust_domain": "", "root_fingerprints": None}]
    assert neighbours_from(option) == [Neighbour("Cluster_C"), Neighbour("b")]
    (partner,) = neighbours_from([{"name": "p", "provider": "external", "trust_on_first_use": True}])
    assert partner == Neighbour("p", provider="external", trust_on_first_use=True)
    assert partner.external
    assert Neighbour("Cluster_C").resource_name == "cluster-c"
    with pytest.raises(AllianceError, match="cluster-c is given twice"):
        neighbours_from([{"name": "Cluster_C"}, {"name": "cluster-c"}])


def test_an_unreadable_neighbour_is_completed_from_its_resource(members: dict[str, Member]) -> None:
    spec = federation_resource("b", trust_domain="b.local", endpoint="https://b/", ca="the CA")
    assert Neighbour("b").completed(spec) == Neighbour("b", trust_domain="b.local", endpoint="https://b/", ca="the CA")
    known = Neighbour("b", trust_domain="new.local", endpoint="https://new/", ca="new CA")
    assert known.completed(spec) == known
    assert Neighbour("b").completed(None) == Neighbour("b")
    partner = Neighbour("b", provider="external", root_fingerprints=("AB",), trust_on_first_use=True, hold="why")
    assert partner.completed(spec) == replace(partner, trust_domain="b.local", endpoint="https://b/", ca="the CA")


def test_the_private_key_is_not_shown() -> None:
    assert "PRIVATE" not in repr(Identity(OWN_UUID, PAIR.private_pem))


@pytest.mark.parametrize("planning", [True, False])
@pytest.mark.parametrize("answers", [True, False])
def test_a_plan_knows_what_this_run_would_publish(planning: bool, answers: bool, members: dict[str, Member]) -> None:
    """Also for a member whose exporter answers already, and for one that has none yet."""
    member = members["b"]
    now = offer("bar", "old", domain="b.local")
    member.private = [now if answers else down()]
    wire = {item: offer(item, domain="b.local").to_dict()["publicServices"] for item in ("bar", "old", "new")}
    who = member.neighbour()
    assert who.state is not None
    state = replace(
        who.state,
        published=(*wire["bar"], *wire["old"]),
        planned_services=tuple(wire["new"]),
        planned_withdrawals=("old.xyz.svc.b.local",),
    )
    learnt = learn(members, who=[replace(who, state=state)], planning=planning)
    hosts = [[item.hostname for item in source.metadata.public_services] for source in learnt.sources]
    if planning:
        assert hosts == [["bar.xyz.svc.b.local", "new.xyz.svc.b.local"]]
    else:
        assert hosts == ([["bar.xyz.svc.b.local", "old.xyz.svc.b.local"]] if answers else [])


def remembered(result: trust.Trust, **private: FederationMetadata) -> dict[str, Any]:
    """The resources as a run leaves them that came to this result."""
    return {
        name: {**resource, "status": federation_status(None, now_iso=THEN, public=document, private=private.get(name))}
        for name, resource in result.resources.items()
        if isinstance(document := result.outcomes[name], PublicMetadata)
    }


def test_what_is_recalled_of_trust_is_what_was_decided(members: dict[str, Member]) -> None:
    """So a run that asks nobody differs in nothing from the last one, and what does is not as a run would write it."""
    b, c = members.values()
    neighbours = [joined(b), c.neighbour()]
    result = trust.exchange(neighbours, {}, OWN_UUID)
    members["b"].public = members["c"].public = AssertionError("nobody is to be asked")
    recalled = trust.recall(neighbours, remembered(result), told=result_told(result))
    assert recalled.objects("ours", "istio") == result.objects("ours", "istio")
    assert recalled.api_clients() == result.api_clients()
    assert (recalled.outcomes, recalled.findings) == ({}, [])
    assert trust.recall(neighbours, {}).trusted == {}


def result_told(result: trust.Trust) -> dict[str, AcceptedKeys]:
    return {document.cluster_uuid: result.keys[name] for name, document in result.trusted.items()}


def test_what_is_recalled_of_imports_is_what_was_learnt(members: dict[str, Member]) -> None:
    b = members["b"]
    neighbours = [b.neighbour()]
    learnt = services.learn(neighbours, {"b": b.resource()}, Identity(OWN_UUID, PAIR.private_pem))
    resource = b.resource(private=learnt.outcomes["b"])  # type: ignore[arg-type]
    b.private = [AssertionError("nobody is to be asked")]
    recalled = services.recall(neighbours, {"b": resource})
    assert recalled.imports("ours", failover=False) == learnt.imports("ours", failover=False)
    assert recalled.imports("ours", failover=False).hostnames == {"b": ("bar.xyz.svc.b.local",)}
    assert (recalled.outcomes, recalled.findings) == ({}, [])


def test_who_is_silent_for_too_long_is_recalled_as_such(members: dict[str, Member]) -> None:
    b = members["b"]
    resource = b.resource(private=offer("bar"))
    failed = federation_status(resource["status"], now_iso=THEN, private=Failure("FetchFailed", "no answer"))
    known = {"b": {**resource, "status": failed}}
    for policy, code, hosts in (
        (StalePolicy(None, 60), "neighbour-stale", ("bar.xyz.svc.b.local",)),
        (StalePolicy(60, 60), "neighbour-evicted", ()),
    ):
        recalled = services.recall([b.neighbour()], known, policy=policy)
        assert [finding.code for finding in recalled.findings] == [code]
        assert recalled.imports("ours", failover=False).hostnames.get("b", ()) == hosts
