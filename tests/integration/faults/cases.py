# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules are asked for while the API server fails, and how the cluster is when they have done it."""

from __future__ import annotations

import base64
import itertools
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime, timezone
from typing import Any

from cryptography import x509

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import anchors_for
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.authority import NewCa, make_authority
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import load_private_key, public_key_pem
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.mesh_config import parse_shared_mesh_config
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_clusters import token_in
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import secret_manifest

from tests.integration.conftest import Admin
from tests.integration.forked import Forker, QuickRun
from tests.integration.istiod import SimulatedIstiod
from tests.integration.neighbour import API_DOMAIN, Neighbour, make_root
from tests.wire.proxy import everything_leads_to

Object = dict[str, Any]

DECKHOUSE, ISTIO = "deckhouse.io/v1alpha1", "networking.istio.io/v1"
MESH_DOMAIN = "mesh.local"
PART_OF = "applyset.kubernetes.io/part-of"
PATIENCE_SECONDS = 20


class World:
    """The cluster, and the neighbours that it may have."""

    def __init__(self, admin: Admin, forker: Forker, kubeconfig: str, stack: ExitStack) -> None:
        self.admin = admin
        self._forker = forker
        self._kubeconfig = kubeconfig
        self._stack = stack
        self.variables: dict[str, str] = {}

    def neighbours(self, *wanted: str, domain: str = "") -> list[Neighbour]:
        """Start neighbours, which end with the world."""
        made = [Neighbour(name, domain) for name in wanted]
        for neighbour in made:
            neighbour.start()
            self._stack.callback(neighbour.stop)
        return made

    def acquaint(self, namespace: str, root_namespace: str, neighbours: Sequence[Neighbour], **more: str) -> None:
        """This cluster and the neighbours have proved each other."""
        self.admin.namespace(namespace, root_namespace)
        kube_system = self.admin.get("Namespace", None, "kube-system")
        assert kube_system is not None
        key = self.run("authn_keypair", namespace=namespace).result["public_key"]
        for neighbour in neighbours:
            neighbour.trusted = {kube_system["metadata"]["uid"]: key}
        told = [neighbour.option(**more) for neighbour in neighbours]
        self.run("trust_anchors", neighbours=told, namespace=namespace, root_namespace=root_namespace)

    def enter(self, running: AbstractContextManager[object]) -> None:
        """Start something that ends with the world."""
        self._stack.enter_context(running)

    def run(self, module: str, **arguments: Any) -> QuickRun:
        """A run that has to work, on the way without faults."""
        done = self._forker(module, kubeconfig=self._kubeconfig, cluster="cluster-t", **arguments)
        assert done.status == 0, done.output
        return done

    def lead(self, neighbours: Sequence[Neighbour]) -> None:
        """The APIs of neighbours are found by their names."""
        ports = {f"{item.name}.{API_DOMAIN}": item.port for item in neighbours}
        proxy, _asked = self._stack.enter_context(everything_leads_to(ports))
        self.variables["HTTPS_PROXY"] = proxy

    def listed(self, api_version: str, kind: str, namespace: str | None, selector: str | None = None) -> list[Object]:
        """Objects of a kind."""
        client = self.admin.client
        found = client.list(
            client.kind_of({"apiVersion": api_version, "kind": kind}), namespace, label_selector=selector
        )
        return found.items


class Case:
    """One module: what it is asked for, one after another, and how the cluster is then."""

    module = ""
    writes = True
    accepted: frozenset[str] = frozenset()  # codes of findings that are there without any fault, too

    def __init__(self, world: World) -> None:
        self.world = world
        self._numbers = itertools.count()

    def next(self) -> Object:
        """The arguments of the next run."""
        return self.ask(next(self._numbers))

    def ask(self, number: int) -> Object:
        """The arguments of a run by its number; the neighbours are made to fit them."""
        raise NotImplementedError

    def settle(self) -> None:
        """Wait for what the API server does by itself after a run."""

    def holds(self, asked: Object) -> None:
        """Fail unless the cluster is as was asked."""


class _Sets(Case):
    """Sets of all sizes, in two namespaces; now and then the whole set is removed."""

    module = "applyset"
    places = ("faults-blue", "faults-green")

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.admin.namespace(*self.places)

    def ask(self, number: int) -> Object:
        chance = random.Random(number)
        asked: Object = {"applyset": {"name": "faults", "namespace": self.places[0]}, "lease_namespace": self.places[1]}
        if number % 6 == 5:
            return {**asked, "state": "absent"}
        wanted = chance.sample(range(12), chance.randint(1, 10))
        return {**asked, "definitions": [self._object(item, chance) for item in sorted(wanted)]}

    def _object(self, item: int, chance: random.Random) -> Object:
        metadata = {"name": f"object-{item}", "namespace": self.places[item % 2]}
        value = f"a value {chance.randint(0, 2)}"
        if item % 3 == 0:
            port = {"number": 80 + chance.randint(0, 1), "name": "http", "protocol": "HTTP"}
            spec = {"hosts": [f"{item}.example"], "resolution": "NONE", "location": "MESH_INTERNAL", "ports": [port]}
            return {"apiVersion": ISTIO, "kind": "ServiceEntry", "metadata": metadata, "spec": spec}
        if item % 3 == 1:
            data = {"key": base64.b64encode(value.encode()).decode()}
            return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": value}}

    def holds(self, asked: Object) -> None:
        live = {}
        for api_version, kind in ((ISTIO, "ServiceEntry"), ("v1", "Secret"), ("v1", "ConfigMap")):
            for place in self.places:
                for item in self.world.listed(api_version, kind, place, PART_OF):
                    live[(kind, item["metadata"]["name"])] = item.get("data") or item["spec"]
        wanted = asked.get("definitions", [])
        assert live == {(item["kind"], item["metadata"]["name"]): item.get("data") or item["spec"] for item in wanted}
        parent = self.world.admin.get("ConfigMap", self.places[0], "faults")
        assert (parent is not None) is bool(wanted)
        if parent is not None:
            kinds = {f"{item['kind']}.{ISTIO.split('/', maxsplit=1)[0]}".removesuffix(".v1") for item in wanted}
            recorded = set(parent["metadata"]["annotations"]["applyset.kubernetes.io/contains-group-kinds"].split(","))
            assert recorded == {kind if kind.startswith("ServiceEntry") else kind.split(".")[0] for kind in kinds}


class _Definitions(Case):
    """A kind is defined, and an object of it made, in one set."""

    module = "applyset"
    place, group = "faults-definitions", "faults.example"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.admin.namespace(self.place)

    def ask(self, number: int) -> Object:
        asked: Object = {"applyset": {"name": "widgets", "namespace": self.place}, "wait": True, "wait_timeout": 5}
        if number % 3 == 2:
            return {**asked, "state": "absent"}
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        called = {"kind": "Widget", "listKind": "WidgetList", "plural": "widgets", "singular": "widget"}
        definition = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"widgets.{self.group}"},
            "spec": {"group": self.group, "scope": "Namespaced", "names": called, "versions": [version]},
        }
        widget = {
            "apiVersion": f"{self.group}/v1",
            "kind": "Widget",
            "metadata": {"name": "one", "namespace": self.place},
            "size": number % 3,
        }
        return {**asked, "definitions": [definition, widget]}

    def settle(self) -> None:
        """A definition goes when all objects of its kind have gone."""
        end = time.monotonic() + PATIENCE_SECONDS
        while any(item["metadata"].get("deletionTimestamp") for item in self._definitions()):
            assert time.monotonic() < end
            time.sleep(0.02)

    def holds(self, asked: Object) -> None:
        self.settle()
        wanted = asked.get("definitions")
        assert len(self._definitions()) == bool(wanted)
        if wanted:
            (widget,) = self.world.listed(f"{self.group}/v1", "Widget", self.place)
            assert widget["size"] == wanted[1]["size"]

    def _definitions(self) -> list[Object]:
        return self.world.listed("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, PART_OF)


def _secret(world: World, namespace: str, name: str) -> dict[str, str] | None:
    found = world.admin.get("Secret", namespace, name)
    return found and {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


class _KeyPair(Case):
    """It is made, stays as it is, and goes."""

    module = "authn_keypair"
    place = "faults-keypair"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.admin.namespace(self.place)
        self._known: dict[str, str] | None = None

    def ask(self, number: int) -> Object:
        state = ("present", "present", "present", "absent")[number % 4]
        if state == "absent":
            self._known = None
        return {"namespace": self.place, "state": state}

    def holds(self, asked: Object) -> None:
        pair = _secret(self.world, self.place, names.AUTHN_KEYPAIR_SECRET)
        assert (pair is not None) is (asked["state"] == "present")
        if pair is not None:
            public = public_key_pem(load_private_key(pair[names.AUTHN_PRIVATE_KEY]).public_key())
            assert pair[names.AUTHN_PUBLIC_KEY].strip() == public.strip()
            assert self._known in (None, pair), "the key pair was replaced"
        self._known = pair


class _Certificate(Case):
    """The endpoint's names change; its CA stays."""

    module = "metadata_certificate"
    place = "faults-certificate"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.admin.namespace(self.place)
        self._authority: dict[str, str] | None = None

    def ask(self, number: int) -> Object:
        state = "absent" if number % 5 == 4 else "present"
        if state == "absent":
            self._authority = None
        return {"namespace": self.place, "names": [f"metadata-{number // 2 % 3}.example.com"], "state": state}

    def holds(self, asked: Object) -> None:
        served = _secret(self.world, self.place, "alliance-metadata-tls")
        authority = _secret(self.world, self.place, "alliance-metadata-ca")
        assert (served is not None) is (authority is not None) is (asked["state"] == "present")
        if served is not None and authority is not None:
            leaf = x509.load_pem_x509_certificate(served["tls.crt"].encode())
            leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authority["tls.crt"].encode()))
            told = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            assert set(asked["names"]) <= set(told.get_values_for_type(x509.DNSName))
            assert self._authority in (None, authority), "the CA was replaced"
        self._authority = authority


class _Trust(Case):
    """Neighbours come and go, and one of them has a new root each time."""

    module = "trust_anchors"
    places: Mapping[str, str] = {"namespace": "faults-trust", "root_namespace": "faults-trust-istio"}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.admin.namespace(*self.places.values())
        self.one, self.two = world.neighbours("faults-trust-one", "faults-trust-two")

    def ask(self, number: int) -> Object:
        self.one.rotate()
        wanted = [[self.one], [self.one, self.two], [self.two], [self.two, self.one], []][number % 5]
        asked = {**self.places, "neighbours": [item.option() for item in wanted]}
        return asked if wanted else {**asked, "state": "absent"}

    def holds(self, asked: Object) -> None:
        told = {option["name"] for option in asked["neighbours"]}
        wanted = [item for item in (self.one, self.two) if item.name in told]
        root_namespace = self.places["root_namespace"]
        mesh = self.world.admin.get("ConfigMap", root_namespace, names.SHARED_MESH_CONFIGMAP)
        found = parse_shared_mesh_config(mesh["data"][names.SHARED_MESH_KEY]) if mesh else {}
        assert {domain: list(pems) for domain, pems in found.items()} == {
            item.domain: list(anchors_for(item.root, item.domain)) for item in wanted
        }
        keys = _secret(self.world, self.places["namespace"], names.REMOTE_METADATA_SECRET)
        assert set(json.loads(keys[names.REMOTE_METADATA_KEY]) if keys else {}) == {item.uuid for item in wanted}
        ours = self.world.listed(DECKHOUSE, "IstioFederation", None)
        ready = {item["metadata"]["name"]: _ready(item, "PublicMetadataExchangeReady") for item in ours}
        assert {name: value for name, value in ready.items() if name in (self.one.name, self.two.name)} == {
            item.name: "True" for item in wanted
        }


def _ready(resource: Object, condition: str) -> str | None:
    found = {item["type"]: item["status"] for item in (resource.get("status") or {}).get("conditions") or []}
    return found.get(condition)


class _Services(Case):
    """Neighbours publish other services each time."""

    module = "service_entries"
    place = "faults-services"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.one, self.two = world.neighbours("faults-services-one", "faults-services-two")
        world.acquaint(self.place, "faults-services-istio", [self.one, self.two])

    def ask(self, number: int) -> Object:
        chance = random.Random(number)
        for neighbour in (self.one, self.two):
            neighbour.services = [neighbour.service(f"s{item}") for item in sorted(chance.sample(range(6), 3))]
        asked = {"namespace": self.place, "neighbours": [item.option() for item in (self.one, self.two)]}
        return {**asked, "state": "absent"} if number % 5 == 4 else asked

    def holds(self, asked: Object) -> None:
        present = asked.get("state") != "absent"
        wanted = {s["hostname"] for item in (self.one, self.two) for s in item.services if present}
        entries = [item["spec"] for item in self.world.listed(ISTIO, "ServiceEntry", self.place)]
        rules = [item["spec"]["host"] for item in self.world.listed(ISTIO, "DestinationRule", self.place)]
        assert sorted(host for spec in entries for host in spec["hosts"]) == sorted(rules) == sorted(wanted)
        for item in self.world.listed(DECKHOUSE, "IstioFederation", None):
            if present and item["metadata"]["name"] in (self.one.name, self.two.name):
                assert _ready(item, "PrivateMetadataExchangeReady") == "True"


class _Published(Case):
    """Other Services are published each time."""

    module = "published_services"
    place = "faults-published"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.admin.namespace(self.place)
        spec = {"ports": [{"name": "http", "port": 80}]}
        for item in range(6):
            metadata = {"name": f"s{item}", "namespace": self.place}
            world.admin.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})

    def ask(self, number: int) -> Object:
        chance = random.Random(number)
        wanted = chance.sample(range(6), chance.randint(0, 5))
        services = [f"{self.place}/s{item}" for item in sorted(wanted)]
        return {"services": services, "cluster_domain": "cluster-t.local", "lease_namespace": self.place}

    def holds(self, asked: Object) -> None:
        labelled = self.world.listed("v1", "Service", self.place, names.PUBLIC_SERVICE_LABEL)
        assert {f"{self.place}/{item['metadata']['name']}" for item in labelled} == set(asked["services"])


class _Remote(Case):
    """Clusters of one domain come and go. No istiod runs here: that it can't be asked is told in each run."""

    module = "remote_clusters"
    accepted = frozenset({"istiod-unseen"})
    places: Mapping[str, str] = {"namespace": "faults-remote", "root_namespace": "faults-remote-istio"}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.one, self.two = world.neighbours("faults-remote-one", "faults-remote-two", domain=MESH_DOMAIN)
        world.lead([self.one, self.two])
        world.acquaint(*self.places.values(), [self.one, self.two], mode="multicluster")

    def ask(self, number: int) -> Object:
        wanted = [[self.one], [self.one, self.two], [self.two, self.one], []][number % 4]
        asked = {
            **self.places,
            "neighbours": [item.option(mode="multicluster") for item in wanted],
            "cluster_id": "cluster-own",
            "network": "network-own",
            "wait_timeout": 1,
        }
        return asked if wanted else {**asked, "state": "absent"}

    def holds(self, asked: Object) -> None:
        wanted = {option["name"] for option in asked["neighbours"]}
        root_namespace = self.places["root_namespace"]
        secrets = self.world.listed("v1", "Secret", root_namespace, "istio/multiCluster")
        assert {item["metadata"]["name"] for item in secrets} == {f"istio-remote-secret-{name}" for name in wanted}
        assert all(token_in(item) for item in secrets)
        mesh = self.world.admin.get("ConfigMap", root_namespace, names.SHARED_MESH_CONFIGMAP)
        networks = ((mesh or {}).get("data") or {}).get(names.MESH_NETWORKS_KEY)
        assert set(json.loads(networks)["networks"] if networks else {}) == {f"network-{name}" for name in wanted}


class _Rotation(Case):
    """To a new root and back, stage by stage; istiod is simulated."""

    module = "root_rotation"
    place = "faults-rotation"
    steps = (
        ("rotated", "prepared"),
        ("rotated", "trusting"),
        ("rolled_back", "prepared"),
        ("rolled_back", "none"),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.admin.namespace(self.place)
        self._old = make_authority(NewCa(type="ECC", subject={"O": "old"}), datetime.now(timezone.utc))
        values = {"ca-cert.pem": self._old.certificate, "ca-key.pem": self._old.key}
        world.admin.apply(secret_manifest(self.place, "istio-ca-secret", values))
        world.enter(SimulatedIstiod(world.admin, self.place).running())

    def ask(self, number: int) -> Object:
        state, stage = self.steps[number % len(self.steps)]
        new_ca = {"type": "ECC", "curve": "secp256r1"}
        more = {"new_ca": new_ca, "kubelet_delay": 0, "wait_timeout": 10, "lease_namespace": self.place}
        return {"root_namespace": self.place, "state": state, "stage": stage, **more}

    def holds(self, asked: Object) -> None:
        record = _secret(self.world, self.place, "alliance-root-rotation")
        plugged = _secret(self.world, self.place, "cacerts")
        assert (record is not None) is (asked["stage"] != "none")
        assert (plugged is not None) is (asked["stage"] == "trusting")
        if record is not None and plugged is not None:
            assert plugged["ca-cert.pem"] == self._old.certificate
            assert plugged["root-cert.pem"] == self._old.root + record["new-root-cert.pem"]


class _Departure(Case):
    """Who leaves is remembered, and forgotten."""

    module = "departure"
    place = "faults-departure"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.leaving = world.neighbours("faults-leaving-one", "faults-leaving-two")
        world.acquaint(self.place, "faults-departure-istio", self.leaving)

    def ask(self, number: int) -> Object:
        state = "absent" if number % 2 else "present"
        return {"namespace": self.place, "neighbours": [{"name": item.name} for item in self.leaving], "state": state}

    def holds(self, asked: Object) -> None:
        found = self.world.admin.get("ConfigMap", self.place, "alliance-departures")
        wanted = {item["name"] for item in asked["neighbours"]} if asked["state"] == "present" else set()
        assert set(found["data"] if found else {}) == wanted


class _DepartureInfo(Case):
    """Nothing is left of a neighbour that never was. No istiod and no proxy run here."""

    module = "departure_info"
    writes = False
    accepted = frozenset({"unseen-istiod"})
    places: Mapping[str, str] = {"namespace": "faults-left", "root_namespace": "faults-left-istio"}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.admin.namespace(*self.places.values())
        gone = Neighbour("faults-gone")
        self._gone = {
            "name": gone.name,
            "trust_domains": [gone.domain],
            "uuids": [gone.uuid],
            "keys": [gone.keys.public_pem],
            "roots": [gone.root],
            "gateways": [],
            "cluster_ids": [],
        }

    def ask(self, number: int) -> Object:
        return {**self.places, "departed": [self._gone], "wait_timeout": 0}


class _Refusal(Case):
    """A neighbour that never knew this cluster refuses it."""

    module = "departure_refusal_info"
    writes = False
    place = "faults-refused"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.admin.namespace(self.place)
        world.run("authn_keypair", namespace=self.place)
        self._neighbours = world.neighbours("faults-refusing-one")

    def ask(self, number: int) -> Object:
        return {
            "namespace": self.place,
            "neighbours": [item.option() for item in self._neighbours],
            "wait_timeout": 0,
        }


class _Leftovers(Case):
    """Every kind that is served is listed."""

    module = "leftovers_info"
    writes = False

    def ask(self, number: int) -> Object:
        return {"namespace": "faults-services"}


class _ProxyTrust(Case):
    """No proxy runs here; that is read from the cluster."""

    module = "proxy_trust_wait"
    writes = False

    def ask(self, number: int) -> Object:
        return {"trusted": [make_root("faults.local")], "timeout": 1}


class _ClusterInfo(Case):
    """A cluster with an istiod, and with all that the others make in it."""

    module = "cluster_info"
    writes = False
    places: Mapping[str, str] = {"namespace": "faults-cluster", "root_namespace": "faults-cluster-istio"}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.admin.namespace(*self.places.values())
        world.run("authn_keypair", namespace=self.places["namespace"])
        root_namespace = self.places["root_namespace"]
        container = {"name": "discovery", "image": "pilot:1.31.0", "args": ["discovery", "--domain", "faults.local"]}
        template = {"metadata": {"labels": {"app": "istiod"}}, "spec": {"containers": [container]}}
        spec = {"selector": {"matchLabels": {"app": "istiod"}}, "template": template}
        metadata = {"name": "istiod", "namespace": root_namespace, "labels": {"app": "istiod"}}
        world.admin.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
        for name, data in (
            ("istio", {"mesh": "trustDomain: faults.local\n"}),
            ("istio-sidecar-injector", {"values": "{}"}),
            ("istio-ca-root-cert", {"root-cert.pem": make_root("faults.local")}),
        ):
            config = {"name": name, "namespace": root_namespace}
            world.admin.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": config, "data": data})
        # This istiod is not set up for an alliance, and other cases publish what can't be.
        state = world.run("cluster_info", **self.ask(0)).result["state"]
        self.accepted = frozenset(item["code"] for item in state["findings"]) | {"service-not-published"}

    def ask(self, number: int) -> Object:
        return {**self.places, "gather_published": True, "gather_services": True}


class _FederationInfo(Case):
    """What the resources tell."""

    module = "federation_info"
    writes = False

    def __init__(self, world: World) -> None:
        super().__init__(world)
        (self.one,) = world.neighbours("faults-told-one")
        world.acquaint("faults-told", "faults-told-istio", [self.one])
        world.run("service_entries", namespace="faults-told", neighbours=[self.one.option()])

    def ask(self, number: int) -> Object:
        return {"neighbours": [self.one.option()]}


class _MetadataInfo(Case):
    """A neighbour's documents; the key that signs for them is read from the cluster."""

    module = "metadata_info"
    writes = False

    def __init__(self, world: World) -> None:
        super().__init__(world)
        (self.one,) = world.neighbours("faults-asked-one")
        world.acquaint("faults-asked", "faults-asked-istio", [self.one])

    def ask(self, number: int) -> Object:
        option = self.one.option()
        return {
            "endpoint": option["metadata_endpoint"],
            "endpoint_ca": option["metadata_ca"],
            "private": True,
            "trust_domain": self.one.domain,
            "namespace": "faults-asked",
        }


class _StatusInfo(Case):
    """How the cluster is: what the API server does not tell is unknown, and nothing else is."""

    module = "status_info"
    writes = False
    # Nothing runs on this API server: no istiod, gateway or exporter, and no proxy that could be asked.
    accepted = frozenset({"istiod-down", "proxies-not-asked", "gateway-missing", "exporter-missing"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        (self.one,) = world.neighbours("faults-seen-one")
        world.acquaint("faults-seen", "faults-seen-istio", [self.one])
        world.run("service_entries", namespace="faults-seen", neighbours=[self.one.option()])

    def ask(self, number: int) -> Object:
        own = Neighbour("cluster-t").state(namespace="faults-seen", root_namespace="faults-seen-istio", published=())
        return {"state": own, "neighbours": [self.one.option()], "namespace": "faults-seen"}


class _TrafficProbe(Case):
    """No probe runs here; what is known of a neighbour is read, and its exporter is asked."""

    module = "traffic_probe"
    writes = False

    def __init__(self, world: World) -> None:
        super().__init__(world)
        (self.one,) = world.neighbours("faults-probed-one")
        world.acquaint("faults-probed", "faults-probed-istio", [self.one])
        world.run("service_entries", namespace="faults-probed", neighbours=[self.one.option()])

    def ask(self, number: int) -> Object:
        return {"namespace": "faults-probed", "trust_domain": "faults.local", "neighbours": [self.one.option()]}


CASES: Mapping[str, Callable[[World], Case]] = {
    "sets": _Sets,
    "definitions": _Definitions,
    "key pair": _KeyPair,
    "certificate": _Certificate,
    "trust": _Trust,
    "services": _Services,
    "published": _Published,
    "remote": _Remote,
    "rotation": _Rotation,
    "probe": _TrafficProbe,
    "proxies": _ProxyTrust,
    "departure": _Departure,
    "departed": _DepartureInfo,
    "refusal": _Refusal,
    "leftovers": _Leftovers,
    "cluster": _ClusterInfo,
    "federation": _FederationInfo,
    "status": _StatusInfo,
    "metadata": _MetadataInfo,
}
