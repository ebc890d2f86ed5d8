# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a certificate up to the root that vouches for it (RFC 5280, section 6.1), by signatures.

Names and key identifiers alone don't tell two roots apart that were made one after the other for the same purpose.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import load_certificate

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
except ImportError:
    pass  # told by libraries.missing_libraries()


def root_of(chain: Sequence[str], roots: Sequence[str]) -> str | None:
    """The one of the roots that the first certificate of a chain leads to; None when there is none.

    chain: PEM, the certificate first, intermediates after it in any order. A certificate that is itself a root leads to
    itself. Validity isn't looked at. Raises CertificateError for what is no certificate.
    """
    loaded = [load_certificate(pem) for pem in chain]
    anchors = [(load_certificate(pem), pem) for pem in roots]
    if not loaded:
        return None
    current, rest = loaded[0], loaded[1:]
    while True:
        for anchor, pem in anchors:
            if current == anchor or _issued(current, anchor):
                return pem
        issuer = next((candidate for candidate in rest if _issued(current, candidate)), None)
        if issuer is None:
            return None
        # Each is taken once: certificates that sign each other end here too.
        current, rest = issuer, [other for other in rest if other != issuer]


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
