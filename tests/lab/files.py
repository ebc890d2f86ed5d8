# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing configuration files."""

from __future__ import annotations

from pathlib import Path


def write_if_changed(path: Path, content: str, *, mode: int = 0o644) -> bool:
    """Give the file that content in one step, and leave it untouched when it has it: some daemons watch their files.

    Whether it was written.
    """
    if path.is_file() and path.read_text() == content:
        return False
    temporary = path.with_name(f".{path.name}.new")
    temporary.touch(mode=mode)
    temporary.write_text(content)
    temporary.replace(path)
    return True
