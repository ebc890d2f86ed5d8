# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates and keys of a control plane, as PEM files in one folder."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=365)


@dataclass(frozen=True)
class Pki:
    """A folder with `ca.crt`, `ca.key`, `sa.key`, `sa.pub` and a pair `<name>.crt`, `<name>.key` for each identity."""

    folder: Path

    def certificate(self, name: str) -> Path:
        """The file with the certificate of `name`."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """The file with the private key of `name`."""
        return self.folder / f"{name}.key"

    def create(self, *, server_names: Iterable[str], clients: Mapping[str, tuple[str, Sequence[str]]]) -> None:
        """Make everything that is missing.

        `server_names` are the API server's names and addresses; `clients` maps a file name to the user and its groups.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        if not self.certificate("ca").is_file():
            self._authority()
        if not (self.folder / "sa.pub").is_file():
            key = ec.generate_private_key(ec.SECP256R1())
            self._write_key("sa", key)
            public = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            (self.folder / "sa.pub").write_bytes(public)
        if not self.certificate("apiserver").is_file():
            self._issue("apiserver", "kube-apiserver", (), ExtendedKeyUsageOID.SERVER_AUTH, server_names)
        for name, (user, groups) in clients.items():
            if not self.certificate(name).is_file():
                self._issue(name, user, groups, ExtendedKeyUsageOID.CLIENT_AUTH, ())

    def _authority(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab")])
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        self._write_key("ca", key)
        self.certificate("ca").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _issue(
        self, name: str, user: str, groups: Iterable[str], usage: x509.ObjectIdentifier, server_names: Iterable[str]
    ) -> None:
        authority = x509.load_pem_x509_certificate(self.certificate("ca").read_bytes())
        authority_key = serialization.load_pem_private_key(self.key("ca").read_bytes(), None)
        assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        builder = (
            _builder(subject, authority.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )
        if names := [_general_name(entry) for entry in server_names]:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(authority_key, hashes.SHA256())
        self._write_key(name, key)
        self.certificate(name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _write_key(self, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self.key(name)
        path.touch(mode=0o600)
        path.write_bytes(pem)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
    )


def _general_name(entry: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(entry))
    except ValueError:
        return x509.DNSName(entry)
