# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clean copy of the checkout, laid out as ansible-test, ansible-lint and ansible-galaxy want a collection.

    python -m tests.gates.staging

writes tests/output/gates/collections/ansible_collections/meshalliance/istio, with the files that git knows or would
take (so without .venv, .lab and caches), as a git checkout of its own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "tests" / "output" / "gates"
COLLECTIONS = OUTPUT / "collections"
COPY = COLLECTIONS / "ansible_collections" / "meshalliance" / "istio"

_locks: list[TextIO] = []


def git(*arguments: str, cwd: Path) -> str:
    """Run git on the folder given, whatever repository the environment may point to (as it does inside a hook)."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    done = subprocess.run(["git", *arguments], cwd=cwd, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def source_files() -> list[str]:
    """Paths of the files to copy, relative to the checkout, sorted."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    names = {name for name in listed.split("\0") if name}
    return sorted(name for name in names if (ROOT / name).is_symlink() or (ROOT / name).is_file())


def stage() -> Path:
    """Make the copy anew and return its path. It belongs to this process until the process ends."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    if not _locks:
        lock = (OUTPUT / "collections.lock").open("w", encoding="utf-8")
        fcntl.flock(lock, fcntl.LOCK_EX)
        _locks.append(lock)
    if COLLECTIONS.exists():
        shutil.rmtree(COLLECTIONS)
    for name in source_files():
        target = COPY / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    git("init", "--quiet", cwd=COPY)
    git("add", "--all", cwd=COPY)
    return COPY


if __name__ == "__main__":
    print(stage())
