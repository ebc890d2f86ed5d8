# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority for tests."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
END = datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc)


class Authority:
    """A CA like istiod's, or a subordinate of one. All its methods give PEM text."""

    def __init__(
        self,
        *,
        key: Any = None,
        constraints: x509.NameConstraints | None = None,
        extra: x509.ExtensionType | None = None,
        parent: Authority | None = None,
        name: str = "cluster.local",
        ca: bool = True,
    ) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, name)])
        signer = parent or self
        builder = (
            self._builder(self.name, signer.name, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
            .add_extension(_usage(), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
        )
        if parent:
            builder = builder.add_extension(signer.identifier(), False)
        if constraints:
            builder = builder.add_extension(constraints, True)
        if extra:
            builder = builder.add_extension(extra, True)
        self.pem = signer.sign(builder)

    def identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())

    def sign(self, builder: x509.CertificateBuilder) -> str:
        algorithm = None if isinstance(self.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return builder.sign(self.key, algorithm).public_bytes(serialization.Encoding.PEM).decode()

    def leaf(self, *names: x509.GeneralName, common_name: str = "") -> str:
        """A workload's certificate: empty subject, critical SAN, AuthorityKeyIdentifier."""
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)] if common_name else [])
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        return self.sign(
            self._builder(subject, self.name, key)
            .add_extension(x509.SubjectAlternativeName(names), True)
            .add_extension(self.identifier(), False)
        )

    @staticmethod
    def _builder(subject: x509.Name, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(START)
            .not_valid_after(END)
        )


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.fixture(scope="session")
def make_authority() -> type[Authority]:
    return Authority


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()
