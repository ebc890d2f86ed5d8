# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM text, read as the platform's reader does: the first block counts, and what follows it is told."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

_BLOCK = re.compile(
    r"(?:^|\n)-----BEGIN (?P<label>[^\n-]+)-----[ \t]*\r?\n(?P<body>[^-]*)-----END (?P=label)-----[ \t]*(?:\r?\n|$)"
)


@dataclass(frozen=True)
class Block:
    """rest: whatever follows the block, of which one end of line belongs to the block itself."""

    label: str
    der: bytes
    rest: str


def encode(label: str, der: bytes) -> str:
    """One block with lines of 64 characters."""
    body = base64.encodebytes(der).replace(b"\n", b"").decode()
    lines = "".join(f"{body[start : start + 64]}\n" for start in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{lines}-----END {label}-----\n"


def first_block(text: str) -> Block | None:
    """The first block, or None when there is none that can be read."""
    found = _BLOCK.search(text)
    if found is None:
        return None
    try:
        der = base64.b64decode("".join(found["body"].split()), validate=True)
    except binascii.Error:
        return None
    return Block(found["label"], der, text[found.end() :])
