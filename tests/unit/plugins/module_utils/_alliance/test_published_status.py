# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Service
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.published_status import (
    place_of,
    published_check,
)

BAR, FOO = Service("bar.xyz.svc.a.local"), Service("foo.abc.svc.a.local")
HOSTS = frozenset({BAR.host, FOO.host})
ENDPOINTS = {("xyz", "bar"): 2, ("abc", "foo"): 1}


def test_the_service_of_a_host() -> None:
    assert place_of("bar.xyz.svc.cluster-a.local") == ("xyz", "bar")


@pytest.mark.parametrize(
    "endpoints, opened, codes",
    [
        (ENDPOINTS, HOSTS, []),
        (ENDPOINTS, None, []),
        (ENDPOINTS, frozenset({BAR.host}), ["published-not-open"]),
        (ENDPOINTS, HOSTS | {"x.y.svc.a.local"}, ["open-not-published"]),
        ({("xyz", "bar"): 2}, HOSTS, ["published-without-endpoints"]),
        ({**ENDPOINTS, ("xyz", "bar"): 0}, None, ["published-without-endpoints"]),
    ],
)
def test_what_is_published(
    endpoints: dict[tuple[str, str], int], opened: frozenset[str] | None, codes: list[str]
) -> None:
    check, findings = published_check([BAR, FOO], endpoints, opened)
    assert [finding.code for finding in findings] == codes
    expected = "warning" if "published-without-endpoints" in codes else "error"
    assert check.level == (expected if codes else "ok")


def test_a_cluster_that_publishes_nothing() -> None:
    assert published_check([], {}, frozenset())[0].level == "ok"


def test_of_many_some_are_named() -> None:
    many = [Service(f"s{number}.xyz.svc.a.local") for number in range(9)]
    _check, (finding,) = published_check(many, {}, None)
    assert finding.message.endswith("s4.xyz.svc.a.local and 4 more")
