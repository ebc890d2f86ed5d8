# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The platform's controller: it makes in the cluster what ModuleConfig `istio` asks for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from tests.deckhouse import admission, certificates, crds, facts, keys, manifests, settings
from tests.deckhouse.certificates import Issued
from tests.deckhouse.kube import Kube
from tests.deckhouse.settings import Settings
from tests.deckhouse.stand_in import StandIn

Object = dict[str, Any]

_ADMISSION_SECONDS = 15.0
REVISION = "v1x25"


@dataclass(frozen=True)
class Site:
    """How a cluster is set up: its domain, the template of its public names, its ingress's certificates.

    node_port: for the gateway, where ModuleConfig wants a node port and names none. exporter_image: of the pod that
    stands for the exporter. newer: whether the exporter has the newer host beside the older one.
    """

    domain: str
    public_domain_template: str
    ca: Issued
    tls: Issued
    exporter_image: str
    node_port: int | None = None
    newer: bool = True

    @property
    def hosts(self) -> tuple[str, ...]:
        """The exporter's hosts."""
        older, newer = facts.exporter_hosts(self.public_domain_template)
        return (older, newer) if self.newer else (older,)


@dataclass(frozen=True)
class _Rule:
    """on: whether a kind may be used; objects: what refuses it while it may not; spec: that of an allowed one."""

    name: str
    kind: str
    on: bool
    objects: list[Object]
    spec: Object


def _rules(wanted: Settings) -> tuple[_Rule, _Rule]:
    endpoint = {"metadataEndpoint": "https://probe.invalid/metadata/"}
    federation = {"trustDomain": "probe.invalid", **endpoint}
    return (
        _Rule(admission.FEDERATION_OFF, "IstioFederation", wanted.federation, admission.federation_off(), federation),
        _Rule(
            admission.MULTICLUSTER_OFF, "IstioMulticluster", wanted.multicluster, admission.multicluster_off(), endpoint
        ),
    )


class Platform:
    """stand_in is given where only a control plane runs. `held` keeps it from making anything new for a while."""

    def __init__(self, kube: Kube, site: Site, stand_in: StandIn | None) -> None:
        self.held = False
        self.site = site
        self.stand_in = stand_in
        self.settings = Settings()
        self._kube = kube

    def install(self) -> None:
        """What every cluster of the platform has, whatever modules are on."""
        kube = self._kube
        kube.apply([crds.module_config(), *admission.module_settings()])
        self._await_kind("moduleconfigs")
        if not kube.text("ConfigMap", facts.UUID_CONFIGMAP, facts.UUID_KEY, facts.UUID_NAMESPACE):
            data = {facts.UUID_KEY: str(uuid.uuid4())}
            kube.apply([manifests.obj("v1", "ConfigMap", facts.UUID_CONFIGMAP, facts.UUID_NAMESPACE, data=data)])
        if kube.get("ModuleConfig", "global") is None:
            template = {"modules": {"publicDomainTemplate": self.site.public_domain_template}}
            spec = {"version": 1, "settings": template}
            kube.apply([manifests.obj(facts.API_VERSION, "ModuleConfig", "global", None, spec=spec)])
        if self.stand_in:
            self.stand_in.nodes()

    def reconcile(self) -> None:
        """Make it so, once."""
        wanted = settings.read(self._kube.get("ModuleConfig", "istio"))
        if self.held:
            return
        if wanted.enabled:
            self._module()
            for rule in _rules(wanted):
                self._admit(rule)
        if wanted.alliance:
            self._alliance(wanted)
        else:
            self._no_alliance()
        self.settings = wanted

    def _module(self) -> None:
        namespace = manifests.obj("v1", "Namespace", facts.NAMESPACE, None)
        self._kube.apply([namespace, crds.istio_federation(), crds.istio_multicluster()])
        for plural in ("istiofederations", "istiomulticlusters"):
            self._await_kind(plural)
        if self.stand_in:
            self._control_plane()

    def _control_plane(self) -> None:
        domain, kube = self.site.domain, self._kube
        kube.apply(manifests.istiod(domain, REVISION))
        made: tuple[tuple[str, str, Callable[[], str]], ...] = (
            (f"istio-{REVISION}", "mesh", lambda: yaml.safe_dump({"trustDomain": domain})),
            (facts.ROOT_CONFIGMAP, facts.ROOT_KEY, lambda: certificates.mesh_root(domain).certificate),
        )
        for name, key, text in made:
            if kube.get("ConfigMap", name, facts.NAMESPACE) is None:
                kube.apply([manifests.obj("v1", "ConfigMap", name, data={key: text()})])

    def _admit(self, rule: _Rule) -> None:
        """Set or lift the rule, and wait until the API server follows it: nothing is said to be ready before."""
        if rule.on:
            self._kube.delete("ValidatingAdmissionPolicyBinding", rule.name)
            self._kube.delete("ValidatingAdmissionPolicy", rule.name)
        else:
            self._kube.apply(rule.objects)
        probe = manifests.obj(facts.API_VERSION, rule.kind, "d8-istio-admission-probe", None, spec=rule.spec)
        self._until(lambda: self._kube.accepts(probe) is rule.on, f"the admission rule {rule.name} is not followed")

    def _alliance(self, wanted: Settings) -> None:
        kube, site = self._kube, self.site
        if not kube.text("Secret", facts.KEYPAIR_SECRET, facts.PRIVATE_KEY):
            pair = keys.generate()
            texts = {facts.PUBLIC_KEY: pair.public_pem, facts.PRIVATE_KEY: pair.private_pem}
            kube.apply([manifests.secret(facts.KEYPAIR_SECRET, texts)])
        advertised = manifests.advertise(wanted.gateway)
        if advertised:
            kube.apply([advertised])
        else:
            kube.delete("ConfigMap", facts.ADVERTISE_CONFIGMAP, namespace=facts.NAMESPACE)
        kube.apply(manifests.gateway(site.domain, wanted.gateway, site.node_port))
        kube.apply(manifests.exporter(site.hosts, site.tls, site.ca.certificate, site.exporter_image))
        if self.stand_in:
            self.stand_in.run()

    def _no_alliance(self) -> None:
        if not self.settings.alliance:
            return
        place = facts.NAMESPACE
        for kind, name in (
            ("Gateway", facts.GATEWAY),
            ("Service", facts.GATEWAY),
            ("DaemonSet", facts.GATEWAY),
            ("Ingress", facts.EXPORTER),
            ("Service", facts.EXPORTER),
            ("Deployment", facts.EXPORTER),
            ("Secret", facts.REMOTE_SECRET),
        ):
            self._kube.delete(kind, name, namespace=place)
        if self.stand_in:
            self.stand_in.stop()

    def _await_kind(self, plural: str) -> None:
        def served() -> bool:
            found = self._kube.get("CustomResourceDefinition", f"{plural}.{facts.GROUP}") or {}
            conditions = (found.get("status") or {}).get("conditions") or []
            return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)

        self._until(served, f"{plural} are not served")

    def _until(self, condition: Callable[[], bool], problem: str) -> None:
        deadline = time.monotonic() + _ADMISSION_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(problem)
            time.sleep(0.1)
