# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ends, how soon, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import OK, worst
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Check, Expiry
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_words import time_left
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339, unix_time

CHECK = "certificates"
# What is made anew by every run in time needs attention later than what people renew.
CERTIFICATE, TOKEN, KEY = "certificate", "token", "key"
_REMEDIES = {
    CERTIFICATE: "replace it before that; a root with rotate_root.yml",
    TOKEN: "run multicluster.yml, which renews it",
    KEY: "run the playbook, which rotates it",
}


def expiry_findings(expiries: Iterable[tuple[Expiry, str, float]], now: float) -> tuple[Finding, ...]:
    """A finding for each that has ended or ends soon.

    C(expiries): with the kind of each and for how many seconds before its end it needs attention. C(now): unix seconds.
    """
    findings = []
    for expiry, kind, attention in expiries:
        end = unix_time(expiry.ends)
        if expiry.ends and end is None:
            message = f"when the {expiry.name} ends is not known"
            findings.append(Finding("unknown", "end-unknown", message, "look at it", object=expiry.object))
        elif end is not None and end - now <= attention:
            findings.append(_ending(expiry, kind, ended=end <= now, now=now))
    return tuple(findings)


def expiry_check(expiries: Sequence[Expiry], findings: Iterable[Finding], now: float) -> Check:
    """What was looked at, in a line."""
    level = worst([OK, *(finding.severity for finding in findings)])
    ending = sorted(item.ends for item in expiries if item.ends)
    first = f"; the first ends at {ending[0]} ({time_left(ending[0], rfc3339(now))})" if ending else ""
    return Check(CHECK, level, f"{len(expiries)} certificates, keys and tokens were looked at{first}")


def _ending(expiry: Expiry, kind: str, *, ended: bool, now: float) -> Finding:
    when = (
        f"it ended at {expiry.ends}" if ended else f"it ends at {expiry.ends} ({time_left(expiry.ends, rfc3339(now))})"
    )
    # A key that is older than it should be works on.
    severe = ended and kind != KEY
    return Finding(
        "error" if severe else "warning",
        f"{kind}-{'ended' if ended else 'ends'}",
        f"the {expiry.name}: {when}",
        _REMEDIES[kind],
        object=expiry.object,
    )
