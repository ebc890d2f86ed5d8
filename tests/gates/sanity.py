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

BIN = Path(sys.executable).parent
OTHER_PYTHONS = ("3.10", "3.12", "3.13")

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


def other_pythons() -> dict[str, Path]:
    """Interpreters of the other Pythons that modules run on, where this machine has them: version to program."""
    found: dict[str, Path] = {}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [*map(Path, os.get_exec_path()), *sorted(pyenv.glob("versions/*/bin"), reverse=True)]
    for version in OTHER_PYTHONS:
        for folder in folders:
            program = folder / f"python{version}"
            # A version manager's stand-in for an absent version is there, but doesn't run.
            if (
                program.exists()
                and subprocess.run([program, "-c", ""], capture_output=True, check=False).returncode == 0
            ):
                found[version] = program
                break
    return found


def run(arguments: list[str], environment: dict[str, str]) -> int:
    """Run ansible-test sanity in the copy; its exit code."""
    command = [str(BIN / "ansible-test"), "sanity", "--requirements", "--color", "no", *arguments]
    return subprocess.run(command, cwd=COPY, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


def main(arguments: list[str]) -> int:
    """Stage, and run all tests, or those that the arguments name. An ignore file is a failure of its own.

    Without arguments, what the other Pythons can't compile or import is found too.
    """
    others = {} if arguments else other_pythons()
    stage()
    ignored = sorted(str(path.relative_to(COPY)) for path in COPY.glob("tests/sanity/ignore*"))
    if ignored:
        print(f"Sanity tests must pass without ignore files; found {', '.join(ignored)}")
        return 1
    write_bootstrap()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "ANSIBLE_"))}
    folders = [str(BIN), kept.get("PATH", os.defpath), *(str(program.parent) for program in others.values())]
    environment = {**kept, "HOME": str(HOME), "PATH": os.pathsep.join(folders)}
    codes = []
    for other in others:
        print(f"Python {other}:", flush=True)
        controller = f"origin:python={version}"
        tests = ["--test", "compile", "--test", "import"]
        codes.append(run(["--controller", controller, "--target-python", other, *tests], environment))
    codes.append(run(["--python", version, *arguments], environment))
    return max(codes)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
