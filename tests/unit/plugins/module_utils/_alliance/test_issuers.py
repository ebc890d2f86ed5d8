# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roots a verifier can take for each other."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import CertificateError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.issuers import issuers_in

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
KEYS = [ec.generate_private_key(ec.SECP256R1()) for _number in range(2)]


def root(key: int, name: str = "one", key_id: bytes | None = None) -> str:
    """A self-signed root; without C(key_id) it has no SubjectKeyIdentifier."""
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEYS[key].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if key_id is not None:
        builder = builder.add_extension(x509.SubjectKeyIdentifier(key_id), critical=False)
    return builder.sign(KEYS[key], hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (root(0), root(0, "other name", b"1"), "public key"),
        (root(0, key_id=b"1"), root(1, "other name", b"1"), "key identifier"),
        (root(0, key_id=b"1"), root(1), "name"),
        (root(0), root(1), "name"),
        # Istio's own tools give every root the same name; the identifiers tell them apart.
        (root(0, key_id=b"1"), root(1, key_id=b"2"), ""),
        (root(0), root(1, "other name"), ""),
    ],
)
def test_what_two_roots_have_in_common(one: str, other: str, common: str) -> None:
    (first,), (second,) = issuers_in(one), issuers_in(other)
    assert first.common_with(second) == second.common_with(first) == common


def test_all_roots_of_a_bundle() -> None:
    pem = [root(0, "a"), root(1, "b")]
    assert issuers_in("".join(pem)) == (*issuers_in(pem[0]), *issuers_in(pem[1]))
    with pytest.raises(CertificateError):
        issuers_in("")
