# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import (
    Check,
    EdgeView,
    Probe,
    Service,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_words import (
    duration,
    edge_title,
    shortened,
    time_ago,
    time_left,
)

NOW = "2026-05-04T09:30:00Z"


@pytest.mark.parametrize(
    "seconds, words",
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (2 * 86400 - 1, "47 hours"),
        (90 * 86400, "90 days"),
        (3650 * 86400, "10 years"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_time_left() -> None:
    assert time_left("2026-05-14T09:30:00Z", NOW) == "10 days left"
    assert time_left("2026-05-01T09:30:00Z", NOW) == "ended 3 days ago"
    assert time_left(NOW, NOW) == "ended 0 seconds ago"
    assert time_left("", NOW) == "does not end"
    assert time_left("soon", NOW) == "not known"


def test_time_ago() -> None:
    assert time_ago("2026-05-04T09:25:00Z", NOW) == "5 minutes before"
    assert time_ago("", NOW) == "never"
    assert time_ago("soon", NOW) == "not known"


def test_shortened() -> None:
    assert shortened("cluster-a", 9) == "cluster-a"
    assert shortened("cluster-ab", 9) == "cluster-\u2026"


def test_an_edge_s_title_gives_the_reason_of_its_level() -> None:
    edge = EdgeView(
        "a",
        "b",
        services=(Service("x"),),
        service_count=1,
        checks=(Check("trust", "ok", "trusted"),),
        probes=(Probe("x:80", "warning", message="slow"),),
        findings=(Finding("unknown", "y", "not looked at"),),
    )
    assert edge_title(edge) == "a calls b: Warning, 1 service; x:80: slow"
    assert edge_title(EdgeView("a", "b", checks=edge.checks)) == "a calls b: OK, 0 services"
