# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking every proxy of a cluster; that an answer arrives from a real one is shown by tests/e2e."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds, proxies
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client, ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.port_forward import PodAnswerError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.proxies import (
    Asked,
    Proxy,
    ask_proxies,
    list_proxies,
    proxy_of,
)


class Pods(Client):
    """A cluster with some pods."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.cluster = "cluster-a"
        self.pods = list(pods)

    def list(self, kind: kinds.Kind, namespace: str | None = None, **_more: Any) -> ObjectList:
        assert kind == kinds.POD
        return ObjectList([pod for pod in self.pods if namespace in (None, pod["metadata"]["namespace"])], "1")

    def get(self, kind: kinds.Kind, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        assert (kind, namespace) == (kinds.POD, "xyz")
        return next((pod for pod in self.pods if pod["metadata"]["name"] == name), None)


def pod(name: str, *, namespace: str = "xyz", native: bool = False, env: Any = (), **changes: Any) -> dict[str, Any]:
    """A pod with a running sidecar, made by Istio's injector."""
    container = {"name": "istio-proxy", "env": list(env)}
    status = {"name": "istio-proxy", "state": {"running": {"startedAt": "2026-01-01T00:00:01Z"}}}
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            **changes.get("metadata", {}),
        },
        "spec": {
            "initContainers": [{"name": "istio-init"}, *([container] if native else [])],
            "containers": [{"name": "app"}, *([] if native else [container])],
        },
        "status": {
            "phase": "Running",
            "initContainerStatuses": [status] if native else [],
            "containerStatuses": [{"name": "app", "state": {"waiting": {}}}, *([] if native else [status])],
            **changes.get("status", {}),
        },
    }


def proxy(name: str, **fields: Any) -> Proxy:
    return Proxy("xyz", name, "2026-01-01T00:00:00Z", **fields)


def test_sidecars_native_ones_and_gateways_are_proxies() -> None:
    gateway = pod("gateway")
    gateway["spec"] = {"containers": [{"name": "istio-proxy"}]}
    plain = pod("plain")
    plain["spec"] = {"containers": [{"name": "app"}]}
    client = Pods(pod("new", native=True), pod("old"), gateway, plain, pod("a", namespace="abc"))
    assert list_proxies(client, "xyz") == [proxy("gateway"), proxy("new"), proxy("old")]
    assert [str(found) for found in list_proxies(client)][:2] == ["Pod abc/a", "Pod xyz/gateway"]


def test_what_has_ended_is_no_proxy_and_what_ends_may_still_serve() -> None:
    assert proxy_of(pod("job", status={"phase": "Succeeded"})) is None
    ending = pod("ending", metadata={"deletionTimestamp": "2026-01-01T01:00:00Z"})
    assert proxy_of(ending) == proxy("ending", terminating=True)


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Pending", "containerStatuses": None},
        {"containerStatuses": [{"name": "istio-proxy", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]},
        {"containerStatuses": [{"name": "istio-proxy"}, {"name": "app", "state": {"running": {}}}]},
    ],
)
def test_a_proxy_that_does_not_run_is_told(status: dict[str, Any]) -> None:
    assert proxy_of(pod("starting", status=status)) == proxy("starting", running=False)


@pytest.mark.parametrize(
    ("settings", "port"),
    [
        ('{"proxyAdminPort": 15999}', 15999),
        ("{}", 15000),
        ("[1]", 15000),
        ("no JSON", 15000),
        ('{"proxyAdminPort": {}}', 15000),
        (None, 15000),
    ],
)
def test_the_admin_port_may_be_another(settings: str | None, port: int) -> None:
    found = proxy_of(pod("other", env=[{"name": "POD_NAME"}, {"name": "PROXY_CONFIG", "value": settings}]))
    assert found is not None and found.admin_port == port


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What pods answer by name and path: bytes, or an error to raise; filled by the test."""
    answers: dict[str, Any] = {}

    def get(_client: Client, namespace: str, name: str, port: int, path: str, **limits: Any) -> bytes:
        assert (namespace, port) == ("xyz", 15000)
        assert set(limits) == {"timeout", "limit"}
        answer = answers[f"{name}{path}"]
        if isinstance(answer, Exception):
            raise answer
        found: bytes = answer
        return found

    monkeypatch.setattr(proxies, "pod_get", get)
    return answers


def test_each_answer_is_read_and_each_error_costs_its_own_answer(asked: dict[str, Any]) -> None:
    asked.update(
        {
            "one/stats": b"1",
            "one/clusters": b"a",
            "silent/stats": PodAnswerError("GET localhost:15000/stats: no answer within 15 s"),
            "strange/stats": b"?",
            "strange/clusters": b"",
            "gone/stats": ApiError("not found", status=404),
        }
    )

    def read(bodies: Mapping[str, bytes]) -> tuple[int, str]:
        assert list(bodies) == ["/stats", "/clusters"]
        if bodies["/stats"] == b"?":
            raise AllianceError("that is no number")
        return int(bodies["/stats"]), bodies["/clusters"].decode()

    pods = [proxy("one"), proxy("silent"), proxy("strange"), proxy("gone"), proxy("starting", running=False)]
    one, silent, strange = ask_proxies(Pods(), pods, ["/stats", "/clusters"], read)
    assert one == Asked(proxy("one"), (1, "a"))
    assert silent.read is None and strange.read is None
    assert str(silent.error) == (
        "cluster cluster-a, Pod xyz/silent: GET localhost:15000/stats: no answer within 15 s."
        " Remedy: see in the log of its container istio-proxy whether the proxy works"
    )
    assert str(strange.error) == "cluster cluster-a, Pod xyz/strange: that is no number"


def test_a_pod_whose_node_is_gone_is_not_gone(asked: dict[str, Any]) -> None:
    asked["lost/stats"] = ApiError('nodes "n" not found', status=404)
    (lost,) = ask_proxies(Pods(pod("lost")), [proxy("lost")], ["/stats"], len)
    assert isinstance(lost.error, ApiError)
    assert ask_proxies(Pods(), [proxy("lost")], ["/stats"], len) == []


def test_nothing_that_runs_is_nothing_to_ask() -> None:
    assert ask_proxies(Pods(), [proxy("starting", running=False)], ["/stats"], len) == []


def test_a_user_who_may_not_forward_at_all_is_told_once(asked: dict[str, Any]) -> None:
    asked.update({"one/stats": ApiError("forbidden", status=403), "two/stats": ApiError("forbidden", status=403)})
    with pytest.raises(ApiError, match="forbidden"):
        ask_proxies(Pods(), [proxy("one"), proxy("two")], ["/stats"], len)
    asked["two/stats"] = b"2"
    one, two = ask_proxies(Pods(), [proxy("one"), proxy("two")], ["/stats"], len)
    assert isinstance(one.error, ApiError) and two == Asked(proxy("two"), 1)
