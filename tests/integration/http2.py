# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/2 requests written by hand (RFC 9113, RFC 7541), so that they may be as wrong as a test wants them."""

from __future__ import annotations

import ssl
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _END_HEADERS, _ACKNOWLEDGE = 1, 4, 1
# Static table, entries 8 to 14: whole :status fields.
_INDEXED = dict(zip(range(8, 15), (200, 204, 206, 304, 400, 404, 500), strict=True))
# The Huffman code of digits.
_DIGITS = {f"{number:05b}": str(number) for number in range(3)} | {
    f"{0b011001 + number:06b}": str(number + 3) for number in range(7)
}


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def fields(pairs: Iterable[tuple[str, str]]) -> bytes:
    """A header block in which every field is literal, without Huffman code."""
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in pairs)


def _text(value: str) -> bytes:
    data = value.encode("latin-1")
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, length = b"", len(data) - 127
    while length >= 128:
        rest += bytes([length % 128 + 128])
        length //= 128
    return b"\x7f" + rest + bytes([length]) + data


def status(block: bytes) -> int:
    """The status of a response's header block, which it begins with; 0 when it can't be read."""
    while block and block[0] & 0xE0 == 0x20:  # a new size of the dynamic table
        block = block[1:]
    if block[0] & 0x80:
        return _INDEXED.get(block[0] & 0x7F, 0)
    length, huffman = block[1] & 0x7F, block[1] & 0x80
    value = block[2 : 2 + length]
    if not huffman:
        return int(value)
    bits, found = "".join(f"{byte:08b}" for byte in value), ""
    while len(found) < 3:
        code = next((code for code in _DIGITS if bits.startswith(code)), None)
        if code is None:
            return 0
        found, bits = found + _DIGITS[code], bits[len(code) :]
    return int(found)


class Http2:
    """One connection, on which streams are opened one after the other."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        assert connection.selected_alpn_protocol() == "h2"
        self._socket = connection
        self._stream = -1
        no_dynamic_table = struct.pack(">HI", 1, 0)
        self._socket.sendall(PREFACE + frame(_SETTINGS, 0, 0, no_dynamic_table))

    def ask(self, pairs: Iterable[tuple[str, str]], *, body: bytes | None = None) -> int:
        """The status of the answer; 0 when the stream or the connection is broken off instead."""
        self._stream += 2
        flags = _END_HEADERS | (_END_STREAM if body is None else 0)
        data = frame(_HEADERS, flags, self._stream, fields(pairs))
        if body is not None:
            data += frame(_DATA, _END_STREAM, self._stream, body)
        found = 0
        with suppress(OSError):
            self._socket.sendall(data)
            for kind, flags, payload in self._frames():
                if kind == _HEADERS and not found:
                    found = status(payload)
                if kind in (_RESET, _GOAWAY) or (kind in (_HEADERS, _DATA) and flags & _END_STREAM):
                    break
        return found

    def _frames(self) -> Iterator[tuple[int, int, bytes]]:
        """The frames of the stream that was opened last, and of the connection."""
        while head := self._read(9):
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = int.from_bytes(head[5:], "big")
            payload = self._read(length)
            if kind == _SETTINGS and not flags & _ACKNOWLEDGE:
                self._socket.sendall(frame(_SETTINGS, _ACKNOWLEDGE, 0))
            if stream == self._stream or kind == _GOAWAY:
                yield kind, flags, payload

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self._socket.recv(length - len(data))
            if not more:
                return b""
            data += more
        return data

    def close(self) -> None:
        """Leave."""
        self._socket.close()
