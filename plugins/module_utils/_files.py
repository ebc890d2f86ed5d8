# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the machine that runs the playbook, which actions write."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def place(text: str) -> Path:
    """A path of the inventory: relative to where the playbook was started, which is where its user looks first."""
    return Path(text).expanduser().absolute()


def read_text(path: Path) -> str:
    """The text of a file, empty when there is none. Raises OSError, UnicodeDecodeError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def write_text(path: Path, text: str) -> None:
    """At once or not at all: a run that is killed leaves the whole old file or the whole new one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # It is meant to be handed on: nothing in it is secret.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
