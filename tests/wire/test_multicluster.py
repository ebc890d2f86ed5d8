# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clusters of one domain tell each other, every case of MULTICLUSTER_CASES by name.

A simulated cluster of the platform is at the other end. What either of them makes of it is not looked at here.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import (
    MulticlusterMetadata,
    derived_cluster_id,
    derived_network,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    SCOPE_FEDERATION,
    SCOPE_MULTICLUSTER,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import MetadataClient, NeighbourError

from tests.deckhouse import admission, deviations, facts, stand_in, tokens
from tests.deckhouse.cluster import DeckhouseCluster, Setup
from tests.deckhouse.deviations import Deviation
from tests.integration.test_exporter import DOMAIN, OURS, manifest, until
from tests.lab.controlplane import ControlPlane
from tests.wire.cases import MULTICLUSTER_CASES
from tests.wire.conftest import module_config
from tests.wire.front import Front
from tests.wire.ours import GATEWAY_IP, Ours, ask

Object = dict[str, Any]

NAME = "cluster-a"
PATH = facts.MULTICLUSTER_PATH
GATEWAY = GatewayAddress(stand_in.LOAD_BALANCER_IP, 15443)
JOINED, PLAIN = ["private-multicluster"], ["private-federation"]


def test_every_case_has_a_test_of_its_name() -> None:
    found = {name.removeprefix("test_case_") for name in globals() if name.startswith("test_case_")}
    assert found == set(MULTICLUSTER_CASES)


class Api:
    """What answers at our apiHost: an API server, as far as a peer tries it, that remembers the tokens."""

    def __init__(self) -> None:
        self.body: Object = {"kind": "APIVersions", "versions": ["v1"]}
        self.asked: list[tuple[str, str]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.asked.append((self.path, self.headers.get("Authorization") or ""))
                body = json.dumps(api.body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                """Nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class Pair:
    """Our cluster and the platform's, of one domain."""

    def __init__(self, ours: Ours, platform: DeckhouseCluster, api: Api) -> None:
        self.ours, self.platform, self.api = ours, platform, api

    def resource(self) -> Object:
        """The IstioMulticluster by which it knows us."""
        spec = {"metadataEndpoint": self.ours.front.endpoint, "metadata": {"clusterCA": self.ours.front.ca}}
        return manifest(facts.API_VERSION, "IstioMulticluster", NAME, spec=spec)

    def entered(self) -> None:
        """Its administrator enters us, and it asks."""
        self.platform.kube.apply([self.resource()])
        self.platform.consume()

    def status(self) -> Object:
        """What it knows of us, after one more cycle."""
        self.platform.consume()
        found = self.platform.kube.get("IstioMulticluster", NAME)
        assert found is not None
        return dict(found.get("status") or {})

    def reasons(self) -> dict[str, str]:
        """The reasons of its conditions, after one more cycle."""
        return {item["type"].removesuffix("Ready"): item["reason"] for item in self.status()["conditions"]}

    def known(self, scopes: list[str]) -> str:
        """It, let in here for these documents."""
        public = self.platform.document(facts.PUBLIC_PATH)
        return json.dumps({public["clusterUUID"]: {**public, "scopes": scopes}})

    def let_in(self, scopes: list[str]) -> None:
        """It is entered here, for these documents."""
        self.ours.tell(self.known(scopes))

    def ports(self, *more: tuple[str, int]) -> None:
        """The ports of our gateway, as the role makes them."""
        self.ours.cluster.set_ports(dict((("tls", 15443), *more)))

    def token(self, scope: str = SCOPE_MULTICLUSTER) -> str:
        """Ours, for the platform."""
        kind = self.ours.cluster.client.kind_of({"apiVersion": "v1", "kind": "Secret"})
        secret = self.ours.cluster.client.get(kind, "alliance-authn-keypair", OURS)
        assert secret is not None
        private = base64.b64decode(secret["data"]["priv.pem"]).decode()
        audience, subject = self.platform.uuid(), self.ours.cluster.uuid
        return sign_token(private, subject=subject, audience=audience, scope=scope, now=time.time())

    def their_token(self, scope: str) -> str:
        """The platform's, for us."""
        private = self.platform.kube.text("Secret", facts.KEYPAIR_SECRET, facts.PRIVATE_KEY)
        audience, subject = self.ours.cluster.uuid, self.platform.uuid()
        signed = tokens.sign(private, subject=subject, audience=audience, scope=scope, now=time.time())
        assert signed is not None
        return signed

    def read(self) -> MulticlusterMetadata:
        """Its document, as our modules get it. Nothing of it is left out."""
        metadata, findings, _clock = self.client().multicluster(self.token())
        assert findings == ()
        return metadata

    def refused(self) -> NeighbourError:
        """Why our modules don't get it."""
        with pytest.raises(NeighbourError) as caught:
            self.client().multicluster(self.token())
        return caught.value

    def client(self) -> MetadataClient:
        """Our modules' client."""
        return MetadataClient(self.platform.endpoint, ca=self.platform.ca.certificate)

    def deviates(self, deviation: Deviation) -> None:
        """It answers so from now on."""
        self.platform.exporter.deviate(PATH, deviation)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, ours: Ours) -> Iterator[Pair]:
    with ControlPlane("joined", domain=DOMAIN) as plane, contextlib.ExitStack() as stack:
        platform = DeckhouseCluster(Setup(plane.kubeconfig, DOMAIN, tmp_path_factory.mktemp("joined")))
        platform.start()
        stack.callback(platform.stop)
        platform.kube.apply([module_config(federation={"enabled": False}, multicluster={"enabled": True})])
        platform.step()
        api = Api()
        stack.callback(api.server.shutdown)
        front = Front(DOMAIN, tmp_path_factory.mktemp("api"))
        front.start(api.server.server_address[1])
        stack.callback(front.stop)
        platform.astray[f"https://{GATEWAY_IP}:6443/"] = front.endpoint.removesuffix("metadata/")
        yield Pair(ours, platform, api)


@pytest.fixture
def pair(both: Pair) -> Iterator[Pair]:
    """Both know each other. What a test breaks is whole again after it."""
    both.ports(("tls-multicluster", 15444), ("tls-api", 6443))
    with both.ours.told(both.known(JOINED)):
        both.entered()
        until(lambda: both.reasons().get("RemoteAPIServer") == "RemoteAPIReachable", 60, "it has learnt from us")
        yield both
        both.platform.exporter.behave()
        both.api.body = {"kind": "APIVersions", "versions": ["v1"]}
        both.ports()


# Our exporter, asked by a consumer of the platform.


def test_case_the_platform_reads_us(pair: Pair) -> None:
    status = pair.status()
    assert status["metadataCache"]["public"]["clusterUUID"] == pair.ours.cluster.uuid
    assert status["metadataCache"]["private"] == {
        "ingressGateways": [{"address": GATEWAY_IP, "port": 15444}],
        "apiHost": f"{GATEWAY_IP}:6443",
        "networkName": "net-a",
        "clusterID": NAME,
    }
    assert {(item["type"], item["status"], item["reason"]) for item in status["conditions"]} == {
        ("PublicMetadataExchangeReady", "True", "Succeeded"),
        ("PrivateMetadataExchangeReady", "True", "Succeeded"),
        ("RemoteAPIServerReady", "True", "RemoteAPIReachable"),
    }
    path, authorization = pair.api.asked[-1]
    claims = authorization.split(".")[1]
    assert path == "/api"
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["scope"] == "api"


def test_case_we_do_not_know_the_way_to_our_api(pair: Pair) -> None:
    """Then nothing is told: what it had stays there."""
    before = pair.status()["metadataCache"]["private"]
    pair.ports()
    until(lambda: pair.reasons()["PrivateMetadataExchange"] == "NonOKResponse", 60, "we tell nothing any more")
    assert pair.status()["metadataCache"]["private"] == before


def test_case_a_neighbour_of_another_mode(pair: Pair) -> None:
    pair.let_in(PLAIN)
    until(lambda: pair.reasons()["PrivateMetadataExchange"] == "NonOKResponse", 60, "it is not let in")
    (condition,) = [item for item in pair.status()["conditions"] if item["type"].startswith("Private")]
    assert "401 Authentication error: token refused" in condition["message"]


def test_case_its_api_is_none(pair: Pair) -> None:
    pair.api.body = {"kind": "Status"}
    assert pair.reasons() == {
        "PublicMetadataExchange": "Succeeded",
        "PrivateMetadataExchange": "Succeeded",
        "RemoteAPIServer": "InvalidJSON",
    }


# The platform's exporter, asked by us.


def test_case_we_read_the_platform(pair: Pair) -> None:
    cluster_id = derived_cluster_id(DOMAIN, pair.platform.uuid())
    assert pair.read() == MulticlusterMetadata(
        (GATEWAY,), "istio-api-proxy.cluster-a.example", derived_network(cluster_id), cluster_id
    )


def test_case_an_older_platform(pair: Pair) -> None:
    whole = pair.read()
    pair.deviates(deviations.without_field("clusterID"))
    older = pair.read()
    assert older.cluster_id is None
    assert older.network_name == whole.network_name == f"network-{whole.cluster_id}"


def test_case_null_gateways(pair: Pair) -> None:
    for deviation in (deviations.NULL_GATEWAYS, deviations.MISSING_GATEWAYS):
        pair.deviates(deviation)
        assert pair.read().ingress_gateways is None


def test_case_empty_gateways(pair: Pair) -> None:
    pair.deviates(deviations.EMPTY_GATEWAYS)
    assert pair.read().ingress_gateways == ()


def test_case_ambient_gateways_beside(pair: Pair) -> None:
    whole = pair.read()
    for deviation in (
        deviations.with_field("ambientGateways", [{"address": "203.0.113.9", "port": 15008}]),
        deviations.EXTRA_FIELDS,
    ):
        pair.deviates(deviation)
        assert pair.read() == whole


def test_case_a_gateway_that_means_ourselves(pair: Pair) -> None:
    listed = [{"address": "127.0.0.1", "port": 15443}, {"address": GATEWAY.address, "port": GATEWAY.port}]
    pair.deviates(deviations.with_field("ingressGateways", listed))
    metadata, findings, _clock = pair.client().multicluster(pair.token())
    assert metadata.ingress_gateways == (GATEWAY,)
    assert [finding.code for finding in findings] == ["gateway-refused"]


@pytest.mark.parametrize("host", ["api.example/", "user@api.example", "https://api.example", "127.0.0.1:6443", ""])
def test_case_an_api_host_with_more_in_it(host: str, pair: Pair) -> None:
    pair.deviates(deviations.with_field("apiHost", host))
    error = pair.refused()
    assert (error.reason, "apiHost" in error.message) == ("InvalidPrivateMetadata", True)


def test_case_bad_json(pair: Pair) -> None:
    pair.deviates(deviations.BAD_JSON)
    assert pair.refused().reason == "InvalidJSON"


def test_case_the_platform_does_not_know_us(pair: Pair) -> None:
    pair.platform.kube.delete("IstioMulticluster", NAME)
    pair.platform.consume()
    error = pair.refused()
    assert (error.reason, error.status) == ("NonOKResponse", 401)
    assert "the sender is not known" in error.message


def test_case_multicluster_is_off_over_there(pair: Pair) -> None:
    """Its documents are none, and its API server takes no IstioMulticluster."""
    off = module_config(federation={"enabled": True}, multicluster={"enabled": False})
    pair.platform.kube.apply([off])
    try:
        pair.platform.reconcile()
        error = pair.refused()
        assert (error.reason, error.status) == ("NonOKResponse", 404)
        assert "multicluster is on" in error.remedy
        with pytest.raises(ApiError, match=admission.MULTICLUSTER_OFF_MESSAGE):
            pair.platform.kube.apply([manifest(facts.API_VERSION, "IstioMulticluster", "x", spec=SOMEBODY)])
    finally:
        on = module_config(federation={"enabled": False}, multicluster={"enabled": True})
        pair.platform.kube.apply([on])
        pair.platform.reconcile()


SOMEBODY = {"metadataEndpoint": "https://x.example/metadata/"}


# Both.


def test_case_the_scope_of_the_other_mode(pair: Pair) -> None:
    theirs = ask(
        pair.platform.exporter.port,
        facts.BASE_PATH + PATH,
        f"Bearer {pair.token(SCOPE_FEDERATION)}",
        ca=pair.platform.ca.certificate,
    )
    assert theirs[::2] == (401, "Authentication error: the token has another scope\n")
    ours = ask(pair.ours.exporter.port, facts.BASE_PATH + PATH, f"Bearer {pair.their_token(facts.FEDERATION_SCOPE)}")
    assert ours[::2] == (401, "Authentication error: token refused\n")
    joined = f"Bearer {pair.their_token(facts.MULTICLUSTER_SCOPE)}"
    assert ask(pair.ours.exporter.port, facts.BASE_PATH + PATH, joined)[0] == 200
    assert ask(pair.ours.exporter.port, facts.BASE_PATH + facts.FEDERATION_PATH, joined)[0] == 401
