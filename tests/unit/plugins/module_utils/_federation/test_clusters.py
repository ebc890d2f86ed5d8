# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters of one domain, with fake neighbours: whom istiod is told of, with which token, and what stays."""

from __future__ import annotations

import base64
import datetime
from dataclasses import replace
from typing import Any

import jwt
import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    GatewayAddress,
    PublicMetadata,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    Failure,
    federation_status,
    multicluster_resource,
    rfc3339,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import (
    KeyPair,
    generate_key_pair,
    load_public_key,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import (
    MulticlusterMetadata,
    derived_cluster_id,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import token_in
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.staleness import StalePolicy
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import verify_token
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import remote_secrets, signed
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.clusters import (
    Clusters,
    Own,
    learn_clusters,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.remote_secrets import Remote, prepare
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import PART_OF_LABEL
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.remote_api import RemoteApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import NeighbourError

DOMAIN, OWN_UUID, SET = "mesh.local", "uuid-own", "applyset-ours"
OWN = Own("cluster-own", "network-own")
PAIR, OLD_PAIR = generate_key_pair(), generate_key_pair()
IDENTITY = Identity(OWN_UUID, PAIR.private_pem)
NOW, LIFETIME = 1_800_000_000.0, 43_200
THEN = "2026-01-01T00:00:00Z"


class Cluster:
    """A cluster of the same domain: its identity, its document, and what its API says."""

    def __init__(self, name: str) -> None:
        self.name, self.uuid = name, f"uuid-{name}"
        self.root = make_ca(name, datetime.datetime.now(datetime.timezone.utc)).certificate
        self.key = generate_key_pair().public_pem
        self.public: Any = PublicMetadata.create(self.uuid, self.key, self.root, DOMAIN)
        self.private: Any = self.offer()
        self.api: AllianceError | None = None
        # The only key of ours that its api-proxy knows.
        self.knows: KeyPair | None = None
        self.tokens: list[str] = []

    def offer(self, **changes: Any) -> MulticlusterMetadata:
        known: dict[str, Any] = {
            "ingress_gateways": (GatewayAddress("203.0.113.9", 15444),),
            "api_host": f"api.{self.name}.example:6443",
            "network_name": f"network-{self.name}",
            "cluster_id": f"cluster-{self.name}",
        }
        return MulticlusterMetadata(**{**known, **changes})

    @property
    def endpoint(self) -> str:
        return f"https://{self.name}/metadata/"

    def neighbour(self, **changes: Any) -> Neighbour:
        state = ClusterState(
            name=self.name, uuid=self.uuid, trust_domain=DOMAIN, roots=self.root, authn_key_pub=self.key
        )
        known = Neighbour(
            self.name, mode="multicluster", trust_domain=DOMAIN, endpoint=self.endpoint, ca="CA", state=state
        )
        return replace(known, **changes)

    def resource(self, private: MulticlusterMetadata | None = None) -> dict[str, Any]:
        """Its IstioMulticluster after an earlier run."""
        public = PublicMetadata.create(self.uuid, self.key, self.root, DOMAIN)
        status = federation_status(None, now_iso=THEN, public=public, private=private)
        return {**multicluster_resource(self.name, endpoint=self.endpoint), "status": status}


@pytest.fixture
def clusters(monkeypatch: pytest.MonkeyPatch) -> dict[str, Cluster]:
    """d and e, answering through a fake client; their APIs answer as they are told."""
    made = {name: Cluster(name) for name in ("d", "e")}
    by_endpoint = {cluster.endpoint: cluster for cluster in made.values()}

    class Client:
        def __init__(self, endpoint: str, **_how: Any) -> None:
            self.cluster = by_endpoint[endpoint]

        def public(self) -> tuple[PublicMetadata, None]:
            if isinstance(self.cluster.public, Exception):
                raise self.cluster.public
            return self.cluster.public, None

        def multicluster(self, token: str, _rules: Any) -> tuple[MulticlusterMetadata, tuple[()], None]:
            self.cluster.tokens.append(token)
            if isinstance(self.cluster.private, Exception):
                raise self.cluster.private
            return self.cluster.private, (), None

    def probe(kubeconfig: dict[str, Any], **_patience: Any) -> None:
        server = kubeconfig["clusters"][0]["cluster"]["server"]
        cluster = made[server.removeprefix("https://api.").partition(".")[0]]
        if cluster.api is not None:
            raise cluster.api
        if cluster.knows and signer(kubeconfig["users"][0]["user"]["token"]) != cluster.knows:
            raise RemoteApiError("401", reason="NonOKResponse", status=401)

    monkeypatch.setattr(signed, "MetadataClient", Client)
    monkeypatch.setattr(remote_secrets, "probe", probe)
    return made


def down() -> NeighbourError:
    return NeighbourError("connection refused", reason="FetchFailed", obj="public.json")


def learn(clusters: dict[str, Cluster], *, known: bool = False, planning: bool = False, **changes: Any) -> Clusters:
    """What is learnt of all; C(known): their documents were read before."""
    resources = {name: item.resource(item.offer() if known else None) for name, item in clusters.items()}
    neighbours = [item.neighbour(**changes) for item in clusters.values()]
    return learn_clusters(neighbours, resources, IDENTITY, OWN, planning=planning)


def prepared(
    learnt: Clusters,
    secrets: dict[str, Any] | None = None,
    *,
    now: float = NOW,
    planning: bool = False,
    identity: Identity = IDENTITY,
) -> Remote:
    return prepare(
        learnt.known, secrets or {}, identity, SET, lifetime=LIFETIME, now=now, patience=0, planning=planning
    )


def secrets_of(remote: Remote) -> dict[str, Any]:
    """The Secrets as the API server has them after the run."""
    found = {}
    for cluster in remote.clusters:
        secret = cluster.secret("istio-system")
        secret["metadata"]["labels"][PART_OF_LABEL] = SET
        found[secret["metadata"]["name"]] = secret
    return found


def codes(findings: list[Any]) -> list[tuple[str, str]]:
    return sorted((finding.neighbour, finding.code) for finding in findings)


def test_istiod_is_told_of_each_cluster(clusters: dict[str, Cluster]) -> None:
    learnt = learn(clusters)
    remote = prepared(learnt)
    assert (learnt.findings, remote.findings, remote.apis) == ([], [], {"d": True, "e": True})
    assert [(item.cluster_id, item.network, item.api_host) for item in remote.clusters] == [
        ("cluster-d", "network-d", "api.d.example:6443"),
        ("cluster-e", "network-e", "api.e.example:6443"),
    ]
    for item, secret in zip(clusters.values(), secrets_of(remote).values(), strict=True):
        keys = {OWN_UUID: PAIR.public_pem}
        assert verify_token(token_in(secret), audience=item.uuid, scope="api", public_keys=keys, now=NOW) == OWN_UUID
        (asked,) = item.tokens
        scope = "private-multicluster"
        assert verify_token(asked, audience=item.uuid, scope=scope, public_keys=keys, now=_now()) == OWN_UUID
    assert remote.renewed == set()


def _now() -> float:
    return datetime.datetime.now(datetime.timezone.utc).timestamp()


def test_a_good_token_stays_and_an_old_one_is_renewed(clusters: dict[str, Cluster]) -> None:
    first = secrets_of(prepared(learn(clusters)))
    later = prepared(learn(clusters), first, now=NOW + LIFETIME / 2 - 60)
    assert secrets_of(later) == first
    assert later.renewed == set()
    renewed = prepared(learn(clusters), first, now=NOW + LIFETIME / 2 + 60)
    assert renewed.renewed == {"d", "e"}
    assert secrets_of(renewed) != first


def signer(token: str) -> KeyPair | None:
    """Which of our key pairs signed a token."""
    for pair in (PAIR, OLD_PAIR):
        try:
            jwt.PyJWS(algorithms=["EdDSA"]).decode(token, load_public_key(pair.public_pem), algorithms=["EdDSA"])
        except jwt.InvalidTokenError:
            continue
        return pair
    return None


def test_istiod_keeps_a_token_that_works_while_our_key_is_rotated(clusters: dict[str, Cluster]) -> None:
    """d has learnt of the new key, e has not; later both have, and the key of before has ended."""
    old = Identity(OWN_UUID, OLD_PAIR.private_pem)
    rotating = Identity(OWN_UUID, PAIR.private_pem, OLD_PAIR.private_pem, NOW + 3600, NOW)
    clusters["d"].knows = clusters["e"].knows = OLD_PAIR
    first = secrets_of(prepared(learn(clusters), identity=old))
    clusters["d"].knows = PAIR
    second = prepared(learn(clusters), first, now=NOW + 60, identity=rotating)
    assert (second.renewed, second.findings) == ({"d"}, [])
    assert [signer(item.token) for item in second.clusters] == [PAIR, OLD_PAIR]
    third = prepared(learn(clusters), secrets_of(second), now=NOW + 120, identity=rotating)
    assert secrets_of(third) == secrets_of(second)
    # An API that says nothing is no reason to give up a token that is good.
    clusters["e"].api = RemoteApiError("no answer", reason="FetchFailed")
    away = prepared(learn(clusters), secrets_of(second), now=NOW + 120, identity=rotating)
    assert secrets_of(away) == secrets_of(second)
    assert codes(away.findings) == [("e", "api-FetchFailed")]
    clusters["e"].api, clusters["e"].knows = None, PAIR
    last = prepared(learn(clusters), secrets_of(second), now=NOW + 3600, identity=rotating)
    assert [signer(item.token) for item in last.clusters] == [PAIR, PAIR]
    assert last.renewed == {"e"}


def test_a_token_that_ends_is_renewed_with_the_key_that_is_known(clusters: dict[str, Cluster]) -> None:
    rotating = Identity(OWN_UUID, PAIR.private_pem, OLD_PAIR.private_pem, NOW + LIFETIME, NOW)
    for cluster in clusters.values():
        cluster.knows = OLD_PAIR
    first = prepared(learn(clusters), identity=rotating)
    later = prepared(learn(clusters), secrets_of(first), now=NOW + LIFETIME / 2 + 60, identity=rotating)
    for remote in (first, later):
        assert {signer(item.token) for item in remote.clusters} == {OLD_PAIR}
    assert later.renewed == {"d", "e"}


@pytest.mark.parametrize("failing", ["public", "private"])
def test_a_cluster_that_is_away_keeps_a_good_token(clusters: dict[str, Cluster], failing: str) -> None:
    """The neighbour may be back before its token ends, and istiod must be let in then."""
    first = secrets_of(prepared(learn(clusters, known=True)))
    setattr(clusters["d"], failing, down())
    learnt = learn(clusters, known=True)
    assert codes(learnt.findings) == [("d", "private-FetchFailed")]
    assert learnt.outcomes["d"] == Failure("FetchFailed", "connection refused")
    remote = prepared(learnt, first, now=NOW + LIFETIME)
    assert remote.renewed == {"d", "e"}
    assert set(secrets_of(remote)) == set(first)


@pytest.mark.parametrize(
    ("after", "told", "code"), [(7200, {"d", "e"}, "neighbour-stale"), (3600, {"e"}, "neighbour-evicted")]
)
def test_istiod_forgets_who_does_not_answer_for_too_long(
    clusters: dict[str, Cluster], after: int, told: set[str], code: str
) -> None:
    clusters["d"].public = down()
    resources = {name: item.resource(item.offer()) for name, item in clusters.items()}
    since, failure = rfc3339(_now() - 3601), Failure("FetchFailed", "no answer")
    resources["d"]["status"] = federation_status(resources["d"]["status"], now_iso=since, private=failure)
    neighbours = [item.neighbour() for item in clusters.values()]
    learnt = learn_clusters(neighbours, resources, IDENTITY, OWN, policy=StalePolicy(after, 600))
    assert {item.neighbour.name for item in learnt.known} == told
    assert codes(learnt.findings) == [("d", code), ("d", "private-FetchFailed")]
    assert {name: stale.evicted for name, stale in learnt.stale.items()} == {"d": "d" not in told}


def test_who_is_not_who_it_was_gets_no_token(clusters: dict[str, Cluster]) -> None:
    first = secrets_of(prepared(learn(clusters, known=True)))
    clusters["d"].public = PublicMetadata.create("uuid-else", clusters["d"].key, clusters["d"].root, DOMAIN)
    clusters["d"].tokens.clear()
    learnt = learn(clusters, known=True)
    assert codes(learnt.findings) == [("d", "private-ClusterUUIDMismatch")]
    assert clusters["d"].tokens == []
    remote = prepared(learnt, first, now=NOW + LIFETIME)
    assert remote.renewed == {"e"}
    assert secrets_of(remote)["istio-remote-secret-d"] == first["istio-remote-secret-d"]
    # Without one from before there is none.
    unsigned = prepared(learnt)
    assert codes(unsigned.findings) == [("d", "api-TokenGenerationFailed")]
    assert set(secrets_of(unsigned)) == {"istio-remote-secret-e"}


def test_a_new_cluster_whose_api_does_not_answer_is_not_told_of(clusters: dict[str, Cluster]) -> None:
    clusters["d"].api = RemoteApiError("its API does not answer", reason="NonOKResponse")
    remote = prepared(learn(clusters))
    assert [item.name for item in remote.clusters] == ["e"]
    assert codes(remote.findings) == [("d", "api-NonOKResponse")]
    assert remote.apis["d"] == Failure("NonOKResponse", "its API does not answer")


def test_a_known_cluster_whose_api_does_not_answer_stays(clusters: dict[str, Cluster]) -> None:
    first = secrets_of(prepared(learn(clusters)))
    clusters["d"].api = RemoteApiError("its API does not answer", reason="FetchFailed")
    remote = prepared(learn(clusters), first)
    assert secrets_of(remote) == first
    assert codes(remote.findings) == [("d", "api-FetchFailed")]


def test_a_remote_secret_of_somebody_else_is_left_alone(clusters: dict[str, Cluster]) -> None:
    theirs = {"metadata": {"name": "by-hand"}, "data": {"cluster-d": base64.b64encode(b"kubeconfig").decode()}}
    remote = prepared(learn(clusters), {"by-hand": theirs})
    assert [item.name for item in remote.clusters] == ["e"]
    assert codes(remote.findings) == [("d", "remote-secret-taken")]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ingress_gateways": ()}, "private-InvalidPrivateMetadata"),
        ({"ingress_gateways": None}, "private-InvalidPrivateMetadata"),
        ({"network_name": "network-own"}, "private-ConfigurationError"),
    ],
)
def test_a_document_that_istiod_can_make_nothing_of(
    clusters: dict[str, Cluster], changes: dict[str, Any], code: str
) -> None:
    clusters["d"].private = clusters["d"].offer(**changes)
    new = learn(clusters)
    assert codes(new.findings) == [("d", code)]
    assert [item.remote.name for item in new.known] == ["e"]
    # What was known of it stays.
    assert [item.remote.network for item in learn(clusters, known=True).known] == ["network-d", "network-e"]
    # In a flat network neither its gateways nor the name of its network matter.
    flat = learn(clusters, flat_network=True)
    assert codes(flat.findings) == []
    assert [item.remote.gateways for item in flat.known] == [(), ()]


@pytest.mark.parametrize("cluster_id", ["cluster-own", "cluster-e"])
def test_one_cluster_id_for_two(clusters: dict[str, Cluster], cluster_id: str) -> None:
    clusters["d"].private = clusters["d"].offer(cluster_id=cluster_id)
    learnt = learn(clusters)
    refused = ["d"] if cluster_id == "cluster-own" else ["d", "e"]
    assert codes(learnt.findings) == [(name, "cluster-id-shared") for name in refused]
    assert not set(refused) & {item.remote.name for item in learnt.known}


def test_a_cluster_that_does_not_tell_its_id(clusters: dict[str, Cluster]) -> None:
    clusters["d"].private = clusters["d"].offer(cluster_id=None)
    assert learn(clusters).known[0].remote.cluster_id == derived_cluster_id(DOMAIN, "uuid-d")


def test_who_is_held_keeps_what_it_has(clusters: dict[str, Cluster]) -> None:
    first = secrets_of(prepared(learn(clusters, known=True)))
    remote = prepared(learn(clusters, known=True, hold="its domain differs"), first, now=NOW + LIFETIME)
    assert secrets_of(remote) == first
    assert not any(item.tokens[1:] for item in clusters.values())


def test_the_plan_of_a_first_run(clusters: dict[str, Cluster]) -> None:
    """No exporter and no API answers yet: the plan takes what the members' APIs say, and names all objects."""
    for item in clusters.values():
        item.public, item.api = down(), RemoteApiError("refused", reason="FetchFailed")
    state = ClusterState("d", "uuid-d", network="network-d", cluster_id="cluster-d")
    neighbours = [item.neighbour(state=replace(state, name=name)) for name, item in clusters.items()]
    neighbours[1] = replace(
        neighbours[1], state=replace(state, name="e", uuid="uuid-e", network="network-e", cluster_id="cluster-e")
    )
    learnt = learn_clusters(neighbours, {}, None, OWN, planning=True)
    remote = prepare(learnt.known, {}, None, SET, lifetime=LIFETIME, now=NOW, patience=0, planning=True)
    assert (learnt.findings, remote.findings, remote.apis) == ([], [], {})
    assert [item.cluster_id for item in remote.clusters] == ["cluster-d", "cluster-e"]
    assert all(item.gateways for item in remote.clusters)
