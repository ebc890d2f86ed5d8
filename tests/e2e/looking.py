# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at an alliance with status.yml, or, much faster, with the modules of status.yml and verify.yml alone.

Looker leaves out what a playbook adds: the roles in check mode (the check C(objects)), the run of the probe, the files.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ansible_collections.meshalliance.istio.plugins.action.alliance_status import TITLE, told_by
from ansible_collections.meshalliance.istio.plugins.filter.alliance import alliance_members, alliance_neighbours
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.alliance_overview import assemble
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Overview
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import ProbeResult
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_overview import overview_of
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_report import (
    HostVerification,
    Verification,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import rfc3339

from .alliance import NAMESPACE, Alliance
from tests.integration.forked import Forker
from tests.lab.inventory import FEDERATION

Object = dict[str, Any]
Seen = TypeVar("Seen")

ROOT_NAMESPACE = "istio-system"
LOOKS = 20
PAUSE_SECONDS = 1.0


class Looker:
    """One look after another."""

    def __init__(self, alliance: Alliance, forker: Forker) -> None:
        self._alliance = alliance
        self._forker = forker
        self._group = yaml.safe_load(alliance.inventory.read_text())[FEDERATION]

    def verify(self, readers: Sequence[str], **options: Any) -> Verification:
        """What the probes of these clusters find, which have to run; C(options) are those of traffic_probe."""
        members = self._members(self._hostvars())
        states = {member.name: member.state for member in members}
        found = {}
        for reader in readers:
            state = states[reader]
            assert state is not None
            istiods = [str(item["deployment"]) for item in state.istio if item["name"] == state.revision]
            asked = {"namespace": NAMESPACE, "root_namespace": ROOT_NAMESPACE, "trust_domain": state.trust_domain}
            neighbours = self._neighbours(members, reader)
            result = self._run("traffic_probe", reader, neighbours=neighbours, istiod=istiods, **asked, **options)
            results = tuple(ProbeResult.from_dict(check) for check in result["checks"])
            found[reader] = HostVerification(results, targets=result["targets"], offered=result["offered"])
        return Verification(members, found, frozenset(readers))

    def status(self, verified: Verification | None = None) -> Overview:
        """How the alliance is, with what was verified lately."""
        hostvars = self._hostvars()
        members = self._members(hostvars)
        for name, variables in hostvars.items():
            neighbours = self._neighbours(members, name)
            asked = {"state": variables["preflight_state"], "neighbours": neighbours, "namespace": NAMESPACE}
            variables["status_looked"] = self._run("status_info", name, **asked)
        told = {name: found for name, variables in hostvars.items() if (found := told_by(variables)) is not None}
        now = rfc3339(time.time())
        return assemble(TITLE, now, members, told, overview_of(verified, now) if verified else None)

    def _hostvars(self) -> dict[str, Object]:
        found = {}
        for name in self._alliance.clusters:
            read = self._run(
                "cluster_info",
                name,
                namespace=NAMESPACE,
                root_namespace=ROOT_NAMESPACE,
                gather_published=True,
                gather_services=True,
                gather_foreign=True,
            )
            found[name] = {
                **self._group["vars"],
                **self._group["hosts"][name],
                "inventory_hostname": name,
                "group_names": [FEDERATION],
                "status_read": read,
                "preflight_state": read["state"],
            }
        return found

    def _members(self, hostvars: dict[str, Object]) -> list[Member]:
        return [Member.from_dict(member) for member in alliance_members(hostvars, hostvars)]

    def _neighbours(self, members: Sequence[Member], name: str) -> list[Object]:
        return alliance_neighbours([member.to_dict() for member in members], name)

    def _run(self, module: str, cluster: str, **arguments: Any) -> Object:
        kubeconfig = self._alliance.lab.layout.folder / cluster / "operator.kubeconfig"
        done = self._forker(module, kubeconfig=str(kubeconfig), cluster=cluster, **arguments)
        assert done.status == 0, done.output
        return done.result


def status(alliance: Alliance, folder: Path, **variables: str) -> Overview:
    """What a run of status.yml finds; it writes nothing. C(status.html) in the folder is its page."""
    before = alliance.writes()
    files = {"status_json_file": str(folder / "status.json"), "status_page_file": str(folder / "status.html")}
    more = folder / "variables.json"
    more.write_text(json.dumps({**files, **variables}))
    done = Alliance(alliance.lab, playbook="status.yml").run("-e", f"@{more}")
    assert done.status == 0, done.output
    assert alliance.writes() == before
    return Overview.from_dict(json.loads((folder / "status.json").read_text()))


def not_well(overview: Overview) -> set[tuple[Any, str]]:
    """The checks that are not well, but for traffic that nobody tried."""
    found: set[tuple[Any, str]] = set()
    for view in overview.clusters:
        found |= {(view.name, check.name) for check in view.checks if check.level != "ok"}
    for edge in overview.edges:
        place = (edge.reader, edge.neighbour)
        found |= {(place, check.name) for check in edge.checks if check.level != "ok" and check.name != "traffic"}
    return found


def told(overview: Overview) -> list[str]:
    """What it says, for a test that fails."""
    return [finding.message for finding in overview.all_findings()]


def until(look: Callable[[], Seen], wanted: Callable[[Seen], bool]) -> Seen:
    """The first look that is as it should be, or the last one: istiods, proxies and exporters follow within moments."""
    for _look in range(LOOKS):
        seen = look()
        if wanted(seen):
            break
        time.sleep(PAUSE_SECONDS)
    return seen
