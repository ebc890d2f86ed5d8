# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents that hypothesis makes: whatever they hold, nothing crashes and no object breaks the rules.

Each example is a few values for each part of a document, and every combination of them is one document. Most go through
the functions that read them, some through TLS and HTTP, some through the modules to a real API server.
"""

from __future__ import annotations

import base64
import datetime
import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import (
    AddressRules,
    AllowedAddresses,
    OwnAddresses,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import anchors_for
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    PublicMetadata,
    parse_federation,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import (
    AllianceError,
    CertificateError,
    DocumentError,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.imports import ImportSource, compute_imports
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.mesh_config import shared_mesh_config
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import parse_multicluster
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import (
    RemoteCluster,
    mesh_networks,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.usable_roots import check_roots
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import MetadataClient, NeighbourError

from tests.integration.hostile import in_documents, pki, rules
from tests.integration.hostile.conftest import FIGURE
from tests.integration.hostile.misbehaviour import Misbehaviour, Scene
from tests.integration.hostile.simulator import (
    ADDRESS,
    FEDERATION,
    GATEWAY,
    HTTP,
    MULTICLUSTER,
    PUBLIC,
    Actor,
    Simulator,
    http,
)
from tests.integration.hostile.stage import OWN, Reader, check_everything

DOMAIN = "b.local"
ACTOR = Actor("b", DOMAIN)
SCENE = Scene("own", pki.authority("own").certificate, Actor("honest"), 1)
RULES = AddressRules(
    OwnAddresses(
        {rules.ipaddress.ip_network(text): "own" for text in OWN if re.fullmatch(r"[0-9.]+(/[0-9]+)?", text)},
        dict.fromkeys(OWN, "own"),
        frozenset({"default", "istio-system"}),
    ),
    AllowedAddresses(),
    frozenset({DOMAIN, in_documents.OWN_DOMAIN}),
)


def _values(cases: Iterator[Misbehaviour], *fields: str) -> list[Any]:
    """The values that the named misbehaviours have for a field, also inside of lists."""
    found: list[Any] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            found.extend(value[field] for field in fields if field in value)
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value[:40]:
                collect(inner)

    for case in cases:
        reply = case.reply(ACTOR, SCENE) if case.reply else b""
        if isinstance(reply, bytes) and len(reply) < 100_000:
            collect(json.loads(reply.partition(b"\r\n\r\n")[2]))
    return [value for number, value in enumerate(found) if value not in found[:number]]


ADDRESSES = _values(in_documents.gateways(), "address")
HOSTNAMES = _values(in_documents.services(), "hostname")
ROOTS = [value for value in _values(in_documents.roots(), "rootCA") if isinstance(value, str)]
KEYS = _values(in_documents.keys(), "authnKeyPub")
UUIDS = _values(in_documents.identities(), "clusterUUID")

ANY_TEXT = st.text(max_size=30)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
LABELS = st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True)
PORT_NUMBERS = st.integers(1, 65535) | st.integers(-2, 70000) | ANYTHING
ADDRESS_VALUES = st.one_of(
    st.sampled_from(ADDRESSES),
    st.ip_addresses().map(str),
    st.lists(LABELS, min_size=1, max_size=4).map(".".join),
    ANYTHING,
)
GATEWAYS = st.lists(
    st.just(GATEWAY) | st.fixed_dictionaries({"address": ADDRESS_VALUES, "port": PORT_NUMBERS}) | ANYTHING, max_size=5
) | st.one_of(st.none(), ANYTHING)
PORTS = st.lists(
    st.just(HTTP)
    | st.fixed_dictionaries(
        {"name": LABELS | ANYTHING, "port": PORT_NUMBERS},
        optional={"protocol": st.sampled_from(sorted(rules.PROTOCOLS)) | ANYTHING},
    )
    | ANYTHING,
    max_size=4,
)
OWN_HOSTS = st.tuples(LABELS, LABELS).map(lambda pair: f"{pair[0]}.{pair[1]}.svc.{DOMAIN}")
SERVICE = st.fixed_dictionaries({"hostname": OWN_HOSTS | st.sampled_from(HOSTNAMES) | ANYTHING, "ports": PORTS})
SERVICES = st.lists(SERVICE | ANYTHING, max_size=5) | ANYTHING
API_HOSTS = st.one_of(
    st.tuples(ADDRESS_VALUES, PORT_NUMBERS).map(lambda pair: f"{pair[0]}:{pair[1]}"),
    st.sampled_from(
        ["a@b.example", "b.example/x", "b.example:6443?x", "[::1]:6443", "[fe80::1%25a]", "b.example#", "[a]"]
    ),
    ADDRESS_VALUES,
)
NAMES = st.from_regex(r"[0-9A-Za-z._-]{1,20}", fullmatch=True) | ANYTHING


def _several(strategy: st.SearchStrategy[Any], number: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(strategy, min_size=number, max_size=number)


@st.composite
def edited(draw: Any, texts: st.SearchStrategy[str]) -> str:
    """A text in which a few characters are others, more or less."""
    text = draw(texts)
    for _edit in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.text(max_size=2)) + text[place + draw(st.integers(0, 2)) :]
    return text


ROOT_TEXTS = edited(st.lists(st.sampled_from([ACTOR.root, *ROOTS]), min_size=1, max_size=2).map("".join))
KEY_TEXTS = edited(st.sampled_from([key for key in KEYS if isinstance(key, str)])) | st.sampled_from(KEYS)


def many(examples: int) -> settings:
    """So many examples; no time is asserted."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


def _imports(told: bytes, domain: str = DOMAIN) -> int:
    """Read a federation document and make the objects of it; how many there are."""
    try:
        document, findings = parse_federation(told, trust_domain=domain, rules=RULES)
    except DocumentError as error:
        assert error.reason in ("InvalidJSON", "InvalidPrivateMetadata")
        assert error.message.isprintable()
        return 0
    made = compute_imports([ImportSource("b", domain, document)], namespace="n")
    for finding in (*findings, *made.findings):
        rules.of_finding(finding.to_dict())
    for obj in made.objects:
        if obj["kind"] == "ServiceEntry":
            rules.of_service_entry(obj, {domain}, OWN)
        else:
            rules.of_destination_rule(obj, {domain})
    return len(made.objects)


def _anchors(told: bytes, domain: str = DOMAIN) -> int:
    """Read a public document and make the anchors of it; how many there are."""
    try:
        document = PublicMetadata.parse(told)
        check_roots(document.root_ca, datetime.datetime.now(datetime.timezone.utc))
        anchors = anchors_for(document.root_ca, domain)
    except DocumentError as error:
        assert error.reason in ("InvalidJSON", "InvalidPublicMetadata")
        assert error.message.isprintable()
        return 0
    except CertificateError as error:
        assert error.message.isprintable()
        return 0
    for anchor in anchors:
        rules.of_anchor(anchor, domain)
    rules.of_shared_mesh_config(shared_mesh_config({domain: anchors}), {domain: anchors})
    return len(anchors)


def _remote(told: bytes) -> int:
    """Read a multicluster document and make the remote secret and the networks of it; how many clusters there are."""
    try:
        document, findings = parse_multicluster(told, RULES)
    except DocumentError as error:
        assert error.reason in ("InvalidJSON", "InvalidPrivateMetadata")
        assert error.message.isprintable()
        return 0
    for finding in findings:
        rules.of_finding(finding.to_dict())
    cluster = RemoteCluster(
        "b", document.cluster_id or "b", document.api_host, document.network_name, document.ingress_gateways or ()
    )
    rules.of_networks(mesh_networks([cluster]) or "networks: {}", {document.network_name})
    (server,) = (item["cluster"]["server"] for item in cluster.kubeconfig()["clusters"])
    url = urlsplit(server)
    assert (url.scheme, url.path, url.query, url.fragment, url.username) == ("https", "", "", "", None)
    rules.of_address(url.hostname, OWN)
    rules.of_port(url.port or 443)
    (key,) = cluster.secret("n")["data"]
    assert re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key)
    return 1


class Tally:
    """Counts the documents of a test and the objects that were made of them."""

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record
        self._documents = self._objects = 0

    def add(self, objects: int, documents: int = 1) -> None:
        """Count a document, or some, and what was made of it."""
        self._documents += documents
        self._objects += objects

    def end(self, least: int) -> None:
        """Tell the numbers at the end of the run; there have to be so many documents at least."""
        assert self._documents >= least
        self._record(f"{FIGURE}documents made by hypothesis", self._documents)
        self._record(f"{FIGURE}objects made of them and held against the rules", self._objects)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tally:
    return Tally(record_property)


@many(600)
@given(gateways=_several(GATEWAYS, 3), services=_several(SERVICES, 7))
def _federation(tell: Tally, gateways: list[Any], services: list[Any]) -> None:
    for addresses, listed in itertools.product(gateways, services):
        tell.add(_imports(json.dumps({"ingressGateways": addresses, "publicServices": listed}).encode()))


def test_federation_documents(tell: Tally) -> None:
    _federation(tell)
    tell.end(10_000)


@many(300)
@given(
    uuids=_several(st.sampled_from([ACTOR.uuid, *UUIDS]) | ANYTHING, 2),
    keys=_several(st.just(pki.public_pem(ACTOR.key)) | KEY_TEXTS | ANYTHING, 3),
    roots=_several(st.just(ACTOR.root) | ROOT_TEXTS | ANYTHING, 4),
)
def _public(tell: Tally, uuids: list[Any], keys: list[Any], roots: list[Any]) -> None:
    for uuid, key, root in itertools.product(uuids, keys, roots):
        tell.add(_anchors(json.dumps({"clusterUUID": uuid, "authnKeyPub": key, "rootCA": root}).encode()))


def test_public_documents(tell: Tally) -> None:
    _public(tell)
    tell.end(5000)


@many(300)
@given(gateways=_several(GATEWAYS, 3), hosts=_several(API_HOSTS, 4), networks=_several(NAMES, 2), id_=NAMES)
def _multicluster(tell: Tally, gateways: list[Any], hosts: list[Any], networks: list[Any], id_: Any) -> None:
    for addresses, host, network in itertools.product(gateways, hosts, networks):
        told = {"ingressGateways": addresses, "apiHost": host, "networkName": network, "clusterID": id_}
        tell.add(_remote(json.dumps(told).encode()))


def test_multicluster_documents(tell: Tally) -> None:
    _multicluster(tell)
    tell.end(5000)


GOOD = [json.dumps(value) for value in (ACTOR.public(), ACTOR.offer(), ACTOR.joint())]


@many(700)
@given(text=edited(st.sampled_from(GOOD)) | st.text(), data=st.binary())
def _texts(tell: Tally, text: str, data: bytes) -> None:
    for told in (text.encode("utf-8", "surrogatepass"), data):
        tell.add(_imports(told) + _anchors(told) + _remote(told))


def test_texts_and_bytes(tell: Tally) -> None:
    _texts(tell)
    tell.end(1000)


class Talker:
    """One neighbour that says whatever it is told to say."""

    def __init__(self) -> None:
        self.simulator = Simulator()
        self.actor = Actor("talker", DOMAIN)
        self.simulator.add(self.actor)
        self.simulator.behaving = False

    def client(self) -> MetadataClient:
        """A client of it."""
        endpoint = f"https://{ADDRESS}:{self.actor.port}/talker/metadata/"
        return MetadataClient(endpoint, ca=self.simulator.ca.certificate)

    def says(self, document: str, body: bytes, *headers: str) -> None:
        """What it answers from now on."""
        self.actor.replies[document] = lambda: http(body, "200 OK", *headers)


@pytest.fixture(scope="module")
def talker() -> Iterator[Talker]:
    made = Talker()
    yield made
    made.simulator.close()


HEADERS = st.lists(
    st.from_regex(r"[A-Za-z-]{1,12}: [!-~ ]{0,20}", fullmatch=True).filter(
        lambda line: not line.lower().startswith(("content-length", "transfer-encoding"))
    ),
    max_size=3,
)


@many(120)
@given(
    gateways=GATEWAYS,
    services=SERVICES,
    host=API_HOSTS,
    root=ROOT_TEXTS,
    text=edited(st.sampled_from(GOOD)),
    headers=HEADERS,
)
def _over_the_wire(
    tell: Tally, talker: Talker, gateways: Any, services: Any, host: Any, root: str, text: str, headers: list[str]
) -> None:
    client = talker.client()
    joint = {"ingressGateways": gateways, "apiHost": host, "networkName": "n"}
    raw = text.encode("utf-8", "surrogatepass")
    for document, told in (
        (FEDERATION, json.dumps({"ingressGateways": gateways, "publicServices": services}).encode()),
        (MULTICLUSTER, json.dumps(joint).encode()),
        (PUBLIC, json.dumps(ACTOR.public(rootCA=root)).encode()),
        (PUBLIC, raw),
    ):
        talker.says(document, told, *headers)
        try:
            if document == PUBLIC:
                client.public()
            elif document == FEDERATION:
                client.federation("token", DOMAIN, RULES)
            else:
                client.multicluster("token", RULES)
        except NeighbourError as error:
            assert str(error).isprintable()
        # The same as without a wire, whose objects are counted.
        read = {PUBLIC: _anchors, FEDERATION: _imports, MULTICLUSTER: _remote}[document]
        tell.add(read(told))


def test_documents_over_the_wire(tell: Tally, talker: Talker) -> None:
    _over_the_wire(tell, talker)
    tell.end(400)


@pytest.fixture(scope="module")
def crowd(reader: Reader) -> Iterator[Simulator]:
    """Neighbours that are known already."""
    simulator = Simulator()
    simulator.add(*(Actor(f"random-{number}") for number in range(30)))
    reader.exchange(simulator, simulator.actors.values())
    simulator.behaving = False
    yield simulator
    simulator.close()
    reader.forget()


@many(4)
@given(offers=_several(st.tuples(GATEWAYS, SERVICES), 30), roots=_several(ROOT_TEXTS, 15))
def _through_the_modules(
    tell: Tally, reader: Reader, crowd: Simulator, offers: list[tuple[Any, Any]], roots: list[str]
) -> None:
    for number, actor in enumerate(crowd.actors.values()):
        gateways, services = offers[number]
        told = {"ingressGateways": gateways, "publicServices": services}
        text = json.dumps(told).replace(f".svc.{DOMAIN}", f".svc.{actor.domain}")
        actor.replies = {FEDERATION: lambda text=text: http(text.encode())}
        if number < len(roots):
            document = json.dumps(actor.public(rootCA=roots[number])).encode()
            actor.replies[PUBLIC] = lambda document=document: http(document)
    seen = reader.exchange(crowd, crowd.actors.values())
    check_everything(seen, crowd.actors.values(), reader, {})
    tell.add(len(seen.of_kind("ServiceEntry")) * 2, len(offers) + len(roots))


def test_documents_through_the_modules(tell: Tally, reader: Reader, crowd: Simulator) -> None:
    """Known neighbours, half of which say other things of themselves too. A root is believed from nobody anew."""
    _through_the_modules(tell, reader, crowd)
    tell.end(90)


def test_what_a_token_is_made_of_cannot_be_chosen(talker: Talker) -> None:
    """A header of a request can't be broken out of, whatever is in a token."""
    with pytest.raises((NeighbourError, AllianceError)):
        talker.client().federation(base64.b64encode(b"x").decode() + "\r\nX-Injected: 1", DOMAIN)
