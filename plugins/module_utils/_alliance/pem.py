# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM text (RFC 7468) in and out. Only the envelope: what is inside is the callers' matter."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

_BLOCK = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]{1,64})-----[ \t]*\r?\n(?P<body>[A-Za-z0-9+/=\s]*?)-----END (?P=label)-----"
)


@dataclass(frozen=True, repr=False)
class Block:
    """label: between BEGIN and the dashes. der: the decoded bytes, which may be a private key: no repr."""

    label: str
    der: bytes


def encode(label: str, der: bytes) -> str:
    """One block with lines of 64 characters and one newline at the end."""
    body = base64.b64encode(der).decode("ascii")
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def decode(text: str) -> tuple[list[Block], str]:
    """The blocks in their order, and the text outside of them.

    Raises ValueError, which says nothing about the content: a block that is cut off or not base64.
    """
    blocks: list[Block] = []

    def take(match: re.Match[str]) -> str:
        try:
            der = base64.b64decode("".join(match["body"].split()), validate=True)
        except binascii.Error:
            raise ValueError("a PEM block is not base64") from None
        blocks.append(Block(match["label"], der))
        return ""

    outside = _BLOCK.sub(take, text)
    if "-----BEGIN" in outside or "-----END" in outside:
        raise ValueError("a PEM block is incomplete or damaged")
    return blocks, outside
