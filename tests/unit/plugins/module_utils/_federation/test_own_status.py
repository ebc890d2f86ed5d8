# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.workloads import Serving
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import own_status
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.own_status import (
    cluster_view,
    serving_checks,
    state_checks,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError

GATEWAY = {"address": "203.0.113.10", "port": 15443}
STATE = ClusterState(
    "a",
    "uuid-a",
    kubernetes_version="v1.34.4",
    trust_domain="a.local",
    revision="default",
    istio=({"name": "canary", "version": "1.32.0"}, {"name": "default", "version": "1.31.1"}),
    namespace="istio-alliance",
    root_namespace="istio-system",
    gateways=(GATEWAY,),
    published=({"hostname": "bar.xyz.svc.a.local", "ports": [{"name": "http", "port": 80, "protocol": "HTTP"}]},),
)


def told(state: ClusterState) -> tuple[dict[str, str], list[str]]:
    checks, findings = state_checks(state)
    return {check.name: check.level for check in checks}, [finding.code for finding in findings]


def reported(severity: Any, code: str) -> tuple[dict[str, str], ...]:
    return (Finding(severity, code, "it is so", "repair it", cluster="a").to_dict(),)


def test_a_cluster_that_is_well() -> None:
    assert told(STATE) == ({"api": "ok", "addresses": "ok", "workloads": "ok"}, [])


def test_the_view_has_what_the_api_says() -> None:
    view = cluster_view(STATE, state_checks(STATE)[0], (), ())
    assert (view.istio, view.gateways, view.published_count) == ("1.31.1", ("203.0.113.10:15443",), 1)
    assert (view.published[0].host, view.published[0].ports) == ("bar.xyz.svc.a.local", ("80/HTTP",))
    assert view.level == "ok"


def test_what_a_run_repairs_is_an_error_of_the_status() -> None:
    levels, codes = told(replace(STATE, gateways=None, findings=reported("warning", "gateway-missing")))
    assert (levels["addresses"], codes) == ("error", ["gateway-missing"])
    checks, findings = state_checks(replace(STATE, findings=reported("warning", "advertise-invalid")))
    assert [finding.severity for finding in findings] == ["warning"]
    assert {check.name: check.level for check in checks}["addresses"] == "warning"


def test_no_address_without_a_word_of_why() -> None:
    levels, codes = told(replace(STATE, gateways=None))
    assert (levels["addresses"], codes) == ("error", ["gateway-without-address"])


def test_other_findings_are_passed_on() -> None:
    assert told(replace(STATE, findings=reported("error", "clock-skew")))[1] == ["clock-skew"]


def test_workloads_that_were_started_before() -> None:
    outdated = tuple(f"Deployment shop/app-{number}" for number in range(7))
    checks, (finding,) = state_checks(replace(STATE, outdated_workloads=outdated))
    assert finding.message.endswith("Deployment shop/app-4 and 2 more")
    assert {check.name: check.level for check in checks}["workloads"] == "warning"


def test_a_platform_that_is_not_ready() -> None:
    levels, codes = told(replace(STATE, provider="deckhouse", awaiting=("its root",)))
    assert (levels["platform"], codes) == ("error", ["platform-not-ready"])
    assert "workloads" not in levels


@pytest.mark.parametrize(
    "provider, wanted",
    [
        ("istio", [("DaemonSet", "alliance-ingressgateway"), ("Deployment", "metadata-exporter")]),
        ("deckhouse", [("DaemonSet", "ingressgateway"), ("Deployment", "metadata-exporter")]),
    ],
)
def test_gateway_and_exporter_are_looked_at(
    provider: str, wanted: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def read(_client: Any, namespace: str, workload: str, *, kind: str) -> Serving:
        asked.append((kind, workload))
        return Serving(f"{kind} {namespace}/{workload}", 1, 1, f"Service {namespace}/{workload}", True, 1)

    monkeypatch.setattr(own_status, "read_serving", read)
    checks, findings = serving_checks(MagicMock(), replace(STATE, provider=provider))
    assert (asked, findings) == (wanted, [])
    assert [(check.name, check.level) for check in checks] == [("gateway", "ok"), ("exporter", "ok")]


def test_what_can_t_be_read_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_status, "read_serving", MagicMock(side_effect=ApiError("forbidden", status=403)))
    checks, findings = serving_checks(MagicMock(), STATE)
    assert [check.level for check in checks] == ["unknown", "unknown"]
    assert [finding.code for finding in findings] == ["gateway-not-read", "exporter-not-read"]
