# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workload certificates as a cluster's real CA would sign them, also such as it never would."""

from __future__ import annotations

import base64
import datetime
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from .alliance import Alliance


@dataclass(frozen=True)
class Files:
    """PEM files of a certificate chain and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """A CA's certificate and key, PEM."""

    certificate: bytes
    key: bytes


def authority_in(alliance: Alliance, cluster: str, secret: str, prefix: str = "") -> Authority | None:
    """The CA in a Secret of istio-system, whose keys begin with a prefix; None when there is none."""
    found = alliance.kubectl(cluster, "get", "secret", "-n", "istio-system", secret, "-o", "json", "--ignore-not-found")
    data = json.loads(found)["data"] if found else {}
    texts = [data.get(f"{prefix}{name}") for name in ("ca-cert.pem", "ca-key.pem")]
    return Authority(*(base64.b64decode(text) for text in texts if text)) if all(texts) else None


def authority_of(alliance: Alliance, cluster: str) -> Authority:
    """The CA that a cluster's istiod signs with."""
    found = authority_in(alliance, cluster, "cacerts") or authority_in(alliance, cluster, "istio-ca-secret")
    assert found is not None
    return found


def signed_by(
    alliance: Alliance, cluster: str, identity: str, folder: Path, authority: Authority | None = None
) -> Files:
    """A certificate for a SPIFFE ID, signed by the CA key of a cluster's istiod, or by another one."""
    authority = authority or authority_of(alliance, cluster)
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    issuer_key = serialization.load_pem_private_key(authority.key, None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=2))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=True)
    )
    certificate = builder.sign(issuer_key, hashes.SHA256())  # type: ignore[arg-type]
    files = Files(folder / "cert.pem", folder / "key.pem")
    pem = serialization.Encoding.PEM
    files.certificate.write_bytes(certificate.public_bytes(pem) + issuer.public_bytes(pem))
    files.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return files
