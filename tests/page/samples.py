# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alliances to be shown, made up: of any size, with what is wrong at chosen edges."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    Check,
    ClusterView,
    EdgeView,
    Expiry,
    Overview,
    Probe,
    Root,
    Service,
)

NOW = "2026-05-04T09:30:00Z"
# What an edge of each level says for itself.
FINDINGS = {
    "error": Finding(
        "error",
        "gateway-unreachable",
        "the neighbour's gateway 192.0.2.12:15443 refuses connections",
        "see with kubectl get pods -n istio-alliance -l app=alliance-ingressgateway why it has no Ready pod",
    ),
    "warning": Finding(
        "warning",
        "neighbour-stale",
        "it has not answered since 2026-05-04T07:10:00Z: what was known of it stays in use",
        "repair it, take it out of the inventory, or set alliance_stale_after",
    ),
    "unknown": Finding(
        "unknown",
        "proxies-not-asked",
        "its proxies can't be asked whether they took the configuration: pods/portforward is forbidden",
        "give the user of the inventory the right to create pods/portforward",
    ),
}
APPLICATIONS = ("cart", "catalog", "checkout", "ledger", "mail", "orders", "payments", "search", "shipping", "users")


def names(count: int) -> list[str]:
    """Names of clusters, as people give them."""
    places = ("fra", "ams", "lon", "par", "mad", "waw", "vie", "zrh", "mil", "sto")
    if count <= 3:
        return [f"cluster-{letter}" for letter in "abc"[:count]]
    return [f"prod-{places[number % 10]}-{number // 10 + 1}" for number in range(count)]


def alliance(count: int, wrong: Mapping[tuple[int, int], str] | None = None) -> Overview:
    """A full mesh of clusters; C(wrong): the level of edges, by the numbers of reader and neighbour."""
    called = names(count)
    levels = wrong or {}
    edges = tuple(
        edge(reader, neighbour, levels.get((row, column), "ok"))
        for row, reader in enumerate(called)
        for column, neighbour in enumerate(called)
        if row != column
    )
    return Overview("Status of the alliance", NOW, tuple(cluster(name) for name in called), edges)


def cluster(name: str) -> ClusterView:
    """A cluster that is well."""
    number = int(fingerprint(name)[:2], 16) % 200 + 1
    return ClusterView(
        name,
        "istio",
        trust_domain=f"{name}.local",
        uuid=str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        istio="1.31.1",
        gateways=(f"192.0.2.{number}:15443",),
        roots=(Root(fingerprint(name), "2036-05-01T00:00:00Z"),),
        published=services(name),
        published_count=len(services(name)),
        expiries=(
            Expiry("root", "ConfigMap istio-system/istio-ca-root-cert", "2036-05-01T00:00:00Z"),
            Expiry(
                "certificate of the metadata endpoint",
                "Secret istio-alliance/alliance-metadata-tls",
                "2026-06-11T08:00:00Z",
            ),
            Expiry("key pair", "Secret istio-alliance/alliance-authn-keypair"),
        ),
        checks=(
            Check("api", "ok", "its API answered, version v1.34.4"),
            Check("istiod", "ok", "2 pods of istiod are Ready; 48 proxies are connected and took all configuration"),
            Check("gateway", "ok", "2 of 2 pods of the ingress gateway are Ready and endpoints of its Service"),
            Check("exporter", "ok", "2 of 2 pods of the metadata-exporter are Ready"),
            Check("drift", "ok", "all 96 objects are as federate.yml would write them"),
        ),
    )


def services(name: str) -> tuple[Service, ...]:
    """Some services that a cluster publishes."""
    number = int(fingerprint(name)[2:4], 16) % len(APPLICATIONS) + 1
    return tuple(Service(f"{app}.shop.svc.{name}.local", ("80/HTTP", "9090/GRPC")) for app in APPLICATIONS[:number])


def edge(reader: str, neighbour: str, level: str = "ok") -> EdgeView:
    """What one cluster has of another."""
    made = EdgeView(
        reader,
        neighbour,
        gateways=cluster(neighbour).gateways,
        services=services(neighbour),
        service_count=len(services(neighbour)),
        roots=(fingerprint(neighbour),),
        last_fetch="2026-05-04T09:27:00Z",
        checks=(
            Check("trust", "ok", "its root is trusted for its own domain"),
            Check("imports", "ok", "all services that it publishes are imported"),
        ),
    )
    return replace(made, findings=(FINDINGS[level],)) if level in FINDINGS else made


def with_probes(overview: Overview, failed: Sequence[tuple[str, str]] = ()) -> Overview:
    """The same, with requests that were made over every edge; those of some failed."""
    edges = []
    for item in overview.edges:
        bad = (item.reader, item.neighbour) in failed
        made = tuple(
            Probe(
                f"{service.host}:80",
                "error" if bad else "ok",
                gateway=item.gateways[0],
                layer="gateway" if bad else "",
                message="connection refused" if bad else "",
                seconds=None if bad else 0.012 + number / 1000,
                identity="" if bad else f"spiffe://{item.neighbour}.local/ns/shop/sa/default",
            )
            for number, service in enumerate(item.services)
        )
        edges.append(replace(item, probes=made))
    return replace(overview, title="Verification of the alliance", edges=tuple(edges))


def fingerprint(name: str) -> str:
    """Some SHA-256 in hex."""
    return hashlib.sha256(name.encode()).hexdigest()
