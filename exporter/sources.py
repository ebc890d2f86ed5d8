# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the exporter's knowledge comes from: informers at the API server, and one mounted file."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from ansible_collections.meshalliance.istio.exporter.documents import Inputs, MulticlusterInputs
from ansible_collections.meshalliance.istio.exporter.keyfile import KeyFile
from ansible_collections.meshalliance.istio.exporter.logs import LOGGER
from ansible_collections.meshalliance.istio.exporter.metrics import Metrics
from ansible_collections.meshalliance.istio.exporter.neighbour_state import NeighbourState, first_end, neighbour_state
from ansible_collections.meshalliance.istio.exporter.options import Options
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    GatewayAddress,
    PublicService,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.gateways import gateway_addresses
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import written_api_host
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    ADVERTISE_CONFIGMAP,
    ADVERTISE_KEY,
    API_PORT_NAME,
    EXPORTER,
    GATEWAY_PORT_NAME,
    INGRESSGATEWAY,
    MULTICLUSTER_ADVERTISE_KEY,
    MULTICLUSTER_PORT_NAME,
    PUBLIC_SERVICE_LABEL,
    PUBLISHED_GATEWAY,
    REMOTE_METADATA_KEY,
    REMOTE_METADATA_SECRET,
    ROOT_CONFIGMAP,
    ROOT_KEY,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published import published_services
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.informer import Informer, ListWatcher, pause
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import (
    CONFIG_MAP,
    GATEWAY,
    ISTIO_FEDERATION,
    ISTIO_MULTICLUSTER,
    LEASE,
    NAMESPACE,
    NODE,
    POD,
    SECRET,
    SERVICE,
    Kind,
)

Object = dict[str, Any]
_MOST_CERTIFICATE_BYTES = 256 * 1024
_Addresses = tuple[tuple[GatewayAddress, ...], tuple[Finding, ...]]


class Reader(ListWatcher, Protocol):
    """The reading half of C(_kube.client.Client)."""

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None."""


class Sources:
    """All informers of the exporter; C(on_change) is called after each change of what they see."""

    def __init__(self, client: Reader, options: Options, metrics: Metrics, on_change: Callable[[], None]) -> None:
        self._client = client
        self._options = options
        self._metrics = metrics
        self._on_change = on_change
        self._cluster_uuid = ""
        self._stopped = threading.Event()
        self._memory: dict[str, tuple[tuple[int, ...], Any]] = {}
        self._key_file = KeyFile(options.public_key_file)
        self._change_file = KeyFile(options.key_change_file)
        self._certificate_file = KeyFile(options.certificate_file, _MOST_CERTIFICATE_BYTES)
        self._certificate_end: float | None = None

        self.services = self._follow(
            "services", SERVICE, everywhere=True, label_selector=PUBLIC_SERVICE_LABEL, keep=_service
        )
        self.published_gateway = self._follow("published-gateway", GATEWAY, name=PUBLISHED_GATEWAY, keep=_plain)
        self.gateway_service = self._follow("gateway-service", SERVICE, name=options.gateway_service, keep=_service)
        self.gateway_pods = self._follow("gateway-pods", POD, label_selector=f"app={INGRESSGATEWAY}", keep=_pod)
        self.nodes = self._follow("nodes", NODE, everywhere=True, keep=_node)
        self.root = self._follow("root-certificate", CONFIG_MAP, name=ROOT_CONFIGMAP, keep=_plain)
        self.advertise = self._follow("advertise", CONFIG_MAP, name=ADVERTISE_CONFIGMAP, keep=_plain)
        self.remote_metadata = self._follow("remote-metadata", SECRET, name=REMOTE_METADATA_SECRET, keep=_plain)
        self.lease = self._follow("lease", LEASE, name=EXPORTER)
        # What is known of neighbours is exported; documents and readiness don't depend on it.
        self._of_neighbours = (
            self._follow("federations", ISTIO_FEDERATION, everywhere=True, keep=_kept_neighbour(ISTIO_FEDERATION)),
            self._follow(
                "multiclusters", ISTIO_MULTICLUSTER, everywhere=True, keep=_kept_neighbour(ISTIO_MULTICLUSTER)
            ),
        )
        self._informers = (
            self.services,
            self.published_gateway,
            self.gateway_service,
            self.gateway_pods,
            self.nodes,
            self.root,
            self.advertise,
            self.remote_metadata,
            self.lease,
            *self._of_neighbours,
        )
        self._uuid_thread = threading.Thread(target=self._learn_uuid, name="cluster-uuid", daemon=True)

    def start(self) -> None:
        """Begin to read; returns at once."""
        self._uuid_thread.start()
        for informer in self._informers:
            informer.start()

    def stop(self) -> None:
        """Ask all threads to end. They're daemon threads: a watch that is waiting doesn't hold up the process."""
        self._stopped.set()
        for informer in self._informers:
            informer.stop()

    def files_changed(self) -> bool:
        """Whether a mounted file differs from what inputs() gave last."""
        return self._key_file.changed() or self._change_file.changed()

    def dead_threads(self) -> tuple[str, ...]:
        """Informers whose thread has ended: nothing that the process could repair."""
        return tuple(informer.name for informer in self._informers if not informer.alive)

    def inputs(self) -> Inputs:
        """What is known now. What is costly to compute is computed again only when its own informers changed."""
        services, service_findings = self._remembered("services", (self.services,), self._services)
        about_gateway = (self.gateway_service, self.gateway_pods, self.nodes, self.advertise)
        addresses, address_findings = self._remembered("addresses", about_gateway, self._addresses)
        multicluster = self._remembered("multicluster", about_gateway, self._multicluster)
        if not all(informer.synced for informer in about_gateway):
            # What is not listed yet is neither a problem nor an address to be told.
            addresses, address_findings = (), ()
            multicluster = multicluster and replace(multicluster, addresses=(), findings=())
        root = _only(self.root)
        return Inputs(
            trust_domain=self._options.trust_domain,
            cluster_uuid=self._cluster_uuid,
            public_key=self._key_file.read(),
            key_change=self._change_file.read(),
            root_pem=_data(root, ROOT_KEY) or "",
            root_version="" if root is None else str(root["metadata"].get("resourceVersion", "")),
            services=services if self.services.synced else None,
            service_findings=service_findings,
            gateway=_only(self.published_gateway),
            addresses=addresses,
            address_findings=address_findings,
            remote_metadata=_secret_text(_only(self.remote_metadata), REMOTE_METADATA_KEY),
            multicluster=multicluster,
            # The Lease decides who writes, not what is told.
            unsynced=tuple(
                i.name for i in self._informers if not i.synced and i not in (self.lease, *self._of_neighbours)
            ),
        )

    def identity(self) -> tuple[str, str]:
        """The own trust domain and clusterUUID; the latter is empty until it is known."""
        return self._options.trust_domain, self._cluster_uuid

    def neighbours(self) -> tuple[NeighbourState, ...]:
        """What the cluster knows of each neighbour."""
        return tuple(item["neighbour"] for informer in self._of_neighbours for item in informer.items)

    def own_ends(self) -> dict[str, float]:
        """When the own certificates end, unix seconds, by what they are; without those that are not known."""
        if self._certificate_file.changed():
            self._certificate_end = first_end(self._certificate_file.read())
        root = self._remembered("root-end", (self.root,), lambda: first_end(_data(_only(self.root), ROOT_KEY) or ""))
        ends = {"root": root, "metadata-endpoint": self._certificate_end}
        return {what: end for what, end in ends.items() if end is not None}

    def _follow(
        self,
        title: str,
        kind: Kind,
        *,
        name: str | None = None,
        everywhere: bool = False,
        label_selector: str | None = None,
        keep: Callable[[Object], Object] | None = None,
    ) -> Informer:
        def restarted(reason: str) -> None:
            self._metrics.informer_restarts.labels(title).inc()
            LOGGER.warning("informer starts again", extra={"fields": {"informer": title, "reason": reason}})

        self._metrics.informer_restarts.labels(title)
        informer = Informer(
            self._client,
            kind,
            namespace=None if everywhere else self._options.namespace,
            label_selector=label_selector,
            field_selector=f"metadata.name={name}" if name else None,
            on_change=self._on_change,
            on_restart=restarted,
            keep=keep,
            name=title,
        )
        self._metrics.informer_synced.labels(title).set_function(lambda: float(informer.synced))
        self._metrics.informer_failing.labels(title).set_function(lambda: float(bool(informer.last_error)))
        return informer

    def _learn_uuid(self) -> None:
        """The cluster's identity is the UID of kube-system and never changes: one GET, repeated until it succeeds."""
        failures = 0
        while not self._stopped.is_set():
            try:
                found = self._client.get(NAMESPACE, "kube-system")
            except ApiError as error:
                found = None
                LOGGER.warning("namespace kube-system can't be read", extra={"fields": {"error": str(error)}})
            uid = (found or {}).get("metadata", {}).get("uid", "")
            if uid:
                self._cluster_uuid = str(uid)
                self._on_change()
                return
            failures += 1
            self._stopped.wait(pause(failures, 1.0))

    def _services(self) -> tuple[tuple[PublicService, ...], tuple[Finding, ...]]:
        return published_services(self.services.items, self._options.cluster_domain)

    def _addresses(self) -> _Addresses:
        return self._addresses_of(GATEWAY_PORT_NAME, ADVERTISE_KEY)

    def _multicluster(self) -> MulticlusterInputs | None:
        options = self._options
        if not options.cluster_id:
            return None
        addresses, findings = self._addresses_of(MULTICLUSTER_PORT_NAME, MULTICLUSTER_ADVERTISE_KEY)
        api_host = options.api_host
        if not api_host:
            api_addresses, api_findings = self._addresses_of(API_PORT_NAME, None)
            findings += api_findings
            api_host = written_api_host(api_addresses[0]) if api_addresses else ""
        return MulticlusterInputs(options.cluster_id, options.network_name, api_host, addresses, findings)

    def _addresses_of(self, port_name: str, advertise_key: str | None) -> _Addresses:
        """Where a port of the gateway is reached; with a key, the ConfigMap may say otherwise."""
        advertised = _data(_only(self.advertise), advertise_key) if advertise_key else None
        service, nodes, pods = _only(self.gateway_service), self.nodes.items, self.gateway_pods.items
        return gateway_addresses(service, nodes, pods, advertised, port_name, advertise_key or ADVERTISE_KEY)

    def _remembered(self, name: str, informers: tuple[Informer, ...], compute: Callable[[], Any]) -> Any:
        versions = tuple(informer.version for informer in informers)
        if name not in self._memory or self._memory[name][0] != versions:
            # The versions are taken first: a change during the computation leads to another one.
            self._memory[name] = (versions, compute())
        return self._memory[name][1]


def _only(informer: Informer) -> Object | None:
    items = informer.items
    return items[0] if items else None


def _data(config_map: Object | None, key: str) -> str | None:
    value = ((config_map or {}).get("data") or {}).get(key)
    return None if value is None else str(value)


def _secret_text(secret: Object | None, key: str) -> str | None:
    value = ((secret or {}).get("data") or {}).get(key)
    if value is None:
        return None
    try:
        return base64.b64decode(str(value), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _kept_neighbour(kind: Kind) -> Callable[[Object], Object]:
    """Items of a list don't say their kind."""
    return lambda item: {"neighbour": neighbour_state({**item, "kind": kind.kind})}


def _metadata(item: Object, *more: str) -> Object:
    found = item.get("metadata", {})
    return {name: found[name] for name in ("name", "namespace", *more) if name in found}


def _plain(item: Object) -> Object:
    metadata = _metadata(item, "labels", "resourceVersion")
    return {**item, "metadata": metadata}


def _service(item: Object) -> Object:
    metadata = _metadata(item, "labels", "deletionTimestamp")
    return {"metadata": metadata, "spec": item.get("spec", {}), "status": item.get("status", {})}


def _pod(item: Object) -> Object:
    spec, status = item.get("spec", {}), item.get("status", {})
    return {
        "metadata": _metadata(item, "labels", "deletionTimestamp"),
        "spec": {"nodeName": spec.get("nodeName", "")},
        "status": {
            "phase": status.get("phase", ""),
            "conditions": _conditions(status),
            "podIPs": status.get("podIPs", []),
            "hostIP": status.get("hostIP", ""),
        },
    }


def _node(item: Object) -> Object:
    status = item.get("status", {})
    return {
        "metadata": _metadata(item, "labels", "deletionTimestamp"),
        "spec": {"unschedulable": bool(item.get("spec", {}).get("unschedulable", False))},
        "status": {"addresses": status.get("addresses", []), "conditions": _conditions(status)},
    }


def _conditions(status: Object) -> list[Object]:
    """Without their times: a heartbeat is not a change."""
    return [{"type": c.get("type"), "status": c.get("status")} for c in status.get("conditions") or []]
