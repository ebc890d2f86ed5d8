# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a playbook so that it shows all that it ever shows, and collects that: output, log, files, facts, processes."""

from __future__ import annotations

import base64
import contextlib
import io
import re
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Modules run for longer; what a process was started with does not change.
LOOK_SECONDS = 0.01
VERBOSITY = "-vvvvvv"
_ZIP = re.compile(rb"UEsDB[A-Za-z0-9+/=]{1000,}")


@dataclass(frozen=True)
class Exposure:
    """What a run has shown: its exit status, its output, and all of it by place."""

    status: int
    output: str
    places: Mapping[str, bytes]


class Onlooker(threading.Thread):
    """Reads the arguments and the environment of a process and of all that it starts, again and again, as root could.

    C(seen): by place ("arguments", "environment") what was read.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, set[bytes]] = {"arguments": set(), "environment": set()}
        self._pid = pid
        self._ended = threading.Event()

    def run(self) -> None:
        """Until end()."""
        while not self._ended.is_set():
            for process in self._family(Path("/proc", str(self._pid))):
                with contextlib.suppress(OSError):  # it has ended
                    self.seen["arguments"].add((process / "cmdline").read_bytes())
                    self.seen["environment"].add((process / "environ").read_bytes())
            time.sleep(LOOK_SECONDS)

    def _family(self, process: Path) -> Iterator[Path]:
        yield process
        with contextlib.suppress(OSError):
            for task in list((process / "task").iterdir()):
                for child in (task / "children").read_text().split():
                    yield from self._family(Path("/proc", child))

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join(30)


def exposed(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Exposure:
    """Run ansible's command with all its output, its files kept in an empty folder, and a cache of facts."""
    for name in ("remote", "local", "facts", "temporary"):
        (folder / name).mkdir(parents=True)
    shown = {
        **environment,
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_REMOTE_TMP": str(folder / "remote"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
        "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "facts"),
        "ANSIBLE_NOCOLOR": "1",
        "TMPDIR": str(folder / "temporary"),
    }
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen([*command, VERBOSITY, "--diff"], env=shown, stdout=output, stderr=output)
        onlooker = Onlooker(process.pid)
        onlooker.start()
        try:
            status = process.wait(900)
        finally:
            process.kill()
            onlooker.end()
    places = dict(_files(folder))
    for what, texts in onlooker.seen.items():
        places.update({f"{what} of a process, {number}": text for number, text in enumerate(sorted(texts), 1)})
    return Exposure(status, (folder / "output").read_text(errors="replace"), places)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, and what is packed in those by which ansible carries modules; each package once."""
    packages: set[bytes] = set()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            for package in set(_ZIP.findall(data)) - packages:
                packages.add(package)
                with zipfile.ZipFile(io.BytesIO(base64.b64decode(package))) as packed:
                    yield (
                        f"{path.relative_to(folder)}, packed",
                        b"\n".join(packed.read(name) for name in packed.namelist()),
                    )
            yield str(path.relative_to(folder)), _ZIP.sub(b"", data)
