# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.xds import ProxySync
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import proxy_status
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.proxy_status import (
    ProxyStatus,
    look_at_proxies,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.proxies import Asked, Proxy

GATEWAY = Proxy("istio-alliance", "gateway-1")
APP = Proxy("shop", "app-1")
WELL = {"gateway-1.istio-alliance": ProxySync("gateway-1.istio-alliance"), "app-1.shop": ProxySync("app-1.shop")}
DENIED = AllianceError("pods/portforward is forbidden", remedy="grant it")


class Mesh:
    """What istiods and proxies say: of istiods a round each time they are asked, the last one stays."""

    def __init__(self, *rounds: Mapping[str, ProxySync] | AllianceError) -> None:
        self.rounds = list(rounds) or [WELL]
        self.pods: list[str] | AllianceError = ["istiod-1"]
        self.proxies = [APP, GATEWAY]
        self.refused: list[str] | AllianceError = []
        self.pauses = 0
        self.deployments: list[dict[str, Any]] = []

    def istiods(self, _client: Any, _namespace: str) -> list[str]:
        if isinstance(self.pods, AllianceError):
            raise self.pods
        return self.pods

    def syncs(self, _client: Any, _namespace: str, _pod: str) -> list[ProxySync]:
        found = self.rounds[min(self.pauses, len(self.rounds) - 1)]
        if isinstance(found, AllianceError):
            raise found
        return list(found.values())

    def listed(self, _client: Any, namespace: str | None = None, **_more: Any) -> list[Proxy]:
        return [proxy for proxy in self.proxies if namespace in (None, proxy.namespace)]

    def ask(self, _client: Any, proxies: Sequence[Proxy], _paths: Sequence[str], _read: Any) -> list[Asked[Any]]:
        return [
            Asked(proxy, error=self.refused)
            if isinstance(self.refused, AllianceError)
            else Asked(proxy, read=self.refused)
            for proxy in proxies
        ]

    def pause(self, _seconds: float) -> None:
        self.pauses += 1


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mesh], ProxyStatus]:
    def look(mesh: Mesh) -> ProxyStatus:
        monkeypatch.setattr(proxy_status, "istiod_pods", mesh.istiods)
        monkeypatch.setattr(proxy_status, "proxy_syncs", mesh.syncs)
        monkeypatch.setattr(proxy_status, "list_proxies", mesh.listed)
        monkeypatch.setattr(proxy_status, "ask_proxies", mesh.ask)
        client = MagicMock()
        client.list.return_value.items = mesh.deployments
        return look_at_proxies(client, "istio-system", "istio-alliance", "gateway", pause=mesh.pause)

    return look


def levels(status: ProxyStatus) -> dict[str, str]:
    return {check.name: check.level for check in status.checks}


def test_all_took_their_configuration(looked: Callable[[Mesh], ProxyStatus]) -> None:
    mesh = Mesh()
    status = looked(mesh)
    assert levels(status) == {"istiod": "ok", "proxies": "ok", "gateway-proxies": "ok"}
    assert (status.findings, mesh.pauses) == ([], 0)
    assert status.checks[1].text == "2 proxies connected to istiod, with all configuration taken"


def test_without_an_istiod_nothing_is_known_of_the_proxies(looked: Callable[[Mesh], ProxyStatus]) -> None:
    mesh = Mesh()
    mesh.pods = AllianceError("no pod of istiod is Ready", remedy="see why")
    status = looked(mesh)
    assert levels(status) == {"istiod": "error", "proxies": "unknown", "gateway-proxies": "ok"}
    assert status.findings[0].code == "istiod-down"


def test_a_refusal_names_proxy_kind_and_reason(looked: Callable[[Mesh], ProxyStatus]) -> None:
    refused = {**WELL, "app-1.shop": ProxySync("app-1.shop", {"Listener": "duplicate"}, {"listeners": "b2"})}
    status = looked(Mesh(refused))
    assert levels(status)["proxies"] == "error"
    (finding,) = status.findings
    assert finding.message == "1 proxies refused configuration: app-1.shop (Listener: duplicate)"


def test_what_is_under_way_is_no_finding(looked: Callable[[Mesh], ProxyStatus]) -> None:
    behind = {**WELL, "app-1.shop": ProxySync("app-1.shop", {}, {"listeners": "b2"})}
    mesh = Mesh(behind, WELL)
    assert (levels(looked(mesh))["proxies"], mesh.pauses) == ("ok", 1)
    newer = {**WELL, "app-1.shop": ProxySync("app-1.shop", {}, {"listeners": "b3"})}
    assert levels(looked(Mesh(behind, newer)))["proxies"] == "ok"


def test_what_stays_behind_was_not_taken(looked: Callable[[Mesh], ProxyStatus]) -> None:
    behind = {**WELL, "app-1.shop": ProxySync("app-1.shop", {}, {"listeners": "b2"})}
    status = looked(Mesh(behind))
    assert [finding.code for finding in status.findings] == ["configuration-not-taken"]
    assert "app-1.shop (listeners)" in status.findings[0].message


def test_a_running_proxy_that_is_connected_to_no_istiod(looked: Callable[[Mesh], ProxyStatus]) -> None:
    mesh = Mesh({"app-1.shop": WELL["app-1.shop"]})
    mesh.proxies += [Proxy("shop", "new", running=False), Proxy("shop", "old", terminating=True)]
    (finding,) = looked(mesh).findings
    assert finding.message == "1 running proxies are not connected to istiod: gateway-1.istio-alliance"


def test_an_istiod_that_can_t_be_asked_is_unknown(looked: Callable[[Mesh], ProxyStatus]) -> None:
    status = looked(Mesh(DENIED))
    assert levels(status)["proxies"] == "unknown"
    assert (status.findings[0].severity, status.findings[0].remedy) == ("unknown", "grant it")


def test_a_gateway_tells_what_it_refuses(looked: Callable[[Mesh], ProxyStatus]) -> None:
    mesh = Mesh()
    mesh.refused = ["0.0.0.0_15443: duplicate filter chain"]
    (finding,) = looked(mesh).findings
    assert (finding.code, finding.object) == ("configuration-refused", "Pod istio-alliance/gateway-1")
    assert "duplicate filter chain" in finding.message


def test_a_gateway_that_can_t_be_asked_or_is_not_there_is_unknown(looked: Callable[[Mesh], ProxyStatus]) -> None:
    mesh = Mesh()
    mesh.refused = DENIED
    assert levels(looked(mesh))["gateway-proxies"] == "unknown"
    mesh = Mesh({"app-1.shop": WELL["app-1.shop"]})
    mesh.proxies = [APP]
    assert levels(looked(mesh)) == {"istiod": "ok", "proxies": "ok", "gateway-proxies": "unknown"}


def test_an_istiod_that_is_not_complete_is_a_warning(looked: Callable[[Mesh], ProxyStatus]) -> None:
    mesh = Mesh()
    status = {"observedGeneration": 1, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 1}
    mesh.deployments = [{"metadata": {"name": "istiod", "generation": 1}, "spec": {"replicas": 2}, "status": status}]
    found = looked(mesh)
    assert (levels(found)["istiod"], found.findings[0].code) == ("warning", "istiod-degraded")
