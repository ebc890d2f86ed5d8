# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hundreds of neighbours at once, each with a misbehaviour of its own, beside two that behave.

All of them behave first and are imported; then they misbehave (C(known)). Then everything is forgotten, and they
misbehave from the first contact on (C(fresh)). What comes of each is a test of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.hostile import in_documents, over_the_wire
from tests.integration.hostile.conftest import FIGURE
from tests.integration.hostile.misbehaviour import PARTLY, REFUSED, TAKEN, TRANSPORT, Misbehaviour, Scene
from tests.integration.hostile.simulator import PUBLIC, Actor, Simulator, fingerprint
from tests.integration.hostile.stage import Reader, Seen, check_everything

CASES = [*over_the_wire.everything(), *in_documents.everything()]
PHASES = ("known", "fresh")
WELL_BEHAVED = ("honest", "pinned")


@dataclass
class Played:
    """What was seen: while all behaved, and in each phase, with what each neighbour was asked for in that one."""

    simulator: Simulator
    well: Seen
    seen: dict[str, Seen]
    again: Seen
    planned: Seen
    asked: dict[tuple[str, str], list[tuple[str, str | None]]]


@pytest.fixture(scope="module")
def played(reader: Reader) -> Iterator[Played]:
    simulator = Simulator()
    honest, pinned = Actor("honest", vouched="api"), Actor("pinned", vouched="pins")
    scene = Scene(reader.uuid, reader.authority.certificate, honest, simulator.elsewhere)
    simulator.add(honest, pinned, *(case.actor(scene) for case in CASES))
    asked: dict[tuple[str, str], list[tuple[str, str | None]]] = {}

    def run(phase: str = "", *, check: bool = False) -> Seen:
        for actor in simulator.actors.values():
            actor.seen.clear()
        found = reader.exchange(simulator, simulator.actors.values(), check=check)
        if phase:
            asked.update({(phase, name): list(actor.seen) for name, actor in simulator.actors.items()})
        return found

    try:
        well = run()
        simulator.behaving = False
        planned, known, again = run(check=True), run("known"), run()
        reader.forget()
        fresh = run("fresh")
        yield Played(simulator, well, {"known": known, "fresh": fresh}, again, planned, asked)
    finally:
        simulator.close()
        reader.forget()


def test_there_are_enough_of_them(played: Played, record_property: Any) -> None:
    """Each has a name of its own, and is one more neighbour."""
    names = [case.name for case in CASES]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert len(names) >= 400
    assert set(played.simulator.actors) == {*names, *WELL_BEHAVED}
    record_property(f"{FIGURE}named misbehaviours, each of a neighbour that was known and of a new one", len(names))


def test_all_are_imported_while_they_behave(played: Played) -> None:
    assert played.well.trust.result["findings"] == []
    assert played.well.imports.result["findings"] == []
    for actor in played.simulator.actors.values():
        assert played.well.hosts(actor) == {"bar"}
        assert played.well.trust.result["trusted"][actor.name] == [fingerprint(actor.root)]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_comes_of_it(case: Misbehaviour, phase: str, played: Played) -> None:
    actor, seen, outcome = played.simulator.actors[case.name], played.seen[phase], case.expected(phase)
    trusted = seen.trust.result["trusted"].get(actor.name)
    unproved = outcome == REFUSED and case.document in (PUBLIC, TRANSPORT)
    if unproved:
        # What was known stays, and nobody new is believed; nothing signed is sent.
        assert trusted == ([fingerprint(actor.root)] if phase == "known" else None)
        assert [token for _path, token in played.asked[phase, actor.name] if token] == []
    else:
        assert trusted
    hosts = {"bar"} if phase == "known" or outcome != REFUSED else set()
    if outcome != REFUSED and case.document not in (PUBLIC, TRANSPORT):
        hosts.add("new")
    assert seen.hosts(actor) == hosts
    assert seen.imports.result["imported"][actor.name] == len(hosts)
    findings = seen.findings(actor)
    errors = [item for item in findings if item["severity"] == "error"]
    if outcome == TAKEN:
        assert errors == []
        return
    (first, *_more) = [item for item in findings if item["code"] == case.code and case.says in item["message"]]
    assert first["cluster"] == "reader"
    assert outcome == PARTLY or errors


@pytest.mark.parametrize("phase", PHASES)
def test_who_behaves_loses_nothing(phase: str, played: Played) -> None:
    seen = played.seen[phase]
    for name in WELL_BEHAVED:
        actor = played.simulator.actors[name]
        assert seen.findings(actor) == []
        assert seen.hosts(actor) == {"bar"}
        assert seen.trust.result["trusted"][name] == [fingerprint(actor.root)]


@pytest.mark.parametrize("phase", [*PHASES, "again", "well"])
def test_every_object_is_within_the_rules(phase: str, played: Played, reader: Reader, record_property: Any) -> None:
    seen = {**played.seen, "again": played.again, "well": played.well}[phase]
    # Roots that somebody may well be believed with at first sight; none of them is anybody else's.
    shown = {}
    for case in CASES:
        if case.document == PUBLIC and case.expected(phase) == TAKEN:
            reply = played.simulator.actors[case.name].replies[PUBLIC]()
            assert isinstance(reply, bytes)
            body = reply.partition(b"\r\n\r\n")[2]
            if case.name.startswith("root-"):
                shown[f"{case.name}.local"] = json.loads(body)["rootCA"]
    check_everything(seen, played.simulator.actors.values(), reader, shown)
    record_property(f"{FIGURE}objects held against the rules", len(seen.objects))


def test_a_plan_writes_nothing(played: Played) -> None:
    assert (played.planned.trust.writes, played.planned.imports.writes) == ((), ())


def test_the_second_run_writes_no_more_than_what_a_status_says(played: Played) -> None:
    """The words of some failures differ from time to time; nothing else does."""
    for writes in (played.again.trust.writes, played.again.imports.writes):
        assert all("istiofederations/" in write or "leases/" in write for write in writes), writes
    kinds = ("ServiceEntry", "DestinationRule", "ConfigMap", "Secret")

    def versions(seen: Seen) -> dict[tuple[str, str], str]:
        listed = [item for item in seen.objects if item["kind"] in kinds]
        return {(item["kind"], item["metadata"]["name"]): item["metadata"]["resourceVersion"] for item in listed}

    assert versions(played.again) == versions(played.seen["known"])


def test_nobody_is_led_to_another_host(played: Played) -> None:
    assert played.simulator.asked_elsewhere == []


def test_no_token_is_for_somebody_else(played: Played, reader: Reader) -> None:
    """Who got a token for another's clusterUUID could use it there."""
    uuids = {actor.uuid: name for name, actor in played.simulator.actors.items()}
    for actor in played.simulator.actors.values():
        for audience in actor.audiences:
            assert uuids.get(audience, actor.name) == actor.name
            assert audience != reader.uuid
