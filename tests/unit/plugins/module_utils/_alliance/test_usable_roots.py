# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roots that istiod could not read, or that would fill everybody's configuration, are told apart from good ones."""

from __future__ import annotations

import datetime
import ipaddress
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import constrained_anchor
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import CertificateError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.usable_roots import MAX_ROOTS, check_roots

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)
YEAR = datetime.timedelta(days=365)
SIGNER = ec.generate_private_key(ec.SECP256R1())
URI, DNS, MAIL = x509.UniformResourceIdentifier, x509.DNSName, x509.RFC822Name


def text(value: str, kind: Any = _ASN1Type.UTF8String) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, value, _type=kind, _validate=False)])


def excluded(*names: x509.GeneralName) -> x509.NameConstraints:
    return x509.NameConstraints(None, list(names))


def root(
    key: Any = SIGNER,
    name: x509.Name | None = None,
    *extensions: x509.ExtensionType,
    begin: datetime.datetime = NOW - YEAR,
    end: datetime.datetime = NOW + YEAR,
    path_length: int | None = None,
) -> str:
    """A root; a key that can't sign gets its certificate from another one."""
    subject = text("b.local") if name is None else name
    signer = SIGNER if isinstance(key, x25519.X25519PrivateKey) else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    algorithm = None if isinstance(signer, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)) else hashes.SHA256()
    return builder.sign(signer, algorithm).public_bytes(serialization.Encoding.PEM).decode()


def refused(pem: str) -> str:
    with pytest.raises(CertificateError) as caught:
        check_roots(pem, NOW)
    assert caught.value.remedy
    return caught.value.message


@pytest.mark.parametrize(
    "key",
    [
        *(ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)),
        rsa.generate_private_key(65537, 2048),
        rsa.generate_private_key(3, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["p256", "p384", "p521", "rsa", "rsa-3", "ed25519"],
)
def test_keys_that_are_taken(key: Any) -> None:
    check_roots(root(key), NOW)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        # Go: "x509: unsupported elliptic curve".
        (ec.generate_private_key(ec.SECP256K1()), "curve"),
        (ec.generate_private_key(ec.BrainpoolP256R1()), "curve"),
        (ec.generate_private_key(ec.SECP224R1()), "curve"),
        (rsa.generate_private_key(65537, 1024), "1024 bits"),  # noqa: S505
        (dsa.generate_private_key(1024), "neither RSA"),  # noqa: S505
        (ed448.Ed448PrivateKey.generate(), "neither RSA"),
        (x25519.X25519PrivateKey.generate(), "neither RSA"),
    ],
    ids=["secp256k1", "brainpool", "p224", "rsa-1024", "dsa", "ed448", "x25519"],
)
def test_keys_that_are_not(key: Any, why: str) -> None:
    assert why in refused(root(key))


@pytest.mark.parametrize(
    "name",
    [
        text("cluster.local", _ASN1Type.PrintableString),
        text("Ä", _ASN1Type.UTF8String),
        text("a@b", _ASN1Type.IA5String),
        x509.Name.from_rfc4514_string("CN=a+OU=b,O=c,C=DE"),
        text("", _ASN1Type.UTF8String),
    ],
)
def test_names_that_are_taken(name: x509.Name) -> None:
    check_roots(root(SIGNER, name), NOW)


@pytest.mark.parametrize(
    "name",
    [
        # Go: "invalid RDNSequence", for each of them but the last three.
        text("abc", _ASN1Type.UniversalString),
        text("abc", _ASN1Type.VisibleString),
        text("abc", _ASN1Type.NumericString),
        text("ä", _ASN1Type.IA5String),
        text("abc", _ASN1Type.T61String),
        text("a\0b"),
        x509.Name([]),
        text("a" * 2000),
    ],
)
def test_names_that_are_not(name: x509.Name) -> None:
    assert "name" in refused(root(SIGNER, name))


@pytest.mark.parametrize(
    "constraints",
    [
        excluded(URI("a.example"), URI(".a.example"), DNS("a.example"), MAIL("a.example"), MAIL("b@a.example")),
        excluded(x509.IPAddress(ipaddress.ip_network("10.0.0.0/8")), x509.DirectoryName(text("x"))),
        x509.NameConstraints([URI("b.local")], None),
    ],
)
def test_constraints_that_are_taken(constraints: x509.NameConstraints) -> None:
    pem = root(SIGNER, None, constraints)
    check_roots(pem, NOW)
    assert constrained_anchor(pem, "b.local")


@pytest.mark.parametrize(
    "constraints",
    [
        # Go: "failed to parse URI constraint", "failed to parse dnsName constraint".
        *(excluded(URI(value)) for value in ("127.0.0.1", "::1", "a b", "a.", "", "a..b", "*.a", "a/b")),
        *(excluded(DNS(value)) for value in ("a b", "a..b", "a.")),
        *(excluded(MAIL(value)) for value in ("a b@c", "a@c d")),
        excluded(x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))),
        excluded(x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00")),
        excluded(*(URI(f"a{number}.example") for number in range(65))),
    ],
)
def test_constraints_that_are_not(constraints: x509.NameConstraints) -> None:
    assert "name constraint" in refused(root(SIGNER, None, constraints))


def test_numbers_and_sizes() -> None:
    check_roots(root(path_length=0), NOW)
    # Go: "invalid basic constraints".
    assert "path length" in refused(root(path_length=2**63 + 1))
    assert "key identifier" in refused(root(SIGNER, None, x509.SubjectKeyIdentifier(b"a" * 65)))
    assert "key identifier" in refused(root(SIGNER, None, x509.SubjectKeyIdentifier(b"")))
    large = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"a" * 9000)
    assert "bytes" in refused(root(SIGNER, None, large))
    check_roots(root() * MAX_ROOTS, NOW)
    assert "more than" in refused(root() * (MAX_ROOTS + 1))


def test_validity() -> None:
    """While one root follows another, one of both may be out of its time."""
    old, new = root(end=NOW - YEAR / 365), root(begin=NOW + YEAR / 365)
    assert "has expired at 2026-05-31" in refused(old)
    assert "not valid before 2026-06-02" in refused(new)
    assert "has expired" in refused(old + new)
    check_roots(root() + old, NOW)
    check_roots(new + root(), NOW)
