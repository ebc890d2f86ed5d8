# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as rows of grey values: what is left of a PNG for who sees no colour."""

from __future__ import annotations

import struct
import zlib

# Bytes a pixel, by PNG's colour type: a browser writes RGB or RGBA.
_CHANNELS = {2: 3, 6: 4}
# How bright the channels are (ITU-R BT.709).
_WEIGHTS = (0.2126, 0.7152, 0.0722)


def greys(png: bytes) -> list[list[float]]:
    """The brightness of each pixel, 0 to 255, row by row. Raises ValueError for a PNG of another kind."""
    width, height, channels, data = _read(png)
    rows = _unfiltered(width, height, channels, data)
    return [
        [
            sum(row[start + channel] * weight for channel, weight in enumerate(_WEIGHTS))
            for start in range(0, width * channels, channels)
        ]
        for row in rows
    ]


def difference(one: list[list[float]], other: list[list[float]]) -> float:
    """By how much two pictures of one size differ in the mean, 0 to 255."""
    pairs = [pair for first, second in zip(one, other, strict=True) for pair in zip(first, second, strict=True)]
    return sum(abs(a - b) for a, b in pairs) / len(pairs)


def _read(png: bytes) -> tuple[int, int, int, bytes]:
    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("it is no PNG")
    place, data = 8, b""
    width = height = channels = 0
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        body = png[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _compression, _filter, interlaced = struct.unpack(">IIBBBBB", body)
            if depth != 8 or colour not in _CHANNELS or interlaced:
                raise ValueError(f"a PNG with depth {depth}, colour type {colour}, interlacing {interlaced}")
            channels = _CHANNELS[colour]
        elif kind == b"IDAT":
            data += body
        place += length + 12
    return width, height, channels, zlib.decompress(data)


def _unfiltered(width: int, height: int, channels: int, data: bytes) -> list[bytes]:
    """The rows without what makes them compress well (PNG specification, section 9)."""
    length = width * channels
    rows: list[bytes] = []
    before = bytes(length)
    for number in range(height):
        start = number * (length + 1)
        row = bytearray(data[start + 1 : start + 1 + length])
        for place in range(length):
            left = row[place - channels] if place >= channels else 0
            above, corner = before[place], before[place - channels] if place >= channels else 0
            row[place] = (row[place] + _predicted(data[start], left, above, corner)) & 0xFF
        before = bytes(row)
        rows.append(before)
    return rows


def _predicted(kind: int, left: int, above: int, corner: int) -> int:
    if kind == 4:
        nearest = left + above - corner
        return min((left, above, corner), key=lambda value: abs(nearest - value))
    return (0, left, above, (left + above) // 2)[kind]
