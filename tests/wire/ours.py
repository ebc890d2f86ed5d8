# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our side of the wire: a control plane with what the roles make, the real exporter, and the modules."""

from __future__ import annotations

import base64
import http.client
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation_crds import federation_crd
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import Applier

from tests.deckhouse import certificates
from tests.deckhouse.cluster import DeckhouseCluster
from tests.deckhouse.standalone import Standalone
from tests.integration.ansible_module import ModuleRun, ModuleRunner
from tests.integration.test_exporter import DOMAIN, OURS, Cluster, Process, manifest
from tests.lab.controlplane import ControlPlane
from tests.wire.front import Front

ROOT_NAMESPACE = "istio-system"
GATEWAY_IP = "192.0.2.20"

Object = dict[str, Any]


class Peer:
    """A simulated neighbour under the name that our inventory has for it."""

    def __init__(self, name: str, simulator: DeckhouseCluster | Standalone) -> None:
        self.name = name
        self.simulator: Any = simulator
        self.exporter = simulator.exporter
        self.domain = simulator.setup.domain

    def option(self, **changes: Any) -> Object:
        """Its entry in the option neighbours: pinned, as if its API could not be read."""
        return {
            "name": self.name,
            "trust_domain": self.domain,
            "metadata_endpoint": self.simulator.endpoint,
            "metadata_ca": self.simulator.ca.certificate,
            "root_fingerprints": certificates.fingerprints(self.simulator.document("public/public.json")["rootCA"]),
            **changes,
        }

    @property
    def tokens_seen(self) -> int:
        """How many requests with a token it was sent."""
        return sum(request.with_token for request in self.exporter.requests)


REMOTE_SECRET, REMOTE_KEY = "alliance-remote-public-metadata", "remote-public-metadata.json"
# Timestamps in a status are renewed now and then: not while tests count writes.
SELDOM = {"status_refresh": 86400}


class Ours:
    """Our cluster. `exporter` is the process, `front` the TLS before it."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self.cluster = Cluster(plane, folder)
        self.cluster.prepare()
        applier = Applier(self.cluster.client, manager="somebody")
        applier.execute(applier.plan([federation_crd()]))
        self.cluster.apply(manifest("v1", "Namespace", ROOT_NAMESPACE))
        self.cluster.set_address(GATEWAY_IP)
        self.cluster.label("foo", on=True)
        self.run = ModuleRunner(plane)
        public_key = self.run("authn_keypair", namespace=OURS).result["public_key"]
        self.exporter = Process(self.cluster, self.cluster.kubeconfig(), "ours")
        self.exporter.key_file.write_text(public_key)
        self.front = Front(DOMAIN, folder / "front")
        self.front.start(self.exporter.port)

    def stop(self) -> None:
        """End the exporter."""
        self.front.stop()
        self.exporter.stop()

    def federation(self, name: str = "cluster-a") -> Object:
        """The IstioFederation by which a neighbour knows us."""
        spec = {
            "trustDomain": DOMAIN,
            "metadataEndpoint": self.front.endpoint,
            "metadata": {"clusterCA": self.front.ca},
        }
        return manifest("deckhouse.io/v1alpha1", "IstioFederation", name, spec=spec)

    def trust(self, *peers: Peer, **more: Any) -> ModuleRun:
        """Exchange roots with these neighbours."""
        option = [peer.option() for peer in peers]
        more = {**SELDOM, **more}
        return self.run("trust_anchors", neighbours=option, namespace=OURS, root_namespace=ROOT_NAMESPACE, **more)

    def entries(self, *peers: Peer, **more: Any) -> ModuleRun:
        """Import their services."""
        more = {**SELDOM, **more}
        return self.run("service_entries", neighbours=[peer.option() for peer in peers], namespace=OURS, **more)

    def tell(self, known: str) -> None:
        """Whom our exporter lets in, as JSON, written by somebody else than the modules."""
        data = {REMOTE_KEY: base64.b64encode(known.encode()).decode()}
        self.cluster.apply(manifest("v1", "Secret", REMOTE_SECRET, OURS, data=data))

    @contextmanager
    def told(self, known: str) -> Iterator[None]:
        """Whom it lets in meanwhile; afterwards all is as before, and the modules' own."""
        kind = self.cluster.client.kind_of({"apiVersion": "v1", "kind": "Secret"})
        before = self.cluster.client.get(kind, REMOTE_SECRET, OURS)
        self.tell(known)
        yield
        if before is None:
            self.cluster.client.delete(kind, REMOTE_SECRET, OURS)
        else:
            self.tell(base64.b64decode(before["data"][REMOTE_KEY]).decode())

    def imported(self) -> dict[str, Object]:
        """The ServiceEntries' specs by host."""
        kind = self.cluster.client.kind_of({"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry"})
        found = self.cluster.client.list(kind, OURS).items
        hosts = [host for item in found for host in item["spec"]["hosts"]]
        assert len(hosts) == len(set(hosts)), "one host, several ServiceEntries"
        return {item["spec"]["hosts"][0]: item["spec"] for item in found}

    def status(self, peer: Peer) -> Object:
        """The status of a neighbour's IstioFederation here."""
        kind = self.cluster.client.kind_of({"apiVersion": "deckhouse.io/v1alpha1", "kind": "IstioFederation"})
        found = self.cluster.client.get(kind, peer.name)
        return dict((found or {}).get("status") or {})

    def conditions(self, peer: Peer) -> dict[str, Object]:
        """Its conditions by type."""
        return {item["type"]: item for item in self.status(peer)["conditions"]}


def clock(offset: float) -> Callable[[], float]:
    """A clock that is so many seconds ahead of this machine's."""
    return lambda: time.time() + offset


def ask(port: int, path: str, authorization: str | None, *, ca: str | None = None) -> tuple[int, str, str]:
    """GET with any Authorization header: status, Content-Type and body. HTTPS with a CA, else HTTP."""
    if ca is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    else:
        context = ssl.create_default_context(cadata=ca)
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        connection.request("GET", path, headers={} if authorization is None else {"Authorization": authorization})
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()
