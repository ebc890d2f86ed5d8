# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of a cluster, built from pinned Go modules."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .cache import artefact
from .errors import LabError
from .pins import GO_PARTS, GoPart
from .progress import step

_SOURCES = Path(__file__).parent / "go"


def _go(part: GoPart, *arguments: str) -> str:
    """Run the go command in the part's module and return what it prints; its messages go into the error."""
    if shutil.which("go") is None:
        raise LabError("the go command is missing; the lab builds Kubernetes and Istio from Go modules")
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOWORK": "off",
    }
    done = subprocess.run(
        ["go", *arguments], cwd=_SOURCES / part.name, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise LabError(f"go {arguments[0]} of {part.name} failed:\n{done.stderr[-4000:]}")
    return done.stdout


def build(part: GoPart) -> Path:
    """The folder with the part's programs (`bin/`) and data files, built when the cache has none for its pins."""
    flags = "-s -w " + " ".join(f"-X {name}={value}" for name, value in sorted(part.variables.items()))

    def make(folder: Path) -> None:
        with step(f"build {part.name}"):
            (folder / "bin").mkdir()
            for program, package in part.programs.items():
                _go(part, "build", "-ldflags", flags.strip(), "-o", str(folder / "bin" / program), package)
            for target, source in part.data.items():
                module, _colon, path = source.partition(":")
                origin = Path(_go(part, "list", "-m", "-f", "{{.Dir}}", module).strip()) / path
                shutil.copyfile(origin, folder / target)

    sources = [path.read_bytes() for path in sorted((_SOURCES / part.name).iterdir())]
    pins: list[bytes | str] = [*sources, repr(part)]
    return artefact(part.name, pins, make)


def part(name: str) -> Path:
    """Build (or find) the part called `name` of the pins."""
    return build(next(candidate for candidate in GO_PARTS if candidate.name == name))


def program(name: str) -> Path:
    """The path of one program, for example `kubectl`; its part is built when it is missing."""
    for candidate in GO_PARTS:
        if name in candidate.programs:
            return build(candidate) / "bin" / name
    raise LabError(f"no part of the lab has a program {name}")


def build_all() -> None:
    """Build every part, one after the other: each build uses all cores by itself."""
    for candidate in GO_PARTS:
        build(candidate)
