# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_errors import refused_in
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError


def dump(*configs: dict[str, Any]) -> bytes:
    return json.dumps({"configs": list(configs)}).encode()


def test_nothing_is_refused() -> None:
    assert refused_in(dump({"name": "0.0.0.0_15443"}, {})) == []
    assert refused_in(b"{}") == []


def test_a_listener_that_is_refused() -> None:
    refused = {"name": "0.0.0.0_15443", "error_state": {"details": "filter chain has the same\nmatching rules"}}
    assert refused_in(dump({"name": "virtualInbound"}, refused)) == [
        "0.0.0.0_15443: filter chain has the same matching rules"
    ]


def test_a_cluster_that_is_refused_has_its_name_inside() -> None:
    refused = {"error_state": {"failed_configuration": {"name": "outbound|80||x"}, "details": "y" * 900}}
    (told,) = refused_in(dump(refused))
    assert told.startswith("outbound|80||x: yyy")
    assert len(told) < 330


@pytest.mark.parametrize("body", [b"", b"not found", b"[]", b'{"configs": [7]}', b'{"configs": {"a": 1}}'])
def test_what_is_no_dump(body: bytes) -> None:
    with pytest.raises(AllianceError):
        refused_in(body)
