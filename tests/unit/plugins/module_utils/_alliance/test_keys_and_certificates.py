# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates in PEM form."""

from __future__ import annotations

import base64
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import certificates, keys, pem
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import (
    AllianceError,
    CertificateError,
    KeyPairError,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.spiffe import spiffe_bundle
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json

PAIR = keys.generate_key_pair()


def test_the_wire_form_of_a_key_pair():
    assert PAIR.private_pem.startswith("-----BEGIN ED25519 PRIVATE KEY-----\n")
    assert PAIR.public_pem.startswith("-----BEGIN ED25519 PUBLIC KEY-----\n")
    assert PAIR.public_pem.endswith("-----END ED25519 PUBLIC KEY-----\n")
    assert keys.public_key_pem(keys.load_private_key(PAIR.private_pem).public_key()) == PAIR.public_pem
    assert keys.public_key_pem(keys.load_public_key(PAIR.public_pem)) == PAIR.public_pem


def test_the_private_key_is_not_shown():
    assert "PRIVATE" not in repr(PAIR)
    assert PAIR.private_pem.splitlines()[1] not in repr(PAIR)
    assert PAIR.private_pem.splitlines()[1] not in repr(pem.decode(PAIR.private_pem))


def test_standard_labels_and_windows_line_ends_are_read():
    private, public = (text.replace("ED25519 ", "") for text in (PAIR.private_pem, PAIR.public_pem))
    assert keys.load_private_key(private) and keys.load_public_key(public)
    assert keys.load_public_key("\r\n" + PAIR.public_pem.replace("\n", "\r\n") + "\r\n ")
    program = ["openssl", "pkey", "-pubin", "-noout", "-text"]
    assert "ED25519" in subprocess.run(program, input=public, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        PAIR.private_pem,
        PAIR.public_pem * 2,
        PAIR.public_pem + "x",
        PAIR.public_pem.replace("END", "FIN"),
        PAIR.public_pem.replace("M", "*", 1),
        pem.encode("PUBLIC KEY", b"x"),
        pem.encode("CERTIFICATE", pem.decode(PAIR.public_pem)[0][0].der),
        "-" * 10_000,
        "\ud800",
    ],
)
def test_public_keys_that_are_none(text):
    with pytest.raises(KeyPairError) as caught:
        keys.load_public_key(text)
    assert caught.value.remedy


def test_other_kinds_of_keys_are_refused():
    from cryptography.hazmat.primitives import serialization as s

    other = ec.generate_private_key(ec.SECP256R1())
    der = other.public_key().public_bytes(s.Encoding.DER, s.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(KeyPairError, match="not an Ed25519"):
        keys.load_public_key(pem.encode("PUBLIC KEY", der))
    der = other.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, s.NoEncryption())
    with pytest.raises(KeyPairError, match="not an Ed25519"):
        keys.load_private_key(pem.encode("PRIVATE KEY", der))


@given(st.text() | st.binary().map(lambda der: pem.encode("PUBLIC KEY", der)))
def test_any_text_as_a_key_fails_in_one_way(text):
    for load in (keys.load_public_key, keys.load_private_key):
        with pytest.raises(KeyPairError):
            load(text)


def test_a_bundle_is_split_and_normalised(authority, make_authority):
    other = make_authority().pem
    bundle = f"subject=x\n{authority.pem.replace(chr(10), chr(13) + chr(10))}text between\n{other}rest"
    assert certificates.split_certificates(bundle) == (authority.pem, other)


def test_what_is_no_bundle(authority):
    for text in (
        "",
        "x",
        PAIR.private_pem,
        authority.pem + PAIR.private_pem,
        authority.pem[:-30],
        authority.pem.replace("-----END", "----END"),
        pem.encode("CERTIFICATE", b"x"),
        pem.encode("CERTIFICATE", pem.decode(authority.pem)[0][0].der[:-1]),
        authority.pem * 65,
        "x" * 600_000,
    ):
        with pytest.raises(CertificateError) as caught:
            certificates.split_certificates(text)
        assert "MC4C" not in str(caught.value), "a key must not be quoted"


@given(st.text() | st.binary().map(lambda der: pem.encode("CERTIFICATE", der)))
def test_any_text_as_a_bundle_fails_in_one_way(text):
    with pytest.raises(CertificateError):
        certificates.split_certificates(text)


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_certificate_fails_in_one_way(authority, position, value):
    der = bytearray(pem.decode(authority.pem)[0][0].der)
    der[position % len(der)] = value
    text = pem.encode("CERTIFICATE", bytes(der))
    try:
        certificates.split_certificates(text)
        certificates.is_ca(text)
        certificates.not_after(text)
        spiffe_bundle(text, sequence=1)
    except AllianceError:
        pass


def test_fingerprints_are_those_of_openssl(authority):
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256"]
    printed = subprocess.run(command, input=authority.pem, capture_output=True, text=True, check=True).stdout
    ours = certificates.fingerprint(authority.pem)
    assert printed.strip().endswith(f"={ours}")
    for spelling in (printed, ours, ours.lower(), ours.replace(":", ""), f"SHA256:{ours}", ours.replace(":", " ")):
        assert certificates.normalise_fingerprint(spelling) == ours
    for wrong in ("", "AB:CD", ours + "00", ours.replace(ours[:2], "XY", 1)):
        with pytest.raises(CertificateError):
            certificates.normalise_fingerprint(wrong)


def test_ca_and_end(authority, make_authority):
    assert certificates.is_ca(authority.pem)
    assert not certificates.is_ca(make_authority(ca=False).pem)
    assert not certificates.is_ca(authority.leaf(x509.DNSName("x")))
    assert certificates.not_after(authority.pem).isoformat() == "2100-01-01T00:00:00+00:00"


def test_the_spiffe_bundle_holds_every_root(authority, make_authority):
    made = [
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ]
    roots = [authority, *(make_authority(key=key) for key in made)]
    text = "".join(root.pem for root in roots)
    bundle = parse_json(spiffe_bundle(text + authority.pem, sequence=7), max_bytes=100_000)
    assert (bundle["spiffe_sequence"], bundle["spiffe_refresh_hint"]) == (7, 2419200)
    assert [key["kty"] for key in bundle["keys"]] == ["EC", "RSA", "EC", "OKP"]
    for key, root in zip(bundle["keys"], roots, strict=True):
        assert key["use"] == "x509-svid"
        assert base64.b64decode(key["x5c"][0]) == pem.decode(root.pem)[0][0].der
    assert bundle["keys"][1]["e"] == "AQAB"
    assert len(bundle["keys"][2]["x"]) == len(bundle["keys"][2]["y"]) == 88
    with pytest.raises(CertificateError, match="SPIFFE"):
        spiffe_bundle(make_authority(key=ec.generate_private_key(ec.SECP256K1())).pem, sequence=1)
