# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.expiring import (
    CERTIFICATE,
    KEY,
    TOKEN,
    expiry_check,
    expiry_findings,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Expiry
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339

NOW = 1_800_000_000.0
DAY = 86400.0


def ending(seconds: float, name: str = "root") -> Expiry:
    return Expiry(name, "Secret a/b", rfc3339(NOW + seconds))


@pytest.mark.parametrize(
    "kind, seconds, expected",
    [
        (CERTIFICATE, 31 * DAY, []),
        (CERTIFICATE, 29 * DAY, [("warning", "certificate-ends")]),
        (CERTIFICATE, 0, [("error", "certificate-ended")]),
        (CERTIFICATE, -DAY, [("error", "certificate-ended")]),
        (TOKEN, -1, [("error", "token-ended")]),
        (KEY, -DAY, [("warning", "key-ended")]),
    ],
)
def test_what_ends(kind: str, seconds: float, expected: list[tuple[str, str]]) -> None:
    found = expiry_findings([(ending(seconds), kind, 30 * DAY)], NOW)
    assert [(finding.severity, finding.code) for finding in found] == expected
    assert all(finding.object == "Secret a/b" and finding.remedy for finding in found)


def test_what_never_ends_is_no_finding() -> None:
    assert expiry_findings([(Expiry("key pair", "Secret a/b"), KEY, 0.0)], NOW) == ()


def test_an_end_that_can_t_be_read_is_unknown() -> None:
    (finding,) = expiry_findings([(Expiry("root", "Secret a/b", "unreadable"), CERTIFICATE, DAY)], NOW)
    assert (finding.severity, finding.code) == ("unknown", "end-unknown")


def test_the_check_tells_the_first_end() -> None:
    expiries = [ending(90 * DAY), ending(40 * DAY), Expiry("key pair", "Secret a/b")]
    check = expiry_check(expiries, (), NOW)
    assert check.level == "ok"
    assert check.text.startswith("3 certificates, keys and tokens were looked at; the first ends at")
    assert "40 days left" in check.text
    found = expiry_findings([(ending(-1), CERTIFICATE, DAY)], NOW)
    assert expiry_check(expiries, found, NOW).level == "error"
