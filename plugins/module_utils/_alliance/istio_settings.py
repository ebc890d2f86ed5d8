# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Istio control plane is set to, read from its objects: Deployment istiod, the ConfigMaps of mesh and injector.

Names by revision as in Istio's chart C(manifests/charts/istio-control/istio-discovery): Deployment
C(istiod[-<revision>]), ConfigMaps C(istio[-<revision>]) and C(istio-sidecar-injector[-<revision>]).
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError

with contextlib.suppress(ImportError):  # told by libraries.missing_libraries()
    import yaml

DEFAULT_REVISION = "default"
# Gateway, ServiceEntry and DestinationRule are served as networking.istio.io/v1 from here on.
OLDEST_VERSION = (1, 22)
MULTIROOT_ENV = "ISTIO_MULTIROOT_MESH"
SHARED_MESH_ENV = "SHARED_MESH_CONFIG"
AGENT_ENV = "PROXY_CONFIG_XDS_AGENT"
CLUSTER_ID_ENV = "CLUSTER_ID"
# What istiod calls a cluster that was not given a name (its pilot/pkg/features/pilot.go).
DEFAULT_CLUSTER_ID = "Kubernetes"
# Ends of an image's tag that a variant takes the place of (its pkg/kube/inject/inject.go).
_VARIANTS = ("distroless", "debug")


@dataclass(frozen=True)
class IstioRevision:
    """One istiod. Domains and version are None when its objects don't say them.

    C(cluster_id) is empty when it is not written in the Deployment itself. C(network): of the pods that it injects,
    empty when their namespace tells it. C(proxy_image): of their sidecars. C(mesh_networks): names of the networks in
    its own mesh config.
    """

    name: str
    deployment: str
    version: str | None
    cluster_domain: str | None
    trust_domain: str
    multiroot: bool
    shared_mesh_config: str | None
    primary_ca_certificates: bool
    cluster_id: str = DEFAULT_CLUSTER_ID
    network: str = ""
    proxy_image: str = ""
    mesh_networks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All fields, for module results."""
        return {**asdict(self), "mesh_networks": list(self.mesh_networks)}


def revision_name(deployment: Mapping[str, Any]) -> str:
    """The revision of a Deployment istiod; C(default) when it was installed without one."""
    labels = deployment["metadata"].get("labels") or {}
    return str(labels.get("istio.io/rev") or DEFAULT_REVISION)


def mesh_configmap(revision: str) -> str:
    """The name of the ConfigMap with a revision's primary mesh config."""
    return "istio" if revision == DEFAULT_REVISION else f"istio-{revision}"


def injector_configmap(revision: str) -> str:
    """The name of the ConfigMap that tells a revision how to make sidecars."""
    return "istio-sidecar-injector" if revision == DEFAULT_REVISION else f"istio-sidecar-injector-{revision}"


def read_revision(
    deployment: Mapping[str, Any], mesh: str | None, *, networks: str | None = None, injector: str | None = None
) -> IstioRevision:
    """An istiod's settings from its Deployment and the text of the key C(mesh) of its ConfigMap (None: no ConfigMap).

    networks: the text of that ConfigMap's key C(meshNetworks). injector: the text of the key C(values) of the
    injector's ConfigMap. What can't be read of these two is as if it was not there, for only a multicluster needs it.
    Raises AllianceError when the text of C(mesh) is not YAML.
    """
    pod = deployment["spec"]["template"]
    container = _discovery_container(pod["spec"])
    env = {entry["name"]: entry.get("value", "") for entry in container.get("env") or []}
    config = _mesh_config(mesh, mesh_configmap(revision_name(deployment)))
    injected = _injector_values(injector)
    return IstioRevision(
        name=revision_name(deployment),
        deployment=deployment["metadata"]["name"],
        version=_version(deployment, container),
        cluster_domain=_argument(container, "--domain"),
        trust_domain=str(config.get("trustDomain") or "cluster.local"),
        multiroot=str(env.get(MULTIROOT_ENV, "")).lower() in ("true", "1", "t"),
        shared_mesh_config=env.get(SHARED_MESH_ENV) or None,
        primary_ca_certificates=bool(config.get("caCertificates")),
        cluster_id=str(env.get(CLUSTER_ID_ENV, DEFAULT_CLUSTER_ID)),
        network=_text(injected.get("network")),
        proxy_image=_proxy_image(injected, config),
        mesh_networks=_network_names(networks),
    )


def version_tuple(version: str | None) -> tuple[int, int] | None:
    """Major and minor of a version text such as C(1.31.0) or C(v1.31-alpha); None when it has none."""
    match = re.match(r"v?(\d+)\.(\d+)", version or "")
    return (int(match[1]), int(match[2])) if match else None


def _discovery_container(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    containers: list[Mapping[str, Any]] = pod["containers"]
    return next((container for container in containers if container["name"] == "discovery"), containers[0])


def _argument(container: Mapping[str, Any], name: str) -> str | None:
    arguments = [str(argument) for argument in container.get("args") or []]
    for index, argument in enumerate(arguments):
        if argument == name and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith(f"{name}="):
            return argument.split("=", 1)[1]
    return None


def _version(deployment: Mapping[str, Any], container: Mapping[str, Any]) -> str | None:
    """From the image's tag, which is what runs; else from labels of the installation (a chart may keep a dummy one)."""
    labels = deployment["metadata"].get("labels") or {}
    tag = str(container.get("image", "")).partition("@")[0].rpartition(":")[2]
    candidates = (tag, labels.get("operator.istio.io/version"), labels.get("app.kubernetes.io/version"))
    return next((text for text in candidates if version_tuple(text)), None)


def _mesh_config(text: str | None, name: str) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(text or "") or {}
    except yaml.YAMLError as error:
        raise AllianceError(
            f"its mesh config is not YAML: {error}", obj=f"ConfigMap {name}", remedy="repair the key mesh"
        ) from error
    return config if isinstance(config, dict) else {}


def _network_names(text: str | None) -> tuple[str, ...]:
    try:
        config = yaml.safe_load(text or "")
    except yaml.YAMLError:
        return ()
    networks = config.get("networks") if isinstance(config, dict) else None
    return tuple(sorted(str(name) for name in networks)) if isinstance(networks, dict) else ()


def _injector_values(text: str | None) -> Mapping[str, Any]:
    """The Helm values C(global) that sidecars are made with."""
    try:
        values = json.loads(text or "{}")
    except ValueError:
        return {}
    return _mapping(_mapping(values).get("global"))


def _proxy_image(values: Mapping[str, Any], mesh: Mapping[str, Any]) -> str:
    """The image of the sidecars as istiod composes it (its pkg/kube/inject/inject.go); empty when it isn't told."""
    name = _text(_mapping(values.get("proxy")).get("image")) or "proxyv2"
    if "/" in name:
        return name
    hub, tag = _text(values.get("hub")), _text(values.get("tag"))
    if not hub or not tag:
        return ""
    default_image = _mapping(_mapping(mesh.get("defaultConfig")).get("image"))
    variant = _text(default_image.get("imageType")) or _text(values.get("variant"))
    if variant:
        tag = next((tag[: -len(end) - 1] for end in _VARIANTS if tag.endswith(f"-{end}")), tag)
        tag = tag if variant == "default" else f"{tag}-{variant}"
    return f"{hub}/{name}:{tag}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    """A Helm value as text: a tag such as 1.31 may be a number."""
    return "" if value is None or isinstance(value, (bool, Mapping, list)) else str(value)
