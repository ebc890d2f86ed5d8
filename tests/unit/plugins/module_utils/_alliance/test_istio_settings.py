# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an istiod is set to."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.istio_settings import (
    IstioRevision,
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
