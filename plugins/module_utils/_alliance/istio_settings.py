# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Istio control plane is set to, read from its objects: Deployment istiod, the mesh ConfigMap.

Names by revision as in Istio's chart C(manifests/charts/istio-control/istio-discovery): Deployment
C(istiod[-<revision>]), ConfigMap
C(istio[-<revision>]).
"""

from __future__ import annotations

import contextlib
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


@dataclass(frozen=True)
class IstioRevision:
    """One istiod. Domains and version are None when its objects don't say them."""

    name: str
    deployment: str
    version: str | None
    cluster_domain: str | None
    trust_domain: str
    multiroot: bool
    shared_mesh_config: str | None
    primary_ca_certificates: bool

    def to_dict(self) -> dict[str, Any]:
        """All fields, for module results."""
        return asdict(self)


def revision_name(deployment: Mapping[str, Any]) -> str:
    """The revision of a Deployment istiod; C(default) when it was installed without one."""
    labels = deployment["metadata"].get("labels") or {}
    return str(labels.get("istio.io/rev") or DEFAULT_REVISION)


def mesh_configmap(revision: str) -> str:
    """The name of the ConfigMap with a revision's primary mesh config."""
    return "istio" if revision == DEFAULT_REVISION else f"istio-{revision}"


def read_revision(deployment: Mapping[str, Any], mesh: str | None) -> IstioRevision:
    """An istiod's settings from its Deployment and the text of the key C(mesh) of its ConfigMap (None: no ConfigMap).

    Raises AllianceError when that text is not YAML.
    """
    pod = deployment["spec"]["template"]
    container = _discovery_container(pod["spec"])
    env = {entry["name"]: entry.get("value", "") for entry in container.get("env") or []}
    config = _mesh_config(mesh, mesh_configmap(revision_name(deployment)))
    return IstioRevision(
        name=revision_name(deployment),
        deployment=deployment["metadata"]["name"],
        version=_version(deployment, container),
        cluster_domain=_argument(container, "--domain"),
        trust_domain=str(config.get("trustDomain") or "cluster.local"),
        multiroot=str(env.get(MULTIROOT_ENV, "")).lower() in ("true", "1", "t"),
        shared_mesh_config=env.get(SHARED_MESH_ENV) or None,
        primary_ca_certificates=bool(config.get("caCertificates")),
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
