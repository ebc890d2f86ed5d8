# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of the probe: the workload's own, which the sidecar shares, and such as nobody would sign."""

from __future__ import annotations

import contextlib
import datetime
import os
import ssl
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

# Where the sidecar writes its certificate and key: its setting OUTPUT_CERTS, in the template of the role verify.
SHARED = Path("/etc/alliance-probe")
_CHAIN, _KEY = "cert-chain.pem", "key.pem"
# What a mesh says inside of TLS (Envoy's alternatives by it): HTTP, or bytes.
ALPN_HTTP = ["istio-http/1.1", "istio", "http/1.1"]
ALPN_BYTES = ["istio"]
_REPLACING_SECONDS = (0.05, 0.2, 0.5)
_LIFETIME = datetime.timedelta(hours=1)


def await_certificate(seconds: float, folder: Path = SHARED) -> bool:
    """Whether the sidecar's certificate is there, within a time."""
    end = time.monotonic() + seconds
    while not ((folder / _CHAIN).is_file() and (folder / _KEY).is_file()):
        if time.monotonic() >= end:
            return False
        time.sleep(0.2)
    return True


def client_context(roots: Iterable[str] | None, alpn: list[str], folder: Path | None = SHARED) -> ssl.SSLContext:
    """A client's context that shows the certificate in a folder (None: none) and takes what leads to the roots (PEM).

    An anchor need not be self-signed, as Envoy sees it too. Without roots, anything is taken. SPIFFE IDs are no host
    names, so those are compared by the caller.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    if roots is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        text = "".join(roots)
        if text:
            context.load_verify_locations(cadata=text)
    context.set_alpn_protocols(alpn)
    if folder is not None:
        _load(context, folder)
    return context


def _load(context: ssl.SSLContext, folder: Path) -> None:
    """Take a certificate and its key; again, when the sidecar was just replacing one file and then the other."""
    for pause in (*_REPLACING_SECONDS, None):
        try:
            context.load_cert_chain(folder / _CHAIN, folder / _KEY)
            return
        except ssl.SSLError as error:
            if pause is None or error.reason != "KEY_VALUES_MISMATCH":
                raise
            time.sleep(pause)


@contextlib.contextmanager
def forged(identity: str) -> Iterator[Path]:
    """A folder with a certificate for a SPIFFE ID that is signed by its own key alone; gone afterwards."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LIFETIME)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / _CHAIN).write_bytes(certificate.public_bytes(pem))
        descriptor = os.open(place / _KEY, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            private = serialization.PrivateFormat.PKCS8
            file.write(key.private_bytes(pem, private, serialization.NoEncryption()))
        yield place


def identities(der: bytes | None) -> tuple[str, ...]:
    """The URIs that a certificate names."""
    if not der:
        return ()
    try:
        names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return tuple(str(name) for name in names.value.get_values_for_type(x509.UniformResourceIdentifier))
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return ()
