# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking every exporter of a cluster; that an answer arrives from a real one is shown by tests/e2e."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import Measured
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import exporters, kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client, ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.exporters import ask_exporters
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.port_forward import PodAnswerError


class Pods(Client):
    """A cluster with some pods of the exporter."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.cluster = "cluster-a"
        self.pods = list(pods)

    def list(self, kind: kinds.Kind, namespace: str | None = None, **selectors: Any) -> ObjectList:
        assert (kind, namespace, selectors) == (kinds.POD, "ours", {"label_selector": "app=metadata-exporter"})
        return ObjectList(self.pods, "1")


def pod(name: str, ready: str = "True", **metadata: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}]
    return {"metadata": {"name": name, **metadata}, "status": {"conditions": conditions}}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What pods answer, by name; others can't be asked."""
    known: dict[str, bytes] = {}

    def get(_client: Client, namespace: str, name: str, port: int, path: str, **_limits: Any) -> bytes:
        assert (namespace, port, path) == ("ours", 8081, "/status")
        if name not in known:
            raise PodAnswerError("GET localhost:8081/status: 404 not found", status=404)
        return known[name]

    monkeypatch.setattr(exporters, "pod_get", get)
    return known


def test_every_ready_replica_is_asked(answers: dict[str, bytes]) -> None:
    told = Measured(1.0, 60)
    answers["one"] = told.render()
    answers["two"] = b"<html>"
    client = Pods(pod("two"), pod("one"), pod("old"), pod("starting", "False"), pod("ending", deletionTimestamp="now"))
    asked = ask_exporters(client, "ours")
    assert [item.replica for item in asked] == ["old", "one", "two"]
    assert asked[1].measured == told
    assert [item.measured for item in asked[::2]] == [None, None]
    assert "404" in asked[0].error
    assert "not JSON" in asked[2].error


def test_without_a_replica_nothing_is_asked(answers: dict[str, bytes]) -> None:
    assert ask_exporters(Pods(), "ours") == []
