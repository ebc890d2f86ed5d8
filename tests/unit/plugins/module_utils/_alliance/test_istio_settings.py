# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an istiod is set to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.istio_settings import (
    IstioRevision,
    injector_configmap,
    mesh_configmap,
    read_revision,
    revision_name,
    version_tuple,
)


def istiod(
    *, revision: str = "", version: str = "", image: str = "pilot:1.31.0", args: Any = (), env: Any = ()
) -> dict[str, Any]:
    labels = {"istio.io/rev": revision, "app.kubernetes.io/version": version}
    container = {"name": "discovery", "image": image, "args": list(args), "env": list(env)}
    containers = [{"name": "helper", "image": "helper:9.9"}, container]
    metadata = {"name": "istiod", "labels": {key: value for key, value in labels.items() if value}}
    return {"metadata": metadata, "spec": {"template": {"spec": {"containers": containers}}}}


def test_everything_that_is_said() -> None:
    env = [
        {"name": "ISTIO_MULTIROOT_MESH", "value": "true"},
        {"name": "SHARED_MESH_CONFIG", "value": "istio-federation"},
        {"name": "FROM", "valueFrom": {}},
    ]
    mesh = "trustDomain: a.local\ncaCertificates: [{pem: x}]\n"
    found = read_revision(istiod(revision="canary", args=["discovery", "--domain", "a.local"], env=env), mesh)
    assert found == IstioRevision("canary", "istiod", "1.31.0", "a.local", "a.local", True, "istio-federation", True)
    assert found.to_dict()["cluster_domain"] == "a.local"


@pytest.mark.parametrize("mesh", [None, "", "[]", "a: 1", "trustDomain: ''", "caCertificates: []"])
def test_nothing_that_is_said(mesh: str | None) -> None:
    found = read_revision(istiod(image="pilot"), mesh)
    assert found == IstioRevision("default", "istiod", None, None, "cluster.local", False, None, False)


def test_what_a_multicluster_asks_for() -> None:
    env = [{"name": "CLUSTER_ID", "value": "cluster-a"}]
    found = read_revision(
        istiod(env=env),
        None,
        networks="networks:\n  net-b: {}\n  net-a: {endpoints: [{fromRegistry: a}]}\n",
        injector=injector(network="net-a"),
    )
    assert (found.cluster_id, found.network, found.mesh_networks) == ("cluster-a", "net-a", ("net-a", "net-b"))
    assert found.proxy_image == "registry.example/istio/proxyv2:1.31.0"
    assert found.to_dict()["mesh_networks"] == ["net-a", "net-b"]


def test_a_cluster_without_a_name() -> None:
    assert read_revision(istiod(), None).cluster_id == "Kubernetes"
    elsewhere = {"name": "CLUSTER_ID", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}
    assert read_revision(istiod(env=[elsewhere]), None).cluster_id == "", "its Deployment doesn't say it"


@pytest.mark.parametrize("text", [None, "", "a: [", "[]", "networks: {}", "networks: []", "networks:", "x"])
def test_no_networks(text: str | None) -> None:
    assert read_revision(istiod(), None, networks=text).mesh_networks == ()


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"global": []}', '{"global": {"network": null, "proxy": 1}}'])
def test_an_injector_that_says_nothing(text: str | None) -> None:
    found = read_revision(istiod(), None, injector=text)
    assert (found.network, found.proxy_image) == ("", "")


def injector(**change: Any) -> str:
    whole = {"hub": "registry.example/istio", "tag": "1.31.0", "variant": "", "network": "", "proxy": {}, **change}
    return json.dumps({"global": whole})


@pytest.mark.parametrize(
    ("change", "mesh", "image"),
    [
        ({}, "", "registry.example/istio/proxyv2:1.31.0"),
        ({"tag": 1.31}, "", "registry.example/istio/proxyv2:1.31"),
        ({"proxy": {"image": "proxy"}}, "", "registry.example/istio/proxy:1.31.0"),
        ({"proxy": {"image": "else.example/proxy@sha256:0123"}}, "", "else.example/proxy@sha256:0123"),
        ({"variant": "distroless"}, "", "registry.example/istio/proxyv2:1.31.0-distroless"),
        ({"variant": "debug", "tag": "1.31.0-distroless"}, "", "registry.example/istio/proxyv2:1.31.0-debug"),
        ({"variant": "default", "tag": "1.31.0-debug"}, "", "registry.example/istio/proxyv2:1.31.0"),
        ({"variant": "debug"}, "distroless", "registry.example/istio/proxyv2:1.31.0-distroless"),
        ({"hub": ""}, "", ""),
        ({"tag": None}, "", ""),
    ],
)
def test_images_of_sidecars(change: dict[str, Any], mesh: str, image: str) -> None:
    text = f"defaultConfig: {{image: {{imageType: {mesh}}}}}" if mesh else None
    assert read_revision(istiod(), text, injector=injector(**change)).proxy_image == image


def test_a_mesh_config_that_is_no_yaml() -> None:
    with pytest.raises(AllianceError, match="not YAML") as caught:
        read_revision(istiod(revision="canary"), "a: [")
    assert caught.value.obj == "ConfigMap istio-canary"


@pytest.mark.parametrize(
    ("args", "domain"),
    [(["--domain=a.local"], "a.local"), (["--domain", "b.local"], "b.local"), (["--domain"], None), ([], None)],
)
def test_the_domain_argument(args: list[str], domain: str | None) -> None:
    assert read_revision(istiod(args=args), None).cluster_domain == domain


@pytest.mark.parametrize(
    ("label", "image", "version"),
    [
        ("1.30.1", "pilot:1.31.0", "1.31.0"),  # the image is what runs
        ("1.30.1", "pilot:latest", "1.30.1"),
        ("", "registry.example:5000/istio/pilot:1.29.2-distroless", "1.29.2-distroless"),
        ("", "pilot:1.29.2@sha256:0123", "1.29.2"),
        ("stable", "pilot:1.29.2", "1.29.2"),
        ("", "registry.example:5000/pilot", None),
        ("", "pilot:latest", None),
    ],
)
def test_versions(label: str, image: str, version: str | None) -> None:
    assert read_revision(istiod(version=label, image=image), None).version == version


@pytest.mark.parametrize("value", ["true", "True", "1", "t"])
def test_words_for_true(value: str) -> None:
    assert read_revision(istiod(env=[{"name": "ISTIO_MULTIROOT_MESH", "value": value}]), None).multiroot is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.31.0", (1, 31)), ("v1.31-alpha", (1, 31)), ("1.9", (1, 9)), ("1", None), ("latest", None), (None, None)],
)
def test_version_tuples(text: str | None, expected: tuple[int, int] | None) -> None:
    assert version_tuple(text) == expected


def test_names_by_revision() -> None:
    assert (revision_name(istiod()), mesh_configmap("default")) == ("default", "istio")
    assert (revision_name(istiod(revision="x")), mesh_configmap("x")) == ("x", "istio-x")
    assert injector_configmap("default") == "istio-sidecar-injector"
    assert injector_configmap("x") == "istio-sidecar-injector-x"
