# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mounted public key. The kubelet replaces the file when the Secret changes; its private half is not mounted."""

from __future__ import annotations

import os
from pathlib import Path

_MOST_BYTES = 8192


class KeyFile:
    """A small text file that is read again only when it was replaced; C(most) of its bytes count."""

    def __init__(self, path: str, most: int = _MOST_BYTES) -> None:
        self._path = Path(path)
        self._most = most
        self._stamp: tuple[int, int, int] | None = None

    def changed(self) -> bool:
        """Whether the file differs from what read() gave last. One stat, cheap enough for each request."""
        return self._look() != self._stamp

    def read(self) -> str:
        """The content, or an empty text when it can't be read."""
        stamp = self._look()
        try:
            with self._path.open("rb") as file:
                text = file.read(self._most).decode("ascii", "replace")
        except OSError:
            text = ""
        self._stamp = stamp
        return text

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size)
