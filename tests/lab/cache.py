# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Built artefacts, kept outside the checkout under the hash of what they were made from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_root() -> Path:
    """The cache folder, `$XDG_CACHE_HOME/meshalliance-lab` (made when missing)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    root = Path(base) / "meshalliance-lab"
    root.mkdir(parents=True, exist_ok=True)
    return root


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` (made when missing); other processes wait, a dead holder lets go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def digest(parts: Iterable[bytes | str]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 over `parts`, each preceded by its length."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(f"{len(data)}:".encode() + data)
    return whole.hexdigest()[:16]


def artefact(name: str, pins: Iterable[bytes | str], make: Callable[[Path], None]) -> Path:
    """The folder `<name>-<hash of pins>`, filled by `make` when it isn't there yet.

    `make` gets an empty folder beside it, which is renamed when it returns: what is seen is always complete. Two
    checkouts that need the same artefact don't make it twice.
    """
    root = cache_root()
    wanted = root / f"{name}-{digest(pins)}"
    if wanted.is_dir():
        return wanted
    with locked(root / f".{wanted.name}.lock"):
        if wanted.is_dir():
            return wanted
        for leftover in root.glob(f".{wanted.name}.tmp*"):
            shutil.rmtree(leftover, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{wanted.name}.tmp", dir=root))
        folder.chmod(0o755)
        try:
            make(folder)
            folder.rename(wanted)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return wanted
