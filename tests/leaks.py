# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds private keys and tokens where they must not be: their real values, in whatever form they may be written.

Of a private key, the bytes are looked for that nobody else knows (of an RSA key, the modulus is public), of a token its
signature: as text, base64 (also within a longer base64 text, and encoded twice), hexadecimal and bytes. Line ends,
escapes, blanks and quotes in between make no difference. Beside the known values, everything that has the form of a
private key or of a JSON Web Token counts.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

# Whoever shows twice as many characters of a secret in a row shows one of the pieces that are looked for.
PIECE = 24

_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(.*?)-----END [A-Z0-9 ]*PRIVATE KEY-----", re.DOTALL)
_TOKEN = re.compile(r"eyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}")
_OPAQUE = frozenset({"token", "password"})
_LINE_END = re.compile(rb"\\+[nrt]|\\+u000[adAD]")
_NOISE = re.compile(rb"[\s\\\"',]+")


@dataclass(frozen=True)
class Leak:
    """A secret that was found: whose, in which form, and where."""

    secret: str
    form: str
    place: str


def _base64s(data: bytes) -> list[bytes]:
    """Base64 of some bytes within a longer text: at each of three offsets, without the ends that others share."""
    forms = []
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + data)
        forms.append(encoded[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6])
    return forms


def _pieces(text: bytes, size: int = PIECE) -> set[bytes]:
    if len(text) <= size:
        return {text}
    return {text[start : start + size] for start in [*range(0, len(text) - size, size), len(text) - size]}


def _any_of(texts: Iterable[bytes]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(re.escape(text) for text in texts))


# What has the form of a secret, in a text without blanks, quotes and line ends.
_FORMS = {
    ("a private key", "PEM"): re.compile(rb"-----BEGIN[A-Z0-9]*PRIVATEKEY-----[\w+/=]{16,}"),
    ("a private key", "PEM in base64"): _any_of(_base64s(b"PRIVATE KEY-----\n")),
    ("a token", "JSON Web Token"): re.compile(_TOKEN.pattern.encode()),
    ("a token", "JSON Web Token in base64"): _any_of(_base64s(b"eyJhbGciOi")),
}


class Secrets:
    """Known secrets: add them, then look for leaks."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        # What is looked for, and what it is: in the text, in its hexadecimal digits, in the bytes as they are.
        self._texts: dict[bytes, tuple[str, str]] = {}
        self._digits: dict[bytes, tuple[str, str]] = {}
        self._bytes: dict[bytes, tuple[str, str]] = {}

    def add_text(self, name: str, text: str) -> None:
        """All private keys (PEM) and JSON Web Tokens in a text."""
        for number, match in enumerate(_KEY.finditer(text), 1):
            self._add_key(f"{name}, key {number}", match.group(1).split())
        for number, token in enumerate(_TOKEN.findall(text), 1):
            self.add_token(f"{name}, token {number}", token)

    def add_token(self, name: str, token: str) -> None:
        """A token or a password; of a JSON Web Token, who has no signature has nothing."""
        secret = token.rpartition(".")[2].encode()
        for piece in _pieces(secret):
            self._texts[piece] = (name, "text")
        self._add(name, secret)

    def add_secret(self, cluster: str, secret: Mapping[str, Any]) -> None:
        """What is secret in a Kubernetes Secret."""
        metadata = secret["metadata"]
        for key, value in (secret.get("data") or {}).items():
            name = f"{cluster} {metadata['namespace']}/{metadata['name']} {key}"
            text = base64.b64decode(value).decode("utf-8", "replace")
            self.add_text(name, text)
            if key in _OPAQUE and not _TOKEN.search(text):
                self.add_token(name, text)

    def add_kubeconfig(self, name: str, kubeconfig: Mapping[str, Any]) -> None:
        """The keys, tokens and passwords of a kubeconfig."""
        for entry in kubeconfig["users"]:
            for key, value in entry["user"].items():
                if key == "client-key-data":
                    self.add_text(f"{name} {entry['name']}", base64.b64decode(value).decode())
                elif key in _OPAQUE:
                    self.add_token(f"{name} {entry['name']} {key}", value)

    def _add_key(self, name: str, lines: list[str]) -> None:
        der = base64.b64decode("".join(lines))
        # Not as PEM: Deckhouse's label for a key pair is one that no library knows.
        begin, end = _secret_part(der, serialization.load_der_private_key(der, None))
        self._add(name, der[begin:end])
        # In base64 once more, as in a Secret: line by line, because their ends are encoded with them.
        for number, line in enumerate(lines):
            start = number * len(lines[0])
            secret = line[max(0, -(-begin * 8 // 6) - start) : max(0, end * 8 // 6 - start)]
            if len(secret) > PIECE // 2:
                self._add_base64(name, secret.encode(), "PEM in base64")

    def _add(self, name: str, secret: bytes) -> None:
        self.names.add(name)
        self._bytes[secret] = (name, "bytes")
        for piece in _pieces(secret.hex().encode()):
            self._digits[piece] = (name, "hexadecimal")
        self._add_base64(name, secret, "base64")

    def _add_base64(self, name: str, data: bytes, form: str) -> None:
        for encoded in _base64s(data):
            for piece in _pieces(encoded):
                self._texts[piece] = (name, form)
                self._texts[piece.replace(b"+", b"-").replace(b"/", b"_")] = (name, form)

    def leaks(self, place: str, data: bytes) -> list[Leak]:
        """The secrets in an output or a file."""
        text = _NOISE.sub(b"", _LINE_END.sub(b"", unquote_to_bytes(data) if b"%" in data else data))
        digits = text.replace(b":", b"").lower()
        found = {
            Leak(*what, place)
            for view, wanted in ((text, self._texts), (digits, self._digits), (data, self._bytes))
            for needle, what in wanted.items()
            if needle in view
        }
        found |= {Leak(*what, place) for what, form in _FORMS.items() if form.search(text)}
        return sorted(found, key=str)


def _secret_part(der: bytes, key: Any) -> tuple[int, int]:
    """Where in the DER of a private key that stands which can't be told from the public key."""
    if isinstance(key, rsa.RSAPrivateKey):
        # From the private exponent on, all is secret.
        exponent = key.private_numbers().d
        return der.index(exponent.to_bytes((exponent.bit_length() + 7) // 8, "big")), len(der)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        secret = key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        secret = key.private_bytes_raw()
    else:
        raise TypeError(f"{type(key).__name__} is not known here")
    return der.index(secret), der.index(secret) + len(secret)
