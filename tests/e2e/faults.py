# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that an alliance may have, made one at a time, with the layer and the cluster that have to be named.

ALLIANCE_PLAYBOOK_FAULTS is how many of them are looked at with the playbooks as well, which takes long: the first of
each layer before all others.
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .alliance import NAMESPACE, A, Alliance, B
from .tls import GATEWAY_PORT, node_address
from tests.lab.layout import ClusterLayout

ROOT = "istio-system"
HOST = f"bar.xyz.svc.{B}.local"
SHARED = "istio-federation"
NETWORKING = "networking.istio.io/v1"
# What an API server adds to an object, and does not take back.
_SERVERS = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink")

Made = AbstractContextManager[None]
Object = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """One fault. What has to be named: C(layer) and C(blamed), on the edge from C(reader) to C(neighbour).

    C(new_probe): it is seen by pods that start after it was made.
    """

    name: str
    layer: str
    blamed: str
    make: Callable[[Alliance], Made]
    reader: str = A
    neighbour: str = B
    new_probe: bool = False


def _whole(alliance: Alliance, cluster: str, *what: str) -> Object:
    """An object with who owns which of its fields."""
    found: Object = json.loads(alliance.kubectl(cluster, "get", *what, "-o", "json", "--show-managed-fields"))
    return found


def _clean(obj: Object) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _SERVERS}
    kept = {key: value for key, value in obj.items() if key != "status"}
    return {**kept, "metadata": metadata}


def _restore(alliance: Alliance, cluster: str, obj: Object) -> None:
    """An object as it was, whatever it is now."""
    clean = _clean(obj)
    text = yaml.safe_dump(clean)
    replaced = alliance.kubectl(cluster, "replace", "-f", "-", stdin=text, check=False)
    if not replaced:
        alliance.kubectl(cluster, "create", "-f", "-", stdin=text)
    # Whoever changes a field owns it. Where nothing else is changed, owners are taken as they are given.
    clean["metadata"]["managedFields"] = obj["metadata"]["managedFields"]
    alliance.kubectl(cluster, "replace", "-f", "-", stdin=yaml.safe_dump(clean))


def patched(
    cluster: str, kind: str, namespace: str, name: str, patch: object, how: str = "merge"
) -> Callable[..., Made]:
    """An object is changed by hand."""

    @contextmanager
    def make(alliance: Alliance) -> Iterator[None]:
        before = _whole(alliance, cluster, kind, "-n", namespace, name)
        command = ("patch", kind, "-n", namespace, name, f"--type={how}", "-p", json.dumps(patch))
        alliance.kubectl(cluster, *command)
        try:
            yield
        finally:
            _restore(alliance, cluster, before)

    return make


def deleted(cluster: str, kind: str, namespace: str, name: str) -> Callable[..., Made]:
    """An object is deleted by hand."""

    @contextmanager
    def make(alliance: Alliance) -> Iterator[None]:
        before = _whole(alliance, cluster, kind, "-n", namespace, name)
        alliance.kubectl(cluster, "delete", kind, "-n", namespace, name)
        try:
            yield
        finally:
            _restore(alliance, cluster, before)

    return make


def added(cluster: str, kind: str, api_version: str, namespace: str, spec: Object) -> Callable[..., Made]:
    """Somebody adds an object of their own."""
    name = "made-by-somebody-else"
    manifest = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }

    @contextmanager
    def make(alliance: Alliance) -> Iterator[None]:
        alliance.apply(cluster, manifest)
        try:
            yield
        finally:
            alliance.kubectl(cluster, "delete", kind.lower(), "-n", namespace, name)

    return make


def scaled(cluster: str, namespace: str, name: str) -> Callable[..., Made]:
    """A Deployment has no pods any more."""

    @contextmanager
    def make(alliance: Alliance) -> Iterator[None]:
        replicas = alliance.get(cluster, "deployment", "-n", namespace, name)["spec"]["replicas"]
        where = ("-n", namespace, f"deployment/{name}")
        alliance.kubectl(cluster, "scale", *where, "--replicas=0")
        alliance.kubectl(cluster, "rollout", "status", *where, "--timeout=60s")
        try:
            yield
        finally:
            alliance.kubectl(cluster, "scale", *where, f"--replicas={replicas}")
            alliance.kubectl(cluster, "rollout", "status", *where, "--timeout=120s")

    return make


@contextmanager
def unpublished(alliance: Alliance) -> Iterator[None]:
    """The label is taken away, and no run tells the neighbour."""
    alliance.publish(B, "bar", public=False)
    try:
        yield
    finally:
        alliance.publish(B, "bar", public=True)


@contextmanager
def dropped(alliance: Alliance) -> Iterator[None]:
    """A firewall in front of cluster-b's node drops what goes to the gateway."""
    node = ("nsenter", f"--net={ClusterLayout(alliance.lab.layout, B, 0).namespace}", "nft")
    rule = f"add rule inet faults in tcp dport {GATEWAY_PORT} drop"
    chain = "add chain inet faults in { type filter hook prerouting priority -350 ; }"
    subprocess.run([*node, "-f", "-"], input=f"add table inet faults\n{chain}\n{rule}\n", text=True, check=True)
    try:
        yield
    finally:
        subprocess.run([*node, "delete", "table", "inet", "faults"], check=True)


def anchors(cluster: str, change: Callable[[list[Object]], list[Object]]) -> Callable[..., Made]:
    """The shared mesh config of a cluster has other anchors."""

    @contextmanager
    def make(alliance: Alliance) -> Iterator[None]:
        before = _whole(alliance, cluster, "configmap", "-n", ROOT, SHARED)
        mesh = yaml.safe_load(before["data"]["mesh"])
        mesh["caCertificates"] = change(mesh["caCertificates"])
        data = {**before["data"], "mesh": yaml.safe_dump(mesh)}
        patch = ("patch", "configmap", "-n", ROOT, SHARED, "--type=merge", "-p", json.dumps({"data": data}))
        alliance.kubectl(cluster, *patch)
        try:
            yield
        finally:
            _restore(alliance, cluster, before)

    return make


def _expired(entries: list[Object]) -> list[Object]:
    """The same anchors, whose time is over: subject and key are what they were."""
    return [{**entry, "pem": _ended(entry["pem"])} for entry in entries]


def _ended(pem: str) -> str:
    anchor = x509.load_pem_x509_certificate(pem.encode())
    builder = (
        x509.CertificateBuilder()
        .subject_name(anchor.subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "expired")]))
        .public_key(anchor.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(anchor.not_valid_before_utc - datetime.timedelta(days=9))
        .not_valid_after(anchor.not_valid_before_utc - datetime.timedelta(days=1))
    )
    for extension in anchor.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


@contextmanager
def forgotten_key(alliance: Alliance) -> Iterator[None]:
    """Cluster-b's exporter knows nobody's key."""
    where = ("secret", "-n", NAMESPACE, "alliance-remote-public-metadata")
    before = _whole(alliance, B, *where)
    empty = base64.b64encode(b"{}").decode()
    patch = json.dumps({"data": {"remote-public-metadata.json": empty}})
    alliance.kubectl(B, "patch", *where, "--type=merge", "-p", patch)
    try:
        yield
    finally:
        _restore(alliance, B, before)


def proxy_setting(name: str) -> Callable[..., Made]:
    """One of the two settings of all sidecars of cluster-a is off."""
    return patched(A, "proxyconfig", ROOT, SHARED, {"spec": {"environmentVariables": {name: "false"}}})


def _entry(address: str) -> Object:
    """What somebody writes to reach a service by their own way."""
    ports = [{"name": "http", "number": 80, "protocol": "HTTP"}]
    endpoints = [{"address": address, "ports": {"http": 8080}}]
    return {
        "hosts": [HOST],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "ports": ports,
        "endpoints": endpoints,
    }


@contextmanager
def moved_endpoints(alliance: Alliance) -> Iterator[None]:
    """A ServiceEntry has an old address of the gateway."""
    name = ("serviceentry", "-n", NAMESPACE, HOST)
    before = _whole(alliance, A, *name)
    old = node_address(alliance, B).rsplit(".", 1)[0] + ".77"
    endpoints = [{**endpoint, "address": old} for endpoint in before["spec"]["endpoints"]]
    alliance.kubectl(A, "patch", *name, "--type=merge", "-p", json.dumps({"spec": {"endpoints": endpoints}}))
    try:
        yield
    finally:
        _restore(alliance, A, before)


_DISABLE = {"trafficPolicy": {"tls": {"mode": "DISABLE"}}}
_ABORT = {
    "fault": {"abort": {"percentage": {"value": 100}, "httpStatus": 503}},
    "route": [{"destination": {"host": HOST}}],
}
_OPEN = {
    "selector": {"app": "alliance-ingressgateway"},
    "servers": [
        {
            "port": {"number": 15443, "name": "tls-open", "protocol": "TLS"},
            "tls": {"mode": "AUTO_PASSTHROUGH"},
            "hosts": [f"metadata-exporter.{NAMESPACE}.svc.{B}.local"],
        }
    ],
}
_TLS_PORT = [{"op": "replace", "path": "/spec/ports/0/nodePort", "value": 30999}]

FAULTS = (
    Fault("gateway Service deleted", "gateway", B, deleted(B, "service", NAMESPACE, "alliance-ingressgateway")),
    Fault(
        "wrong NodePort", "gateway", B, patched(B, "service", NAMESPACE, "alliance-ingressgateway", _TLS_PORT, "json")
    ),
    Fault("packets dropped", "gateway", B, dropped),
    Fault("ServiceEntry deleted", "service-entry", A, deleted(A, "serviceentry", NAMESPACE, HOST)),
    Fault("old address in the ServiceEntry", "service-entry", A, moved_endpoints),
    Fault(
        "a second ServiceEntry for the host",
        "service-entry",
        A,
        added(A, "ServiceEntry", NETWORKING, "xyz", _entry("192.0.2.1")),
    ),
    Fault("DNS capture off", "dns", A, proxy_setting("ISTIO_META_DNS_CAPTURE"), new_probe=True),
    Fault("sidecar without the agent setting", "tls", A, proxy_setting("PROXY_CONFIG_XDS_AGENT"), new_probe=True),
    Fault("DestinationRule DISABLE", "tls", A, patched(A, "destinationrule", NAMESPACE, HOST, {"spec": _DISABLE})),
    Fault(
        "DestinationRule of others",
        "tls",
        A,
        added(A, "DestinationRule", NETWORKING, "xyz", {"host": HOST, **_DISABLE}),
    ),
    Fault("anchor missing", "tls", A, anchors(A, lambda _entries: [])),
    Fault("anchor expired", "tls", A, anchors(A, _expired)),
    Fault("the neighbour does not trust us", "tls", B, anchors(B, lambda _entries: [])),
    Fault(
        # istiod takes such pods from what a gateway may pass on to.
        "mutual TLS is off at the service",
        "route",
        B,
        added(B, "PeerAuthentication", "security.istio.io/v1", "xyz", {"mtls": {"mode": "DISABLE"}}),
    ),
    Fault("not published any more", "route", B, unpublished),
    Fault("no pods behind the service", "route", B, scaled(B, "xyz", "bar")),
    Fault(
        "a VirtualService that aborts",
        "route",
        A,
        added(A, "VirtualService", NETWORKING, "xyz", {"hosts": [HOST], "http": [_ABORT]}),
    ),
    Fault("AuthorizationPolicy", "application", B, added(B, "AuthorizationPolicy", "security.istio.io/v1", "xyz", {})),
    Fault("the neighbour's istiod is down", "workload", B, scaled(B, ROOT, "istiod"), reader=B, neighbour=A),
    Fault("exporter down", "exporter", B, scaled(B, NAMESPACE, "metadata-exporter")),
    Fault("exporter does not know our key", "exporter", B, forgotten_key),
    Fault(
        "the gateway is open for what is not published", "refusal", B, added(B, "Gateway", NETWORKING, NAMESPACE, _OPEN)
    ),
)


def _of_all_layers_first() -> list[Fault]:
    first = {fault.layer: fault for fault in reversed(FAULTS)}
    return sorted(FAULTS, key=lambda fault: first[fault.layer] is not fault)


BY_PLAYBOOK = frozenset(
    fault.name for fault in _of_all_layers_first()[: int(os.environ.get("ALLIANCE_PLAYBOOK_FAULTS", "1"))]
)
