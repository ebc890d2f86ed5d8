# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the gates, goes on after a failure, and ends with one line that counts the tests.

Gates that need one processor run two at a time; those that start clusters have the machine to themselves.

    python -m tests.gates.run [--list] [gate or group ...]

Logs and reports are in tests/output/gates. The exit code is 0 only when something ran and nothing failed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, repeat
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

from tests.gates.gates import GATES, GROUPS, Gate, environment
from tests.gates.staging import OUTPUT, ROOT

AT_A_TIME = 2
TAIL_LINES = 40
GRACE_SECONDS = 30
WORDS = ("passed", "failed", "skipped")


@dataclass(frozen=True)
class Outcome:
    """What one gate came to: counts of tests, seconds, and why it failed where no test says so."""

    gate: Gate
    passed: int
    failed: int
    skipped: int
    seconds: float
    reason: str = ""


def counts(junit: Path) -> tuple[int, int, int] | None:
    """Passed, failed and skipped tests of a pytest report; None when there is no readable one.

    A test that fails and whose teardown fails too has two elements in the report; it is one failed test.
    """
    try:
        root = ElementTree.parse(junit).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    results: dict[tuple[str, str], str] = {}
    for case in root.iter("testcase"):
        key = (case.get("classname", ""), case.get("name", ""))
        if case.find("failure") is not None or case.find("error") is not None:
            results[key] = "failed"
        elif case.find("skipped") is not None:
            results.setdefault(key, "skipped")
        else:
            results.setdefault(key, "passed")
    passed, failed, skipped = (sum(value == word for value in results.values()) for word in WORDS)
    return passed, failed, skipped


def end(process: subprocess.Popen[bytes]) -> None:
    """End a gate and everything that it started: politely first, so that it can clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE_SECONDS)
            break
    with contextlib.suppress(ProcessLookupError):
        # A child that was just starting may have missed what its parent heard.
        os.killpg(process.pid, signal.SIGKILL)


class Running:
    """The gates' programs that run now, for whoever has to end them."""

    def __init__(self) -> None:
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._stopping = False
        self._lock = threading.Lock()

    def execute(self, gate: Gate) -> tuple[int, str]:
        """Run the gate's program; the exit code, and a reason where the code alone doesn't tell."""
        gate.junit.unlink(missing_ok=True)
        with gate.log.open("wb") as log:
            try:
                process = self._start(gate, log)
            except OSError as error:
                return 127, f"can't be started: {error}"
            try:
                return process.wait(timeout=gate.timeout), ""
            except subprocess.TimeoutExpired:
                end(process)
                return 124, f"took longer than {gate.timeout // 60} minutes"
            finally:
                self._processes.discard(process)

    def stop(self) -> None:
        """End all, and start no more."""
        with self._lock:
            self._stopping = True
        for process in list(self._processes):
            end(process)

    def _start(self, gate: Gate, log: BinaryIO) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopping:
                raise InterruptedError("the run was stopped")
            process = subprocess.Popen(
                gate.arguments(),
                cwd=ROOT,
                env=environment(gate),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._processes.add(process)
            return process


def run(gate: Gate, running: Running | None = None) -> Outcome:
    """Run one gate and count."""
    started = time.monotonic()
    code, reason = (running or Running()).execute(gate)
    seconds = time.monotonic() - started
    if not gate.suite:
        failed = int(code != 0)
        return Outcome(gate, 1 - failed, failed, 0, seconds, reason or (f"exit code {code}" if failed else ""))
    counted = counts(gate.junit)
    if counted is None:
        return Outcome(gate, 0, 1, 0, seconds, reason or f"pytest wrote no report, exit code {code}")
    passed, failed, skipped = counted
    if code != 0 and failed == 0:
        # No tests found, a time-out, a crash after the last test: the suite itself is what failed.
        failed = 1
        reason = reason or f"pytest's exit code {code}"
    elif passed + failed == 0:
        failed = 1
        reason = "no test ran"
    return Outcome(gate, passed, failed, skipped, seconds, reason)


def tail(path: Path) -> str:
    """The last lines of a log, indented."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join(f"    | {line}" for line in lines)


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def counted(outcome: Outcome) -> str:
    """The counts as a sentence."""
    text = f"{outcome.passed} passed, {outcome.failed} failed"
    return f"{text}, {outcome.skipped} skipped" if outcome.skipped else text


def batches(gates: Iterable[Gate]) -> Iterator[list[Gate]]:
    """What may run at a time, in order: a gate that needs the machine alone, or all up to the next such gate."""
    for alone, members in groupby(gates, key=lambda gate: gate.alone):
        if alone:
            yield from ([gate] for gate in members)
        else:
            yield list(members)


def run_all(gates: Iterable[Gate]) -> list[Outcome]:
    """Run the gates in order, printing what happens as it happens. The outcomes are in the same order."""
    outcomes: list[Outcome] = []
    started = time.monotonic()
    running = Running()

    def tell(text: str) -> None:
        # One write, as others may be telling something.
        sys.stdout.write(f"[{clock(time.monotonic() - started):>5}] {text}\n")
        sys.stdout.flush()

    def run_one(gate: Gate, broken: set[str]) -> Outcome:
        tell(f"{gate.name}: {gate.about}")
        if gate.needs in broken:
            outcome = Outcome(gate, 0, 1, 0, 0.0, f"not run, because {gate.needs} failed")
        else:
            outcome = run(gate, running)
        tell(ended(outcome))
        return outcome

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        try:
            for batch in batches(gates):
                broken = {outcome.gate.name for outcome in outcomes if outcome.failed}
                outcomes += pool.map(run_one, batch, repeat(broken))
        except BaseException:
            running.stop()
            raise
    return outcomes


def ended(outcome: Outcome) -> str:
    """What is told of a gate at its end: of a failed one, also the end of its log."""
    why = f" ({outcome.reason})" if outcome.reason else ""
    word = "FAILED" if outcome.failed else "ok"
    text = f"{outcome.gate.name} {word}: {counted(outcome)} in {clock(outcome.seconds)}{why}"
    has_log = outcome.failed and outcome.gate.log.exists()
    return f"{text}\n{tail(outcome.gate.log)}" if has_log else text


def table(outcomes: Iterable[Outcome]) -> str:
    """The summary: one line for each gate."""
    lines = [f"{'gate':<14}{'passed':>8}{'failed':>8}{'skipped':>9}{'time':>8}  log"]
    for outcome in outcomes:
        log = outcome.gate.log.relative_to(ROOT)
        lines.append(
            f"{outcome.gate.name:<14}{outcome.passed:>8}{outcome.failed:>8}{outcome.skipped:>9}"
            f"{clock(outcome.seconds):>8}  {log}"
        )
    return "\n".join(lines)


def select(names: list[str]) -> list[Gate]:
    """The gates asked for, in the fixed order; all without a name. A group's name stands for its gates."""
    known = {gate.name for gate in GATES}
    wanted: set[str] = set()
    for name in names:
        members = GROUPS.get(name, (name,))
        unknown = sorted(set(members) - known)
        if unknown:
            raise SystemExit(f"Unknown gate: {', '.join(unknown)}. Known: {', '.join(sorted(known | set(GROUPS)))}")
        wanted.update(members)
    return [gate for gate in GATES if not names or gate.name in wanted]


def main(arguments: list[str]) -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.gates.run", description="Run the gates.")
    parser.add_argument("--list", action="store_true", help="show the gates and run nothing")
    parser.add_argument("gates", nargs="*", metavar="gate", help="names of gates or groups; all when left out")
    options = parser.parse_args(arguments)
    gates = select(options.gates)
    if options.list:
        for gate in gates:
            print(f"{gate.name:<14}{gate.about}")
        return 0
    # Being asked to stop is an interrupt like any other: the running gate is ended, its children too.
    signal.signal(signal.SIGTERM, lambda *dummy: os.kill(os.getpid(), signal.SIGINT))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    outcomes = run_all(gates)
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    print(f"\n{table(outcomes)}\n")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
