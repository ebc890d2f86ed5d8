# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust anchors that bind a neighbour's root to the neighbour's own trust domain.

Whoever trusts a foreign root as it is lets it vouch for every domain, the own one included. So a certificate with the
root's subject and key is trusted instead, with name constraints (RFC 5280, section 4.2.1.10) that permit only URIs of
the neighbour's domain. Verifiers take an anchor as given: who signed it is never looked at, and it is signed here with
a key that anybody can derive.

Peers are compared with DNS names and mail addresses of a certificate too, not only with its URIs, so a name like
spiffe://... in one of those would slip past a constraint on URIs: they are shut out as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import pem as pem_text
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    certificate_der,
    is_ca,
    load_certificate,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import CertificateError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.hostnames import is_ip, is_trust_domain

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # told by libraries.missing_libraries()

_ISSUER = "meshalliance.istio constrained trust anchor"
# The only mailbox a leaf may name: there is no way to permit none (RFC 2606: .invalid never exists).
_NO_MAIL = "nobody@meshalliance.invalid"


def constrained_anchor(root_pem: str, trust_domain: str) -> str:
    """The constrained anchor of one root, as PEM: the same bytes for the same input, always.

    Subject, key, validity, basicConstraints, keyUsage, extendedKeyUsage and SubjectKeyIdentifier are the root's.
    Constraints that the root has already are kept. Raises CertificateError: no CA, constraints that shut the trust
    domain out, critical extensions that this code doesn't know.
    """
    if not is_trust_domain(trust_domain) or is_ip(trust_domain):
        raise CertificateError(f"{trust_domain!a} is no trust domain", remedy="set alliance_trust_domain")
    if not is_ca(root_pem):
        raise CertificateError("the root is not a CA certificate", remedy="give the neighbour's root CA")
    root = load_certificate(root_pem)
    seed = hashlib.sha256(certificate_der(root_pem) + b"\0" + trust_domain.encode("ascii")).digest()
    try:
        builder = (
            x509.CertificateBuilder()
            .subject_name(root.subject)
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _ISSUER)]))
            .public_key(root.public_key())
            .serial_number(int.from_bytes(seed[:15], "big") | 1)
            .not_valid_before(root.not_valid_before_utc.replace(tzinfo=None))
            .not_valid_after(root.not_valid_after_utc.replace(tzinfo=None))
        )
        for extension in _kept_extensions(root):
            builder = builder.add_extension(extension.value, extension.critical)
        builder = builder.add_extension(_constraints(root, trust_domain), critical=True)
        anchor = builder.sign(Ed25519PrivateKey.from_private_bytes(seed), None)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"no anchor can be made of the root: {error}", remedy="use another root") from None
    if root.subject.public_bytes() not in root.tbs_certificate_bytes:
        # Verifiers find the anchor by the exact bytes of the name.
        raise CertificateError("the root's subject is encoded in an unusual way", remedy="use another root")
    return pem_text.encode("CERTIFICATE", anchor.public_bytes(serialization.Encoding.DER))


def anchors_for(root_ca_pem: str, trust_domain: str) -> tuple[str, ...]:
    """One anchor for each certificate of the bundle, sorted, each once. Raises CertificateError."""
    return tuple(sorted({constrained_anchor(root, trust_domain) for root in split_certificates(root_ca_pem)}))


def _kept_extensions(root: x509.Certificate) -> list[x509.Extension[x509.ExtensionType]]:
    kept = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectKeyIdentifier)
    result = []
    for extension in root.extensions:
        if isinstance(extension.value, kept):
            result.append(extension)
        elif extension.critical and not isinstance(extension.value, x509.NameConstraints):
            raise ValueError(f"its critical extension {extension.oid.dotted_string} would be lost")
    return sorted(result, key=lambda extension: extension.oid.dotted_string)


def _constraints(root: x509.Certificate, trust_domain: str) -> x509.NameConstraints:
    permitted: list[x509.GeneralName] = []
    excluded: list[x509.GeneralName] = []
    try:
        present = root.extensions.get_extension_for_class(x509.NameConstraints).value
        permitted.extend(present.permitted_subtrees or ())
        excluded.extend(present.excluded_subtrees or ())
    except x509.ExtensionNotFound:
        pass
    allowed = [name.value for name in permitted if isinstance(name, x509.UniformResourceIdentifier)]
    refused = [name.value for name in excluded if isinstance(name, x509.UniformResourceIdentifier)]
    if (allowed and not _covers(allowed, trust_domain)) or _covers(refused, trust_domain):
        raise ValueError(f"its own name constraints shut out the trust domain {trust_domain}")
    others = [name for name in permitted if not isinstance(name, (x509.UniformResourceIdentifier, x509.RFC822Name))]
    return x509.NameConstraints(
        permitted_subtrees=[x509.UniformResourceIdentifier(trust_domain), x509.RFC822Name(_NO_MAIL), *others],
        excluded_subtrees=[
            x509.DNSName(""),
            *(name for name in excluded if not isinstance(name, x509.DNSName)),
        ],
    )


def _covers(constraints: Sequence[str], trust_domain: str) -> bool:
    """RFC 5280: a constraint is a host, or with a leading dot all hosts below it."""
    domain = trust_domain.lower()
    return any(
        domain.endswith(constraint.lower()) if constraint.startswith(".") else domain == constraint.lower()
        for constraint in constraints
    )
