# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a stranger's roots may be handed to istiod and to proxies.

All anchors of a cluster are in one configuration. istiod takes it as a whole or not at all, and does not start with one
that it can't read; it reads with Go's crypto/x509 (parser.go), which refuses more than this library does. So one
strange root would cost the trust in all neighbours, or the control plane. Here every part that ends up in an anchor is
held against a short list of what all readers understand.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Iterator, Sequence

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    certificate_der,
    fingerprint,
    load_certificate,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import CertificateError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
except ImportError:
    pass  # told by libraries.missing_libraries()

# All anchors of all neighbours have to fit into one ConfigMap, which holds 1 MiB.
MAX_ROOTS = 8
MAX_ROOT_BYTES = 8 * 1024
MAX_NAME_BYTES = 1024
MAX_KEY_ID_BYTES = 64
MAX_CONSTRAINTS = 64
MAX_PATH_LENGTH = 255

_RSA_BITS = range(2048, 8193)
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
# ASN.1 tags of the strings that names are made of, and what may be in them (X.680, section 41).
_UTF8, _PRINTABLE, _IA5 = 0x0C, 0x13, 0x16
_PRINTABLE_TEXT = re.compile(rb"[A-Za-z0-9 '()+,./:=?&*-]*")
# A host, or with a leading dot all below it.
_CONSTRAINED_HOST = re.compile(r"\.?[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*")


def check_roots(pem: str, now: datetime.datetime) -> None:
    """Raises CertificateError that says which root of a bundle can't be used, and why.

    One of several may be out of its time, as while one follows the other; not all of them.
    """
    roots = split_certificates(pem)
    if len(roots) > MAX_ROOTS:
        raise CertificateError(f"there are {len(roots)} roots, more than the {MAX_ROOTS} allowed", remedy=_FEWER)
    for root in roots:
        problem = next(_problems(root), None)
        if problem:
            raise CertificateError(f"root {fingerprint(root)}: {problem}", remedy=_ANOTHER)
    outside = [text for text in (_out_of_time(root, now) for root in roots) if text]
    if len(outside) == len(roots):
        raise CertificateError("; ".join(outside), remedy=_VALID)


def _problems(root: str) -> Iterator[str]:
    size = len(certificate_der(root))
    if size > MAX_ROOT_BYTES:
        yield f"it has {size} bytes, more than the {MAX_ROOT_BYTES} allowed"
    certificate = load_certificate(root)
    yield from _key_problems(certificate.public_key())
    try:
        yield from _name_problems(certificate.subject.public_bytes())
    except ValueError:
        yield "its name can't be written again"
    for extension in certificate.extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and (value.path_length or 0) > MAX_PATH_LENGTH:
            yield f"its path length is {value.path_length}"
        elif isinstance(value, x509.SubjectKeyIdentifier) and not 0 < len(value.digest) <= MAX_KEY_ID_BYTES:
            yield f"its key identifier has {len(value.digest)} bytes"
        elif isinstance(value, x509.NameConstraints):
            yield from _constraint_problems([*(value.permitted_subtrees or ()), *(value.excluded_subtrees or ())])


def _key_problems(key: object) -> Iterator[str]:
    if isinstance(key, rsa.RSAPublicKey):
        exponent = key.public_numbers().e
        if key.key_size not in _RSA_BITS:
            yield f"its RSA key has {key.key_size} bits, not {_RSA_BITS.start} to {_RSA_BITS.stop - 1}"
        if exponent % 2 == 0 or not 3 <= exponent < 2**31:
            yield f"the exponent of its RSA key is {str(exponent)[:20]}"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            yield f"its key is on the curve {key.curve.name}, not on one of {', '.join(_CURVES)}"
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        yield "its key is neither RSA nor ECDSA nor Ed25519"


def _name_problems(name: bytes) -> Iterator[str]:
    """name: the DER of a Name (RFC 5280, section 4.1.2.4), whose structure the library has checked already."""
    if len(name) > MAX_NAME_BYTES:
        yield f"its name has {len(name)} bytes, more than the {MAX_NAME_BYTES} allowed"
        return
    strings = list(_strings(name))
    if not strings:
        yield "it has no name"
    for tag, text in strings:
        if tag == _UTF8:
            good = b"\0" not in text and _is_utf8(text)
        elif tag == _PRINTABLE:
            good = _PRINTABLE_TEXT.fullmatch(text) is not None
        else:
            good = tag == _IA5 and text.isascii() and b"\0" not in text
        if not good:
            yield "its name holds a text that not every reader understands"
            return


def _strings(name: bytes) -> Iterator[tuple[int, bytes]]:
    for _tag, relative in _elements(_content(name)):
        for _set_tag, pair in _elements(relative):
            (_oid_tag, _oid), (tag, text) = _elements(pair)
            yield tag, text


def _content(der: bytes) -> bytes:
    ((_tag, content),) = _elements(der)
    return content


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element of a sequence of DER elements with one-byte tags."""
    place = 0
    while place < len(der):
        tag, length = der[place], der[place + 1]
        place += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[place : place + size], "big")
            place += size
        yield tag, der[place : place + length]
        place += length


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _constraint_problems(names: Sequence[object]) -> Iterator[str]:
    if len(names) > MAX_CONSTRAINTS:
        yield f"it has {len(names)} name constraints, more than the {MAX_CONSTRAINTS} allowed"
        return
    for name in names:
        if isinstance(name, (x509.UniformResourceIdentifier, x509.DNSName)):
            good = bool(_CONSTRAINED_HOST.fullmatch(name.value)) and not _is_ip(name.value)
        elif isinstance(name, x509.RFC822Name):
            mailbox, _at, host = name.value.rpartition("@")
            good = bool(_CONSTRAINED_HOST.fullmatch(host)) and bool(re.fullmatch(r"[0-9A-Za-z._-]*", mailbox))
        else:
            good = isinstance(name, (x509.IPAddress, x509.DirectoryName))
        if not good:
            yield "it has a name constraint that not every reader understands"
            return


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _out_of_time(root: str, now: datetime.datetime) -> str:
    certificate = load_certificate(root)
    try:
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except ValueError:
        return f"the validity of root {fingerprint(root)} can't be read"
    if now > end:
        return f"root {fingerprint(root)} has expired at {end:%Y-%m-%dT%H:%M:%SZ}"
    if now < begin:
        return f"root {fingerprint(root)} is not valid before {begin:%Y-%m-%dT%H:%M:%SZ}"
    return ""


_FEWER = "the neighbour has to take roots that are no longer needed out of its bundle"
_ANOTHER = (
    "the neighbour needs a CA certificate as istiod makes it: an ECDSA or RSA key (2048 bits or more) and a plain name"
)
_VALID = "the neighbour has to renew its root CA, or one of both clocks is wrong"
