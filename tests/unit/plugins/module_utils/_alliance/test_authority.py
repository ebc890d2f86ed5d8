# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA is made as it was asked for, and one that is given is checked before anything depends on it."""

from __future__ import annotations

import datetime
import subprocess
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import constrained_anchor
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.authority import (
    CERTIFICATE,
    CHAIN,
    KEY,
    ROOTS,
    NewCa,
    check_new,
    make_authority,
    read_authority,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import is_ca, load_certificate
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.chains import root_of
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import CertificateError

NOW = datetime.datetime(2026, 6, 1, 12, 0, tzinfo=datetime.timezone.utc)
SMALL = NewCa(type="ECC", subject={"O": "cluster-b.local", "commonName": "Root CA 2"})


def key_of(authority) -> str:
    return authority.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def texts(authority, *, chain: str = "", roots: str = "") -> dict[str, str]:
    found = {CERTIFICATE: authority.pem, KEY: key_of(authority), CHAIN: chain}
    return {**found, ROOTS: roots} if roots else found


@pytest.mark.parametrize(
    "wanted", [SMALL, NewCa(size=2048, subject={"CN": "x"}), NewCa(type="ECC", curve="secp256r1", subject={"O": "x"})]
)
def test_a_new_one_is_a_root_that_can_be_read_again(wanted):
    made = make_authority(wanted, NOW)
    read = read_authority(made.values())
    assert (read.certificate, read.key, read.chain, read.roots, read.root) == (
        made.certificate,
        made.key,
        "",
        (made.certificate,),
        made.certificate,
    )
    certificate = load_certificate(made.certificate)
    assert is_ca(made.certificate)
    assert certificate.not_valid_before_utc == NOW - datetime.timedelta(hours=1)
    assert certificate.not_valid_after_utc == NOW + datetime.timedelta(days=3650)
    assert load_certificate(constrained_anchor(made.root, "cluster-b.local")).subject == certificate.subject


def test_openssl_takes_it(tmp_path):
    made = make_authority(SMALL, datetime.datetime.now(datetime.timezone.utc))
    (tmp_path / "root").write_text(made.certificate)
    (tmp_path / "key").write_text(made.key)
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", str(tmp_path / "root"), str(tmp_path / "root")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    subject = subprocess.run(
        ["openssl", "x509", "-noout", "-subject", "-in", str(tmp_path / "root")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "cluster-b.local" in subject and "Root CA 2" in subject


def test_a_private_key_is_not_shown():
    made = make_authority(SMALL, NOW)
    assert "PRIVATE" not in repr(made) and "PRIVATE" not in str(made)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"type": "DSA"}, "can't be made"),
        ({"type": "RSA", "size": 1024}, "can't be made"),
        ({"type": "RSA", "size": 65536}, "can't be made"),
        ({"curve": "secp192r1"}, "no curve"),
        ({"subject": {}}, "no subject"),
        ({"subject": {"shoeSize": "46"}}, "shoeSize"),
        ({"subject": {"C": "Germany"}}, "its subject can't be used"),
        ({"not_after": "tomorrow"}, "no end of validity"),
        ({"not_after": "+"}, "no end of validity"),
        ({"not_after": "+0d"}, "would have ended"),
        ({"not_after": "20200101000000Z"}, "would have ended"),
        ({"not_after": "+99999999999d"}, "no end of validity"),
    ],
)
def test_what_cannot_be_made_is_told(change, why):
    with pytest.raises(CertificateError, match=why):
        make_authority(replace(SMALL, **change), NOW)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("+2w1d", NOW + datetime.timedelta(days=15)),
        ("+1h2m3s", NOW + datetime.timedelta(seconds=3723)),
        ("20300102030405Z", datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)),
    ],
)
def test_ends_of_validity(text, end):
    assert load_certificate(make_authority(replace(SMALL, not_after=text), NOW).root).not_valid_after_utc == end


def test_intermediates_are_followed_to_the_root(make_authority):
    root = make_authority(name="root")
    middle = make_authority(name="middle", parent=root)
    signing = make_authority(name="signing", parent=middle)
    other = make_authority(name="other")
    read = read_authority(texts(signing, chain=middle.pem, roots=other.pem + root.pem))
    assert (read.root, read.roots) == (root.pem, (other.pem, root.pem))
    assert read.values((root.pem,))[ROOTS] == root.pem
    leaf = signing.leaf()
    assert root_of((leaf, signing.pem, middle.pem), (other.pem, root.pem)) == root.pem
    assert root_of((leaf, middle.pem, signing.pem), (root.pem,)) == root.pem
    assert root_of((leaf, middle.pem), (root.pem,)) is None
    assert root_of((), (root.pem,)) is None


def test_two_roots_of_one_name_are_told_apart_by_their_signatures(make_authority):
    old, new = make_authority(), make_authority()
    assert root_of((new.leaf(),), (old.pem, new.pem)) == new.pem
    assert root_of((old.leaf(),), (new.pem,)) is None


def test_certificates_that_sign_each_other_end(make_authority):
    one, two = make_authority(name="one"), make_authority(name="two")
    leaf = one.leaf()
    assert root_of((leaf, one.pem, one.pem, two.pem), (make_authority(name="three").pem,)) is None


@pytest.mark.parametrize("missing", [CERTIFICATE, KEY])
def test_what_is_missing_is_named(authority, missing):
    with pytest.raises(CertificateError, match=f"it has no {missing}"):
        read_authority({**texts(authority), missing: " "})


def test_what_does_not_belong_together_is_told(make_authority):
    one, two = make_authority(), make_authority()
    no_ca = make_authority(ca=False)
    for values, why in (
        ({**texts(one), KEY: key_of(two)}, "is not the key of"),
        ({**texts(one), KEY: "no key"}, "no private key"),
        ({**texts(one), CERTIFICATE: one.pem + two.pem}, "holds 2 certificates"),
        (texts(no_ca), "not a CA certificate"),
        (texts(one, roots=two.pem), "vouches for"),
    ):
        with pytest.raises(CertificateError, match=why) as caught:
            read_authority(values)
        assert "PRIVATE" not in str(caught.value)


def test_a_new_one_has_to_be_another_and_valid(make_authority):
    old = make_authority(name="old")
    before = read_authority(texts(old))
    good = make_authority(name="new")
    check_new(read_authority(texts(good)), before, NOW)
    for new, why in (
        (texts(old), "trusts already"),
        (texts(make_authority(name="again", key=old.key)), "has the key of the old one"),
        (texts(good, roots=good.pem + old.pem), "holds 2 certificates"),
    ):
        with pytest.raises(CertificateError, match=why):
            check_new(read_authority(new), before, NOW)
    with pytest.raises(CertificateError, match="valid from"):
        check_new(read_authority(texts(good)), before, NOW.replace(year=2199))


@given(st.dictionaries(st.sampled_from([CERTIFICATE, KEY, CHAIN, ROOTS]), st.text(max_size=80)))
def test_any_texts_are_read_or_refused(values):
    with pytest.raises(CertificateError):
        read_authority(values)
