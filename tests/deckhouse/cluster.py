# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated cluster of the platform: its controller, its exporter and its consumer around one API server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deckhouse import consumer, documents, facts, gateways, manifests, mesh, mesh_config
from tests.deckhouse.consumer import Own
from tests.deckhouse.exporter import Exporter
from tests.deckhouse.folder import Folder
from tests.deckhouse.kube import Kube
from tests.deckhouse.mounted import Mounted
from tests.deckhouse.platform import Platform, Site
from tests.deckhouse.stand_in import StandIn

Object = dict[str, Any]

# Marks what the consumer made, so that what no peer offers any more is found.
IMPORTED = {"federation": "imported"}
_KINDS = {"federation": "IstioFederation", "multicluster": "IstioMulticluster"}


@dataclass(frozen=True)
class Setup:
    """How a cluster is simulated.

    listen: where the exporter answers. data_plane: real nodes run pods; else everything of theirs is made up.
    node_port, exporter_image, public_domain_template: see platform.Site.
    """

    kubeconfig: Path
    domain: str
    folder: Path
    listen: tuple[str, int] = ("127.0.0.1", 0)
    data_plane: bool = False
    node_port: int | None = None
    exporter_image: str = "registry.invalid/metadata-exporter"
    public_domain_template: str = ""
    newer: bool = True

    @property
    def template(self) -> str:
        """The template of public names."""
        return self.public_domain_template or f"%s.{self.domain.partition('.')[0]}.example"


class DeckhouseCluster:
    """start() makes it answer; each step() is one cycle of controller and consumer, run() one after another."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.kube = Kube(setup.kubeconfig)
        self.exporter = Exporter(self)
        self.probe: Callable[[Mapping[str, Any]], str | None] | None = None
        # Whether a peer that has another clusterUUID than before is refused.
        self.compares_uuid = False
        # Endpoints whose names lead to somebody else's endpoint in this cluster.
        self.astray: dict[str, str] = {}
        # What the exporter sees of the neighbours' Secret, which is mounted into its pod.
        self.mounted = Mounted(lambda: self.kube.text("Secret", facts.REMOTE_SECRET, facts.REMOTE_KEY))
        self._folder = Folder(setup.folder)
        hosts = facts.exporter_hosts(setup.template)
        self.ca, tls, self._chain = self._folder.ingress(setup.domain, [setup.listen[0], "localhost", *hosts])
        site = Site(setup.domain, setup.template, self.ca, tls, setup.exporter_image, setup.node_port, setup.newer)
        self.stand_in = None if setup.data_plane else StandIn(self.kube)
        self.platform = Platform(self.kube, site, self.stand_in)
        # Held during each cycle: who takes it stops the platform for a while.
        self.lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        """The exporter's base URL, at the address where it listens."""
        return f"https://{self.setup.listen[0]}:{self.exporter.port}{facts.BASE_PATH}"

    def start(self) -> None:
        """Install the platform and let the exporter listen."""
        self.platform.install()
        self.step()
        self.exporter.start(self.setup.listen, self._chain)
        self._tell()

    def stop(self) -> None:
        """End what start() began; the cluster's objects stay."""
        self.exporter.stop()
        self.kube.close()

    def step(self) -> None:
        """One cycle of everything."""
        self.reconcile()
        self.consume()

    def reconcile(self) -> None:
        """One cycle of the controller."""
        with self.lock:
            self.platform.reconcile()

    def consume(self) -> None:
        """One cycle of the consumer."""
        with self.lock:
            if self.platform.settings.alliance:
                self._consume()
        if self.exporter.port:
            self._tell()

    def _consume(self) -> None:
        own = Own(
            self.setup.domain,
            self.uuid(),
            self.kube.text("Secret", facts.KEYPAIR_SECRET, facts.PRIVATE_KEY) or None,
            self.exporter.now,
            self.probe,
            self.compares_uuid,
            dict(self.astray),
        )
        peers = [item for mode, kind in _KINDS.items() if self.on(mode) for item in self.kube.list(kind)]
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda item: consumer.exchange(item, own), peers))
        taken = []
        for peer, status in zip(peers, statuses, strict=True):
            if status is None:
                continue
            if status != peer.get("status"):
                self.kube.apply_status({**peer, "status": status})
            taken.append({**peer, "status": status})
        self._use(taken)

    def _use(self, peers: list[Object]) -> None:
        remote = json.dumps(mesh.remote_metadata(peers))
        self.kube.apply([manifests.secret(facts.REMOTE_SECRET, {facts.REMOTE_KEY: remote})])
        self.mounted.text()
        mesh_config.write(self.kube, mesh.ca_certificates(peers, self.setup.domain))
        federations = [peer for peer in peers if peer["kind"] == _KINDS["federation"]]
        wanted = mesh.service_entries(federations, {**manifests.LABELS, **IMPORTED})
        self.kube.apply(wanted)
        names = {item["metadata"]["name"] for item in wanted}
        for kind in ("ServiceEntry", "DestinationRule"):
            live = self.kube.list(kind, facts.NAMESPACE, ",".join(f"{key}={value}" for key, value in IMPORTED.items()))
            gone = [item["metadata"]["name"] for item in live if item["metadata"]["name"] not in names]
            self.kube.delete(kind, *gone, namespace=facts.NAMESPACE)

    def _tell(self) -> None:
        self._folder.tell(
            endpoint=self.endpoint,
            ca=self.ca.certificate,
            domain=self.setup.domain,
            uuid=self.uuid(),
            root=self._root(),
        )

    # What the exporter reads the cluster with.

    def available(self) -> bool:
        """Whether the exporter's pod is ready, as far as pods are made up."""
        return self.stand_in is None or self.stand_in.ready

    def on(self, mode: str) -> bool:
        """Whether federation or multicluster is on."""
        return bool(getattr(self.platform.settings, mode))

    def uuid(self) -> str:
        """The clusterUUID."""
        return self.kube.text("ConfigMap", facts.UUID_CONFIGMAP, facts.UUID_KEY, facts.UUID_NAMESPACE)

    def peers(self) -> Mapping[str, Any]:
        """The peers' public metadata by clusterUUID, as far as it has arrived in the exporter's pod."""
        text = self.mounted.text()
        peers: Mapping[str, Any] = json.loads(text) if text else {}
        return peers

    def document(self, path: str) -> Object:
        """A document as the cluster is now."""
        if path == facts.PUBLIC_PATH:
            public_key = self.kube.text("Secret", facts.KEYPAIR_SECRET, facts.PUBLIC_KEY)
            return documents.public(self.uuid(), public_key, self._root())
        if path == facts.SPIFFE_PATH:
            return documents.spiffe(self._root())
        if path == facts.MULTICLUSTER_PATH:
            api_host = self.setup.template % facts.API_PROXY
            return documents.multicluster(self._gateways(), api_host, self.setup.domain, self.uuid())
        services = self.kube.list("Service", labels=facts.PUBLIC_SERVICE_LABEL)
        return documents.federation(self._gateways(), documents.public_services(services, self.setup.domain))

    def _root(self) -> str:
        return self.kube.text("ConfigMap", facts.ROOT_CONFIGMAP, facts.ROOT_KEY)

    def _gateways(self) -> gateways.Addresses | None:
        place = facts.NAMESPACE
        configmap = self.kube.get("ConfigMap", facts.ADVERTISE_CONFIGMAP, place)
        advertise = None if configmap is None else (configmap.get("data") or {}).get(facts.ADVERTISE_KEY, "")
        return gateways.addresses(
            self.kube.get("Service", facts.GATEWAY, place),
            self.kube.list("Node"),
            self.kube.list("Pod", place, f"app={facts.GATEWAY}"),
            advertise,
        )
