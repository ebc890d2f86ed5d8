# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner itself: it counts what ran, and nothing that didn't run passes."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from tests.gates import gates as gates_module
from tests.gates import run as runner
from tests.gates.gates import GATES, GROUPS, Gate


@pytest.fixture(autouse=True)
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Logs and reports of the made-up gates go to a folder of their own."""
    monkeypatch.setattr(gates_module, "OUTPUT", tmp_path)
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    return tmp_path


def program(name: str, code: str, *, timeout: int = 60, alone: bool = False, needs: str = "") -> Gate:
    return Gate(name, (sys.executable, "-c", code), "made up", timeout=timeout, alone=alone, needs=needs)


def suite(name: str, folder: Path, text: str) -> Gate:
    (folder / f"test_{name}.py").write_text(text, encoding="utf-8")
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", "/dev/null", str(folder))
    return Gate(name, command, "made up", suite=True)


def test_a_program_counts_as_one_test() -> None:
    good, bad = runner.run(program("good", "")), runner.run(program("bad", "raise SystemExit(3)"))
    assert (good.passed, good.failed) == (1, 0)
    assert (bad.passed, bad.failed, bad.reason) == (0, 1, "exit code 3")


def test_a_suite_counts_with_each_test(tmp_path: Path) -> None:
    text = (
        "import pytest\n"
        "@pytest.fixture\n"
        "def broken():\n    yield\n    raise OSError\n"
        "def test_a(): pass\n"
        "def test_b(): pass\n"
        "def test_c(): assert False\n"
        "def test_d(): pytest.skip('not here')\n"
        "def test_e(broken): assert False\n"
    )
    outcome = runner.run(suite("mixed", tmp_path, text))
    assert (outcome.passed, outcome.failed, outcome.skipped) == (2, 2, 1)


def test_an_empty_suite_fails(tmp_path: Path) -> None:
    outcome = runner.run(suite("empty", tmp_path, ""))
    assert (outcome.passed, outcome.failed) == (0, 1)


def test_a_suite_of_skipped_tests_fails(tmp_path: Path) -> None:
    outcome = runner.run(suite("skips", tmp_path, "import pytest\ndef test_a(): pytest.skip('no')\n"))
    assert (outcome.passed, outcome.failed, outcome.skipped, outcome.reason) == (0, 1, 1, "no test ran")


def test_a_suite_that_crashes_fails(tmp_path: Path) -> None:
    outcome = runner.run(suite("crash", tmp_path, "import os\ndef test_a(): os._exit(0)\n"))
    assert (outcome.passed, outcome.failed) == (0, 1)


def test_an_old_report_is_not_counted(tmp_path: Path) -> None:
    gate = suite("crash", tmp_path, "import os\ndef test_a(): os._exit(0)\n")
    gate.junit.write_text("<testsuites><testsuite><testcase/></testsuite></testsuites>", encoding="utf-8")
    assert runner.run(gate).passed == 0


def test_a_time_out_ends_the_children_too(tmp_path: Path) -> None:
    """A child that ignores polite signals is ended as well; a pipe that it holds open tells."""
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    shell = f"trap '' INT TERM; exec 9>{pipe}; echo started >&9; while :; do sleep 1; done"
    code = f"import subprocess; subprocess.Popen(['sh', '-c', {shell!r}]).wait()"
    outcome = runner.run(program("slow", code, timeout=5))
    assert (outcome.passed, outcome.failed) == (0, 1)
    assert "took longer" in outcome.reason
    assert os.read(reader, 100) == b"started\n"
    ready, _write, _other = select.select([reader], [], [], 60)
    assert ready, "the child lives on"
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_all_run_after_a_failure_and_what_needs_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    made_up = [
        program("first", "raise SystemExit(1)", alone=True),
        program("second", ""),
        program("third", "", alone=True, needs="first"),
    ]
    outcomes = runner.run_all(made_up)
    assert [(outcome.passed, outcome.failed) for outcome in outcomes] == [(0, 1), (1, 0), (0, 1)]
    assert "not run, because first failed" in capsys.readouterr().out


def test_two_run_at_a_time(tmp_path: Path) -> None:
    """Each waits for the other at a pipe."""
    for name in ("one", "two"):
        os.mkfifo(tmp_path / name)
    first = f"open({str(tmp_path / 'one')!r}, 'w').close(); open({str(tmp_path / 'two')!r}).read()"
    second = f"open({str(tmp_path / 'one')!r}).read(); open({str(tmp_path / 'two')!r}, 'w').close()"
    outcomes = runner.run_all([program("first", first), program("second", second), program("third", "")])
    assert [outcome.gate.name for outcome in outcomes if outcome.passed] == ["first", "second", "third"]


def test_some_run_alone() -> None:
    made_up = [program(name, "", alone=name in "bcf") for name in "abcdef"]
    assert ["".join(gate.name for gate in batch) for batch in runner.batches(made_up)] == ["a", "b", "c", "de", "f"]


def test_what_was_stopped_starts_nothing() -> None:
    running = runner.Running()
    running.stop()
    outcome = runner.run(program("late", ""), running)
    assert (outcome.passed, outcome.failed) == (0, 1)
    assert "was stopped" in outcome.reason


@pytest.mark.parametrize(
    ("code", "line", "exit_code"),
    [("", "1 passed, 0 failed", 0), ("raise SystemExit(1)", "0 passed, 1 failed", 1)],
)
def test_the_last_line_counts(
    code: str, line: str, exit_code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "GATES", (program("only", code),))
    assert runner.main([]) == exit_code
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_nothing_to_run_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "GATES", ())
    assert runner.main([]) == 1


def test_groups_name_gates_that_exist() -> None:
    names = {gate.name for gate in GATES}
    for members in GROUPS.values():
        assert set(members) <= names
    assert {gate.needs for gate in GATES} - {""} <= {gate.name for gate in GATES if gate.alone}
    assert all(gate.alone for gate in GATES if gate.needs)


def test_an_unknown_gate_is_an_error() -> None:
    with pytest.raises(SystemExit, match="Unknown gate: nonsense"):
        runner.select(["nonsense"])
