# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-test sanity on the staged copy, without containers and without its download of a pip installer.

python -m tests.gates.sanity [arguments for ansible-test sanity]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import ansible_test

from tests.gates.staging import COPY, ROOT, stage

# ansible-test keeps its environments below the home folder; those of this checkout stay inside it.
HOME = ROOT / ".venv" / "ansible-test"

# ansible-test starts this script as a program in each new environment. Python's own bundled pip does as well as the
# one that it would download.
BOOTSTRAP = "import ensurepip\nensurepip.bootstrap(upgrade=True, default_pip=True)\n"


def write_bootstrap() -> None:
    """Put the script where ansible-test looks before it downloads; the name holds the pip version that it wants."""
    source = Path(next(iter(ansible_test.__path__))) / "_internal" / "python_requirements.py"
    versions = re.findall(r"""\bpip=['"]([0-9.]+)['"]""", source.read_text(encoding="utf-8"))
    if not versions:
        raise SystemExit(
            f"{source} no longer names the pip version that it wants: tests/gates/sanity.py has to follow."
        )
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in versions:
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(BOOTSTRAP, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Stage, run, and hand on the exit code. An ignore file is a failure of its own."""
    stage()
    ignored = sorted(str(path.relative_to(COPY)) for path in COPY.glob("tests/sanity/ignore*"))
    if ignored:
        print(f"Sanity tests must pass without ignore files; found {', '.join(ignored)}")
        return 1
    write_bootstrap()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [str(Path(sys.executable).with_name("ansible-test")), "sanity", "--requirements", "--color", "no"]
    command += ["--python", version, *arguments]
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "ANSIBLE_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), keep.get("PATH", os.defpath)])
    environment = {**keep, "HOME": str(HOME), "PATH": path}
    done = subprocess.run(command, cwd=COPY, env=environment, stdin=subprocess.DEVNULL, check=False)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
