# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's template: the sidecar shares its certificate where the program looks for it, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from ansible_collections.meshalliance.istio.exporter.probe.certificates import SHARED
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import PROBE

ROLE = Path(__file__).parents[3] / "roles" / "verify"


def rendered(revision: str = "default") -> dict[str, dict[str, Any]]:
    """The manifests by kind, with the role's defaults."""
    variables = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    own = {
        "verify_namespace": "istio-alliance",
        "verify_image": "image",
        "verify_image_pull_policy": "Always",
        "verify_image_pull_secrets": [],
        "preflight_state": {"revision": revision},
    }
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701
    environment.filters["to_json"] = json.dumps
    template = environment.from_string((ROLE / "templates" / "probe.yml.j2").read_text())
    return {item["kind"]: item for item in yaml.safe_load_all(template.render({**variables, **own})) if item}


def test_the_sidecar_shares_its_certificate_in_memory() -> None:
    pod = rendered()["Deployment"]["spec"]["template"]
    annotations = pod["metadata"]["annotations"]
    settings = json.loads(annotations["proxy.istio.io/config"])
    assert settings["proxyMetadata"] == {"OUTPUT_CERTS": str(SHARED)}
    # By the volume's name, as the injector's template goes through it.
    ((name, mount),) = json.loads(annotations["sidecar.istio.io/userVolumeMount"]).items()
    assert mount == {"mountPath": str(SHARED)}
    (volume,) = [item for item in pod["spec"]["volumes"] if item["name"] == name]
    assert volume["emptyDir"]["medium"] == "Memory"
    (container,) = pod["spec"]["containers"]
    assert {"name": name, "mountPath": str(SHARED), "readOnly": True} in container["volumeMounts"]
    assert container["name"] == PROBE


def test_only_calls_to_imported_services_go_through_the_sidecar() -> None:
    annotations = rendered()["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["traffic.sidecar.istio.io/includeOutboundIPRanges"] == "240.240.0.0/16,2001:2::/48"


@pytest.mark.parametrize(("revision", "label"), [("default", None), ("canary", "canary")])
def test_it_is_injected_by_the_istiod_of_the_alliance(revision: str, label: str | None) -> None:
    labels = rendered(revision)["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert labels["sidecar.istio.io/inject"] == "true"
    assert labels.get("istio.io/rev") == label


def test_it_may_do_nothing_in_the_cluster() -> None:
    made = rendered()
    assert set(made) == {"ServiceAccount", "Deployment"}
    assert made["ServiceAccount"]["automountServiceAccountToken"] is False
    assert made["Deployment"]["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
