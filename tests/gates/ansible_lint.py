# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-lint with profile production on the staged copy: roles, playbooks, and the examples in module
documentation. Nothing is downloaded.

    python -m tests.gates.ansible_lint
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from tests.gates.staging import COLLECTIONS, COPY, OUTPUT, stage


def write_examples(copy: Path) -> None:
    """Put the examples of every module where ansible-lint takes them for tasks: it doesn't look into Python files."""
    folder = copy / "examples_of_modules" / "tasks"
    folder.mkdir(parents=True)
    for module in sorted((copy / "plugins" / "modules").glob("*.py")):
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["EXAMPLES"]:
                text = ast.literal_eval(node.value).strip().removeprefix("---").strip()
                (folder / f"{module.stem}.yml").write_text(f"---\n{text}\n", encoding="utf-8")


def main() -> int:
    """Stage, lint, and hand on the exit code. Warnings count as failures; files that switch rules off do too."""
    write_examples(stage())
    ignored = sorted(str(path.relative_to(COPY)) for path in COPY.rglob(".ansible-lint-ignore"))
    if ignored:
        print(f"ansible-lint must pass without ignore files; found {', '.join(ignored)}")
        return 1
    home = OUTPUT / "ansible-home"
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
    }
    command = [str(Path(sys.executable).with_name("ansible-lint")), "--offline", "--profile", "production", "--strict"]
    command += ["--nocolor", "--project-dir", str(COPY)]
    return subprocess.run(command, cwd=COPY, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
