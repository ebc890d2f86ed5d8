# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The endpoint's certificates, judged by openssl as well, and when they are made anew."""

from __future__ import annotations

import datetime
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import (
    Issued,
    ca_usable,
    make_ca,
    make_leaf,
    renewal_reason,
)

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)
NAMES = ("metadata.example.com", "203.0.113.7", "2001:db8::7")


@cache
def ca(name: str) -> Issued:
    return make_ca(name, NOW)


@cache
def leaf() -> Issued:
    return make_leaf(ca("one"), NAMES, NOW)


def later(days: int) -> datetime.datetime:
    return NOW + datetime.timedelta(days=days)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize(
    ("authority", "option", "good"),
    [
        ("one", ("-verify_hostname", "metadata.example.com"), True),
        ("one", ("-verify_ip", "203.0.113.7"), True),
        ("one", ("-verify_ip", "2001:db8::7"), True),
        ("one", ("-verify_hostname", "other.example.com"), False),
        ("one", ("-verify_ip", "203.0.113.8"), False),
        ("another", ("-verify_ip", "203.0.113.7"), False),
    ],
)
def test_openssl_agrees(authority: str, option: tuple[str, str], good: bool, tmp_path: Path) -> None:
    for name, issued in (("ca", ca(authority)), ("leaf", leaf())):
        (tmp_path / f"{name}.pem").write_text(issued.certificate)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-attime", str(int(NOW.timestamp()))]
    done = subprocess.run(
        [*command, "-CAfile", "ca.pem", *option, "leaf.pem"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) is good, done.stdout + done.stderr


def test_a_leaf_can_sign_nothing() -> None:
    certificate = x509.load_pem_x509_certificate(leaf().certificate.encode())
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign is False


def test_keys_are_not_shown() -> None:
    assert "PRIVATE" not in repr(ca("one"))
    assert "PRIVATE" not in repr(leaf())


@pytest.mark.parametrize("names", [NAMES, NAMES[::-1], (*NAMES, NAMES[0])])
def test_a_good_leaf_stays(names: tuple[str, ...]) -> None:
    assert renewal_reason(leaf(), ca("one").certificate, names, later(300), 60) == ""


@pytest.mark.parametrize(
    ("present", "authority", "names", "now", "reason"),
    [
        (leaf(), "one", NAMES, later(306), "it ends within 60 days"),
        (leaf(), "one", NAMES[:2], NOW, "its names are not those of the gateway any more"),
        (leaf(), "one", (*NAMES, "203.0.113.9"), NOW, "its names are not those of the gateway any more"),
        (leaf(), "another", NAMES, NOW, "it can't be read, or another CA issued it"),
        (replace(leaf(), key=ca("one").key), "one", NAMES, NOW, "its key is another one's"),
        (replace(leaf(), key="no key"), "one", NAMES, NOW, "it can't be read, or another CA issued it"),
        (Issued("", ""), "one", NAMES, NOW, "it can't be read, or another CA issued it"),
        (
            make_leaf(replace(ca("another"), certificate=ca("one").certificate), NAMES, NOW),
            "one",
            NAMES,
            NOW,
            "InvalidSignature",
        ),
    ],
)
def test_reasons_for_a_new_leaf(
    present: Issued, authority: str, names: tuple[str, ...], now: datetime.datetime, reason: str
) -> None:
    assert reason in renewal_reason(present, ca(authority).certificate, names, now, 60)


@pytest.mark.parametrize(
    ("authority", "now", "usable"),
    [
        (ca("one"), NOW, True),
        (ca("one"), later(3589), True),
        (ca("one"), later(3591), False),
        (replace(ca("one"), key=leaf().key), NOW, False),
        (replace(ca("one"), key=""), NOW, False),
        (Issued("", ""), NOW, False),
    ],
)
def test_when_a_ca_can_be_used(authority: Issued, now: datetime.datetime, usable: bool) -> None:
    assert ca_usable(authority, now, 60) is usable


def test_a_long_name_of_a_ca_is_cut() -> None:
    """RFC 5280: a common name has at most 64 characters."""
    certificate = x509.load_pem_x509_certificate(make_ca("x" * 100, NOW).certificate.encode())
    assert certificate.subject.rfc4514_string() == "CN=" + "x" * 64
