# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Behind each statement of the trust model stands a test: the one that is named has to be there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.gates.staging import ROOT
from tests.integration.hostile.test_misbehaviours import CASES, PHASES

MODEL = ROOT / "docs" / "trust-model.md"
_CITED = re.compile(r"`(tests/[\w/.]+\.py)(?:::(\w+)(?:\[([^\]`]+)\])?)?`")
_MISBEHAVIOURS = "tests/integration/hostile/test_misbehaviours.py"


def rows() -> list[str]:
    """The statements: lines of tables whose last column says what shows it."""
    found = []
    table = False
    for line in MODEL.read_text().splitlines():
        if line.rstrip().endswith("| shown by |"):
            table = True
        elif not line.startswith("|"):
            table = False
        elif table and not set(line) <= set("|- "):
            found.append(line)
    return found


@cache
def misbehaviours() -> frozenset[str]:
    """What neighbours are tested to do wrong, by the names of their tests."""
    return frozenset(f"{case.name}-{phase}" for case in CASES for phase in PHASES)


@pytest.mark.parametrize("row", rows())
def test_what_is_cited_is_there(row: str) -> None:
    shown = row.rstrip(" |").rpartition("|")[2].strip()
    cited = _CITED.findall(shown)
    assert cited or shown == "-", "say which test shows it, or - for what somebody can do by design"
    for path, name, case in cited:
        file = ROOT / path
        assert file.is_file(), path
        assert name, f"{path}: name the test, as {path}::test_it"
        functions = {item.name for item in ast.walk(ast.parse(file.read_text())) if isinstance(item, ast.FunctionDef)}
        assert name in functions, f"{path} has no {name}"
        assert not case or (path == _MISBEHAVIOURS and case in misbehaviours()), f"{path}::{name} has no [{case}]"


def test_there_are_statements() -> None:
    assert len(rows()) > 10
