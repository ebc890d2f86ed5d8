# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the Python environments that everything else here runs in.

    python3 tests/gates/venv.py [--pin] [dev] [oldest] [bench]

dev     .venv               the newest ansible-core, the tools, the test runner
oldest  .venv/core-oldest   the oldest ansible-core, the test runner
bench   .venv/bench         the collection that the benchmark compares with

Each is made anew only when its requirement files, its constraints or the interpreter have changed. --pin installs the
newest versions that the requirement files allow and writes them down as constraints. Uses the standard library alone,
because it runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "tests" / "requirements"
COLLECTION_REQUIREMENTS = ROOT / "meta" / "ee-requirements.txt"


@dataclass(frozen=True)
class Environment:
    """One virtual environment: where it is, what is in it, which Pythons it can be made with (best first)."""

    path: Path
    requirements: tuple[Path, ...]
    constraints: Path
    pythons: tuple[tuple[int, int], ...]

    @property
    def python(self) -> str:
        """The interpreter inside."""
        return str(self.path / "bin" / "python")


ENVIRONMENTS = {
    "dev": Environment(
        ROOT / ".venv",
        (
            COLLECTION_REQUIREMENTS,
            REQUIREMENTS / "core-newest.txt",
            REQUIREMENTS / "unit.txt",
            REQUIREMENTS / "dev.txt",
        ),
        REQUIREMENTS / "constraints-dev.txt",
        ((3, 11), (3, 12), (3, 13)),
    ),
    "oldest": Environment(
        ROOT / ".venv" / "core-oldest",
        (COLLECTION_REQUIREMENTS, REQUIREMENTS / "core-oldest.txt", REQUIREMENTS / "unit.txt"),
        REQUIREMENTS / "constraints-oldest.txt",
        ((3, 11), (3, 10), (3, 12)),
    ),
    "bench": Environment(
        ROOT / ".venv" / "bench",
        (REQUIREMENTS / "bench.txt",),
        REQUIREMENTS / "constraints-bench.txt",
        ((3, 11), (3, 12), (3, 13)),
    ),
}


def version_of(python: str) -> tuple[int, int] | None:
    """The (major, minor) of an interpreter, None when it doesn't run (as with pyenv's shims of absent versions)."""
    code = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    major, minor = done.stdout.split()
    return int(major), int(minor)


def find_python(wanted: tuple[tuple[int, int], ...]) -> str:
    """The first interpreter of a wanted version. The one that runs this file is taken when it fits at all."""
    # Of a virtual environment, take the Python that it was made from: the environment may be the one to be made.
    running = getattr(sys, "_base_executable", sys.executable)
    if sys.version_info[:2] in wanted:
        return running
    for major, minor in wanted:
        name = f"python{major}.{minor}"
        for folder in os.get_exec_path():
            candidate = shutil.which(name, path=folder)
            if candidate and version_of(candidate) == (major, minor):
                return candidate
    names = ", ".join(f"{major}.{minor}" for major, minor in wanted)
    raise SystemExit(f"No Python of version {names} found. On Debian or Ubuntu: apt-get install python3 python3-venv")


def ensure_venv_module(python: str) -> None:
    """Debian has the venv module's other half, ensurepip, in a package of its own: install it where it is missing."""
    probe = subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True, check=False)
    if probe.returncode == 0:
        return
    version = version_of(python) or sys.version_info[:2]
    packages = ["python3-venv", f"python{version[0]}.{version[1]}-venv"]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SystemExit(f"{python} can't make virtual environments. Install first: {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment, stdin=subprocess.DEVNULL)
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        check=True,
        env=environment,
        stdin=subprocess.DEVNULL,
    )


def fingerprint(environment: Environment, python: str) -> str:
    """A hash of everything that decides what the environment holds."""
    digest = hashlib.sha256()
    digest.update(Path(__file__).read_bytes())
    digest.update(subprocess.run([python, "-VV"], capture_output=True, check=True).stdout)
    digest.update(str(environment.path).encode())
    for file in (*environment.requirements, environment.constraints):
        digest.update(file.name.encode() + b"\0" + (file.read_bytes() if file.exists() else b"") + b"\0")
    return digest.hexdigest()


def link_collection(environment: Environment) -> None:
    """Let both Ansible and plain Python find the checkout as ansible_collections.meshalliance.istio."""
    collections = ROOT / ".venv" / "collections"
    link = collections / "ansible_collections" / "meshalliance" / "istio"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink() or link.resolve() != ROOT:
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT, target_is_directory=True)
    for packages in sorted((environment.path / "lib").glob("python3.*/site-packages")):
        (packages / "meshalliance_istio.pth").write_text(f"{collections}\n", encoding="utf-8")


def install(environment: Environment, python: str, *, constrained: bool) -> None:
    """Make the virtual environment, or install what it lacks."""
    ensure_venv_module(python)
    subprocess.run([python, "-m", "venv", str(environment.path)], check=True, stdin=subprocess.DEVNULL)
    command = [environment.python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    if constrained and environment.constraints.exists():
        command += ["--constraint", str(environment.constraints)]
    for file in environment.requirements:
        command += ["--requirement", str(file)]
    if not constrained:
        command += ["--upgrade", "--upgrade-strategy", "eager"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def pin(environment: Environment) -> None:
    """Write the versions that are installed as constraints. ansible-core has its own requirement files."""
    command = [environment.python, "-m", "pip", "freeze", "--disable-pip-version-check"]
    frozen = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    lines = sorted((line for line in frozen if not line.startswith(("ansible-core=", "ansible="))), key=str.lower)
    head = "# What pip chooses by itself. Written by: python3 tests/gates/venv.py --pin"
    environment.constraints.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


def make(name: str, *, repin: bool) -> None:
    """Make one environment, or bring it up to date, or find that there is nothing to do."""
    environment = ENVIRONMENTS[name]
    python = find_python(environment.pythons)
    stamp = environment.path / "requirements.sha256"
    wanted = fingerprint(environment, python)
    if repin or not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"{environment.path.relative_to(ROOT)}: installing with {python}", flush=True)
        stamp.unlink(missing_ok=True)
        install(environment, python, constrained=not repin)
        if repin:
            pin(environment)
            wanted = fingerprint(environment, python)
        stamp.write_text(wanted, encoding="utf-8")
    # Every time, because the checkout may have been moved since.
    if name != "bench":
        link_collection(environment)


def main(arguments: list[str]) -> int:
    """Make the named environments, one process at a time."""
    repin = "--pin" in arguments
    names = [argument for argument in arguments if argument != "--pin"] or ["dev"]
    unknown = sorted(set(names) - set(ENVIRONMENTS))
    if unknown:
        print(f"Unknown environment: {', '.join(unknown)}. Known: {', '.join(ENVIRONMENTS)}", file=sys.stderr)
        return 2
    (ROOT / ".venv").mkdir(exist_ok=True)
    with (ROOT / ".venv" / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            make(name, repin=repin)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
