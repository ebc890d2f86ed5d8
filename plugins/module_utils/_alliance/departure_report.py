# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a departure says to people at its end: what was looked at, what is left, what is still to be done by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.departure import Departure
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    FEDERATION_HOSTS,
    MULTICLUSTER_HOSTS,
    PROVIDER_ISTIO,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.report import (
    aligned,
    finding_lines,
    without_cluster,
)

HEADINGS = (
    "CLUSTER", "FORGETS", "OBJECTS", "ISTIODS", "ANCHORS", "PROXIES", "ROOTS", "CLUSTERS", "CONNECTIONS", "REFUSES",
    "CHANGES", "RESULT",
)  # fmt: skip
# What M(departure_info) counts in istiods and proxies, by column; everything else that it counts is objects.
COUNTED = {
    "ISTIODS": "istiods",
    "ANCHORS": "anchors in istiods",
    "PROXIES": "proxies",
    "ROOTS": "roots in proxies",
    "CLUSTERS": "clusters in proxies",
    "CONNECTIONS": "open connections of proxies",
}
_NOT_OBJECTS = frozenset({*COUNTED.values(), "remote clusters in istiods"})

Result = Mapping[str, Any]


@dataclass(frozen=True)
class HostDeparture:
    """What the steps of a departure returned in one cluster.

    C(away): why its API could not be read. C(failures): why its steps ended. C(proof), C(refusal): the results of
    departure_info, departure_refusal_info (asked by this cluster); C(leftovers): of leftovers_info, after a cluster
    that leaves was emptied. C(kept): its gateway, exporter and keys were to go and stay for now.
    """

    away: str = ""
    failures: tuple[str, ...] = ()
    proof: Result | None = None
    refusal: Result | None = None
    leftovers: Result | None = None
    kept: bool = False
    changes: int = 0
    findings: tuple[Mapping[str, str], ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Departing:
    """A departure with what came of it, by inventory name. C(members): those of the groups. C(planning): check mode."""

    departure: Departure
    members: Sequence[Member]
    results: Mapping[str, HostDeparture]
    planning: bool = False

    def unfinished(self) -> dict[str, str]:
        """The clusters in which it is not proved that nothing is left, with the reason. External ones don't count."""
        leaving = self.departure.leaving
        found = {}
        for name, gone in self.departure.departed.items():
            result = self.results.get(name)
            if self._external(name):
                continue
            if name == leaving and (result is None or result.away):
                continue  # it works when the leaving cluster is dead: that is told, and no fault
            if reason := self._reason(result, gone):
                found[name] = reason
        for asker, refused_by in self._accepting():
            found.setdefault(refused_by, f"it still answers {asker}")
        return found

    def _external(self, name: str) -> bool:
        return any(member.external for member in self.members if member.name == name)

    def _reason(self, result: HostDeparture | None, gone: Sequence[str]) -> str:
        if result is None:
            return "not run"
        if result.away:
            return "not reached"
        if result.failures:
            return "failed"
        if self.planning:
            return ""
        if result.proof is None:
            return "not proved"
        proved = result.proof.get("proved") or {}
        return "" if all(proved.get(name) for name in gone) else "not proved"

    def _accepting(self) -> Iterable[tuple[str, str]]:
        """Who is still let in by whom, but for external clusters, which nobody here can change."""
        for asker, result in self.results.items():
            for name, refused in ((result.refusal or {}).get("refused") or {}).items():
                if not refused and not self._external(name):
                    yield asker, name

    def lines(self, neighbours: Mapping[str, Sequence[str]] | None = None) -> list[str]:
        """The table, the problems below it, and what the operator still has to do.

        neighbours: for each end of an edge that is removed the neighbours that it keeps.
        """
        rows = [self._row(name) for name in self._order()]
        problems = [line for name in self._order() for line in self._problems(name)]
        tasks = [*self._inventory(neighbours or {}), *self._elsewhere()]
        return [
            *aligned([HEADINGS, *rows]),
            *(["", *problems] if problems else []),
            *(["", *tasks] if tasks else []),
        ]

    def _order(self) -> list[str]:
        """Those that stay by name, then the one that leaves."""
        leaving = self.departure.leaving
        return [*sorted(name for name in self.departure.departed if name != leaving), *([leaving] if leaving else [])]

    def _row(self, name: str) -> list[str]:
        result, leaving = self.results.get(name), name == self.departure.leaving
        gone = "everybody" if leaving else ", ".join(self.departure.departed[name])
        proof = result.proof if result else None
        looked = dict((proof or {}).get("looked_at") or {})
        objects = sum(count for kind, count in looked.items() if kind not in _NOT_OBJECTS)
        counts = [str(objects), *(str(looked.get(what, "-")) for what in COUNTED.values())]
        if proof is None:
            counts = ["-"] * len(counts)
        changes = str(result.changes) if result else "-"
        return [name, gone, *counts, self._refuses(name), changes, self._result(name, result, leaving=leaving)]

    def _refuses(self, name: str) -> str:
        """Whether a cluster refuses those that it forgets."""
        told = [
            refused
            for asker in self.departure.departed[name]
            if (result := self.results.get(asker)) and result.refusal
            for who, refused in (result.refusal.get("refused") or {}).items()
            if who == name
        ]
        return "-" if not told else "yes" if all(told) else "NO"

    def _result(self, name: str, result: HostDeparture | None, *, leaving: bool) -> str:
        if self._external(name):
            return "external"
        reason = self.unfinished().get(name)
        if reason:
            return reason
        if result is None or result.away:
            return "away"
        if self.planning:
            return "planned"
        if not leaving:
            return "nothing is left"
        return "kept ready" if result.kept else "emptied" if result.leftovers is not None else "has left"

    def _problems(self, name: str) -> list[str]:
        result = self.results.get(name)
        if result is None:
            return [] if name == self.departure.leaving else [f"ERROR {name}: nothing was done there in this run"]
        lines = []
        if result.away:
            what = "NOTE" if name == self.departure.leaving else "ERROR"
            reason = without_cluster(name, result.away)
            lines.append(f"{what} {name}: it could not be read, and nothing there was changed: {reason}")
        elif result.proof is None and not (result.failures or self.planning or self._external(name)):
            lines.append(f"ERROR {name}: it was not looked whether anything is left. Remedy: run again")
        lines += [f"ERROR {name}: {without_cluster(name, failure)}" for failure in result.failures]
        for step in (result.proof, result.refusal, result.leftovers):
            lines += finding_lines(
                {**item, "cluster": item.get("cluster") or name} for item in (step or {}).get("findings") or []
            )
        lines += finding_lines({**item, "cluster": item.get("cluster") or name} for item in result.findings)
        lines += [f"NOTE {line}" for line in self._leftovers(name, result.leftovers)]
        if result.kept:
            others = ", ".join(other for other in self.unfinished() if other != name)
            lines.append(
                f"NOTE {name}: its gateway, exporter and keys stay until all others are done ({others}). Remedy: repair"
                " those and run again, or set unfederate_despite_failures: true"
            )
        return lines

    @staticmethod
    def _leftovers(name: str, leftovers: Result | None) -> Iterable[str]:
        if leftovers is None:
            return
        count = len(leftovers["ours"])
        yield f"{name}: {leftovers['looked_at']} kinds were listed, {count} objects of the alliance are left"
        for what, why in (
            ("ours", "is left of the alliance"),
            ("foreign", "is not ours and keeps the alliance's namespace"),
            ("resources", "is not ours and keeps the definitions of its kind"),
        ):
            for item in leftovers[what][:10]:
                place = f"{item['namespace']}/" if item.get("namespace") else ""
                yield f"{name}: {item['kind']} {place}{item['name']} {why}"

    def _inventory(self, neighbours: Mapping[str, Sequence[str]]) -> list[str]:
        """What to change in the inventory, from which the next run of the other playbooks takes the members."""
        leaving, lines = self.departure.leaving, []
        member = next((item for item in self.members if item.name == leaving), None)
        if member is not None:
            groups = {"federation": FEDERATION_HOSTS, "multicluster": MULTICLUSTER_HOSTS}
            named = " and ".join(groups[mode] for mode in member.modes)
            lines.append(
                f"TO DO: take {leaving} out of {named} in the inventory, or the next run of federate.yml or"
                " multicluster.yml adds it again"
            )
        listing = [item.name for item in self.members if leaving and item.peers and leaving in item.peers]
        if listing:
            lines.append(f"TO DO: take {leaving} out of alliance_peers of {', '.join(listing)}")
        if not leaving:
            ends = list(self.departure.departed)
            lines.append(
                f"TO DO: an edge exists when both sides want it: set alliance_peers for {ends[0]} or {ends[1]}, or the"
                " next run of federate.yml or multicluster.yml adds it again:"
            )
            lines += [f"  {end}: alliance_peers: [{', '.join(neighbours.get(end, ()))}]" for end in ends]
        return lines

    def _elsewhere(self) -> Iterable[str]:
        leaving, departed = self.departure.leaving, self.departure.departed
        for member in self.members:
            if member.external and member.name in departed and member.name != leaving:
                others = ", ".join(departed[member.name])
                yield f"TO DO: {member.name} is not ours: its administrator has to delete there what is for {others}"
        result = self.results.get(leaving) if leaving else None
        if leaving and (result is None or result.away):
            gone = next((item for item in self.members if item.name == leaving), None)
            if gone is not None and gone.external:
                yield f"TO DO: {leaving} is not ours: its administrator has to delete there what stands for the others"
            elif gone is None or gone.provider == PROVIDER_ISTIO:
                yield (
                    f"TO DO: what is in {leaving} is still there: run this playbook again when its API answers, or"
                    " follow docs/leaving.md"
                )
