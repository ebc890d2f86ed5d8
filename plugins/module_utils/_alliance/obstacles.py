# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All conflicts of one cluster: with what others have in it, and with the Services of clusters of its own domain."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.conflicts import conflict_findings
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster_checks import clash_findings


def obstacles(member: Member, members: Sequence[Member]) -> list[Finding]:
    """What is told of a cluster beside the findings of preflight(), without the codes that it ignores."""
    clashes = [item for item in clash_findings(member, members) if item.code not in member.ignored_findings]
    return [*clashes, *conflict_findings(member, members)]
