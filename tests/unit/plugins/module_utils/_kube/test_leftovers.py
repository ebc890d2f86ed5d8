# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What could not be looked at is told: nothing is said to be left only of what was seen."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Answer, ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.leftovers import Leftovers, find_leftovers

SECRETS = {"name": "secrets", "kind": "Secret", "namespaced": True, "verbs": ["list", "get"]}
METRICS = "metrics.example/v1"


class Api:
    """An API server with one kind of its own and an aggregated API, which may fail."""

    def __init__(self, failing: str, status: int) -> None:
        self._failing, self._status = failing, status

    def request(self, _method: str, path: str) -> Answer:
        if path == self._failing:
            raise ApiError("not now", status=self._status)
        if path == "/apis":
            return Answer(200, {"groups": [{"preferredVersion": {"groupVersion": METRICS}}]}, {})
        return Answer(200, {"resources": [SECRETS] if path == "/api/v1" else []}, {})

    def list(self, _kind: Kind, _namespace: str | None = None, **_how: Any) -> ObjectList:
        return ObjectList([], "1")


def look(failing: str, status: int) -> Leftovers:
    return find_leftovers(Api(failing, status), "ns", ["ns"])  # type: ignore[arg-type]


@pytest.mark.parametrize(("failing", "version", "kinds"), [("/api/v1", "v1", 0), (f"/apis/{METRICS}", METRICS, 1)])
def test_an_api_that_is_away_is_told(failing: str, version: str, kinds: int) -> None:
    found = look(failing, 503)
    assert (found.unread, found.kinds) == ({version: "not now"}, kinds)


def test_an_api_that_is_gone_has_nothing() -> None:
    assert (look(f"/apis/{METRICS}", 404).unread, look(f"/apis/{METRICS}", 404).kinds) == ({}, 1)


def test_an_api_server_that_fails_is_an_error() -> None:
    with pytest.raises(ApiError):
        look("/api/v1", 500)
