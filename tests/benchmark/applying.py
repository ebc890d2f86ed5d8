# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying 400 objects: every contestant in turn, as often as asked for, in one run on one API server."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmark.api import Api
from tests.benchmark.contestants import BenchmarkError, Contestant, Floor, Kubectl, Playbook
from tests.benchmark.objects import imported_services
from tests.gates.gates import VENV

NAMESPACE = "benchmark"
OURS = "meshalliance.istio.applyset"
THEIRS = "kubernetes.core.k8s"
THEIRS_APPLY = "kubernetes.core.k8s, server-side apply"
START = "start of one module"
KUBECTL = "kubectl apply --server-side"
FLOOR = "floor (requests alone)"


@dataclass
class Times:
    """Wall times in seconds of one contestant, in the order of the runs."""

    create: list[float] = field(default_factory=list)
    nothing: list[float] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """Medians, extremes and the single times."""
        found: dict[str, object] = {}
        for name, values in (("create", self.create), ("nothing_to_do", self.nothing)):
            if values:
                rounded = [round(value, 3) for value in values]
                median = round(statistics.median(values), 3)
                found[name] = {"median": median, "min": min(rounded), "max": max(rounded), "runs": rounded}
        return found


def contestants(kubeconfig: Path, kubectl: Path, api: Api, pairs: int, work: Path) -> list[Contestant]:
    """All who apply the same objects."""
    objects = imported_services(pairs, NAMESPACE)
    as_list = work / "objects.json"
    as_list.write_text(json.dumps(objects), encoding="utf-8")
    for_kubectl = work / "list.json"
    for_kubectl.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), encoding="utf-8")
    lookup = "{{ lookup('ansible.builtin.file', '" + str(as_list) + "') | from_json }}"
    return [
        Playbook(
            OURS,
            VENV,
            "meshalliance.istio.applyset",
            {
                "kubeconfig": str(kubeconfig),
                "applyset": {"name": "benchmark", "namespace": NAMESPACE},
                "definitions": lookup,
            },
            work,
        ),
        Playbook(
            THEIRS,
            VENV / "bench",
            "kubernetes.core.k8s",
            {"kubeconfig": str(kubeconfig), "state": "present", "definition": lookup},
            work,
        ),
        Playbook(
            THEIRS_APPLY,
            VENV / "bench",
            "kubernetes.core.k8s",
            {
                "kubeconfig": str(kubeconfig),
                "apply": True,
                "server_side_apply": {"field_manager": "benchmark"},
                "definition": lookup,
            },
            work,
        ),
        Kubectl(kubectl, kubeconfig, for_kubectl, work, KUBECTL),
        Floor(api, NAMESPACE, objects, FLOOR),
    ]


def race(
    api: Api, runners: list[Contestant], start: Contestant, *, expected: int, runs: int, tell: Callable[[str], None]
) -> dict[str, Times]:
    """Let everybody create the objects and then find nothing to do, runs times after one that isn't counted.

    The order turns by one with each run, so that nobody always comes first. Raises BenchmarkError when a contestant
    leaves something out, or writes when there is nothing to do.
    """
    times: dict[str, Times] = {runner.name: Times() for runner in runners}
    times[start.name] = Times()
    api.ensure_namespace(NAMESPACE)
    for number in range(runs + 1):
        turn = number % len(runners)
        for runner in runners[turn:] + runners[:turn]:
            api.clear(NAMESPACE)
            create = runner.run(expect_change=True)
            before = versions(api)
            if len(before) != expected:
                raise BenchmarkError(f"{runner.name} left {len(before)} of {expected} objects")
            nothing = runner.run(expect_change=False)
            if versions(api) != before:
                raise BenchmarkError(f"{runner.name} changed objects although there was nothing to do")
            tell(f"run {number or 'warm-up'}: {runner.name}: create {create:.2f} s, nothing to do {nothing:.2f} s")
            if number:
                times[runner.name].create.append(create)
                times[runner.name].nothing.append(nothing)
        seconds = start.run(expect_change=False)
        if number:
            times[start.name].nothing.append(seconds)
    api.clear(NAMESPACE)
    return times


def versions(api: Api) -> dict[str, str]:
    """The resourceVersion of every object: the same before and after a run that wrote nothing."""
    found = api.read_all(NAMESPACE)
    return {
        f"{kind}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
        for kind, items in found.items()
        for item in items
    }


def run(
    kubeconfig: Path, kubectl: Path, *, pairs: int, runs: int, work: Path, tell: Callable[[str], None]
) -> dict[str, Times]:
    """The whole race on the API server of a kubeconfig."""
    api = Api(kubeconfig)
    start = Playbook(START, VENV, "ansible.builtin.ping", {}, work)
    runners = contestants(kubeconfig, kubectl, api, pairs, work)
    return race(api, runners, start, expected=2 * pairs, runs=runs, tell=tell)
