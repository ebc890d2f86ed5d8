# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module has integration tests that put it through the whole cycle (tests/gates/cycle.py).

What counts is what pytest collects, not what a file says: a step that is commented out, deselected or misspelt has no
id. Modules that only read need a test whose name holds `reads_only`, and must not have any step that writes.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.gates.cycle import CYCLE, Step
from tests.gates.staging import ROOT

MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
TESTS = Path("tests/integration/modules")
AUTH_FRAGMENT = "meshalliance.istio.auth"
INFO_FRAGMENT = "meshalliance.istio.attributes.info"
STEPS = {step.id for step in CYCLE}


@cache
def collected_ids() -> dict[str, frozenset[str]]:
    """The ids that pytest finds, by file name; a file that can't be imported is an error here."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--color=no", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, str(TESTS)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"pytest can't collect {TESTS}:\n{done.stdout}{done.stderr}", pytrace=False)
    found: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        if "::" in line:
            file, _sep, test = line.partition("::")
            found.setdefault(Path(file).name, set()).add(test)
    return {file: frozenset(tests) for file, tests in found.items()}


def steps_in(test_id: str) -> set[str]:
    """The steps of the cycle that a test's parameters name: whole words between the square brackets."""
    match = re.search(r"\[(.*)\]$", test_id)
    text = match.group(1) if match else ""
    return {step for step in STEPS if re.search(rf"(?:^|-){step}(?:-|$)", text)}


@cache
def fragments(module: str) -> frozenset[str]:
    """The documentation fragments that a module names; they tell what it may do."""
    tree = ast.parse((ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["DOCUMENTATION"]:
            documentation = yaml.safe_load(ast.literal_eval(node.value))
            return frozenset(documentation.get("extends_documentation_fragment", []))
    return frozenset()


def has_cluster(module: str) -> bool:
    """Whether the module takes the options that lead to a cluster."""
    return AUTH_FRAGMENT in fragments(module)


def only_reads(module: str) -> bool:
    """Whether the module changes nothing: it says so, or it has no cluster that it could change."""
    return INFO_FRAGMENT in fragments(module) or not has_cluster(module)


def test_there_are_modules() -> None:
    assert MODULES


def test_info_modules_are_named_so() -> None:
    """Ansible's rule: what only reads from somewhere ends in _info, and nothing else does.

    What waits, and what calls services to see that they answer, is named so.
    """
    readers = {module for module in MODULES if has_cluster(module) and INFO_FRAGMENT in fragments(module)}
    named = {module for module in MODULES if module.endswith("_info")}
    assert {module for module in readers if not module.endswith(("_wait", "_probe"))} <= named
    assert all(only_reads(module) for module in named)


@pytest.mark.parametrize("module", MODULES)
def test_the_cycle_is_complete(module: str) -> None:
    tests = collected_ids().get(f"test_{module}.py", frozenset())
    assert tests, f"{TESTS}/test_{module}.py has no test"
    steps = set().union(*(steps_in(test) for test in tests))
    if only_reads(module):
        assert any("reads_only" in test for test in tests), "no test whose name holds reads_only"
        assert not steps, "a module that only reads has no cycle"
    else:
        assert steps == STEPS, f"missing: {', '.join(sorted(STEPS - steps))}"


@pytest.mark.parametrize("module", MODULES)
def test_the_cycle_asserts_what_the_steps_promise(module: str) -> None:
    """A test that takes a step has to compare something with what the step promises."""
    if only_reads(module):
        pytest.skip("only reads")
    tree = ast.parse((ROOT / TESTS / f"test_{module}.py").read_text(encoding="utf-8"))
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and "step" in {argument.arg for argument in node.args.args}
    ]
    assert functions, "no test takes the argument step"
    for function in functions:
        used = {
            node.attr
            for node in ast.walk(function)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "step"
        }
        # The test may hand the whole step to a helper that does the comparing.
        handed_on = any(
            isinstance(node, ast.Call)
            and any(isinstance(part, ast.Name) and part.id == "step" for part in [*node.args, *_values(node)])
            for node in ast.walk(function)
        )
        assert handed_on or {"check", "changed"} <= used, f"{function.name} ignores the step"


def _values(call: ast.Call) -> list[ast.expr]:
    return [keyword.value for keyword in call.keywords]


def test_steps_are_read_from_parameters_alone() -> None:
    assert steps_in("test_create[create-check-first]") == {"create-check-first"}
    assert steps_in("test_create[v1-change-real-second-big]") == {"change-real-second"}
    assert not steps_in("test_delete-real-first")
    assert not steps_in("test_create[recreate-check-first]")


def test_the_cycle_promises_what_idempotence_means() -> None:
    assert len(CYCLE) == 12
    assert [step.id for step in CYCLE[:4]] == [
        "create-check-first",
        "create-check-second",
        "create-real-first",
        "create-real-second",
    ]
    real_second = Step("change", "real", "second")
    check_second = Step("change", "check", "second")
    assert (real_second.changed, real_second.writes) == (False, False)
    assert (check_second.changed, check_second.writes) == (True, False)
