# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.workloads import (
    Serving,
    serving_check,
    serving_of,
)

PLACE = ("DaemonSet x/gateway", "Service x/gateway")


def pod(ready: bool = True, **more: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    metadata = {"name": "p", **({"deletionTimestamp": "now"} if more.pop("going", False) else {})}
    return {"metadata": metadata, "status": {"conditions": conditions, **more}}


def slices(*ready: bool) -> list[dict[str, Any]]:
    endpoints = [
        {"addresses": [f"10.0.0.{number}"], "conditions": {"ready": value}} for number, value in enumerate(ready)
    ]
    return [{"endpoints": endpoints}, {"endpoints": None}]


def test_pods_on_their_way_out_don_t_count() -> None:
    pods = [pod(), pod(ready=False), pod(going=True), pod(phase="Failed")]
    assert serving_of(*PLACE, pods, {"kind": "Service"}, slices(True, False)) == Serving(
        PLACE[0], 2, 1, PLACE[1], True, 1
    )


def test_an_endpoint_of_unknown_readiness_counts_as_ready() -> None:
    """As the API documents it."""
    found = serving_of(*PLACE, [pod()], {}, [{"endpoints": [{"addresses": ["10.0.0.1"]}]}])
    assert found.endpoints == 1


@pytest.mark.parametrize(
    "pods, ready, exists, endpoints, level, code",
    [
        (2, 2, True, 2, "ok", ""),
        (2, 1, True, 1, "warning", "gateway-degraded"),
        (2, 0, True, 0, "error", "gateway-down"),
        (0, 0, True, 0, "error", "gateway-down"),
        (2, 2, False, 0, "error", "gateway-missing"),
        (2, 2, True, 0, "error", "gateway-without-endpoints"),
    ],
)
def test_what_serves(pods: int, ready: int, exists: bool, endpoints: int, level: str, code: str) -> None:
    check, findings = serving_check("gateway", Serving(PLACE[0], pods, ready, PLACE[1], exists, endpoints), remedy="x")
    assert (check.name, check.level) == ("gateway", level)
    assert [item.code for item in findings] == ([code] if code else [])
    assert check.text
