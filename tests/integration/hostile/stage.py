# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that reads, on a real API server, and what it has after each run."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind

from tests.integration.hostile import pki, rules
from tests.integration.hostile.in_documents import (
    ALLOWED_NODE,
    OWN_BALANCER,
    OWN_DOMAIN,
    OWN_NODE,
)
from tests.integration.hostile.in_process import Run, Runner
from tests.integration.hostile.simulator import Actor, Simulator

NAMESPACE, ROOT_NAMESPACE = "istio-alliance", "istio-system"
OWN_POD_CIDR, OWN_SERVICE_CIDR = "10.42.7.0/24", "10.255.0.0/16"
OWN = (OWN_NODE, ALLOWED_NODE, OWN_BALANCER, OWN_POD_CIDR, OWN_SERVICE_CIDR, "kubernetes.default", "kubernetes")
Object = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """A run of both modules, and the objects that are there behind it. C(trust) and C(imports) are results."""

    trust: Run
    imports: Run
    objects: list[Object]

    def of_kind(self, kind: str) -> list[Object]:
        """The objects of a kind."""
        return [item for item in self.objects if item["kind"] == kind]

    def hosts(self, actor: Actor) -> set[str]:
        """What is imported from a neighbour, by the first label of its hosts."""
        tail = f".xyz.svc.{actor.domain}"
        return {
            item["metadata"]["name"].removesuffix(tail)
            for item in self.of_kind("ServiceEntry")
            if item["metadata"]["name"].endswith(tail)
        }

    def findings(self, actor: Actor) -> list[dict[str, str]]:
        """What is said of a neighbour."""
        return [*self.trust.findings.get(actor.name, []), *self.imports.findings.get(actor.name, [])]

    def data(self, kind: str, name: str) -> dict[str, str]:
        """The data of a ConfigMap, or of a Secret, decoded."""
        (found,) = (item for item in self.of_kind(kind) if item["metadata"]["name"] == name)
        data: dict[str, str] = found.get("data") or {}
        return data if kind == "ConfigMap" else {key: base64.b64decode(text).decode() for key, text in data.items()}


class Reader:
    """The cluster that reads. It has a node, a load balancer, a root and a key pair of its own."""

    def __init__(self, run: Runner, client: Client) -> None:
        self.run = run
        self.client = client
        self.authority = pki.authority("root of the reader")
        self._furnish()
        self.uuid: str = client.get(Kind("v1", "Namespace", "namespaces", False), "kube-system")["metadata"]["uid"]
        run("authn_keypair", namespace=NAMESPACE)

    def exchange(self, simulator: Simulator, actors: Iterable[Actor], *, check: bool = False, **changes: Any) -> Seen:
        """Root exchange and service import, one after the other, as the roles do it."""
        ca = simulator.ca.certificate
        common = {"neighbours": [actor.option(ca, **changes) for actor in actors], "namespace": NAMESPACE}
        trust = self.run("trust_anchors", root_namespace=ROOT_NAMESPACE, check=check, **common)
        imports = self.run(
            "service_entries",
            cluster_domain=OWN_DOMAIN,
            allowed_gateway_addresses=[ALLOWED_NODE],
            check=check,
            **common,
        )
        return Seen(trust, imports, self.objects())

    def forget(self) -> None:
        """As if there had never been a neighbour."""
        for module in ("service_entries", "trust_anchors"):
            places = {"namespace": NAMESPACE}
            if module == "trust_anchors":
                places["root_namespace"] = ROOT_NAMESPACE
            self.run(module, neighbours=[], **places)

    def show_root(self, pem: str) -> None:
        """What istiod gives out as the cluster's roots."""
        for namespace in (NAMESPACE, ROOT_NAMESPACE):
            metadata = {"name": "istio-ca-root-cert", "namespace": namespace}
            data = {"root-cert.pem": pem}
            self._apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    def objects(self) -> list[Object]:
        """Everything in its two namespaces, and the resources that stand for neighbours."""
        found: list[Object] = []
        for kind in (
            Kind("v1", "ConfigMap", "configmaps"),
            Kind("v1", "Secret", "secrets"),
            Kind("networking.istio.io/v1", "ServiceEntry", "serviceentries"),
            Kind("networking.istio.io/v1", "DestinationRule", "destinationrules"),
        ):
            for namespace in (NAMESPACE, ROOT_NAMESPACE):
                found += self.client.list(kind, namespace).items
        for name in ("IstioFederation", "IstioMulticluster"):
            found += self.client.list(Kind("deckhouse.io/v1alpha1", name, f"{name.lower()}s", False)).items
        return found

    def _furnish(self) -> None:
        node: Object = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "reader"}}
        spec = {"podCIDR": OWN_POD_CIDR, "podCIDRs": [OWN_POD_CIDR]}
        addresses = [{"type": "InternalIP", "address": OWN_NODE}, {"type": "ExternalIP", "address": ALLOWED_NODE}]
        balancer: Object = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "balancer", "namespace": NAMESPACE},
        }
        ports = [{"name": "tls", "port": 15443}]
        ingress = {"loadBalancer": {"ingress": [{"hostname": OWN_BALANCER}]}}
        for name in (NAMESPACE, ROOT_NAMESPACE):
            self._apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.show_root(self.authority.certificate)
        self._apply({**node, "spec": spec})
        self._apply({**node, "status": {"addresses": addresses}}, "status")
        self._apply({**balancer, "spec": {"type": "LoadBalancer", "ports": ports}})
        self._apply({**balancer, "status": ingress}, "status")

    def _apply(self, obj: Object, subresource: str | None = None) -> None:
        self.client.apply(obj, field_manager="somebody", subresource=subresource)


def check_everything(seen: Seen, actors: Iterable[Actor], reader: Reader, told: dict[str, str]) -> None:
    """Hold every object of a run against the rules. C(told): roots that neighbours have shown and may be trusted
    with, PEM, by trust domain, besides their own."""
    known = list(actors)
    domains = {actor.domain for actor in known}
    for entry in seen.of_kind("ServiceEntry"):
        rules.of_service_entry(entry, domains, OWN, (ALLOWED_NODE,))
    for rule in seen.of_kind("DestinationRule"):
        rules.of_destination_rule(rule, domains)
    entries = {item["metadata"]["name"] for item in seen.of_kind("ServiceEntry")}
    assert entries == {item["metadata"]["name"] for item in seen.of_kind("DestinationRule")}
    roots = {actor.domain: [actor.root, *([told[actor.domain]] if actor.domain in told else [])] for actor in known}
    rules.of_shared_mesh_config(seen.data("ConfigMap", "istio-federation")["mesh"], roots)
    secret = seen.data("Secret", "alliance-remote-public-metadata")["remote-public-metadata.json"]
    rules.of_exporter_keys(
        secret, {actor.uuid: pki.public_pem(actor.key) for actor in known if not actor.rekeyed}, reader.uuid
    )
    for resource in seen.of_kind("IstioFederation"):
        rules.of_status(resource, OWN, (ALLOWED_NODE,))
    for finding in [*seen.trust.result["findings"], *seen.imports.result["findings"]]:
        rules.of_finding(finding)
    expected = {
        ("ConfigMap", "istio-federation"),
        ("ConfigMap", "istio-ca-root-cert"),
        ("ConfigMap", "alliance-keypair"),
        ("ConfigMap", "alliance-trust"),
        ("ConfigMap", "alliance-imports"),
        ("ConfigMap", "alliance-remote-clusters"),
        ("Secret", "alliance-authn-keypair"),
        ("Secret", "alliance-remote-public-metadata"),
    }
    found = {
        (item["kind"], item["metadata"]["name"]) for item in seen.objects if item["kind"] in ("ConfigMap", "Secret")
    }
    assert found - {("ConfigMap", "kube-root-ca.crt")} <= expected, found - expected
