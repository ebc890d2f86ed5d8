# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command to its end."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import LabError


def run(argv: Sequence[str | Path], *, stdin: str | None = None, timeout: float = 600) -> str:
    """Run `argv`, feed it `stdin`, and return its standard output.

    Raises LabError with the end of its standard error when it fails or takes longer than `timeout` seconds.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, timeout=timeout)
    except FileNotFoundError as error:
        raise LabError(f"{words[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no end after {timeout:.0f} s: {' '.join(words)}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-3000:]
        raise LabError(f"exit status {done.returncode}: {' '.join(words)}\n{said}")
    return done.stdout


def succeeds(argv: Sequence[str | Path], *, timeout: float = 60) -> bool:
    """Whether `argv` ends with exit status 0; its output is thrown away."""
    try:
        run(argv, timeout=timeout)
    except LabError:
        return False
    return True
